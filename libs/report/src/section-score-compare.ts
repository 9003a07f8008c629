import { groupBy } from '@sonde/base';
import type { Figure } from './figure.ts';
import { attributeLabel, distinct, estimate, fixed, intervalText, labeller, number, shortLabels } from './format.ts';
import { type Html, html, textOf } from './html.ts';
import type {
  AgreementExample,
  AgreementModel,
  AgreementRow,
  AgreementSection,
  Estimate,
  ReportModel,
} from './model.ts';
import {
  choices,
  dataBlock,
  grid,
  type LegendItem,
  legend,
  notes,
  type Panel,
  type Section,
  type SummaryTable,
  tableMarkup,
} from './parts.ts';
import { plotter } from './plot.ts';
import { calibrationSpec, dotSpec, GROUP_COLORS, GROUP_SHAPES, referenceColor, referenceDash } from './specs.ts';
import { wordingOf } from './wording.ts';

const STEPS = ['score/compare'];
const GROUPS = ['score', 'reference'] as const;
/** From this score on a text is folded away. */
const HIGH = 0.5;

/** How far two scorers agree, and what becomes of the models' order. */
export async function agreementSection(section: AgreementSection, report: ReportModel): Promise<Section> {
  const { scorer, reference, rows } = section;
  const label = labeller(report.models);
  const items: { label: string; content: Html }[] = [];
  const calibrated = await calibrationPanels(section);
  const figures: Figure[] = [];
  if (section.models.length > 0) {
    const { content, figure } = await modelContent(section, label);
    items.push({ label: 'Models', content });
    figures.push(figure);
  }
  items.push({
    label: 'Calibration',
    content: html`${calibrationText()}${legend(CALIBRATION_KEY)}${grid(calibrated)}`,
  });
  figures.push({
    name: 'score-compare-calibration',
    title: `Calibration of ${scorer} against ${reference}`,
    panels: calibrated,
    legend: CALIBRATION_KEY,
    records: section.calibration,
    steps: STEPS,
  });
  if (section.examples.length > 0) items.push({ label: 'Where they differ most', content: exampleContent(section) });
  const overall = rows.filter(({ by }) => by === 'all');
  const table = {
    caption: 'Agreement over all texts',
    head: ['Attribute', 'Pearson', 'Spearman', 'Difference', 'AUC', 'Kappa', 'Texts'],
    rows: overall.map((row) => [
      attributeLabel(row.attribute),
      estimate(row.pearson),
      estimate(row.spearman),
      estimate(row.difference),
      estimate(row.auc),
      estimate(row.kappa),
      String(row.n),
    ]),
  };
  const body = html`<p>How far the scores of <strong>${scorer}</strong> agree with the reference <strong>${reference}</strong> on the same texts. <em>Difference</em> is score less reference. The AUC takes the reference for a label. <em>Kappa</em> is agreement beyond chance about which texts reach ${fixed(overall[0]?.threshold ?? HIGH)}.${intervalText(section.interval)}</p>${notes(section.notes)}${tableMarkup({ ...table, captionShown: true })}${choices('View', items)}${dataBlock(
    'score-compare',
    STEPS,
    rows.map(record),
    {
      caption: 'Agreement by attribute and group of texts',
      head: ['Attribute', 'Texts', 'Pearson', 'Spearman', 'Difference', 'AUC', 'Same side', 'Kappa', 'n', 'Left out'],
      headers: 2,
      rows: rows.map((row) => [
        attributeLabel(row.attribute),
        row.by === 'table' ? label(row.group) : row.group,
        estimate(row.pearson),
        estimate(row.spearman),
        estimate(row.difference),
        estimate(row.auc),
        estimate(row.agreement),
        estimate(row.kappa),
        String(row.n),
        String(row.missing),
      ]),
    },
  )}`;
  const plain = table.rows.map((row) => row.map((cell) => (typeof cell === 'string' ? cell : textOf(cell))));
  const summary = [...modelSummary(section, label), { ...table, rows: plain }];
  return { id: 'agreement', title: 'Two scorers', short: 'Scorers', body, figures, said: section.notes ?? [], summary };
}

/** For the summary: each model by both scorers. */
function modelSummary({ models }: AgreementSection, label: (name: string) => string): SummaryTable[] {
  if (models.length === 0) return [];
  const { short } = wordingOf(models.map(({ attribute }) => attribute));
  return [
    {
      caption: `${short} of the models by both`,
      head: ['Model', 'Attribute', short, `Reference: ${short}`, 'Change'],
      rows: models.map((row) => [
        label(row.model),
        attributeLabel(row.attribute),
        ...[row.emt, row.referenceEmt, row.difference].map((value) => textOf(estimate(value))),
      ]),
    },
  ];
}

const CALIBRATION_KEY: readonly LegendItem[] = [
  { label: 'bins of scores', color: 'var(--series-1)' },
  { label: 'equal scores', color: referenceColor(2), dash: referenceDash(0) },
];

function calibrationText(): Html {
  return html`<p>The mean reference score of the texts whose score lies in each bin; a larger point stands for more texts. On the dashed line both are equal.</p>`;
}

