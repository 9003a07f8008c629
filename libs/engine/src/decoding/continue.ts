import type { Engine } from '../engine.ts';
import type { Decoding } from '../options.ts';
import type { TokenizedPrompt } from '../prompts.ts';
import { type DecodeSetting, decode } from './decode.ts';
import { decodeInLoop } from './loop.ts';
import { type PromptStates, prefill } from './prefill.ts';
import type { Sequence } from './sequence.ts';

/**
 * Continues prompts until all of their sequences have ended: inside the graph where it can, else a step at a time. Both
 * give the same tokens. Outside the graph remain what differs from token to token (replacing states, every token's
 * states, tokens that cannot come) and draws that the numbers inside did not decide.
 * @param sequences of each prompt, as many for each
 */
export async function continuePrompts(
  engine: Engine,
  prompts: readonly TokenizedPrompt[],
  sequences: readonly (readonly Sequence[])[],
  decoding: Decoding,
  setting: DecodeSetting,
  states: PromptStates,
): Promise<void> {
  const { loop } = engine;
  const everyToken = setting.pools.includes('tokens') || states.pools.includes('tokens');
  if (!loop || everyToken || !setting.plan.constant || decoding.bans) {
    const cache = await prefill(engine, prompts, sequences, decoding, setting, states);
    await decode(engine, sequences, cache, decoding, setting);
    return;
  }
  await decodeInLoop({ ...engine, loop }, prompts, sequences, decoding, setting, states);
  for (const [i, prompt] of prompts.entries()) {
    const undecided = [sequences[i]!.filter(({ tokens }) => tokens.length === 0)];
    if (undecided[0]!.length === 0) continue;
    const cache = await prefill(engine, [prompt], undecided, decoding, setting, { ...states, pools: [] });
    await decode(engine, undecided, cache, decoding, setting);
  }
}
