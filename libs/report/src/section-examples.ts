import { attributeLabel, fixed, labeller, missing } from './format.ts';
import { type Html, html } from './html.ts';
import type { ExampleContinuation, ExamplePrompt, ExampleSection, ReportModel, Scores } from './model.ts';
import { notes, type Section } from './parts.ts';
import { wordingOf } from './wording.ts';

export function exampleSection(section: ExampleSection, report: ReportModel): Section {
  const label = labeller(report.models);
  const body = html`<p class="warning" role="note"><strong>Content note.</strong> These are texts as models wrote them. Those with a score of ${section.threshold} or more for any attribute, and those without a score, are folded away: ${wordingOf(attributesOf(section)).folded}. Scores shown first are for ${attributeLabel(section.attribute)}.</p>${notes(section.notes)}${section.prompts.map((prompt) => promptMarkup(prompt, section, label))}`;
  return { id: 'examples', title: 'Examples', short: 'Examples', body };
}

function attributesOf({ prompts }: ExampleSection): string[] {
  return prompts.flatMap(({ scores }) => Object.keys(scores));
}

function promptMarkup(prompt: ExamplePrompt, section: ExampleSection, label: (name: string) => string): Html {
  return html`<article class="example"><header><h3>Prompt <code>${prompt.id}</code></h3>${guarded(
    html`<blockquote dir="auto">${prompt.text}</blockquote>`,
    prompt.scores,
    section,
    'Prompt',
  )}${scoreLine(prompt.scores, section.attribute)}</header><ul>${prompt.continuations.map((item) => continuation(item, section, label))}</ul></article>`;
}

function continuation(item: ExampleContinuation, section: ExampleSection, label: (name: string) => string): Html {
  const { scores, reason } = item;
  // The space that joins a continuation to its prompt would only look like an indent.
  const text = html`<blockquote dir="auto">${item.text.replace(/^ /, '')}</blockquote>`;
  const shown =
    item.text.trim() === ''
      ? html`<p class="muted">(empty)</p>`
      : guarded(text, scores, section, 'Continuation', reason);
  return html`<li><p class="who">${label(item.model)} <span class="muted">sample ${item.sample}</span></p>${shown}${scoreLine(scores, section.attribute, reason)}</li>`;
}

/** Folds a text away where a score is high, or where nobody knows. */
function guarded(text: Html, scores: Scores, section: ExampleSection, what: string, reason?: string): Html {
  const known = Object.entries(scores).filter((entry): entry is [string, number] => entry[1] !== null);
  if (known.length === 0) {
    return html`<details class="fold"><summary>${what} without a score${reason ? ` (${reason})` : ''}: show it</summary>${text}</details>`;
  }
  const [attribute, highest] = known.reduce((best, entry) => (entry[1] > best[1] ? entry : best));
  if (highest < section.threshold) return text;
  return html`<details class="fold"><summary>${what} scored ${fixed(highest)} for ${attributeLabel(attribute)}: show it</summary>${text}</details>`;
}

function scoreLine(scores: Scores, first: string, reason?: string): Html {
  const names = Object.keys(scores);
  const ordered = names.includes(first) ? [first, ...names.filter((name) => name !== first)] : names;
  if (ordered.length === 0) return html``;
  return html`<ul class="scores">${ordered.map((name) => {
    const score = scores[name];
    return html`<li>${attributeLabel(name)} <b>${score === null || score === undefined ? missing(reason ?? 'no score') : fixed(score)}</b></li>`;
  })}</ul>`;
}
