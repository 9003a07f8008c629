import { groupBy } from '@sonde/base';
import { SCENARIOS, type Scenario } from '@sonde/formats/columns';
import { DEPTH_AXIS, domainOf, layerAxis } from './axes.ts';
import type { Figure } from './figure.ts';
import { attributeLabel, distinct, estimate, intervalText, labeller, mainOf, number } from './format.ts';
import { type Html, html, textOf } from './html.ts';
import type { BaselineRow, ProbeRow, ProbeSection, ReportModel } from './model.ts';
import { seriesColor, seriesDash } from './palette.ts';
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
} from './parts.ts';
import { type Plotter, plotter } from './plot.ts';
import { SCENARIO_LABELS, scenarioKey } from './scenarios.ts';
import { slug } from './slug.ts';
import { CHANCE_COLOR, layerSpec, linesSpec, referenceColor, referenceDash } from './specs.ts';

const STEPS = ['probe/train'];
/** Of more models than this each is folded away: what they have in common is drawn above. */
const MANY = 8;

type Context = {
  readonly models: readonly { readonly name: string; readonly label: string }[];
  readonly scenarios: readonly Scenario[];
  readonly baselines: readonly string[];
  readonly lastLayer: number;
  readonly permutations: number | undefined;
  readonly selectivity: boolean;
  readonly drawModel: Plotter;
  readonly drawAll: Plotter;
};

export async function probeSection(section: ProbeSection, report: ReportModel): Promise<Section> {
  const context = contextOf(section, report);
  const baselinesOf = groupBy(section.baselines, (row) => row.target);
  const items: { label: string; content: Html }[] = [];
  const figures: Figure[] = [];
  for (const [target, rows] of fullestFirst(groupBy(section.rows, (row) => row.target))) {
    const { content, figure } = await targetContent(context, target, rows, baselinesOf.get(target) ?? []);
    items.push({ label: attributeLabel(target), content });
    figures.push(figure);
  }
  const { selectivity } = context;
  const body = html`<p>How well a probe reads a score from the hidden states of each layer: Pearson correlation on prompts that the probe was not trained on (${section.method}; ${section.folds} folds, grouped by prompt). Layer 0 is the embedding output. A probe that does no better than its baselines says little about the model. R² in the data is the share of the held-out variance that is predicted, below 0 where the mean does better.${intervalText(section.interval)}</p>${scenarioKey(context.scenarios)}${notes(section.notes)}${
    selectivity
      ? html`<p class="toggle"><label><input type="checkbox" class="show-selectivity"> Show selectivity (score less that of a control task) as a dashed line</label></p>`
      : null
  }${choices('Target', items)}`;
  const summary = peakTable(section, context, report);
  return {
    id: 'probes',
    title: 'What the layers encode',
    short: 'Probes',
    body,
    figures,
    said: section.notes ?? [],
    summary: [summary],
  };
}

function contextOf(section: ProbeSection, report: ReportModel): Context {
  const label = labeller(report.models);
  const present = new Set(section.rows.map((row) => row.model));
  const names = distinct([...report.models.map((model) => model.name), ...present]).filter((name) => present.has(name));
  const models = names.map((name) => ({ name, label: label(name) }));
  // The mean has an error and no correlation: there is nothing of it to draw.
  const drawn = section.baselines.filter(({ score }) => score.value !== null);
  const baselines = distinct(drawn.map((row) => row.baseline));
  const lastLayer = Math.max(1, ...section.rows.map((row) => row.layer));
  const values = [
    ...section.rows.flatMap(({ score }) => [score.value, score.low]),
    ...section.baselines.map(({ score }) => score.value),
  ];
  const selectivities = section.rows.map((row) => row.selectivity?.value);
  const chances = section.rows.map((row) => row.chance?.upper);
  const chance = chances.some((value) => value != null);
  const y = {
    title: 'Pearson r',
    domain: domainOf([...values, ...selectivities, ...chances], 0.25, [0, 1]),
    step: 0.25,
    format: '.2~f',
  };
  return {
    models,
    scenarios: scenariosOf(section.rows),
    baselines,
    lastLayer,
    permutations: chance ? (section.permutations ?? 0) : undefined,
    selectivity: section.rows.some((row) => row.selectivity != null && row.selectivity.value !== null),
    drawModel: plotter(
      layerSpec({
        x: layerAxis(lastLayer),
        y,
        references: baselines,
        interval: 'band',
        ...(chance && { chance: true as const }),
      }),
    ),
    drawAll: plotter(linesSpec(names, DEPTH_AXIS, y)),
  };
}

