import { groupBy } from '@sonde/base';
import { SCENARIOS } from '@sonde/formats/columns';
import { layerAxis, roundDomain } from './axes.ts';
import type { Figure } from './figure.ts';
import { attributeLabel, distinct, estimate, intervalText, number } from './format.ts';
import { type Html, html, textOf } from './html.ts';
import type { ProbeChangeRow, ProbeChangesSection } from './model.ts';
import { choices, dataBlock, describeCourse, type Panel, type Section, type SummaryTable, strip } from './parts.ts';
import { plotter } from './plot.ts';
import { SCENARIO_LABELS, scenarioKey } from './scenarios.ts';
import { AGAINST, differenceRecords, pText, toldApart, verdict } from './section-changes.ts';
import { slug } from './slug.ts';
import { layerSpec } from './specs.ts';

const STEPS = ['probe/compare'];

/** Whether what can be read from a model changed, layer by layer. */
export async function probeChangesSection(section: ProbeChangesSection): Promise<Section> {
  const rows = [...section.rows].sort((a, b) => SCENARIOS.indexOf(a.scenario) - SCENARIOS.indexOf(b.scenario));
  const drawn = rows.filter(isOfLayer).filter(({ against }) => against === 'reference');
  const ends = drawn.flatMap(({ difference: { value, low, high } }) => [value, low, high]);
  const draw = plotter(
    layerSpec({
      x: layerAxis(Math.max(1, ...drawn.map(({ layer }) => layer))),
      y: { title: 'Δ r', ...roundDomain([...ends, -0.1, 0.1]), format: '+.2~f' },
      references: [],
      interval: 'band',
    }),
  );
  const items: { label: string; content: Html }[] = [];
  const figures: Figure[] = [];
  for (const [label, own] of groupBy(rows, ({ comparison, setting }) =>
    comparison === setting ? setting : `${comparison}: ${setting}`,
  )) {
    const strips: Html[] = [];
    const all: Panel[] = [];
    for (const [target, ofTarget] of groupBy(
      drawn.filter((row) => own.includes(row)),
      (row) => row.target,
    )) {
      const panels: Panel[] = [];
      for (const [scenario, course] of groupBy(ofTarget, (row) => row.scenario)) {
        const sorted = [...course].sort((a, b) => a.layer - b.layer);
        const line = sorted.map((row) => ({
          x: row.layer,
          y: row.difference.value,
          firm: toldApart(row),
        }));
        const interval = sorted.map(({ layer, difference: { low = null, high = null } }) => ({ x: layer, low, high }));
        const caption = `${SCENARIO_LABELS[scenario]}, ${attributeLabel(target)}`;
        const drawing = await draw(
          { line, interval, reference: [], selectivity: [] },
          describeCourse(`Change of r, ${label}, ${caption}`, line),
        );
        panels.push({ caption, drawing });
      }
      all.push(...panels);
      strips.push(strip(`${label}, ${attributeLabel(target)}`, panels));
    }
    figures.push({
      name: slug(`probe-changes-${label}`),
      title: `Change of r: ${label}`,
      panels: all,
      records: differenceRecords(own),
      steps: STEPS,
    });
    items.push({ label, content: html`<h3>${label}</h3>${conclusions(own)}${strips}${data(label, own)}` });
  }
  const body = html`<p>How much better (above zero) or worse a probe reads the changed model than its reference: the difference of held-out correlations at the same layer, over the same prompts. A probe is fitted to each model anew, so no change here means that what is encoded can still be read, not that the model uses it alike. The mean over layers answers for all of them; its p is after Holm over settings, scenarios and targets, that of a layer over the layers of its course. Told apart, and filled in the plots, is what has an interval without zero, p below 0.05 and a difference that is not 0.000.${intervalText(section.interval)}</p>${spreadWarning(rows)}${scenarioKey(distinct(rows.map((row) => row.scenario)))}${choices('Setting', items)}`;
  const summary = [summaryOf(rows)];
  return { id: 'probe-changes', title: 'What probes read from it', short: 'Probe changes', body, figures, summary };
}

type LayerRow = ProbeChangeRow & { readonly layer: number };

function isOfLayer(row: ProbeChangeRow): row is LayerRow {
  return row.layer !== null;
}

