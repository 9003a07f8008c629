export type { Decoder, DecoderSizes } from './architectures/architecture.ts';
export { ARCHITECTURES, describeDecoder } from './architectures/registry.ts';
export { type DecodingForm, decoderGraph, type GraphForm } from './graph/decoder-graph.ts';
export { addDraw } from './graph/draw.ts';
export { editNames } from './graph/edits.ts';
export { LOOP_ROUNDS } from './graph/loop-graph.ts';
export { TRIES } from './graph/nucleus.ts';
export { fusedProduct, plainProduct } from './graph/products.ts';
export { causalMask, loopMasks, type Mask, stepMask } from './masks.ts';
export { rotaryTables } from './rotary.ts';
export {
  CAPTURE_SITES,
  type CaptureSite,
  covers,
  type Features,
  joinFeatures,
  PLAIN,
  type PoolLayout,
  poolLayout,
  SITES,
  type Site,
  siteShape,
  siteSize,
} from './sites.ts';
