import { groupBy } from '@sonde/base';
import { roundDomain } from './axes.ts';
import type { Figure } from './figure.ts';
import { attributeLabel, decimalsFor, distinct, estimate, fixed, intervalText, number, shortLabels } from './format.ts';
import { type Html, html } from './html.ts';
import type { ChangeRow, ChangesSection, Comparison, Estimate } from './model.ts';
import {
  choices,
  dataBlock,
  describeCourse,
  grid,
  legend,
  type Panel,
  type Section,
  type SummaryTable,
  strip,
  tableMarkup,
} from './parts.ts';
import { plotter } from './plot.ts';
import { numberAxis } from './scale.ts';
import { slug } from './slug.ts';
import { dotSpec, layerSpec, referenceColor, referenceDash } from './specs.ts';
import { type Wording, wordingOf } from './wording.ts';

const LABELS: Readonly<Record<string, string>> = {
  probability: 'Probability of a score of at least 0.5',
  mean_score: 'Mean score',
  perplexity: 'Perplexity of the prompts',
  distinct_2: 'distinct-2',
  tokens: 'Length (tokens)',
};

export const AGAINST: Readonly<Record<ChangeRow['against'], string>> = {
  reference: 'the reference',
  controls: 'the controls',
  controls_of_equal_perplexity: 'controls of equal perplexity',
  contrast: 'the change of the contrast',
};

/** What is beside EMT to say what a change costs. */
const STEPS = ['behavior/compare'];

const COSTS = ['perplexity', 'distinct_2', 'tokens'];

/** The name of a metric, as a report about these scores has it. */
function nameOf(metric: string, { short }: Wording): string {
  return metric === 'emt' ? short : (LABELS[metric] ?? metric);
}

/** How all comparisons of a section speak of their scores. */
export function wordsOfChanges({ comparisons }: ChangesSection): Wording {
  return wordingOf(comparisons.flatMap(({ rows }) => rows.flatMap(({ attribute }) => attribute ?? [])));
}

/** What changes did to behaviour: the answer in sentences, then plots over the axis, then every number. */
export async function changesSection(section: ChangesSection): Promise<Section> {
  const items: { label: string; content: Html }[] = [];
  const figures: Figure[] = [];
  const wording = wordsOfChanges(section);
  for (const comparison of section.comparisons) {
    const { drawn, content } = await comparisonMarkup(comparison, section, wording);
    items.push({ label: comparison.name, content });
    figures.push({
      name: slug(`changes-${comparison.name}`),
      title: `Change by ${comparison.name}`,
      ...drawn,
      records: differenceRecords(comparison.rows),
      steps: STEPS,
    });
  }
  const body = html`<p>Each setting against its reference on the same prompts: differences are taken prompt by prompt, so that what prompts share does not widen the intervals. ${wording.short} at k\u00A0=\u00A0${section.k}; p after Holm over the settings and attributes of a comparison. A setting is told from its reference where the interval excludes zero, p is below 0.05 and the difference not 0.000; elsewhere nothing is shown, neither a change nor its absence.${intervalText(section.interval)}</p>${choices('Comparison', items)}`;
  const summary = section.comparisons.map((comparison) => summaryOf(comparison, section.attribute, wording));
  return { id: 'changes', title: 'What changed', short: 'Changes', body, figures, summary };
}

/** The conclusions in plain text. */
function summaryOf({ name, rows }: Comparison, attribute: string, { short }: Wording): SummaryTable {
  const own = rows.filter((row) => row.metric === 'emt' && row.attribute === attribute && row.group === 'all');
  return {
    caption: `${name}: change of ${short}, ${attributeLabel(attribute)}`,
    head: ['Setting', 'Against', 'From', 'To', 'Difference', 'Adjusted p', 'Agreement', 'n'],
    rows: own.map((row) => [
      row.setting,
      AGAINST[row.against],
      plain(row.other),
      plain(row.value),
      plainEstimate(row.difference),
      pText(row.p),
      plain(row.agreement),
      String(row.n),
    ]),
  };
}

/** p as a reader has it: by itself, or with its sign for a sentence. */
export function pText(p: number | null, sentence = false): string {
  if (p === null) return sentence ? 'not known' : '–';
  if (p < 0.001) return '< 0.001';
  return `${sentence ? '= ' : ''}${fixed(p, 3)}`;
}

function plain(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : fixed(value, 3);
}

/** An estimate as plain text. */
export function plainEstimate({ value, low, high, reason }: Estimate): string {
  if (value === null) return reason ?? '–';
  return low == null || high == null ? plain(value) : `${plain(value)} [${plain(low)}, ${plain(high)}]`;
}

/** Panels, and what their lines and marks mean. */
type Drawn = Pick<Figure, 'panels' | 'legend'>;