function scenariosOf(rows: readonly ProbeRow[]): Scenario[] {
  return SCENARIOS.filter((scenario) => rows.some((row) => row.scenario === scenario));
}

/** Targets of all scenarios before those that only prompts, or only continuations, have. */
function fullestFirst(targets: ReadonlyMap<string, readonly ProbeRow[]>): (readonly [string, readonly ProbeRow[]])[] {
  return [...targets].sort(([, a], [, b]) => scenariosOf(b).length - scenariosOf(a).length);
}

async function targetContent(
  whole: Context,
  target: string,
  rows: readonly ProbeRow[],
  baselines: readonly BaselineRow[],
): Promise<{ content: Html; figure: Figure }> {
  const title = attributeLabel(target);
  const context = { ...whole, scenarios: scenariosOf(rows) };
  const without = whole.scenarios.filter((scenario) => !context.scenarios.includes(scenario));
  const { models } = context;
  const overview = models.length > 1 ? await allModels(context, rows, title) : null;
  const each: Html[] = [];
  const panels: Panel[] = [];
  for (const model of models) {
    const own = rows.filter((row) => row.model === model.name);
    if (own.length === 0) continue;
    const references = baselines.filter((row) => row.model === model.name);
    const drawn = await modelPanels(context, own, references, `${model.label}, ${title}`);
    panels.push(...drawn.map(({ caption, drawing }) => ({ caption: `${model.label}: ${caption}`, drawing })));
    const plots = strip(`${model.label}, ${title}`, drawn);
    each.push(
      models.length > MANY
        ? html`<details class="data"><summary>${model.label}</summary>${plots}</details>`
        : html`<h4>${model.label}</h4>${plots}`,
    );
  }
  const lines = legendOf(context);
  const records = [...rows.map(probeRecord), ...baselines.map(baselineRecord)];
  const figure: Figure = {
    name: slug(`probes-${target}`),
    title: `${title}: how well each layer is read`,
    ...(overview === null
      ? { panels, legend: lines.filter((item) => item.class === undefined) }
      : { panels: overview.panels, legend: overview.key }),
    records,
    steps: STEPS,
  };
  const missing = notes(
    without.map((scenario) => `${SCENARIO_LABELS[scenario]}: not probed, for it has no scores of ${title}.`),
  );
  const content = html`${missing}${overview?.content}<h3>${title}: each model and its baselines</h3>${legend(lines)}${each}${dataBlock(
    `probes-${target}`,
    STEPS,
    records,
    pivot(context, target, rows, baselines),
  )}`;
  return { content, figure };
}

function legendOf({ baselines, permutations, selectivity }: Context): LegendItem[] {
  return [
    { label: 'probe', color: seriesColor(0) },
    ...(permutations === undefined
      ? []
      : [
          {
            label: `chance: 95 % of ${permutations} permutations end below its upper edge`,
            color: CHANCE_COLOR,
            band: true as const,
          },
        ]),
    ...baselines.map((label, i) => ({ label, color: referenceColor(i), dash: referenceDash(i) })),
    ...(selectivity
      ? [{ label: 'selectivity (score less control task)', color: seriesColor(0), dash: [2, 2], class: 'selectivity' }]
      : []),
  ];
}

