import { isRecord, type JsonObject, UserError } from '@sonde/base';
import type { Digest, Key } from '@sonde/store';
import { clashOf, isSafePath } from './names.ts';

/** A file of a bundle: of the pipeline, or what it reads. */
export interface BundleFile {
  /** Below the folder that a bundle is opened into. */
  readonly path: string;
  readonly role: 'pipeline' | 'lock' | 'module' | 'input' | 'report';
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface BundleResult {
  readonly task: string;
  readonly key: Key;
  /** Where it comes from: the run that computed it, when, in how long. */
  readonly run: string;
  readonly created: string;
  readonly seconds: number;
}

/** What a bundle says of itself. */
export interface Manifest {
  readonly sonde_bundle: 1;
  readonly name: string;
  readonly description: string;
  /** Which of the files is the pipeline. */
  readonly pipeline: string;
  /** Values of the parameters, where they were not those of the file. */
  readonly params: JsonObject | null;
  readonly files: readonly BundleFile[];
  /** Data that the pipeline reads and that is not in the bundle, as the pipeline says it, and why not. */
  readonly needed: readonly { readonly ref: string; readonly why: string }[];
  readonly results: readonly BundleResult[];
  /** Tasks whose results are not in the bundle, and why not. */
  readonly left_out: readonly { readonly task: string; readonly why: string }[];
  readonly contents: readonly { readonly digest: Digest; readonly size: number }[];
}

export const MANIFEST = 'bundle.json';
/** Largest manifest that is read, in bytes. */
export const MAX_MANIFEST = 64 * 1024 * 1024;
/** Most entries that a bundle may have. */
export const MAX_ENTRIES = 200_000;

export function fileEntry(path: string): string {
  return `files/${path}`;
}

export function resultEntry(key: Key): string {
  return `results/${key.slice(7)}.json`;
}

export function contentEntry(digest: Digest): string {
  return `contents/${digest.slice(7)}`;
}

/** The error of a bundle that cannot be believed. */
export function refused(bundle: string, found: string): UserError {
  return new UserError(
    'data',
    `${bundle} is refused: ${found}`,
    'It was damaged on its way, or is none that sonde made. Ask for it again.',
  );
}

/** Reads a manifest, field by field: it comes from a stranger. */
export function readManifest(text: string, bundle: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refused(bundle, `its ${MANIFEST} is not JSON`);
  }
  if (isRecord(value) && typeof value.sonde_bundle === 'number' && value.sonde_bundle !== 1)
    throw refused(bundle, `it is of version ${value.sonde_bundle}, and this version of Sonde reads version 1`);
  if (!isManifest(value)) throw refused(bundle, `its ${MANIFEST} lacks a field, or has one of another form`);
  const paths = value.files.map(({ path }) => path);
  const unsafe = paths.find((path) => !isSafePath(path));
  if (unsafe !== undefined) throw refused(bundle, `it has a file whose path is not safe: ${JSON.stringify(unsafe)}`);
  const clash = clashOf([...paths, ...(value.params === null ? [] : [paramsPath(value)])]);
  if (clash !== undefined) throw refused(bundle, `it has two files in one place: ${JSON.stringify(clash)}`);
  if (!value.files.some(({ path, role }) => path === (value as Manifest).pipeline && role === 'pipeline'))
    throw refused(bundle, 'it has no pipeline file');
  return value;
}

/** Where the values of the parameters are written when a bundle is opened: beside the pipeline. */
export function paramsPath({ pipeline }: Pick<Manifest, 'pipeline'>): string {
  return pipeline.replace(/[^/]*$/, 'bundle.params.json');
}

function isManifest(value: unknown): value is Manifest {
  return (
    isRecord(value) &&
    value.sonde_bundle === 1 &&
    [value.name, value.description, value.pipeline].every((field) => typeof field === 'string') &&
    (value.params === null || isRecord(value.params)) &&
    isListOf(value.files, (file) => isText(file.path, file.role) && isContent(file)) &&
    isListOf(value.needed, (one) => isText(one.ref, one.why)) &&
    isListOf(
      value.results,
      (one) => isText(one.task, one.run, one.created) && isDigest(one.key) && typeof one.seconds === 'number',
    ) &&
    isListOf(value.left_out, (one) => isText(one.task, one.why)) &&
    isListOf(value.contents, isContent)
  );
}

function isListOf(value: unknown, is: (item: Readonly<Record<string, unknown>>) => boolean): boolean {
  return Array.isArray(value) && value.every((item) => isRecord(item) && is(item));
}

function isText(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'string');
}

function isContent({ digest, size }: Readonly<Record<string, unknown>>): boolean {
  return isDigest(digest) && Number.isSafeInteger(size) && Number(size) >= 0;
}

function isDigest(value: unknown): boolean {
  return typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value);
}
