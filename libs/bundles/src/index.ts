export { MAX_INPUT, type TextCheck } from './collect.ts';
export { type CreateOptions, createBundle } from './create.ts';
export type { BundleFile, BundleResult, Manifest } from './manifest.ts';
export {
  type Brought,
  bringResults,
  paramsFileIn,
  requireNew,
  type Verified,
  verifyBundle,
  writeFiles,
} from './open.ts';
export { type Bundle, readBundle } from './read.ts';