/** From as far below the mean of chance as 95 % of it ends above. */
function chanceBand({ chance }: ProbeRow): { low: number | null; high: number | null } {
  return chance == null ? { low: null, high: null } : { low: 2 * chance.mean - chance.upper, high: chance.upper };
}

/** For the summary: where each model is read best, beside chance there. */
function peakTable({ rows }: ProbeSection, { models, scenarios }: Context, { attribute }: ReportModel): SummaryTable {
  const target =
    mainOf(
      rows.map((row) => row.target),
      attribute,
    ) ?? '';
  const own = rows.filter((row) => row.target === target && row.score.value !== null);
  const cells = models.flatMap(({ name, label }) =>
    scenarios.flatMap((scenario) => {
      const course = own.filter((row) => row.model === name && row.scenario === scenario);
      const first = course.find(({ layer }) => layer === 0);
      const best = course.reduce<ProbeRow | undefined>(
        (most, row) => (most === undefined || row.score.value! > most.score.value! ? row : most),
        undefined,
      );
      if (best === undefined) return [];
      return [
        [
          label,
          SCENARIO_LABELS[scenario],
          textOf(estimate(first?.score)),
          String(best.layer),
          textOf(estimate(best.score)),
          textOf(number(best.r2, 2, 'not known')),
          textOf(number(best.chance?.upper, 2, 'no permutations')),
          String(best.n),
        ],
      ];
    }),
  );
  return {
    caption: `${attributeLabel(target)}: Pearson’s r of held-out scores, at layer 0 and at the best layer (the highest of all, so a little too high)`,
    head: ['Model', 'Scenario', 'Layer 0', 'Best layer', 'r there', 'R² there', '95 % of chance', 'n'],
    rows: cells,
  };
}

async function allModels(
  context: Context,
  rows: readonly ProbeRow[],
  title: string,
): Promise<{ content: Html; panels: Panel[]; key: LegendItem[] }> {
  const { models } = context;
  const panels = [];
  for (const scenario of context.scenarios) {
    const own = rows.filter((row) => row.scenario === scenario);
    const depth = new Map(
      models.map(({ name }) => [name, Math.max(1, ...own.filter((row) => row.model === name).map((row) => row.layer))]),
    );
    const lines = own.map((row) => ({
      x: row.layer / (depth.get(row.model) ?? 1),
      y: row.score.value,
      series: row.model,
    }));
    const peaks = models.map(({ name, label }) =>
      describeCourse(
        label,
        lines.filter((line) => line.series === name),
        'depth',
      ),
    );
    const caption = SCENARIO_LABELS[scenario];
    panels.push({ caption, drawing: await context.drawAll({ lines }, `${title}, ${caption}. ${peaks.join('; ')}`) });
  }
  const key = models.map(({ label }, i) => ({ label, color: seriesColor(i), dash: seriesDash(i) }));
  const content = html`<h3>${title}: all models</h3>${legend(key)}${strip(`${title}, all models`, panels)}`;
  return { content, panels, key };
}

async function modelPanels(
  context: Context,
  rows: readonly ProbeRow[],
  baselines: readonly BaselineRow[],
  title: string,
): Promise<Panel[]> {
  const panels: Panel[] = [];
  for (const scenario of context.scenarios) {
    const own = rows.filter((row) => row.scenario === scenario).sort((a, b) => a.layer - b.layer);
    const line = own.map((row) => ({ x: row.layer, y: row.score.value, firm: true }));
    const last = own.at(-1)?.layer ?? context.lastLayer;
    const data = {
      line,
      interval: own.map((row) => ({ x: row.layer, low: row.score.low ?? null, high: row.score.high ?? null })),
      ...(context.permutations !== undefined && {
        chance: own.map((row) => ({ x: row.layer, ...chanceBand(row) })),
      }),
      selectivity: own.map((row) => ({ x: row.layer, y: row.selectivity?.value ?? null })),
      reference: baselines
        .filter((row) => row.scenario === scenario && context.baselines.includes(row.baseline))
        .sort((a, b) => (a.layer ?? 0) - (b.layer ?? 0))
        .flatMap((row) =>
          (row.layer === null ? [0, last] : [row.layer]).map((x) => ({ x, y: row.score.value, name: row.baseline })),
        ),
    };
    const caption = SCENARIO_LABELS[scenario];
    panels.push({ caption, drawing: await context.drawModel(data, describeCourse(`${title}, ${caption}`, line)) });
  }
  return panels;
}

