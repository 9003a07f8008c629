/** How attention divides what it reads into heads. */
export interface HeadSizes {
  /** Heads of keys and values; each is shared by as many heads of queries. */
  readonly keyValueHeads: number;
  readonly headSize: number;
  /** The size of a head's queries and keys, and of its place in caches, where it is larger than `headSize`. */
  readonly cachedSize?: number;
}

/** The sizes of a trunk that others need to know. */
export interface TrunkSizes extends HeadSizes {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  /** Heads of queries, as many in every block. */
  readonly heads: number;
  /** Where not all blocks divide into heads as said above: how each does. */
  readonly headsOfBlocks?: readonly HeadSizes[];
  /** Where some blocks look at the keys and values of an earlier one: whose each looks at, its own or that one's. */
  readonly keysOfBlocks?: readonly number[];
  /**
   * In layers with a sliding window, the tokens that a token sees are less than so many positions away; null where no
   * layer has one.
   */
  readonly window: number | null;
  /** Where blocks have experts: how many, and which blocks; not given where none has. */
  readonly experts?: { readonly count: number; readonly blocks: readonly number[] };
}

/** What a run's attention depends on beside its own heads. */
type AttentionSizes = Pick<TrunkSizes, 'heads' | 'headsOfBlocks'> & HeadSizes;

/** Numbers that a cache keeps of a token's key, or value, in one head. */
export function cachedSize({ headSize, cachedSize: own }: Pick<HeadSizes, 'headSize' | 'cachedSize'>): number {
  return own ?? headSize;
}

export function headsOf(sizes: AttentionSizes, block: number): HeadSizes {
  return sizes.headsOfBlocks?.[block] ?? sizes;
}

/** The different divisions into heads that a trunk's blocks have, in the order of the blocks. */
export function headForms(sizes: AttentionSizes): readonly HeadSizes[] {
  const all = sizes.headsOfBlocks ?? [sizes];
  return all.filter((heads, at) => all.findIndex((other) => isAlike(heads, other)) === at);
}

/** Which of `headForms` a block has. */
export function headFormOf(sizes: AttentionSizes, block: number): number {
  return headForms(sizes).findIndex((form) => isAlike(form, headsOf(sizes, block)));
}

function isAlike(a: HeadSizes, b: HeadSizes): boolean {
  return a.keyValueHeads === b.keyValueHeads && a.headSize === b.headSize && cachedSize(a) === cachedSize(b);
}

/** Heads of queries that share a head of keys: the most of any block. */
export function mostSharing(sizes: AttentionSizes): number {
  return Math.max(...headForms(sizes).map(({ keyValueHeads }) => sizes.heads / keyValueHeads));
}

/** What a cache keeps of each token: a key, and a value, in so many heads, of so many numbers each. */
export interface CacheSize {
  readonly heads: number;
  readonly size: number;
  /** Which of `headForms` that is. */
  readonly form: number;
}

type CachedSizes = AttentionSizes & Pick<TrunkSizes, 'layers' | 'keysOfBlocks'>;

/** The blocks that have keys and values of their own, in order: as many caches there are. */
function owners({ layers, keysOfBlocks }: CachedSizes): number[] {
  return Array.from({ length: layers }, (_, block) => block).filter(
    (block) => (keysOfBlocks?.[block] ?? block) === block,
  );
}

/** The caches of a trunk. */
export function cacheSizes(sizes: CachedSizes): readonly CacheSize[] {
  return owners(sizes).map((block) => {
    const own = headsOf(sizes, block);
    return { heads: own.keyValueHeads, size: cachedSize(own), form: headFormOf(sizes, block) };
  });
}

/** Which of a trunk's caches a block looks at. */
export function cacheOf(sizes: CachedSizes, block: number): number {
  return owners(sizes).indexOf(sizes.keysOfBlocks?.[block] ?? block);
}

/** Numbers that all caches keep of a token. */
export function numbersCached(sizes: CachedSizes): number {
  return cacheSizes(sizes).reduce((sum, { heads, size }) => sum + 2 * heads * size, 0);
}
