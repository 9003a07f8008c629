import { groupBy } from '@sonde/base';
import { SCENARIOS } from '@sonde/formats/columns';
import { layerAxis, roundDomain } from './axes.ts';
import type { Figure } from './figure.ts';
import { attributeLabel, distinct, estimate, fixed, intervalText, number } from './format.ts';
import { type Html, html, textOf } from './html.ts';
import type { ProbeChangeRow, ProbeChangesSection } from './model.ts';
import { choices, dataBlock, describeCourse, type Panel, type Section, type SummaryTable, strip } from './parts.ts';
import { plotter } from './plot.ts';
import { SCENARIO_LABELS, scenarioKey } from './scenarios.ts';
import { differenceRecords, toldApart, verdict } from './section-changes.ts';
import { slug } from './slug.ts';
import { layerSpec } from './specs.ts';

const STEPS = ['probe/compare'];

/** Whether what can be read from a model changed, layer by layer. */
export async function probeChangesSection(section: ProbeChangesSection): Promise<Section> {
  const rows = [...section.rows].sort((a, b) => SCENARIOS.indexOf(a.scenario) - SCENARIOS.indexOf(b.scenario));
  const ends = rows.flatMap(({ difference: { value, low, high } }) => [value, low, high]);
  const draw = plotter(
    layerSpec({
      x: layerAxis(Math.max(1, ...rows.map(({ layer }) => layer))),
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
    for (const [target, ofTarget] of groupBy(own, (row) => row.target)) {
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
  const spread = rows.some(({ targetSdRatio }) => targetSdRatio !== null && Math.abs(targetSdRatio - 1) > 0.01);
  const body = html`<p>How much better (above zero) or worse a probe reads the changed model than its reference, at the same layer: the difference of held-out correlations, over the same prompts. A probe is fitted to each model anew, so no change here means that what is encoded can still be read, not that the model uses it alike. Filled points have an interval that excludes zero; there are many layers, so one of them alone says little.${intervalText(section.interval)}</p>${spread ? html`<p class="warning">Some settings were probed on labels of another spread than the reference’s (see the table): a correlation grows with the spread of its labels, so such a difference is no difference of encoding yet.</p>` : null}${scenarioKey(distinct(rows.map((row) => row.scenario)))}${choices('Setting', items)}`;
  const summary = [summaryOf(rows)];
  return { id: 'probe-changes', title: 'What probes read from it', short: 'Probe changes', body, figures, summary };
}

/** For the summary: of each setting, scenario and target, the change over layers and at the last. */
function summaryOf(rows: readonly ProbeChangeRow[]): SummaryTable {
  const groups = groupBy(rows, ({ comparison, setting, scenario, target }) =>
    JSON.stringify([comparison, setting, scenario, target]),
  );
  return {
    caption:
      'Change of held-out r against the reference: at the last layer, with its interval, and at how many layers the interval excludes zero',
    head: [
      'Comparison',
      'Setting',
      'Scenario',
      'Target',
      'From',
      'To',
      'Difference at the last layer',
      'Layers told apart',
      'n',
    ],
    rows: [...groups.values()].map((own) => {
      const last = own.reduce((deepest, row) => (row.layer > deepest.layer ? row : deepest));
      const told = own.filter(toldApart).length;
      return [
        last.comparison,
        last.setting,
        SCENARIO_LABELS[last.scenario],
        attributeLabel(last.target),
        textOf(number(last.other, 3)),
        textOf(number(last.value, 3)),
        textOf(estimate(last.difference, 3)),
        `${told} of ${own.length}`,
        String(last.n),
      ];
    }),
  };
}

/** For each scenario and target: at how many layers probes tell the two apart. */
function conclusions(rows: readonly ProbeChangeRow[]): Html {
  const groups = [
    ...groupBy(rows, ({ scenario, target }) => `${SCENARIO_LABELS[scenario]}, ${attributeLabel(target)}`),
  ];
  return html`<ul class="conclusions">${groups.map(([name, own]) => {
    const [up, down] = (['rises', 'falls'] as const).map(
      (way) => own.filter((row) => verdict(row.difference) === way).length,
    );
    const known = own.flatMap(({ difference: { value } }) => (value === null ? [] : [value]));
    if (known.length === 0) return html`<li>${name}: not known.</li>`;
    const mean = known.reduce((sum, value) => sum + value / known.length, 0);
    return html`<li><strong>${name}</strong>: r changes by ${fixed(mean, 3)} on average over ${own.length} layers; it rises at ${up} and falls at ${down} of them beyond their intervals.</li>`;
  })}</ul>`;
}

function data(label: string, rows: readonly ProbeChangeRow[]): Html {
  return dataBlock(slug(`probe-changes-${label}`), STEPS, differenceRecords(rows), {
    caption: `${label}: every difference`,
    head: ['Scenario', 'Target', 'Layer', 'r', 'Reference', 'Difference', 'Spread of labels', 'n'],
    headers: 3,
    rows: rows.map((row) => [
      SCENARIO_LABELS[row.scenario],
      attributeLabel(row.target),
      String(row.layer),
      number(row.value, 3),
      number(row.other, 3),
      estimate(row.difference, 3),
      number(row.targetSdRatio, 2),
      String(row.n),
    ]),
  });
}