/** Layers as columns: a row a model, scenario and kind of score. */
function pivot(context: Context, target: string, rows: readonly ProbeRow[], baselines: readonly BaselineRow[]) {
  const layers = Array.from({ length: context.lastLayer + 1 }, (_, layer) => layer);
  const body: (Html | string)[][] = [];
  for (const model of context.models) {
    for (const scenario of context.scenarios) {
      const here = <T extends ProbeRow | BaselineRow>(list: readonly T[]) =>
        list.filter((row) => row.model === model.name && row.scenario === scenario);
      const head = (what: string) => [model.label, SCENARIO_LABELS[scenario], what];
      const own = here(rows);
      const deepest = Math.max(...own.map((row) => row.layer));
      if (own.length === 0) continue;
      const cells = (value: (row: ProbeRow) => { value: number | null; reason?: string } | undefined) =>
        layers.map((layer) => {
          const row = own.find((candidate) => candidate.layer === layer);
          if (!row) return layer > deepest ? '' : number(null, 2, 'not probed');
          const item = value(row);
          return number(item?.value, 2, item?.reason);
        });
      body.push([...head('probe'), ...cells((row) => row.score)]);
      if (own.some((row) => row.r2 != null)) body.push([...head('R²'), ...cells((row) => ({ value: row.r2 ?? null }))]);
      if (own.some((row) => row.withinPrompt != null)) {
        body.push([...head('r within prompts'), ...cells((row) => ({ value: row.withinPrompt ?? null }))]);
      }
      if (own.some((row) => row.chance != null)) {
        body.push([...head('95 % of chance'), ...cells((row) => ({ value: row.chance?.upper ?? null }))]);
      }
      if (own.some((row) => row.selectivity)) body.push([...head('selectivity'), ...cells((row) => row.selectivity)]);
      for (const [name, list] of groupBy(here(baselines), (row) => row.baseline)) {
        body.push([
          ...head(name),
          ...layers.map((layer) => {
            const row = list.find((candidate) => candidate.layer === null || candidate.layer === layer);
            return layer > deepest || !row ? '' : number(row.score.value, 2, row.score.reason);
          }),
        ]);
      }
    }
  }
  return {
    caption: `${attributeLabel(target)}: scores by layer`,
    head: ['Model', 'Scenario', 'Score of', ...layers.map((layer) => `Layer ${layer}`)],
    headers: 3,
    rows: body,
  };
}

function probeRecord(row: ProbeRow) {
  return {
    model: row.model,
    scenario: row.scenario,
    target: row.target,
    score_of: 'probe',
    layer: row.layer,
    pearson: row.score.value,
    low: row.score.low ?? null,
    high: row.score.high ?? null,
    r2: row.r2 ?? null,
    within_prompt: row.withinPrompt ?? null,
    selectivity: row.selectivity?.value ?? null,
    chance_mean: row.chance?.mean ?? null,
    chance_95: row.chance?.upper ?? null,
    n: row.n,
    reason: row.score.reason ?? null,
  };
}

function baselineRecord(row: BaselineRow) {
  return {
    model: row.model,
    scenario: row.scenario,
    target: row.target,
    score_of: row.baseline,
    layer: row.layer,
    pearson: row.score.value,
    low: row.score.low ?? null,
    high: row.score.high ?? null,
    reason: row.score.reason ?? null,
  };
}
