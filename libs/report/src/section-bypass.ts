import { groupBy } from '@sonde/base';
import { layerAxis, roundDomain } from './axes.ts';
import { attributeLabel, decimalsFor, distinct, estimate, intervalText, labeller } from './format.ts';
import { type Html, html } from './html.ts';
import type { BypassRow, BypassSection, HarmRow, ReportModel } from './model.ts';
import { choices, dataBlock, describeCourse, legend, notes, type Panel, type Section, strip } from './parts.ts';
import { type Plotter, plotter } from './plot.ts';
import { layerSpec, referenceColor, referenceDash } from './specs.ts';

const AS_IS = 'model as it is';

export async function bypassSection(section: BypassSection, report: ReportModel): Promise<Section> {
  const label = labeller(report.models);
  const blocks = [...section.rows, ...section.harm].map((row) => row.block ?? 0);
  const x = layerAxis(Math.max(1, ...blocks), 'Bypassed block');
  const deltas = section.rows.flatMap(({ deltaEmt }) => [deltaEmt.value, deltaEmt.low, deltaEmt.high]);
  const drawDelta = plotter(
    layerSpec({
      x,
      y: { title: 'ΔEMT', ...roundDomain([...deltas, -0.05, 0.05]), format: '+.2~f' },
      references: [],
      interval: 'whiskers',
    }),
  );
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

  const models = distinct([...section.rows, ...section.harm].map((row) => row.model));
  const harmOf = groupBy(section.harm, (row) => row.model);
  const rowsOf = groupBy(section.rows, (row) => row.model);
  const items: { label: string; content: Html }[] = [];
  for (const model of models) {
    const own = rowsOf.get(model) ?? [];
    const harm = harmOf.get(model) ?? [];
    const [first, ...others] = await deltaPanels(own, drawDelta, label(model));
    const measured = await harmPanels(section, harm, drawHarm, label(model));
    items.push({
      label: label(model),
      content: html`<h3>${label(model)}</h3>${strip(`${label(model)}: ${first?.caption ?? ''} and harm`, [...(first ? [first] : []), ...measured])}${
        others.length > 0 ? strip(`${label(model)}: other attributes`, others) : null
      }${dataBlock(
        `bypass-${label(model).replace(/[^\w.-]+/g, '-')}`,
        [...own.map(deltaRecord), ...harm.map(harmRecord)],
        {
          caption: `${label(model)}: effect of bypassing each block`,
          head: ['Measure', 'Bypassed block', 'Value'],
          headers: 2,
          rows: [
            ...own.map((row) => [
              `ΔEMT, ${attributeLabel(row.attribute)}`,
              String(row.block),
              estimate(row.deltaEmt, 3),
            ]),
            ...harm.map((row) => [
              section.measures.find((measure) => measure.name === row.measure)?.label ?? row.measure,
              row.block === null ? 'none' : String(row.block),
              estimate(row.value, decimalsFor(row.value.value ?? 0)),
            ]),
          ],
        },
      )}`,
    });
  }
  const body = html`<p>What a block does, by taking it away: a bypassed block returns its input, its attention and MLP contributions are dropped. ΔEMT is the change of EMT (k = ${section.k}) against the model as it is; above zero the model turns more toxic. A bypass also harms the model, and a broken model can look toxic or mild by accident: read ΔEMT together with the measures beside it. Filled points have an interval that excludes zero.${intervalText(section.interval)}</p>${notes(section.notes)}${legend([{ label: AS_IS, color: referenceColor(0), dash: referenceDash(0) }])}${choices('Model', items)}`;
  return { id: 'bypass', title: 'Bypassing a block', short: 'Bypass', body };
}

async function deltaPanels(rows: readonly BypassRow[], draw: Plotter, model: string): Promise<Panel[]> {
  const panels: Panel[] = [];
  for (const [attribute, own] of groupBy(rows, (row) => row.attribute)) {
    const sorted = [...own].sort((a, b) => a.block - b.block);
    const line = sorted.map((row) => ({ x: row.block, y: row.deltaEmt.value, firm: excludesZero(row) }));
    const interval = sorted.map((row) => ({
      x: row.block,
      low: row.deltaEmt.low ?? null,
      high: row.deltaEmt.high ?? null,
    }));
    const caption = attributeLabel(attribute);
    const label = describeCourse(`Change of EMT, ${model}, ${caption}`, line, 'bypassed block');
    panels.push({ caption, drawing: await draw({ line, interval, reference: [], selectivity: [] }, label) });
  }
  return panels;
}

/** A point is filled where its interval does not reach zero, or where there is none. */
function excludesZero({ deltaEmt: { low, high } }: BypassRow): boolean {
  if (low === null || low === undefined || high === null || high === undefined) return true;
  return low > 0 || high < 0;
}

async function harmPanels(
  section: BypassSection,
  rows: readonly HarmRow[],
  plotters: ReadonlyMap<string, Plotter>,
  model: string,
): Promise<Panel[]> {
  const panels: Panel[] = [];
  for (const measure of section.measures) {
    const own = rows.filter((row) => row.measure === measure.name);
    const draw = plotters.get(measure.name);
    if (own.length === 0 || !draw) continue;
    const bypassed = own.filter((row) => row.block !== null).sort((a, b) => (a.block ?? 0) - (b.block ?? 0));
    const asIs = own.find((row) => row.block === null);
    const line = bypassed.map((row) => ({ x: row.block ?? 0, y: row.value.value, firm: true }));
    const interval = bypassed.map((row) => ({
      x: row.block,
      low: row.value.low ?? null,
      high: row.value.high ?? null,
    }));
    const ends = [0, Math.max(1, ...bypassed.map((row) => row.block ?? 0))];
    const reference = asIs ? ends.map((x) => ({ x, y: asIs.value.value, name: AS_IS })) : [];
    const label = describeCourse(`${measure.label}, ${model}`, line, 'bypassed block');
    panels.push({ caption: measure.label, drawing: await draw({ line, interval, reference, selectivity: [] }, label) });
  }
  return panels;
}

function deltaRecord(row: BypassRow) {
  const { value, low = null, high = null, reason = null } = row.deltaEmt;
  return {
    model: row.model,
    measure: 'delta_emt',
    attribute: row.attribute,
    block: row.block,
    value,
    low,
    high,
    reason,
  };
}

function harmRecord(row: HarmRow) {
  const { value, low = null, high = null, reason = null } = row.value;
  return { model: row.model, measure: row.measure, attribute: null, block: row.block, value, low, high, reason };
}