async function comparisonMarkup(
  comparison: Comparison,
  { attribute }: ChangesSection,
  wording: Wording,
): Promise<{ drawn: Drawn; content: Html }> {
  const main = comparison.rows.filter((row) => row.metric === 'emt' && row.attribute === attribute);
  const all = main.filter((row) => row.group === 'all');
  const drawn = comparison.axis === undefined ? await dots(main, wording) : await courses(comparison, all, wording);
  const key = drawn.legend === undefined ? null : legend(drawn.legend);
  const said =
    comparison.axis === undefined ? null : html`<p class="muted">Filled points: told from the reference.</p>`;
  const content = html`<h3>${comparison.name}</h3>${conclusions(all, attribute, wording)}${said}${key}${comparison.axis === undefined ? grid(drawn.panels) : strip(`Change by ${comparison.name}`, drawn.panels)}${costs(comparison)}${data(comparison, wording)}`;
  return { drawn, content };
}

const FIRM = 0.05;

/** A smaller difference is printed as 0.000: rounding in another order gives such ones, as firmly as any. */
const ROUNDING = 0.0005;

/**
 * Told apart, and which way: the interval excludes zero, where there is an adjusted p, that is below 0.05, and there is
 * more than rounding.
 */
export function verdict(
  { value, low, high }: Estimate,
  p: number | null = null,
): 'rises' | 'falls' | 'is not told apart' {
  if (value === null || low == null || high == null || (low <= 0 && high >= 0)) return 'is not told apart';
  if ((p !== null && p >= FIRM) || Math.abs(value) < ROUNDING) return 'is not told apart';
  return value > 0 ? 'rises' : 'falls';
}

/** Whether a difference is told from none. */
export function toldApart({
  difference,
  p = null,
}: Pick<ChangeRow, 'difference'> & { readonly p?: number | null }): boolean {
  return verdict(difference, p) !== 'is not told apart';
}

const MOST_SENTENCES = 12;

function conclusions(rows: readonly ChangeRow[], attribute: string, wording: Wording): Html {
  const settings = [...groupBy(rows, (row) => row.setting)];
  const shown = settings.length <= MOST_SENTENCES ? settings : strongest(settings);
  const left = settings.length - shown.length;
  return html`<ul class="conclusions">${shown.map(([setting, own]) => sentence(setting, own, attribute, wording))}${left > 0 ? html`<li>${left} more settings in the table.</li>` : null}</ul>`;
}

function strongest(settings: readonly [string, ChangeRow[]][]): [string, ChangeRow[]][] {
  const size = ([, rows]: readonly [string, ChangeRow[]]): number =>
    Math.abs(rows.find((row) => row.against === 'reference')?.difference.value ?? 0);
  return [...settings].sort((a, b) => size(b) - size(a)).slice(0, MOST_SENTENCES);
}

function sentence(setting: string, rows: readonly ChangeRow[], attribute: string, { short }: Wording): Html {
  const of = (against: ChangeRow['against']) => rows.find((row) => row.against === against);
  const [own, equal, matched] = [of('reference'), of('controls'), of('controls_of_equal_perplexity')];
  if (own === undefined) return html``;
  const p = own.p === null ? '' : `, p ${pText(own.p, true)}`;
  const noise =
    own.noiseSd === null
      ? null
      : html` Two replicates of the reference differ by a standard deviation of ${fixed(own.noiseSd, 3)}.`;
  const held = [equal, matched].flatMap((row) =>
    row === undefined
      ? []
      : [
          html` Against ${AGAINST[row.against]}: ${row.difference.value === null ? (row.difference.reason ?? 'not known') : estimate(row.difference, 3)}.`,
        ],
  );
  return html`<li><strong>${setting}</strong>: ${short} of ${attributeLabel(attribute)} ${verdict(own.difference, own.p)}, ${estimate(own.difference, 3)} (from ${number(own.other, 3)} to ${number(own.value, 3)}${p}, n = ${own.n} prompts).${noise}${held}</li>`;
}

const GROUP_LABELS = { all: 'all prompts', high: 'prompts that score at least 0.5', low: 'prompts below 0.5' };

/** Differences with whiskers, a line a setting. */
async function dots(rows: readonly ChangeRow[], { short }: Wording): Promise<Drawn> {
  const title = `Change of ${short}`;
  const own = rows.filter((row) => row.against === 'reference');
  const settings = distinct(own.map((row) => row.setting));
  const labels = shortLabels(settings, 20);
  const groups = distinct(own.map((row) => GROUP_LABELS[row.group]));
  const ends = own.flatMap(({ difference: { value, low, high } }) => [value, low, high]);
  const draw = plotter(dotSpec(labels, groups, title, roundDomain([...ends, -0.05, 0.05])));
  const points = own.map((row) => ({
    label: labels[settings.indexOf(row.setting)],
    group: GROUP_LABELS[row.group],
    value: row.difference.value,
    low: row.difference.low ?? null,
    high: row.difference.high ?? null,
  }));
  const label = `${title} by setting: ${own.map((row) => `${row.setting} ${row.difference.value ?? 'unknown'}`).join('; ')}`;
  const colors = ['var(--ink)', 'var(--series-2)', 'var(--series-1)'];
  const shapes = ['circle', 'triangle-up', 'square'];
  return {
    panels: [{ caption: title, drawing: await draw({ dots: points }, label) }],
    legend: groups.map((name, i) => ({ label: name, color: colors[i]!, shape: shapes[i]! })),
  };
}