function spreadWarning(rows: readonly ProbeChangeRow[]): Html | null {
  if (rows.every(readSameLabels)) return null;
  return html`<p class="warning">Some settings were probed on labels of another spread than the reference’s (see the table): a correlation grows with the spread of its labels, so such a difference is no difference of encoding yet.</p>`;
}

/** Ratios of spread nearer to 1 than this are those of the same labels. */
const SAME_SPREAD = 0.01;

/** Whether both sides read labels of one spread: others differ in correlation before they differ in anything encoded. */
export function readSameLabels({ targetSdRatio }: ProbeChangeRow): boolean {
  return targetSdRatio === null || Math.abs(targetSdRatio - 1) <= SAME_SPREAD;
}

const COURSE = ({ comparison, setting, against, scenario, target }: ProbeChangeRow): string =>
  JSON.stringify([comparison, setting, against, scenario, target]);

/** For the summary: of each setting, scenario and target, the change over layers and at the last. */
function summaryOf(rows: readonly ProbeChangeRow[]): SummaryTable {
  return {
    caption:
      'Change of held-out r: the mean over layers with its interval and p, the last layer, and at how many layers it is told apart',
    head: [
      'Comparison',
      'Setting',
      'Against',
      'Scenario',
      'Target',
      'From',
      'To',
      'Difference, mean over layers',
      'Adjusted p',
      'At the last layer',
      'Layers told apart',
      'n',
    ],
    rows: [...groupBy(rows, COURSE).values()].flatMap((own) => {
      const mean = own.find(({ layer }) => layer === null);
      const layers = own.filter(isOfLayer);
      if (mean === undefined || layers.length === 0) return [];
      const last = layers.reduce((deepest, row) => (row.layer > deepest.layer ? row : deepest));
      return [
        [
          mean.comparison,
          mean.setting,
          AGAINST[mean.against],
          SCENARIO_LABELS[mean.scenario],
          attributeLabel(mean.target),
          textOf(number(mean.other, 3)),
          textOf(number(mean.value, 3)),
          textOf(estimate(mean.difference, 3)),
          pText(mean.p),
          textOf(estimate(last.difference, 3)),
          `${layers.filter(toldApart).length} of ${layers.length}`,
          String(mean.n),
        ],
      ];
    }),
  };
}

/** For each scenario and target: whether the mean over layers changes, and how many layers are told apart. */
function conclusions(rows: readonly ProbeChangeRow[]): Html {
  return html`<ul class="conclusions">${[...groupBy(rows, COURSE).values()].map((own) => {
    const mean = own.find(({ layer }) => layer === null);
    if (mean === undefined) return null;
    const { against, scenario, target, difference, other, value, p, n } = mean;
    const layers = own.filter(isOfLayer);
    const beside = against === 'reference' ? null : html`, against ${AGAINST[against]}`;
    const name = html`<strong>${SCENARIO_LABELS[scenario]}, ${attributeLabel(target)}</strong>${beside}`;
    if (difference.value === null) return html`<li>${name}: ${difference.reason ?? 'not known'}.</li>`;
    return html`<li>${name}: r ${verdict(difference, p)}, ${estimate(difference, 3)} on average over ${layers.length} layers (from ${number(other, 3)} to ${number(value, 3)}, p ${pText(p, true)}, n = ${n} prompts); ${layers.filter(toldApart).length} of them told apart.</li>`;
  })}</ul>`;
}

function data(label: string, rows: readonly ProbeChangeRow[]): Html {
  return dataBlock(slug(`probe-changes-${label}`), STEPS, differenceRecords(rows), {
    caption: `${label}: every difference`,
    head: ['Against', 'Scenario', 'Target', 'Layer', 'r', 'Other', 'Difference', 'Adjusted p', 'Spread of labels', 'n'],
    headers: 4,
    rows: rows.map((row) => [
      AGAINST[row.against],
      SCENARIO_LABELS[row.scenario],
      attributeLabel(row.target),
      row.layer === null ? 'mean' : String(row.layer),
      number(row.value, 3),
      number(row.other, 3),
      estimate(row.difference, 3),
      number(row.p, 3),
      number(row.targetSdRatio, 2),
      String(row.n),
    ]),
  });
}
