import { groupBy } from '@sonde/base';
import { SCENARIOS } from '@sonde/formats/columns';
import { DEPTH_AXIS, layerAxis } from './axes.ts';
import type { Figure } from './figure.ts';
import { attributeLabel, estimate, fixed, intervalText, missing, number } from './format.ts';
import { type Html, html, textOf } from './html.ts';
import type { CorrelationRow, CorrelationSection } from './model.ts';
import { seriesColor } from './palette.ts';
import {
  choices,
  dataBlock,
  describeCourse,
  type LegendItem,
  legend,
  notes,
  type Panel,
  type Section,
  type SummaryTable,
  strip,
  terms,
} from './parts.ts';
import { type Plotter, plotter } from './plot.ts';
import { areRelated, decisiveP, decisivePartialP, pName } from './related-units.ts';
import { SCENARIO_LABELS } from './scenarios.ts';
import { slug } from './slug.ts';
import { layerSpec, referenceColor, referenceDash } from './specs.ts';
import { wordingOf } from './wording.ts';

/** Below this adjusted p a point is drawn filled. */
const FIRM = 0.05;
/** Fewer models than this call for a warning: a correlation of 0.6 over 20 has a 95 % interval of about 0.21–0.82. */
const FEW_MODELS = 20;

const STEPS = ['correlate/models'];

const PARTIAL = 'partial r';

export async function correlationSection(section: CorrelationSection): Promise<Section> {
  if (section.rows.every(({ coefficient }) => coefficient.value === null)) return emptySection(section);
  const deepest = Math.max(1, ...section.rows.map((row) => row.position));
  const depth = section.axis === 'relative_depth';
  const symbol = section.coefficient === 'pearson' ? 'Pearson r' : 'Spearman ρ';
  const references = section.given === undefined ? [] : [PARTIAL];
  const draw = plotter(
    layerSpec({
      x: depth ? DEPTH_AXIS : layerAxis(deepest),
      y: { title: symbol, domain: [-1, 1], step: 0.5, format: '.1~f' },
      references,
      interval: 'band',
    }),
  );
  const items: { label: string; content: Html }[] = [];
  const figures: Figure[] = [];
  for (const [target, rows] of groupBy(section.rows, (row) => row.target)) {
    const { content, panels } = await targetContent(section, draw, target, rows);
    items.push({ label: attributeLabel(target), content });
    figures.push({
      name: slug(`correlation-${target}`),
      title: `${attributeLabel(target)}: encoding against behaviour across ${section.unit ?? 'model'}s`,
      panels,
      legend: keyOf(section),
      records: rows.map(record),
      steps: STEPS,
    });
  }
  const body = html`<p>Across models: does a model whose layer encodes an attribute better also behave ${wordingOf(section.rows.map(({ target }) => target)).behave}? ${symbol} between probe score and ${section.behavior}, at each ${depth ? 'relative depth' : 'layer'}, over <strong>n\u00A0=\u00A0${section.models}</strong> ${section.unit ?? 'model'}s. Adjusted p: ${section.adjustment}${areRelated(section) ? ', as if they were independent' : ''}. Filled points have ${areRelated(section) ? 'a' : 'an'} ${pName(section)} below ${FIRM}.${intervalText(section.interval)}</p>${warning(section)}${notes(section.notes)}${meanings(section)}${legendOf(section)}${choices('Attribute', items)}`;
  const summary = [strongest(section)];
  return { ...HEADING, body, figures, said: section.notes ?? [], summary };
}

const HEADING = { id: 'correlation', title: 'Encoding against behaviour', short: 'Correlation' };

/** Two models always lie on a line. */
const LEAST_CORRELATED = 3;

/** Without a single correlation there is nothing to draw, only why. */
function emptySection({ rows, models, unit = 'model' }: CorrelationSection): Section {
  const count = `${models} ${models === 1 ? unit : `${unit}s`}`;
  const said =
    models < LEAST_CORRELATED
      ? `Nothing is correlated over ${count}: a correlation takes three or more.`
      : `None of ${rows.length} correlations over ${count} is defined: there are too few values, or all are the same.`;
  return { ...HEADING, body: html`<p>${said}</p>`, figures: [], said: [said], summary: [] };
}

function warning(section: CorrelationSection): Html | null {
  const { models, rows, unit = 'model' } = section;
  if (models >= FEW_MODELS) return null;
  const firm = rows.filter((row) => isFirm(row, section)).length;
  return html`<p class="warning" role="note"><strong>n is small.</strong> With ${models} ${unit}s a single one can turn a correlation, and those of one family are not independent. Read the intervals, not the points: this describes these ${unit}s and is no evidence about others. ${firm === 0 ? 'None' : firm} of ${rows.length} correlations ${firm <= 1 ? 'has' : 'have'} ${areRelated(section) ? 'a' : 'an'} ${pName(section)} below ${FIRM}.</p>`;
}

