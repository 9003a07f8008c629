import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunContext } from '@sonde/executor';
import { CONTINUATIONS, CORRELATIONS, PROBE_SCORES, readPrompts, readRows, SCORES, SUMMARY } from '@sonde/formats';
import { type ProbeSection, type Rendered, type ReportModel, renderAll } from '@sonde/report';
import { csvLines, tableFromRows } from '@sonde/tables';
import { axisText } from '../shared/axes.ts';
import { agreementSection } from './agreement.ts';
import { axisSections } from './axes.ts';
import { behaviorSection } from './behavior.ts';
import { bypassSection, interventionAxis } from './bypass.ts';
import { changesSection, probeChangesSection } from './changes.ts';
import { commonRows } from './common.ts';
import type { Config } from './config.ts';
import { correlationSection } from './correlation.ts';
import { exampleSection } from './examples.ts';
import { probeSection } from './internals.ts';
import { namingOf } from './labels.ts';
import { configOfKind, modeOf, onlyModel, provenanceRows, runFacts, softwareOf } from './provenance.ts';
import { readCollected } from './rows.ts';
import { componentsOf } from './variances.ts';

/** A model has a layer more than it has blocks. */
function blocksOf(model: string, probes: ProbeSection | undefined): { blocks?: number } {
  const layers = (probes?.rows ?? []).filter((row) => row.model === model).map(({ layer }) => layer);
  return layers.length === 0 ? {} : { blocks: Math.max(...layers) };
}

/** `report/html`. */
export async function run({ config, output, pipeline, ancestors = [] }: RunContext<Config>): Promise<void> {
  const { nameOf, modelOf, labelsOf } = namingOf(
    [config.summaries, config.probes, config.bypassed, config.continuations, config.scores].flatMap(
      (sources) => sources ?? [],
    ),
    config.model === undefined ? onlyModel(ancestors, pipeline) : axisText(config.model),
  );
  const drawn = interventionAxis((config.bypassed ?? []).map((source) => ({ source })));
  const [summaries, probes, bypassed, continuations, scores] = await Promise.all([
    readCollected(config.summaries, SUMMARY, nameOf),
    readCollected(config.probes, PROBE_SCORES, nameOf),
    readCollected(config.bypassed, SUMMARY, (source) => nameOf(source, drawn)),
    readCollected(config.continuations, CONTINUATIONS, nameOf, { columns: ['prompt_id', 'sample', 'text'] }),
    readCollected(config.scores, SCORES, nameOf, {
      columns: ['prompt_id', 'sample', 'score.<ATTRIBUTE>'],
      optional: ['outcome', 'scorer'],
    }),
  ]);
  const prompts = config.prompts && (await readPrompts(config.prompts.path, config.prompts.ref));
  const names = [...new Set([summaries, probes, continuations, bypassed].flat().map(({ model }) => model))];
  const labels = labelsOf(names);
  const collected = [summaries, probes, bypassed, continuations, scores].flat().map(({ source }) => source);
  const summaryConfig = configOfKind(ancestors, 'behavior/summarize');
  const scorer = scores[0]?.rows[0]?.scorer ?? undefined;
  const behavior = behaviorSection(summaries, summaryConfig, scorer);
  const common = await commonRows(summaries, scores, summaryConfig);
  const components = await componentsOf(config);
  const axes = axisSections(summaries, probes, nameOf);
  const probeResults = probeSection(probes, configOfKind(ancestors, 'probe/train'));
  const correlation =
    config.correlations &&
    correlationSection(
      await readRows(config.correlations.path, CORRELATIONS, { what: config.correlations.ref ?? 'the correlations' }),
      configOfKind(ancestors, 'correlate/models'),
    );
  const bypass = bypassSection(bypassed, summaries, summaryConfig);
  const agreement = await agreementSection(config, configOfKind(ancestors, 'score/compare'));
  const changes = await changesSection(config, configOfKind(ancestors, 'behavior/compare'));
  const probeChanges = await probeChangesSection(config, configOfKind(ancestors, 'probe/compare'));
  const examples = prompts && exampleSection(prompts, continuations, scores, config.attribute, config.examples);
  const model: ReportModel = {
    title: config.title ?? pipeline?.name ?? 'Report',
    ...(pipeline?.description && { description: pipeline.description }),
    attribute: config.attribute,
    mode: modeOf(ancestors),
    facts: runFacts(ancestors, prompts),
    software: softwareOf(ancestors),
    models: names.map((name) => {
      const model = modelOf(name);
      return { name, ...(model !== undefined && { model }), label: labels.get(name)!, ...blocksOf(name, probeResults) };
    }),
    provenance: provenanceRows(ancestors, collected),
    ...(behavior && {
      behavior: {
        ...behavior,
        ...(common.length > 0 && { common }),
        ...(components && { components }),
      },
    }),
    ...(axes.length > 0 && { axes }),
    ...(probeResults && { probes: probeResults }),
    ...(correlation && { correlation }),
    ...(bypass && { bypass }),
    ...(changes && { changes }),
    ...(probeChanges && { probeChanges }),
    ...(agreement && { agreement }),
    ...(examples && { examples }),
  };
  const rendered = await renderAll(model);
  await writeFile(output('report'), rendered.html);
  await writeFile(output('summary'), rendered.summary);
  await writeFigures(output('figures'), rendered.figures);
}

async function writeFigures(folder: string, figures: Rendered['figures']): Promise<void> {
  await mkdir(folder);
  for (const { name, svg, csv } of figures) {
    await writeFile(path.join(folder, `${name}.svg`), svg);
    await writeFile(path.join(folder, `${name}.csv`), csv);
  }
  const list = tableFromRows(
    figures.map(({ name, title, steps }) => ({
      figure: `${name}.svg`,
      data: `${name}.csv`,
      title,
      steps: steps.join(', '),
    })),
  );
  await writeFile(path.join(folder, 'figures.csv'), [...csvLines(list)].join(''));
}