const CONTROLS = 'controls';

/** The course over the axis of numbers: of EMT, with the controls’, and of what the change costs. */
async function courses({ axis, rows }: Comparison, emt: readonly ChangeRow[], wording: Wording): Promise<Drawn> {
  const values = rows.flatMap(({ x: at }) => (at === null ? [] : [at]));
  const x = numberAxis(axis!, values);
  const panels: Panel[] = [];
  const series = distinct(emt.map((row) => row.series));
  for (const metric of ['emt', ...COSTS]) {
    const of = metric === 'emt' ? emt : rows.filter((row) => row.metric === metric && row.group === 'all');
    const own = of.filter((row) => row.against === 'reference');
    if (own.length === 0) continue;
    const ofControls = of.filter((row) => row.against === 'controls');
    const control = (row: ChangeRow): number | null => {
      const equal = ofControls.find((one) => one.x === row.x && one.series === row.series);
      return equal?.other == null || row.other === null ? null : equal.other - row.other;
    };
    const range = roundDomain([
      ...own.flatMap(({ difference: { value, low, high } }) => [value, low, high]),
      ...own.map(control),
      ...(metric === 'emt' ? [-0.05, 0.05] : []),
    ]);
    const y = { title: `Δ ${nameOf(metric, wording)}`, ...range, format: range.step < 1 ? '+.3~f' : '+~s' };
    const draw = plotter(layerSpec({ x, y, references: [CONTROLS], interval: 'whiskers' }));
    for (const name of series) {
      const line = own.filter((row) => row.series === name).sort((a, b) => a.x! - b.x!);
      const points = line.map((row) => ({
        x: row.x!,
        y: row.difference.value,
        firm: toldApart(row),
      }));
      const interval = line.map(({ x: at, difference: { low = null, high = null } }) => ({ x: at, low, high }));
      const reference = line.flatMap((row) => {
        const change = control(row);
        return change === null ? [] : [{ x: row.x, y: change, name: CONTROLS }];
      });
      const caption = `${nameOf(metric, wording)}${series.length > 1 ? `, ${name}` : ''}`;
      const label = describeCourse(`Change of ${caption}`, points, axis);
      panels.push({ caption, drawing: await draw({ line: points, interval, reference, selectivity: [] }, label) });
    }
  }
  const withControls = emt.some((row) => row.against === 'controls');
  const key = { label: CONTROLS, color: referenceColor(0), dash: referenceDash(0) };
  return { panels, ...(withControls && { legend: [key] }) };
}

/** What each setting costs, beside its effect. */
function costs({ name, rows }: Comparison): Html | null {
  const own = rows.filter((row) => row.against === 'reference' && row.group === 'all' && row.attribute === null);
  const metrics = COSTS.filter((metric) => own.some((row) => row.metric === metric));
  if (metrics.length === 0) return null;
  const settings = [...groupBy(own, (row) => row.setting)];
  const cell = (found: ChangeRow | undefined): Html =>
    found === undefined || found.value === null
      ? html`–`
      : html`${fixed(found.value, decimalsFor(found.value))} <small>(${found.difference.value! >= 0 ? '+' : ''}${fixed(found.difference.value!, decimalsFor(found.difference.value!))})</small>`;
  return tableMarkup({
    caption: `${name}: what it costs; in brackets the change`,
    captionShown: true,
    head: ['Setting', ...metrics.map((metric) => LABELS[metric]!)],
    rows: settings.map(([setting, of]) => [
      setting,
      ...metrics.map((metric) => cell(of.find((row) => row.metric === metric))),
    ]),
  });
}

/** Rows of differences as flat records, their estimates' parts beside the rest. */
export function differenceRecords<T extends { readonly difference: Estimate; readonly value: unknown }>(
  rows: readonly T[],
): Readonly<Record<string, unknown>>[] {
  return rows.map(({ difference: { value, low = null, high = null, reason = null }, value: own, ...row }) => ({
    ...row,
    value: own,
    difference: value,
    low,
    high,
    reason,
  }));
}

function data({ name, rows }: Comparison, wording: Wording): Html {
  return dataBlock(slug(`changes-${name}`), STEPS, differenceRecords(rows), {
    caption: `${name}: every difference`,
    head: ['Setting', 'Against', 'Metric', 'Prompts', 'Value', 'Other', 'Difference', 'Adjusted p', 'Agreement', 'n'],
    headers: 4,
    rows: rows.map((row) => [
      row.setting,
      AGAINST[row.against],
      `${nameOf(row.metric, wording)}${row.attribute === null ? '' : `, ${attributeLabel(row.attribute)}`}`,
      GROUP_LABELS[row.group],
      number(row.value, 3),
      number(row.other, 3),
      estimate(row.difference, 3),
      number(row.p, 3),
      number(row.agreement, 2),
      String(row.n),
    ]),
  });
}
