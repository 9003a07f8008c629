import type { Feed, Feeds } from '@sonde/networks';
import type { Tensor as OrtTensor } from 'onnxruntime-node';

/** The class of tensors, given by whoever has loaded the runtime. */
export type TensorClass = typeof OrtTensor;

function tensorOf(Tensor: TensorClass, feed: Feed): OrtTensor {
  switch (feed.type) {
    case 'float32':
      return new Tensor('float32', feed.data, feed.dims);
    case 'int64':
      return new Tensor('int64', feed.data, feed.dims);
    case 'int32':
      return new Tensor('int32', feed.data, feed.dims);
    case 'bool':
      return new Tensor('bool', feed.data, feed.dims);
  }
}

/** Feeds as the runtime takes them. */
export function tensorsOf(Tensor: TensorClass, feeds: Feeds): Record<string, OrtTensor> {
  return Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, tensorOf(Tensor, feed)]));
}
