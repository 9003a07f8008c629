import { UserError } from '@sonde/base';
import type { DataFile } from '@sonde/checkpoints';
import { type Features, type Gates, poolLayout } from '@sonde/networks';
import type { Engine, RunResult } from '../engine.ts';
import type { Provider } from '../session/providers.ts';
import { openCore } from './core.ts';
import { withoutGaps } from './dense.ts';
import { openDrawSession } from './draw-session.ts';
import { sessionOf } from './session.ts';
import { cutGraph, type ReadyDecoder } from './surgery.ts';

/** Operators that take from an attention mask no more than a length. */
const LENGTH_ALONE = new Set(['GroupQueryAttention', 'SparseAttention', 'PagedAttention']);

/**
 * Whether tokens in the middle of a cache can be left out by the attention mask. Not where the graph attends to a window:
 * it counts the cache's slots, empty ones too.
 */
function takesGaps({ io, graph, windowed }: Pick<ReadyDecoder, 'io' | 'graph' | 'windowed'>): boolean {
  const reduced = graph.nodes.some(({ opType }) => LENGTH_ALONE.has(opType));
  return io.attentionMask !== null && io.positionIds !== null && !reduced && !windowed;
}

/** What of a block can be bypassed alone depends on how the graph adds it up. */
function checkGates(decoder: ReadyDecoder, { attention, mlp }: Gates): void {
  for (const { block, part } of decoder.stream.adds) {
    if (part === 'both' && attention[block] !== mlp[block]) {
      throw new UserError(
        'model',
        `This ready graph adds attention and MLP of block ${block} to the residual stream at once, so only bypass is available there, not bypass_attention or bypass_mlp.`,
      );
    }
  }
}

/** An engine over a ready decoder graph: the same requests and results as over the graphs built here. */
export async function createReadyEngine(
  decoder: ReadyDecoder,
  files: readonly DataFile[],
  features: Features,
  provider: Provider,
  threads: number,
): Promise<Engine> {
  const { sizes } = decoder;
  const layout = poolLayout(sizes, []);
  const session = await sessionOf(cutGraph(decoder, layout, features.maximum), files, provider, threads);
  const drawing = await openDrawSession(sizes.vocabSize, threads);
  const open = await openCore(session, decoder, layout.size, features.maximum);
  const core = takesGaps(decoder) ? open : withoutGaps(open, sizes, layout.size);
  return {
    sizes,
    features,
    layout,
    // An exporter's graph makes its own mask, which need not be right for several tokens behind a padded cache.
    branches: false,
    async release() {
      await session.release();
      await drawing.release();
    },
    async run({ head, logits: wantsLogits, ...request }): Promise<RunResult> {
      checkGates(decoder, request.changes.gates);
      const { logits, ...result } = await core({ ...request, rows: head?.rows ?? new Int32Array(0) });
      const nothing = { tokens: new Int32Array(0), logprobs: new Float32Array(0), pending: [] };
      const drawn = head && head.rows.length > 0 ? await drawing.draw(logits, head) : nothing;
      return { ...result, ...drawn, logits: wantsLogits ? logits : null };
    },
  };
}
