import type { ArtifactType } from '@sonde/pipeline';
import type { Digest } from '@sonde/store';
import type { FetchHooks } from './remote.ts';

/** Data from outside the graph, wherever it lies: what it is, without its bytes. */
export interface OutsideData {
  readonly type: ArtifactType;
  readonly digest: Digest;
  /** The reference with the commit that it stands for, where a reference can move. */
  readonly identity?: string;
  /** Where its bytes lie; what another machine has is brought, once, and checked. */
  open(hooks: FetchHooks): Promise<string>;
  /** Bytes that `open` would bring; undefined: as many as another machine has, which it does not say before. */
  missing(): Promise<number | undefined>;
  /** Every file of it with its digest, once it is open: for those who read it elsewhere. */
  files(): readonly { readonly path: string; readonly digest: Digest }[];
  /** The first file that is not what it was when its digest was taken, or when it was brought here. */
  changedFile(): Promise<string | undefined>;
}

/** What a reference stands for can only be known by asking another machine, which planning does not do. */
export class DataUnknown extends Error {
  override readonly name = 'DataUnknown';
  readonly ref: string;
  constructor(ref: string, why: string) {
    super(why);
    this.ref = ref;
  }
}
