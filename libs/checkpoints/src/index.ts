export { type Adapter, EMBEDDING, listAdapterFiles, openAdapter } from './adapter.ts';
export { type Checkpoint, hasWeights, listModelFiles, openCheckpoint, type Weight, weightName } from './checkpoint.ts';
export { equalWeights } from './equal-weights.ts';
export { byteLength, checkExternalData, type DataFile } from './external-data.ts';
export { type Fields, fieldsOf } from './fields.ts';
export { type Folder, type LocalFolder, localFolder, remoteFolder } from './folder.ts';
export { readJson, readJsonIfThere } from './json.ts';
export { mxfp4 } from './quantization/blockwise.ts';
export { planQuantizedFile, type QuantizedFile } from './quantization/file.ts';
export type { Format, LinearShape } from './quantization/format.ts';
export {
  checkPrecision,
  DTYPES,
  findNonFinite,
  type Precision,
  QUANTIZATIONS,
  type Quantization,
  type WeightDtype,
} from './quantization/precision.ts';
export { floatRows, MX_BLOCK, mxfp4Rows, type StoredRows } from './quantization/rows.ts';
export { findReady, readGraphFile } from './ready-folder.ts';
export { writeAt } from './write-at.ts';
