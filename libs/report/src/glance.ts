import { attributeLabel, decimalsFor, estimate, fixed, labeller } from './format.ts';
import { type Html, html } from './html.ts';
import type {
  BehaviorSection,
  BypassSection,
  CorrelationSection,
  Estimate,
  ProbeSection,
  ReportModel,
} from './model.ts';
import { SCENARIO_LABELS } from './scenarios.ts';

/** The extremes of each section in a sentence, each with the number of values it was picked from. */
export function glance(report: ReportModel): Html | null {
  const label = labeller(report.models);
  const { behavior, probes, correlation, bypass } = report;
  const items = [
    behavior ? behaviorLine(behavior, label) : null,
    probes ? probeLine(probes, label) : null,
    correlation ? correlationLine(correlation) : null,
    bypass ? bypassLine(bypass, label) : null,
  ].filter((item) => item !== null);
  return items.length === 0 ? null : html`<ul class="glance" aria-label="At a glance">${items}</ul>`;
}

type Label = (name: string) => string;

function line(id: string, name: string, text: Html): Html {
  return html`<li><a href="#${id}">${name}</a> <span>${text}</span></li>`;
}

function behaviorLine({ rows, k, incomparable }: BehaviorSection, label: Label): Html | null {
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

function probeLine({ rows, baselines }: ProbeSection, label: Label): Html | null {
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

function correlationLine({ rows, axis, models, unit = 'model' }: CorrelationSection): Html | null {
  const known = rows.filter((row) => row.coefficient.value !== null);
  const best = extreme(
    known.filter(({ n }) => n >= LEAST_UNITS),
    (row) => Math.abs(value(row.coefficient)),
  );
  if (!best) {
    const few = html`n = ${models} ${models === 1 ? unit : `${unit}s`}: too few for a correlation to say anything`;
    return known.length === 0 ? null : line('correlation', 'Correlation', few);
  }
  const place = axis === 'layer' ? `layer ${best.position}` : `relative depth ${fixed(best.position)}`;
  const p = best.p === null ? '' : `, adjusted p ${best.p < 0.001 ? '< 0.001' : `= ${fixed(best.p, 3)}`}`;
  return line(
    'correlation',
    'Correlation',
    html`Strongest of ${known.length}: ${attributeLabel(best.target)}, ${SCENARIO_LABELS[best.scenario].toLowerCase()}, at ${place}: ${estimate(best.coefficient)}${p}, n = ${best.n} ${unit}s`,
  );
}

function bypassLine({ rows, measures, harm }: BypassSection, label: Label): Html | null {
  const attribute = mainOf(rows.map((row) => row.attribute));
  const own = rows.filter((row) => row.attribute === attribute && row.deltaEmt.value !== null);
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