/** What the columns of the table below mean, in plain words. */
function meanings({ given, bootstrap, rows, unit = 'model' }: CorrelationSection): Html | null {
  const shown = (has: boolean, name: string, text: string): [string, string][] => (has ? [[name, text]] : []);
  return terms([
    ...shown(
      given !== undefined,
      PARTIAL,
      `what remains of r among ${unit}s that agree in ${given}; r itself where all have the same`,
    ),
    ...shown(
      rows.some(({ corrected }) => corrected?.value != null),
      'at one spread',
      `r with each ${unit}’s probe score brought to the same spread of labels`,
    ),
    ...shown(
      rows.some(({ leftOut }) => leftOut != null),
      'one left out',
      `the lowest and the highest r when one family, or one ${unit}, is left out`,
    ),
    ...shown(bootstrap !== undefined, 'bootstrap', `interval of r from resampling ${bootstrap}`),
    ...shown(
      rows.some(({ pooled }) => pooled?.value != null),
      'within families',
      'the correlation within families, pooled',
    ),
    ...shown(
      rows.some(({ againstFirst }) => againstFirst != null),
      'less first',
      `r less that of the embeddings (the first place), with the p of no difference (Steiger’s, which takes four ${unit}s or more)`,
    ),
    ...shown(
      rows.some(({ familyWise }) => familyWise != null),
      'family-wise p',
      `how often the largest of all correlations is as large when ${unit}s change places`,
    ),
  ]);
}

function keyOf({ given, coefficient }: CorrelationSection): LegendItem[] {
  if (given === undefined) return [];
  return [
    { label: coefficient === 'pearson' ? 'r' : 'ρ', color: seriesColor(0) },
    { label: `${PARTIAL}, given ${given}`, color: referenceColor(0), dash: referenceDash(0) },
  ];
}

function legendOf(section: CorrelationSection): Html | null {
  return section.given === undefined ? null : legend(keyOf(section));
}

/** For the summary: where each attribute and scenario correlates most once covariates are given. */
function strongest(section: CorrelationSection): SummaryTable {
  const partial = section.given !== undefined;
  const size = (row: CorrelationRow) => Math.abs((partial ? row.partial?.value : row.coefficient.value) ?? 0);
  const groups = groupBy(section.rows, (row) => `${row.target} ${row.scenario}`);
  const best = [...groups.values()].map((rows) => rows.reduce((most, row) => (size(row) > size(most) ? row : most)));
  const p = (value: number | null | undefined) => textOf(number(value, 3, 'undefined'));
  return {
    caption: `For each attribute and scenario the place where the ${partial ? 'partial ' : ''}correlation is largest, of ${section.rows.length} in all (adjusted: ${section.adjustment})`,
    head: [
      'Attribute',
      'Scenario',
      section.axis === 'layer' ? 'Layer' : 'Depth',
      'r',
      pName(section),
      ...(partial ? [`partial r, given ${section.given}`, `its ${pName(section)}`] : []),
      'n',
    ],
    rows: best.map((row) => [
      attributeLabel(row.target),
      SCENARIO_LABELS[row.scenario],
      section.axis === 'layer' ? String(row.position) : fixed(row.position),
      textOf(estimate(row.coefficient)),
      p(decisiveP(row, section)),
      ...(partial ? [textOf(estimate(row.partial)), p(decisivePartialP(row, section))] : []),
      String(row.n),
    ]),
  };
}

async function targetContent(
  section: CorrelationSection,
  draw: Plotter,
  target: string,
  rows: readonly CorrelationRow[],
): Promise<{ content: Html; panels: Panel[] }> {
  const title = attributeLabel(target);
  const unit = section.axis === 'layer' ? 'layer' : 'depth';
  const panels: Panel[] = [];
  for (const scenario of SCENARIOS) {
    const own = rows.filter((row) => row.scenario === scenario).sort((a, b) => a.position - b.position);
    if (own.length === 0) continue;
    const { line, interval, reference } = courseOf(own, section);
    const caption = SCENARIO_LABELS[scenario];
    const label = describeCourse(`Correlation with behaviour, ${title}, ${caption}`, line, unit);
    panels.push({ caption, drawing: await draw({ line, interval, reference, selectivity: [] }, label) });
  }
  const content = html`<h3>${title}</h3>${strip(title, panels)}${dataBlock(`correlation-${target}`, STEPS, rows.map(record), table(section, title, rows))}`;
  return { content, panels };
}

