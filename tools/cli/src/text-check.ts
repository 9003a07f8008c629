import type { TextCheck } from '@sonde/bundles';
import {
  CALIBRATION,
  CHANGES,
  COMPARISON,
  CORRELATIONS,
  PREDICTIONS,
  PROBE_CHANGES,
  PROBE_SCORES,
  SCORES,
  STATES_INDEX,
  SUMMARY,
} from '@sonde/formats/columns';
import type { Graph } from '@sonde/pipeline';
import type { Store, StoredArtifact } from '@sonde/store';
import { readParquetInfo } from '@sonde/tables';

const TABLES_WITHOUT_TEXT = [
  SCORES,
  STATES_INDEX,
  PROBE_SCORES,
  PREDICTIONS,
  SUMMARY,
  CORRELATIONS,
  COMPARISON,
  CALIBRATION,
  CHANGES,
  PROBE_CHANGES,
];
const NUMBERS = ['float64', 'float32', 'int32', 'int64', 'boolean'];
const MODELS = ['model', 'adapter', 'scorer'];

/**
 * Which outputs may hold texts: every one of which it is not known that it has none. A table has none if its columns are
 * numbers, axes of the pipeline, or those of a table of ours that has no texts.
 */
export function textCheck(graph: Graph, store: Store): TextCheck {
  const known = new Set([
    ...TABLES_WITHOUT_TEXT.flatMap(({ columns }) => Object.keys(columns)),
    ...graph.tasks.flatMap(({ axes }) => Object.keys(axes)),
  ]);

  async function textInTable(file: string): Promise<string | undefined> {
    const { columns } = await readParquetInfo(file);
    const found = columns.find(({ name, type }) => !NUMBERS.includes(type) && !known.has(name));
    return found && `may hold texts, in the column ${found.name}`;
  }

  return async (artifact: StoredArtifact) => {
    if (MODELS.includes(artifact.type)) return undefined;
    if (artifact.type === 'table' && artifact.files === undefined)
      return textInTable(await store.artifacts.openFile(artifact));
    if (artifact.type !== 'tensors') return `may hold texts: it is of the type ${artifact.type}`;
    for (const name of Object.keys(artifact.files ?? {})) {
      if (name.endsWith('.safetensors')) continue;
      if (!name.endsWith('.parquet')) return `may hold texts, in the file ${name}`;
      const why = await textInTable(await store.artifacts.openFile(artifact, name));
      if (why !== undefined) return why;
    }
    return undefined;
  };
}
