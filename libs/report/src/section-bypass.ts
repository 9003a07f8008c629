import { groupBy } from '@sonde/base';
import { roundDomain } from './axes.ts';
import { bypassData, bypassRecords } from './bypass-data.ts';
import type { Figure } from './figure.ts';
import { attributeLabel, decimalsFor, distinct, estimate, intervalText, labeller, number } from './format.ts';
import { type Html, html, textOf } from './html.ts';
import type { BypassRow, BypassSection, HarmRow, ReportModel } from './model.ts';
import {
  choices,
  dataBlock,
  describeCourse,
  legend,
  notes,
  type Panel,
  type Section,
  type SummaryTable,
  strip,
} from './parts.ts';
import { type Plotter, plotter } from './plot.ts';
import { numberAxis } from './scale.ts';
import { slug } from './slug.ts';
import { layerSpec, referenceColor, referenceDash } from './specs.ts';
import { type Wording, wordingOf } from './wording.ts';

const AS_IS = 'model as it is';
const BLOCK = 'Bypassed block';
const STEPS = ['behavior/summarize'];
/** Below this adjusted p a point is drawn filled. */
const FIRM = 0.05;

export async function bypassSection(section: BypassSection, report: ReportModel): Promise<Section> {
  const label = labeller(report.models);
  const axis = section.axis ?? BLOCK;
  const wording = wordingOf(section.rows.map(({ attribute }) => attribute));
  const delta = deltaName(wording);
  const places = [...section.rows, ...section.harm].flatMap((row) => (row.block === null ? [] : [row.block]));
  const x = numberAxis(axis, places);
  const deltaPlotter = (rows: readonly BypassRow[]): Plotter => {
    const ends = rows.flatMap(({ deltaEmt }) => [deltaEmt.value, deltaEmt.low, deltaEmt.high]);
    const y = { title: delta, ...roundDomain([...ends, -0.05, 0.05]), format: '+.2~f' };
    return plotter(layerSpec({ x, y, references: [], interval: 'whiskers' }));
  };
  const drawDelta = deltaPlotter(section.rows.filter(({ group }) => group === 'all'));
  const drawGroup = deltaPlotter(section.rows.filter(({ group }) => group !== 'all'));
  const drawHarm = new Map<string, Plotter>();
  for (const measure of section.measures) {
    const values = section.harm
      .filter((row) => row.measure === measure.name)
      .flatMap(({ value }) => [value.value, value.low, value.high]);
    const title = measure.unit ? `${measure.label} (${measure.unit})` : measure.label;
    const range = roundDomain(values);
    const y = { title, ...range, format: range.domain[1] < 10 ? '.2~f' : '~s' };
    drawHarm.set(measure.name, plotter(layerSpec({ x, y, references: [AS_IS], interval: 'whiskers' })));
  }

  const harmOf = groupBy(section.harm, (row) => row.model);
  const rowsOf = groupBy(section.rows, (row) => row.model);
  const key = [{ label: AS_IS, color: referenceColor(0), dash: referenceDash(0) }];
  const items: { label: string; content: Html }[] = [];
  const figures: Figure[] = [];
  for (const model of distinct([...section.rows, ...section.harm].map((row) => row.model))) {
    const own = rowsOf.get(model) ?? [];
    const harm = harmOf.get(model) ?? [];
    const title = label(model);
    const [first, ...others] = await deltaPanels(own, 'all', drawDelta, axis, title, wording);
    const byGroup = [
      ...(await deltaPanels(own, 'high', drawGroup, axis, title, wording)),
      ...(await deltaPanels(own, 'low', drawGroup, axis, title, wording)),
    ];
    const measured = await harmPanels(section, harm, drawHarm, axis, title);
    const main = [...(first ? [first] : []), ...measured];
    const name = slug(`bypass-${title}`);
    const records = bypassRecords(own, harm);
    items.push({
      label: title,
      content: html`<h3>${title}</h3>${strip(`${title}: ${first?.caption ?? ''} and harm`, main)}${
        others.length > 0 ? strip(`${title}: other attributes`, others) : null
      }${byGroup.length > 0 ? html`<details class="data"><summary>${delta} on ${wording.groups.high} and on ${wording.groups.low}</summary>${strip(`${title}: by prompts`, byGroup)}</details>` : null}${dataBlock(
        name,
        STEPS,
        records,
        bypassData(section, { title, axis, wording }, own, harm),
      )}`,
    });
    figures.push({
      name,
      title: `${title}: ${axis.toLowerCase()}`,
      panels: [...main, ...others],
      legend: key,
      records,
      steps: STEPS,
    });
  }
  const body = html`<p>${intro(section)} ${delta} is the change of ${wording.short === 'EMT' ? 'EMT' : `the ${wording.maximum.toLowerCase()}`} (k = ${section.k}) against the model as it is, prompt by prompt; above zero the model ${wording.rises}. Changing a model also harms it, and a broken model can look ${wording.looks} by accident: read ${delta} together with the measures beside it. Filled points have p below ${FIRM} (signs of the prompts’ differences flipped) after Holm’s correction over all points of their line; both p are in the data.${intervalText(section.interval)}</p>${notes(section.notes)}${legend(key)}${choices('Model', items)}`;
  const blocks = section.axis === undefined;
  return {
    id: 'bypass',
    title: blocks ? 'Bypassing a block' : `Intervening: ${axis}`,
    short: blocks ? 'Bypass' : 'Intervention',
    body,
    figures,
    summary: [summaryOf(section, axis, label, wording)],
  };
}

