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
  SITES,
  STATES_INDEX,
  SUMMARY,
} from '@sonde/formats/columns';
import type { Graph } from '@sonde/pipeline';
import type { Store, StoredArtifact } from '@sonde/store';
import { type ColumnInfo, readParquetInfo, readTable, rows } from '@sonde/tables';
import { openSafetensors } from '@sonde/tensors';

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
/** What our own states say of themselves. */
const CONVENTIONS: ReadonlySet<string> = new Set(Object.values(SITES).map(({ convention }) => convention));
const NUMBERS = ['float64', 'float32', 'int32', 'int64', 'boolean'];

/** So many words in a row are a text, whatever the column is called that holds it: ids and labels have fewer. */
const TEXT = /\S(\s+\S+){3}/;

/**
 * Which outputs may hold texts: every one of which it is not known that it has none. A table has none if its columns are
 * numbers, axes of the pipeline, or those of a table of ours that has no texts; and if these hold no text either, for ids
 * and labels are whatever the user's data has there.
 */
export function textCheck(graph: Graph, store: Store): TextCheck {
  const axes = new Set(graph.tasks.flatMap((task) => Object.keys(task.axes)));
  const known = new Set([...TABLES_WITHOUT_TEXT.flatMap(({ columns }) => Object.keys(columns)), ...axes]);

  async function textInTable(file: string): Promise<string | undefined> {
    const { columns, metadata } = await readParquetInfo(file);
    if (Object.values(metadata).some((value) => TEXT.test(value))) return 'may hold texts, in its metadata';
    const words = columns.filter(({ type }) => !NUMBERS.includes(type));
    const found = words.find(({ name }) => !known.has(name))?.name ?? (await columnOfTexts(file, words));
    return found && `may hold texts, in the column ${found}`;
  }

  async function columnOfTexts(file: string, words: readonly ColumnInfo[]): Promise<string | undefined> {
    const names = words.map(({ name }) => name).filter((name) => !axes.has(name));
    if (names.length === 0) return undefined;
    for (const row of rows(await readTable(file, { columns: names })))
      for (const [name, value] of Object.entries(row)) if (TEXT.test(wordsIn(value))) return name;
    return undefined;
  }

  async function textInTensors(file: string): Promise<boolean> {
    const { metadata } = await openSafetensors(file);
    const words = [...Object.keys(metadata), ...Object.values(metadata)];
    return words.some((value) => TEXT.test(value) && !CONVENTIONS.has(value));
  }

  return async (artifact: StoredArtifact) => {
    if (artifact.type === 'table' && artifact.files === undefined)
      return textInTable(await store.artifacts.openFile(artifact));
    if (artifact.type !== 'tensors') return `may hold texts: it is of the type ${artifact.type}`;
    for (const name of Object.keys(artifact.files ?? {})) {
      if (name.endsWith('.safetensors')) {
        if (await textInTensors(await store.artifacts.openFile(artifact, name)))
          return `may hold texts, in the metadata of ${name}`;
        continue;
      }
      if (!name.endsWith('.parquet')) return `may hold texts, in the file ${name}`;
      const why = await textInTable(await store.artifacts.openFile(artifact, name));
      if (why !== undefined) return why;
    }
    return undefined;
  };
}

function wordsIn(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
