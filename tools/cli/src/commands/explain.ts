import { explain as explainStep } from '../api.ts';
import { reasonText, sidesOf } from '../lines.ts';
import { type PipelineOptions, readGraph, storeOptions } from '../pipeline.ts';
import { alignColumns, openTerminal, printJson } from '../terminal.ts';

/** `sonde explain`. */
export async function explain(file: string, step: string, options: PipelineOptions): Promise<void> {
  const terminal = openTerminal(options);
  const graph = await readGraph(file, options);
  const explanations = await explainStep(graph, step, storeOptions(options));
  if (options.json) {
    printJson(terminal, {
      sonde: 1,
      pipeline: graph.name,
      tasks: explanations.map(({ record, nearest, ...rest }) => ({
        ...rest,
        ...(record && { created: record.created, seconds: record.seconds }),
        ...(nearest && { nearest: { key: nearest.key, created: nearest.created, fingerprint: nearest.fingerprint } }),
      })),
    });
    return;
  }
  const { bold, dim, green, red } = terminal.colors;
  for (const { task, kind, state, key, reason, fingerprint, nearest, changes } of explanations) {
    terminal.out(`${bold(task)}  ${dim(kind)}\n  ${state === 'cached' ? state : `${state}: ${reasonText(reason)}`}`);
    if (key !== undefined) terminal.out(`  key ${key}`);
    if (fingerprint !== undefined) {
      terminal.out(dim('  fingerprint'));
      terminal.out(JSON.stringify(fingerprint, null, 2).replace(/^/gm, '    '));
    }
    if (nearest !== undefined) {
      terminal.out(dim(`  compared with the nearest earlier result (${nearest.created}, ${nearest.key})`));
      const rows = changes.map((change) => {
        const { was, now } = sidesOf(change);
        return [`    ${change.field}`, red(was), '→', green(now)];
      });
      for (const line of alignColumns(rows)) terminal.out(line);
    }
    terminal.out('');
  }
}
