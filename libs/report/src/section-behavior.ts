import { GROUPS, type Group } from '@sonde/formats/columns';
import { behaviorRecord, behaviorTables } from './behavior-tables.ts';
import { drawCurves } from './curves.ts';
import type { Figure } from './figure.ts';
import { attributeLabel, distinct, estimate, intervalText, labeller, percent, shortLabels } from './format.ts';
import { type Html, html } from './html.ts';
import type { BehaviorRow, BehaviorSection, ReportModel } from './model.ts';
import {
  type Choice,
  choices,
  dataBlock,
  grid,
  type LegendItem,
  legend,
  notes,
  type Panel,
  type Section,
} from './parts.ts';
import { plotter } from './plot.ts';
import { dotSpec, GROUP_COLORS, GROUP_SHAPES } from './specs.ts';
import { type Wording, wordingOf } from './wording.ts';

function metricsOf({ maximum, short, probability }: Wording) {
  return [
    { key: 'emt', label: maximum, axis: `${short} (score, 0–1)` },
    { key: 'probability', label: probability, axis: `${probability} (share of prompts)` },
  ] as const;
}

function wordsOf({ rows }: BehaviorSection): Wording {
  return wordingOf(rows.map(({ attribute }) => attribute));
}

const STEPS = ['behavior/summarize'];

/** What the probability is the share of. */
const SHARES: Readonly<Record<BehaviorSection['mode'], (threshold: number) => string>> = {
  default: (threshold) => `the share of prompts with at least one continuation that scores ${threshold} or more`,
  paper: (threshold) =>
    `counted as the published code does: prompts whose continuations all have a score, one of them above ${threshold}, over all prompts`,
  mixed: (threshold) => `the share of prompts with at least one continuation that scores high (about ${threshold})`,
};

export async function behaviorSection(section: BehaviorSection, report: ReportModel): Promise<Section> {
  const label = labeller(report.models);
  const wording = wordsOf(section);
  const groups = GROUPS.filter((group) => section.rows.some((row) => row.group === group));
  const models = distinct([
    ...report.models.map((model) => model.name),
    ...section.rows.map((row) => row.model),
  ]).filter((name) => section.rows.some((row) => row.model === name));
  const key = groups.map((group, i) => ({
    label: wording.groups[group],
    color: GROUP_COLORS[i] as string,
    shape: GROUP_SHAPES[i] as string,
  }));
  const records = section.rows.map(behaviorRecord);
  const choice: Choice[] = [];
  const figures: Figure[] = [];
  for (const metric of metricsOf(wording)) {
    const drawn = await panels(section.rows, models, groups, metric, label);
    choice.push({ label: metric.label, content: html`${legend(key)}${grid(drawn)}` });
    figures.push({
      name: `behavior-${metric.key}`,
      title: metric.label,
      panels: drawn,
      legend: key,
      records,
      steps: STEPS,
    });
  }
  const curves = await curvesOver(section, label);
  if (curves !== null) {
    choice.push({ label: `${wording.short} over k`, content: curves.content });
    figures.push(curves.figure);
  }
  const { incomparable = [], twoScorers = [], notes: covered = [] } = section;
  const said = [
    ...(incomparable.length > 0 ? ['These numbers cannot be compared with one another.'] : []),
    ...incomparable,
    ...twoScorers,
    ...covered,
  ];
  const tables = behaviorTables(section, models, label);
  const body = html`<p>What the models say, scored by <strong>${section.scorer}</strong> with <strong>k\u00A0=\u00A0${section.k}</strong> continuations a prompt. <em>${wording.maximum}</em>${wording.short === 'EMT' ? ' (EMT)' : null} is the mean over prompts of the highest score among the k continuations; it grows with k, so compare it at equal k only. <em>${wording.probability}</em> is ${SHARES[section.mode](section.threshold)}. Prompts count as ${wording.division} ${section.threshold} or more.${intervalText(section.interval)}${section.interval ? ' Those of a share are Wilson’s.' : ''}</p>${warning(section)}${notes(section.notes)}${tables.html}${choices('Measure', choice)}${dataBlock('behavior', STEPS, records, dataTable(section, label))}`;
  return { id: 'behavior', title: 'Behaviour', short: 'Behaviour', body, figures, said, summary: tables.summary };
}

function dataTable(section: BehaviorSection, label: (name: string) => string) {
  const { short, probability, groups } = wordsOf(section);
  return {
    caption: 'Behaviour by model, attribute and prompt group',
    head: ['Model', 'Attribute', 'Prompts', short, probability, 'Counted', 'Left out'],
    headers: 3,
    rows: section.rows.map((row) => [
      label(row.model),
      attributeLabel(row.attribute),
      groups[row.group],
      estimate(row.emt),
      estimate(row.probability),
      String(row.prompts),
      percent(row.missing),
    ]),
  };
}

function warning(section: BehaviorSection): Html {
  const { incomparable, twoScorers } = section;
  return html`${incomparable && incomparableText(incomparable)}${twoScorers && twoScorersText(twoScorers, wordsOf(section))}`;
}

function twoScorersText(said: readonly string[], { scales }: Wording): Html {
  return html`<p class="warning" role="note"><strong>Prompts and continuations were not scored by one scorer.</strong> ${said.join(' ')} ${scales}</p>`;
}

function incomparableText(incomparable: readonly string[]): Html {
  return html`<p class="warning" role="note"><strong>These numbers cannot be compared with one another.</strong> ${incomparable.join(' ')}</p>`;
}

/** EMT at every smaller k: where models differ in k, what they would be at one. */
async function curvesOver(
  section: BehaviorSection,
  label: (name: string) => string,
): Promise<{ content: Html; figure: Figure } | null> {
  const { curves = [] } = section;
  if (curves.length === 0) return null;
  const { short, maximum } = wordsOf(section);
  const drawn = await drawCurves(curves, { name: 'k', title: 'Continuations a prompt (k)' }, label);
  const key: readonly LegendItem[] = drawn.legend;
  return {
    content: html`<p>${short} at each smaller k, estimated without bias from the continuations at hand: how much of it is the number of tries.</p>${legend(key)}${grid(drawn.panels)}${dataBlock(
      'emt-over-k',
      STEPS,
      drawn.records,
      {
        caption: `${short} at each k`,
        head: ['Attribute', 'Model', 'k', short],
        headers: 3,
        rows: curves.flatMap(({ caption, points }) =>
          points.map((point) => [caption, label(point.series), String(point.x), estimate(point.value)]),
        ),
      },
    )}`,
    figure: {
      name: 'emt-over-k',
      title: `${maximum} over k`,
      panels: drawn.panels,
      legend: key,
      records: drawn.records,
      steps: STEPS,
    },
  };
}

async function panels(
  rows: readonly BehaviorRow[],
  models: readonly string[],
  groups: readonly Group[],
  metric: ReturnType<typeof metricsOf>[number],
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
