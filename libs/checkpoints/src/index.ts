export { type Adapter, adapterNumbers, EMBEDDING, listAdapterFiles, openAdapter } from './adapter.ts';
export { type Checkpoint, hasWeights, listModelFiles, openCheckpoint, type Weight } from './checkpoint.ts';
export { equalWeights } from './equal-weights.ts';
export { byteLength, checkExternalData, type DataFile } from './external-data.ts';
export { type Fields, fieldsOf } from './fields.ts';
export { type Folder, type LocalFolder, localFolder, remoteFolder } from './folder.ts';
export { readJson, readJsonIfThere } from './json.ts';
export { planUnpackedFile, type UnpackedFile } from './packed/file.ts';
export { unpack } from './packed/unpack.ts';
export { mxfp4 } from './quantization/blockwise.ts';
export { type KeepFile, planQuantizedFile, type QuantizedFile } from './quantization/file.ts';
export type { Format, LinearShape } from './quantization/format.ts';
export { checkPrecision, findNonFinite, type Precision, type PrecisionOptions } from './quantization/precision.ts';
export { floatRows, MX_BLOCK, mxfp4Rows, type StoredRows } from './quantization/rows.ts';
export {
  COMPUTE_DTYPES,
  type ComputeDtype,
  DTYPES,
  QUANTIZATIONS,
  type Quantization,
  type WeightDtype,
} from './quantization/words.ts';
export { readWeight } from './read-weight.ts';
export { findReady, readGraphFile } from './ready-folder.ts';
export { writeAt } from './write-at.ts';