async function calibrationPanels({ calibration }: AgreementSection): Promise<Panel[]> {
  const draw = plotter(calibrationSpec(Math.max(1, ...calibration.map(({ n }) => n))));
  const panels: Panel[] = [];
  for (const [attribute, bins] of groupBy(calibration, (point) => point.attribute)) {
    const caption = attributeLabel(attribute);
    const spoken = bins.map(({ score, reference }) => `${fixed(reference)} at ${fixed(score)}`).join(', ');
    const label = `Calibration, ${caption}: mean reference ${spoken}`;
    panels.push({ caption, drawing: await draw({ bins }, label) });
  }
  return panels;
}

async function modelContent(
  section: AgreementSection,
  label: (name: string) => string,
): Promise<{ content: Html; figure: Figure }> {
  const { short, maximum } = wordingOf(section.models.map(({ attribute }) => attribute));
  const { models, scorer, reference } = section;
  const names = distinct(models.map(({ model }) => model));
  const labels = shortLabels(names.map(label), 19);
  const shown = new Map(names.map((name, i) => [name, labels[i]]));
  const draw = plotter(dotSpec(labels, GROUPS, `${short} (score, 0–1)`));
  const panels: Panel[] = [];
  for (const [attribute, rows] of groupBy(models, (row) => row.attribute)) {
    const dot = (
      group: (typeof GROUPS)[number],
      { model }: AgreementModel,
      { value, low = null, high = null }: Estimate,
    ) => ({
      label: shown.get(model),
      group,
      value,
      low,
      high,
    });
    const dots = rows.flatMap((row) => [dot('score', row, row.emt), dot('reference', row, row.referenceEmt)]);
    const caption = attributeLabel(attribute);
    const spoken = rows
      .map(
        ({ model, emt, referenceEmt }) =>
          `${label(model)} ${emt.value?.toFixed(2)} and ${referenceEmt.value?.toFixed(2)}`,
      )
      .join(', ');
    panels.push({ caption, drawing: await draw({ dots }, `${short} by score and reference, ${caption}: ${spoken}`) });
  }
  const ranked = section.ranking.map(
    ({ attribute, spearman, kendall }) =>
      html`<li>${attributeLabel(attribute)}: the two orders of the models correlate with ρ = ${number(spearman.value, 2, spearman.reason)} (Spearman), τ = ${number(kendall.value, 2, kendall.reason)} (Kendall).</li>`,
  );
  const key: readonly LegendItem[] = [
    { label: scorer, color: GROUP_COLORS[0], shape: GROUP_SHAPES[0] },
    { label: reference, color: GROUP_COLORS[1], shape: GROUP_SHAPES[1] },
  ];
  const content = html`${legend(key)}${grid(panels)}${ranked.length === 0 ? null : html`<ul class="notes">${ranked}</ul>`}${dataBlock(
    'score-compare-models',
    STEPS,
    models.map(modelRecord),
    {
      caption: `${short} of the models by both`,
      head: ['Model', 'Attribute', short, `Reference: ${short}`, 'Change', 'Rank', 'Reference rank'],
      headers: 2,
      rows: models.map((row) => [
        label(row.model),
        attributeLabel(row.attribute),
        estimate(row.emt),
        estimate(row.referenceEmt),
        estimate(row.difference),
        number(row.rank, 0, 'one model'),
        number(row.referenceRank, 0, 'one model'),
      ]),
    },
  )}`;
  const title = `${maximum} of the models by both scorers`;
  const records = models.map(modelRecord);
  return { content, figure: { name: 'score-compare-models', title, panels, legend: key, records, steps: STEPS } };
}

function exampleContent({ examples }: AgreementSection): Html {
  const shown = ({ text, score, reference }: AgreementExample): Html | string =>
    Math.max(score, reference) >= HIGH
      ? html`<details class="fold"><summary>one of them scored ${fixed(Math.max(score, reference))}: show it</summary>${text}</details>`
      : text;
  const parts = [...groupBy(examples, (example) => example.attribute)].map(
    ([attribute, own]) =>
      html`${tableMarkup({
        caption: attributeLabel(attribute),
        captionShown: true,
        head: ['Text', 'Score', 'Reference'],
        rows: own.map((example) => [shown(example), number(example.score), number(example.reference)]),
      })}`,
  );
  return html`${parts}`;
}

function record({ attribute, by, group, n, missing, threshold, ...row }: AgreementRow) {
  const told = { attribute, by, group, n, missing };
  const { pearson, spearman, difference, auc, agreement, kappa } = row;
  return {
    ...told,
    ...flat('pearson', pearson),
    ...flat('spearman', spearman),
    ...flat('difference', difference),
    ...flat('auc', auc),
    threshold,
    ...flat('agreement', agreement),
    ...flat('kappa', kappa),
  };
}

function modelRecord({ attribute, model, rank = null, referenceRank = null, ...row }: AgreementModel) {
  return {
    attribute,
    model,
    ...flat('emt', row.emt),
    ...flat('reference_emt', row.referenceEmt),
    ...flat('emt_difference', row.difference),
    rank,
    reference_rank: referenceRank,
  };
}

function flat(name: string, { value, low = null, high = null }: Estimate): Record<string, number | null> {
  return { [name]: value, [`${name}_low`]: low, [`${name}_high`]: high };
}
