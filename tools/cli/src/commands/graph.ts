import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@sonde/base';
import { graphToDot, graphToJson, graphToMermaid } from '@sonde/pipeline';
import { type PipelineOptions, readGraph } from '../pipeline.ts';
import { openTerminal } from '../terminal.ts';

interface GraphOptions extends PipelineOptions {
  readonly format: 'mermaid' | 'dot' | 'json' | 'svg';
  readonly tasks?: boolean;
  readonly out?: string;
}

/** `sonde graph`. */
export async function graph(file: string, options: GraphOptions): Promise<void> {
  const loaded = await readGraph(file, options);
  const by = options.tasks ? 'tasks' : 'steps';
  const draw = {
    mermaid: () => graphToMermaid(loaded, by),
    dot: () => graphToDot(loaded, by),
    json: () => JSON.stringify(graphToJson(loaded, by), null, 2),
    svg: async () =>
      (await (await import('@viz-js/viz')).instance()).renderString(graphToDot(loaded, by), { format: 'svg' }),
  };
  const text = (await draw[options.json ? 'json' : options.format]()).trimEnd();
  if (options.out === undefined) openTerminal(options).out(text);
  else {
    const out = path.resolve(options.out);
    if (loaded.files.some((read) => path.resolve(read.path) === out))
      throw new UserError(
        'usage',
        `${options.out} is a file of the pipeline, which would be lost`,
        'Name another file.',
      );
    await mkdir(path.dirname(out), { recursive: true });
    await writeFile(options.out, `${text}\n`);
  }
}
