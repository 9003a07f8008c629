import { GROUPS, type Group } from '@sonde/formats/columns';
import { attributeLabel, distinct, estimate, intervalText, labeller, missing, percent, shortLabels } from './format.ts';
import { type Html, html } from './html.ts';
import type { BehaviorRow, BehaviorSection, ReportModel } from './model.ts';
import { choices, dataBlock, grid, legend, notes, type Panel, type Section, tableMarkup } from './parts.ts';
import { plotter } from './plot.ts';
import { dotSpec, GROUP_COLORS, GROUP_SHAPES } from './specs.ts';

const GROUP_LABELS = { all: 'all prompts', toxic: 'toxic prompts', nontoxic: 'non-toxic prompts' } as const;

const METRICS = [
  { key: 'emt', label: 'Expected maximum toxicity', axis: 'EMT (score, 0–1)' },
  { key: 'probability', label: 'Toxicity probability', axis: 'Toxicity probability (share of prompts)' },
] as const;

export async function behaviorSection(section: BehaviorSection, report: ReportModel): Promise<Section> {
  const label = labeller(report.models);
  const groups = GROUPS.filter((group) => section.rows.some((row) => row.group === group));
  const models = distinct([
    ...report.models.map((model) => model.name),
    ...section.rows.map((row) => row.model),
  ]).filter((name) => section.rows.some((row) => row.model === name));
  const figures: { label: string; content: Html }[] = [];
  for (const metric of METRICS) {
    figures.push({
      label: metric.label,
      content: html`${grid(await panels(section.rows, models, groups, metric, label))}`,
    });
  }
  const body = html`<p>What the models say, scored by <strong>${section.scorer}</strong> with <strong>k\u00A0=\u00A0${section.k}</strong> continuations a prompt. <em>Expected maximum toxicity</em> (EMT) is the mean over prompts of the highest score among the k continuations; it grows with k, so compare it at equal k only. <em>Toxicity probability</em> is the share of prompts with at least one continuation that scores ${section.threshold} or more. Prompts count as toxic for an attribute where their own score is ${section.threshold} or more.${intervalText(section.interval)}</p>${warning(section)}${notes(section.notes)}${summaryTable(section, models, label)}${legend(
    groups.map((group, i) => ({
      label: GROUP_LABELS[group],
      color: GROUP_COLORS[i] as string,
      shape: GROUP_SHAPES[i] as string,
    })),
  )}${choices('Measure', figures)}${dataBlock('behavior', section.rows.map(record), {
    caption: 'Behaviour by model, attribute and prompt group',
    head: ['Model', 'Attribute', 'Prompts', 'EMT', 'Toxicity probability', 'Counted', 'Left out'],
    headers: 3,
    rows: section.rows.map((row) => [
      label(row.model),
      attributeLabel(row.attribute),
      row.group,
      estimate(row.emt),
      estimate(row.probability),
      String(row.prompts),
      percent(row.missing),
    ]),
  })}`;
  return { id: 'behavior', title: 'Behaviour', short: 'Behaviour', body };
}

function warning({ incomparable, twoScorers }: BehaviorSection): Html {
  return html`${incomparable && incomparableText(incomparable)}${twoScorers && twoScorersText(twoScorers)}`;
}

function twoScorersText(said: readonly string[]): Html {
  return html`<p class="warning" role="note"><strong>Prompts and continuations were not scored by one scorer.</strong> ${said.join(' ')} Which prompts are toxic, and how much more toxic a continuation is than its prompt, is then told by two scales.</p>`;
}

function incomparableText(incomparable: readonly string[]): Html {
  return html`<p class="warning" role="note"><strong>These numbers cannot be compared with one another.</strong> ${incomparable.join(' ')}</p>`;
}

async function panels(
  rows: readonly BehaviorRow[],
  models: readonly string[],
  groups: readonly Group[],
  metric: (typeof METRICS)[number],
  label: (name: string) => string,
): Promise<Panel[]> {
  const labels = shortLabels(models.map(label), 19);
  const shown = new Map(models.map((name, i) => [name, labels[i]]));
  const draw = plotter(dotSpec(labels, groups, metric.axis));
  const result: Panel[] = [];
  for (const attribute of distinct(rows.map((row) => row.attribute))) {
    const dots = rows
      .filter((row) => row.attribute === attribute)
      .map((row) => {
        const { value, low = null, high = null } = row[metric.key];
        return { label: shown.get(row.model), group: row.group, value, low, high };
      });
    const all = dots.filter((dot) => dot.group === 'all' && dot.value !== null);
    const spoken = all.map((dot) => `${dot.label} ${dot.value?.toFixed(2)}`).join(', ');
    const caption = attributeLabel(attribute);
    result.push({ caption, drawing: await draw({ dots }, `${metric.label}, ${caption}, all prompts: ${spoken}`) });
  }
  return result;
}

/** EMT over all prompts at a glance, with what was left out. */
function summaryTable({ rows, k }: BehaviorSection, models: readonly string[], label: (name: string) => string): Html {
  const all = rows.filter((row) => row.group === 'all');
  const attributes = distinct(all.map((row) => row.attribute));
  return tableMarkup({
    caption: `EMT over all prompts, k = ${k}`,
    captionShown: true,
    head: ['Model', ...attributes.map(attributeLabel), 'Prompts', 'Left out'],
    rows: models.map((name) => {
      const own = all.filter((row) => row.model === name);
      const counted = own.map((row) => row.prompts);
      const shares = own.map((row) => row.missing).filter((share) => share !== null);
      const [fewest, most] = [Math.min(...counted), Math.max(...counted)];
      return [
        label(name),
        ...attributes.map((attribute) => estimate(own.find((row) => row.attribute === attribute)?.emt)),
        own.length === 0 ? missing('no prompts were scored') : fewest === most ? String(most) : `${fewest}–${most}`,
        percent(shares.length === 0 ? null : Math.max(...shares), 'not recorded'),
      ];
    }),
  });
}

function record(row: BehaviorRow) {
  return {
    model: row.model,
    attribute: row.attribute,
    group: row.group,
    emt: row.emt.value,
    emt_low: row.emt.low ?? null,
    emt_high: row.emt.high ?? null,
    probability: row.probability.value,
    probability_low: row.probability.low ?? null,
    probability_high: row.probability.high ?? null,
    prompts: row.prompts,
    missing: row.missing,
    reason: row.emt.reason ?? row.probability.reason ?? null,
  };
}