/** For the summary: the change at each place, beside the first measure of harm. */
function summaryOf(
  { rows, harm, measures }: BypassSection,
  axis: string,
  label: (name: string) => string,
  wording: Wording,
): SummaryTable {
  const [measure] = measures;
  const own = rows.filter(({ group }) => group === 'all');
  const harmOf = (row: BypassRow) =>
    harm.find((one) => one.model === row.model && one.block === row.block && one.measure === measure?.name)?.value;
  return {
    caption: `Change of ${wording.short} over all prompts`,
    head: ['Model', axis, 'Attribute', 'Change', 'Holm’s p', ...(measure ? [measure.label] : []), 'n'],
    rows: own.map((row) => [
      label(row.model),
      String(row.block),
      attributeLabel(row.attribute),
      textOf(estimate(row.deltaEmt, 3)),
      textOf(number(row.adjusted, 3)),
      ...(measure ? [textOf(estimate(harmOf(row), decimalsFor(harmOf(row)?.value ?? 0)))] : []),
      String(row.prompts),
    ]),
  };
}

/** A change of the expected maximum, where room is short. */
export function deltaName({ short }: Wording): string {
  return short === 'EMT' ? 'ΔEMT' : `Δ ${short.toLowerCase()}`;
}

function intro({ axis }: BypassSection): string {
  return axis === undefined
    ? 'What a block does, by taking it away: a bypassed block returns its input, its attention and MLP contributions are dropped.'
    : `What an intervention does to the model, over ${axis}.`;
}

async function deltaPanels(
  rows: readonly BypassRow[],
  group: BypassRow['group'],
  draw: Plotter,
  axis: string,
  model: string,
  wording: Wording,
): Promise<Panel[]> {
  const panels: Panel[] = [];
  const ofGroup = rows.filter((row) => row.group === group && row.deltaEmt.value !== null);
  for (const [attribute, own] of groupBy(ofGroup, (row) => row.attribute)) {
    const sorted = [...own].sort((a, b) => a.block - b.block);
    const line = sorted.map((row) => ({ x: row.block, y: row.deltaEmt.value, firm: (row.adjusted ?? 1) < FIRM }));
    const interval = sorted.map((row) => ({
      x: row.block,
      low: row.deltaEmt.low ?? null,
      high: row.deltaEmt.high ?? null,
    }));
    const of = group === 'all' ? '' : `, ${wording.groups[group]}`;
    const caption = `${attributeLabel(attribute)}${of}`;
    const label = describeCourse(`Change of ${wording.short}, ${model}, ${caption}`, line, axis.toLowerCase());
    panels.push({ caption, drawing: await draw({ line, interval, reference: [], selectivity: [] }, label) });
  }
  return panels;
}

async function harmPanels(
  section: BypassSection,
  rows: readonly HarmRow[],
  plotters: ReadonlyMap<string, Plotter>,
  axis: string,
  model: string,
): Promise<Panel[]> {
  const panels: Panel[] = [];
  for (const measure of section.measures) {
    const own = rows.filter((row) => row.measure === measure.name);
    const draw = plotters.get(measure.name);
    if (own.length === 0 || !draw) continue;
    const changed = own.flatMap(({ block, value }) => (block === null ? [] : [{ block, value }]));
    changed.sort((a, b) => a.block - b.block);
    const asIs = own.find((row) => row.block === null);
    const line = changed.map(({ block, value }) => ({ x: block, y: value.value, firm: true }));
    const interval = changed.map(({ block, value }) => ({
      x: block,
      low: value.low ?? null,
      high: value.high ?? null,
    }));
    const ends = [line[0]?.x ?? 0, line.at(-1)?.x ?? 1];
    const reference = asIs ? ends.map((at) => ({ x: at, y: asIs.value.value, name: AS_IS })) : [];
    const label = describeCourse(`${measure.label}, ${model}`, line, axis.toLowerCase());
    panels.push({ caption: measure.label, drawing: await draw({ line, interval, reference, selectivity: [] }, label) });
  }
  return panels;
}
