export { type DType, elementCount, type TypedArray } from './dtypes.ts';
export {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  widenBfloat16,
  widenFloat16,
} from './half.ts';
export type { TensorInfo } from './header.ts';
export { decodeNpy, encodeNpy } from './npy.ts';
export { openSafetensors, readFloat32, readTensor, type SafetensorsFile, type Tensor } from './read.ts';
export { concatSafetensors, readFloat32At, readFloat32AtSync } from './slices.ts';
export { type TensorEntry, writeSafetensors } from './write.ts';
