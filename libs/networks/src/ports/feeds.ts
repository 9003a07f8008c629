/** What an input of a graph is given: numbers and their shape, which a runtime makes a tensor of. */
export type Feed = { readonly dims: readonly number[] } & (
  | { readonly type: 'float32'; readonly data: Float32Array }
  | { readonly type: 'int64'; readonly data: BigInt64Array }
  | { readonly type: 'int32'; readonly data: Int32Array }
  | { readonly type: 'bool'; readonly data: Uint8Array }
);

/** By the names of the inputs. */
export type Feeds = Readonly<Record<string, Feed>>;

export function floats(data: Float32Array, dims: readonly number[] = [data.length]): Feed {
  return { type: 'float32', data, dims };
}

/** One number, of shape []. */
export function scalar(value: number): Feed {
  return floats(Float32Array.of(value), []);
}

export function int64s(values: readonly number[] | BigInt64Array, dims: readonly number[] = [values.length]): Feed {
  const data = values instanceof BigInt64Array ? values : BigInt64Array.from(values, BigInt);
  return { type: 'int64', data, dims };
}

export function int32s(data: Int32Array, dims: readonly number[] = [data.length]): Feed {
  return { type: 'int32', data, dims };
}

export function bool(value: boolean): Feed {
  return { type: 'bool', data: Uint8Array.of(value ? 1 : 0), dims: [] };
}

/** The same for inputs whose names begin with `prefix`. */
export function withPrefix(prefix: string, feeds: Feeds): Feeds {
  return Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [prefix + name, feed]));
}
