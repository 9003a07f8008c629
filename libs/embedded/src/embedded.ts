import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@sonde/base';
import { closest } from 'fastest-levenshtein';

export type EmbeddedKind = 'model' | 'adapter' | 'table' | 'scorer';

/** What a name behind `embedded:` stands for. */
export interface EmbeddedAsset {
  /** The name as written, with its revision: `parlour-base@step-2`. */
  readonly name: string;
  readonly kind: EmbeddedKind;
  /** Absolute: a folder in the hub's layout (model), in PEFT's (adapter), a JSONL file (table), a folder (scorer). */
  readonly path: string;
  /** Of an adapter: the name of the model that it was trained on. */
  readonly base?: string;
}

interface Entry {
  readonly path: string;
  readonly base?: string;
  readonly revisions?: Readonly<Record<string, string>>;
}

type Index = Readonly<Record<'models' | 'adapters' | 'tables' | 'scorers', Readonly<Record<string, Entry>>>>;

const ASSETS = join('libs', 'embedded', 'assets');
const KINDS = [
  ['models', 'model'],
  ['adapters', 'adapter'],
  ['tables', 'table'],
  ['scorers', 'scorer'],
] as const;

/**
 * The asset that `embedded:<ref>` names, e.g. `parlour-base`, `parlour-base@step-2`, `parlour-prompts`, `toxicity`.
 * Says where it is; does not open it.
 *
 * @param kinds what is wanted: of a name that is not there, those of these kinds are told
 * @throws UserError for a name that is not there
 */
export function resolveEmbedded(ref: string, kinds?: readonly string[]): EmbeddedAsset {
  const assets = listEmbedded();
  const found = assets.find((asset) => asset.name === ref);
  if (found) return found;
  const wanted = assets.filter(({ kind }) => kinds?.includes(kind) ?? true);
  const names = (wanted.length > 0 ? wanted : assets).map((asset) => asset.name);
  throw new UserError(
    'data',
    `nothing is embedded under the name "${ref}"; did you mean "${closest(ref, names)}"? There are: ${names.join(', ')}.`,
  );
}

/** All that is embedded, each revision by itself, in the order of the index: models, adapters, tables, scorers. */
export function listEmbedded(): EmbeddedAsset[] {
  const folder = assetsFolder();
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as Index;
  return KINDS.flatMap(([section, kind]) =>
    Object.entries(index[section]).flatMap(([name, entry]) => [
      { name, kind, path: join(folder, entry.path), ...(entry.base === undefined ? {} : { base: entry.base }) },
      ...Object.entries(entry.revisions ?? {}).map(([revision, path]) => ({
        name: `${name}@${revision}`,
        kind,
        path: join(folder, path),
      })),
    ]),
  );
}

/** From the sources the module lies in libs/embedded/src, in the published package in dist: so look upwards. */
function assetsFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, ASSETS);
    if (existsSync(join(candidate, 'index.json'))) return candidate;
    if (folder === dirname(folder)) {
      throw new Error(`no folder above ${start} holds ${ASSETS}: the installation is incomplete, install sonde again`);
    }
  }
}