function isFirm(row: CorrelationRow, section: CorrelationSection): boolean {
  const p = decisiveP(row, section);
  return p !== null && p < FIRM;
}

/** The marks of a panel: r with its interval, and the partial correlation. */
function courseOf(rows: readonly CorrelationRow[], section: CorrelationSection) {
  return {
    line: rows.map((row) => ({
      x: row.position,
      y: row.coefficient.value,
      firm: isFirm(row, section),
    })),
    interval: rows.map(({ position, coefficient: { low = null, high = null } }) => ({ x: position, low, high })),
    reference:
      section.given !== undefined
        ? rows.map((row) => ({ x: row.position, y: row.partial?.value ?? null, name: PARTIAL }))
        : [],
  };
}

function table(section: CorrelationSection, title: string, rows: readonly CorrelationRow[]) {
  const layers = section.axis === 'layer';
  const some = (has: (row: CorrelationRow) => boolean): boolean => rows.some(has);
  type Column = readonly [name: string, cell: (row: CorrelationRow) => Html | string];
  const only = (has: boolean, ...column: Column): Column[] => (has ? [column] : []);
  const columns: Column[] = [
    ['Scenario', (row) => SCENARIO_LABELS[row.scenario]],
    [layers ? 'Layer' : 'Relative depth', ({ position }) => (layers ? String(position) : fixed(position))],
    ['Correlation', ({ coefficient }) => estimate(coefficient)],
    ['Adjusted p', (row) => number(row.p, 3, row.coefficient.reason ?? 'not tested')],
    ...only(
      some(({ familyWise }) => familyWise != null),
      'Family-wise p',
      (row) => number(row.familyWise, 3),
    ),
    ...only(section.given !== undefined, 'Partial r', ({ partial }) => estimate(partial)),
    ...only(section.given !== undefined, 'Its adjusted p', (row) => number(row.partialP, 3)),
    ...only(
      section.given !== undefined && some(({ partialFamilyWise }) => partialFamilyWise != null),
      'Its family-wise p',
      (row) => number(row.partialFamilyWise, 3),
    ),
    ...only(
      some(({ corrected }) => corrected?.value != null),
      'At one spread',
      (row) => estimate(row.corrected),
    ),
    ...only(
      some(({ leftOut }) => leftOut != null),
      'One left out',
      ({ leftOut }) => range(leftOut),
    ),
    ...only(section.bootstrap !== undefined, 'Bootstrap', ({ bootstrap }) => range(bootstrap)),
    ...only(
      some(({ pooled }) => pooled?.value != null),
      'Within families',
      (row) => estimate(row.pooled),
    ),
    ...only(
      some(({ againstFirst }) => againstFirst != null),
      'Less first',
      ({ againstFirst }) =>
        againstFirst == null
          ? missing('the first place itself')
          : html`${fixed(againstFirst.difference)} <small>p ${number(againstFirst.p, 3, 'undefined: Steiger’s test takes four or more, and no correlation of ±1')}</small>`,
    ),
    ['n', ({ n }) => String(n)],
  ];
  return {
    caption: `${title}: correlation of encoding with behaviour`,
    head: columns.map(([name]) => name),
    headers: 2,
    rows: rows.map((row) => columns.map(([, cell]) => cell(row))),
  };
}

function range(ends: readonly [number, number] | null | undefined): Html {
  return ends == null ? missing('not computed') : html`${fixed(ends[0])} to ${fixed(ends[1])}`;
}

/** A row as its files have it. */
export function record(row: CorrelationRow) {
  return {
    scenario: row.scenario,
    target: row.target,
    position: row.position,
    coefficient: row.coefficient.value,
    low: row.coefficient.low ?? null,
    high: row.coefficient.high ?? null,
    p_adjusted: row.p,
    family_wise_p: row.familyWise ?? null,
    partial: row.partial?.value ?? null,
    partial_low: row.partial?.low ?? null,
    partial_high: row.partial?.high ?? null,
    partial_p_adjusted: row.partialP ?? null,
    partial_family_wise_p: row.partialFamilyWise ?? null,
    corrected: row.corrected?.value ?? null,
    left_out_low: row.leftOut?.[0] ?? null,
    left_out_high: row.leftOut?.[1] ?? null,
    bootstrap_low: row.bootstrap?.[0] ?? null,
    bootstrap_high: row.bootstrap?.[1] ?? null,
    pooled: row.pooled?.value ?? null,
    first_difference: row.againstFirst?.difference ?? null,
    first_difference_p: row.againstFirst?.p ?? null,
    n: row.n,
    reason: row.coefficient.reason ?? null,
  };
}
