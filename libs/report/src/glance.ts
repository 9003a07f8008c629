import { attributeLabel, decimalsFor, estimate, fixed, labeller } from './format.ts';
import { type Html, html, textOf } from './html.ts';
import type {
  BehaviorSection,
  BypassSection,
  CorrelationRow,
  CorrelationSection,
  Estimate,
  ProbeSection,
  ReportModel,
} from './model.ts';
import { SCENARIO_LABELS } from './scenarios.ts';

/** The extremes of each section in a sentence, each with the number of values it was picked from. */
export function glance(report: ReportModel): Html | null {
  const items = linesOf(report);
  if (items.length === 0) return null;
  return html`<ul class="glance" aria-label="At a glance">${items.map(
    ({ id, name, text }) => html`<li><a href="#${id}">${name}</a> <span>${text}</span></li>`,
  )}</ul>`;
}

/** The same in plain text. */
export function glanceTexts(report: ReportModel): { readonly name: string; readonly text: string }[] {
  return linesOf(report).map(({ name, text }) => ({ name, text: textOf(text) }));
}

interface Line {
  readonly id: string;
  readonly name: string;
  readonly text: Html;
}

function linesOf(report: ReportModel): Line[] {
  const label = labeller(report.models);
  const { behavior, probes, correlation, bypass } = report;
  return [
    behavior ? behaviorLine(behavior, label) : null,
    probes ? probeLine(probes, label) : null,
    correlation ? correlationLine(correlation) : null,
    bypass ? bypassLine(bypass, label) : null,
  ].filter((item) => item !== null);
}

type Label = (name: string) => string;

function line(id: string, name: string, text: Html): Line {
  return { id, name, text };
}

function behaviorLine({ rows, k, incomparable }: BehaviorSection, label: Label): Line | null {
  if (incomparable !== undefined) {
    return line('behavior', 'Behaviour', html`made in different ways, so that models cannot be compared: see there`);
  }
  const attribute = mainOf(rows.map((row) => row.attribute));
  const known = rows
    .filter((row) => row.group === 'all' && row.attribute === attribute && row.emt.value !== null)
    .sort((a, b) => value(a.emt) - value(b.emt));
  const [least, most] = [known[0], known.at(-1)];
  if (!least || !most || !attribute) return null;
  const name = attributeLabel(attribute);
  if (least === most) return line('behavior', 'Behaviour', html`${name}: EMT ${estimate(most.emt)} with k = ${k}`);
  return line(
    'behavior',
    'Behaviour',
    html`${name}: EMT from ${fixed(value(least.emt))} (${label(least.model)}) to ${fixed(value(most.emt))} (${label(most.model)}), k = ${k}`,
  );
}

function probeLine({ rows, baselines }: ProbeSection, label: Label): Line | null {
  const target = mainOf(rows.map((row) => row.target));
  const own = rows.filter((row) => row.target === target && row.score.value !== null);
  const best = extreme(own, (row) => value(row.score));
  if (!best || !target) return null;
  const rivals = baselines.filter(
    (row) =>
      row.model === best.model &&
      row.scenario === best.scenario &&
      row.target === target &&
      row.score.value !== null &&
      (row.layer === null || row.layer === best.layer),
  );
  const rival = extreme(rivals, (row) => value(row.score));
  const against = rival ? html`; its best baseline, ${rival.baseline}, reaches ${fixed(value(rival.score))}` : null;
  return line(
    'probes',
    'Probes',
    html`${attributeLabel(target)} is read best from layer ${best.layer} of ${label(best.model)} (${SCENARIO_LABELS[best.scenario].toLowerCase()}): r = ${fixed(value(best.score))}, the highest of ${own.length}${against}`,
  );
}

/** Fewer units than this always lie close to a line. */
const LEAST_UNITS = 4;

function correlationLine(section: CorrelationSection): Line | null {
  const { rows, models, unit = 'model', given } = section;
  const known = rows.filter((row) => row.coefficient.value !== null);
  const enough = known.filter(({ n }) => n >= LEAST_UNITS);
  const partials = enough.filter(({ partial }) => partial !== undefined && partial.value !== null);
  if (given !== undefined && partials.length > 0) return partialLine(section, partials);
  const best = extreme(enough, (row) => Math.abs(value(row.coefficient)));
  if (!best) {
    const few = html`n = ${models} ${models === 1 ? unit : `${unit}s`}: too few for a correlation to say anything`;
    return known.length === 0 ? null : line('correlation', 'Correlation', few);
  }
  return line(
    'correlation',
    'Correlation',
    html`Strongest of ${known.length}: ${whereOf(best, section)}: ${estimate(best.coefficient)}${adjusted(best.p)}, n = ${best.n} ${unit}s`,
  );
}

/** The strongest of what the covariates leave: what they explain is no finding about models. */
function partialLine(section: CorrelationSection, partials: readonly CorrelationRow[]): Line {
  const { unit = 'model', given } = section;
  const best = extreme(partials, (row) => Math.abs(value(row.partial!)))!;
  const firm = best.partialP !== null && best.partialP !== undefined && best.partialP < 0.05;
  const which = html`${whereOf(best, section)}: partial r = ${estimate(best.partial)}${adjusted(best.partialP ?? null)}; r = ${fixed(value(best.coefficient))} without, n = ${best.n} ${unit}s`;
  return line(
    'correlation',
    'Correlation',
    firm
      ? html`Strongest of ${partials.length} given ${given!}: ${which}`
      : html`None of ${partials.length} stands once ${given!} is given (adjusted p below 0.05). The strongest: ${which}`,
  );
}

function whereOf({ target, scenario, position }: CorrelationRow, { axis }: CorrelationSection): string {
  const place = axis === 'layer' ? `layer ${position}` : `relative depth ${fixed(position)}`;
  return `${attributeLabel(target)}, ${SCENARIO_LABELS[scenario].toLowerCase()}, at ${place}`;
}

function adjusted(p: number | null): string {
  return p === null ? '' : `, adjusted p ${p < 0.001 ? '< 0.001' : `= ${fixed(p, 3)}`}`;
}

function bypassLine({ rows, measures, harm }: BypassSection, label: Label): Line | null {
  const attribute = mainOf(rows.map((row) => row.attribute));
  const own = rows.filter((row) => row.attribute === attribute && row.group === 'all' && row.deltaEmt.value !== null);
  const best = extreme(own, (row) => Math.abs(value(row.deltaEmt)));
  if (!best || !attribute) return null;
  const [measure] = measures;
  const measured = (block: number | null) =>
    harm.find((row) => row.model === best.model && row.measure === measure?.name && row.block === block)?.value.value;
  const [before, after] = [measured(null), measured(best.block)];
  const cost =
    measure && typeof before === 'number' && typeof after === 'number'
      ? `; ${measure.label.toLowerCase()} goes from ${fixed(before, decimalsFor(before))} to ${fixed(after, decimalsFor(after))}`
      : '';
  return line(
    'bypass',
    'Bypass',
    html`${attributeLabel(attribute)}: EMT changes most, by ${estimate(best.deltaEmt)}, without block ${best.block} of ${label(best.model)} (of ${own.length})${cost}`,
  );
}

function mainOf(names: readonly string[]): string | undefined {
  return names.includes('TOXICITY') ? 'TOXICITY' : names[0];
}

function value(item: Estimate): number {
  return item.value ?? 0;
}

/** The first item with the largest size. */
function extreme<T>(items: readonly T[], size: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || size(item) > size(best) ? item : best),
    undefined,
  );
}
