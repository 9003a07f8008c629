import { parseArgs } from 'node:util';
import { forward, generate, openModel } from '@sonde/engine';
import { randomStream } from '@sonde/numerics';
import {
  compete,
  type Measured,
  measured,
  now,
  openOptionsOf,
  PLACE,
  PLACE_USAGE,
  type Place,
  placeArguments,
  SHAPES,
} from './peer.ts';

const USAGE = `Times generation with pooled states of all layers against transformers, on random weights in known shapes.
  --python PATH   a Python with torch and transformers: makes the checkpoints and runs the peer (required)
  --shapes LIST   ${SHAPES} (all)
  --prompts N     prompts of 8 to 24 tokens (8)
  --samples N     continuations a prompt (25)
  --tokens N      new tokens of each (20)
  --temperature X of the draw (1)
  --top-k N       most probable tokens that are drawn from (0: all); top-p is 0.9 throughout
${PLACE_USAGE}  --rounds N      rounds of both; the best counts (2)
`;

interface Work {
  readonly prompts: readonly string[];
  readonly samples: number;
  readonly tokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly place: Place;
}

export function makePrompts(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const stream = randomStream(0, `prompt/${i}`);
    return Array.from({ length: 8 + stream.below(17) }, () => String.fromCharCode(97 + stream.below(26))).join('');
  });
}

async function runOwn(folder: string, { prompts, samples, tokens, temperature, topK, place }: Work): Promise<Measured> {
  const model = await openModel(folder, openOptionsOf(place));
  const items = prompts.map((text, i) => ({ id: String(i), rendered: text, spanStart: 0, spanEnd: text.length }));
  await forward(model, [1]);
  const started = now();
  const { continuations } = await generate(model, items, {
    num_return_sequences: samples,
    max_new_tokens: tokens,
    temperature,
    top_k: topK,
    top_p: 0.9,
    capture: { layers: 'all', pool: ['prompt', 'continuation'] },
  });
  const result = measured(started);
  await model.close();
  if (continuations.length !== prompts.length * samples) throw new Error('continuations are missing');
  return result;
}

/** Runs the benchmark. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: 'string' },
      shapes: { type: 'string', default: SHAPES },
      prompts: { type: 'string', default: '8' },
      samples: { type: 'string', default: '25' },
      tokens: { type: 'string', default: '20' },
      temperature: { type: 'string', default: '1' },
      'top-k': { type: 'string', default: '0' },
      ...PLACE,
      rounds: { type: 'string', default: '2' },
      own: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const { samples, tokens, temperature, 'top-k': topK } = values;
  const place = placeArguments(values);
  const prompts = makePrompts(Number(values.prompts));
  if (values.own !== undefined) {
    const drawn = {
      samples: Number(samples),
      tokens: Number(tokens),
      temperature: Number(temperature),
      topK: Number(topK),
    };
    return console.log(JSON.stringify(await runOwn(values.own, { prompts, ...drawn, place: values })));
  }
  compete({
    name: 'generation',
    shapes: values.shapes,
    python: values.python,
    rounds: Number(values.rounds),
    own: [
      ...['--prompts', values.prompts, '--samples', samples, '--tokens', tokens],
      ...['--temperature', temperature, '--top-k', topK, ...place.own],
    ],
    peer: ['generate', JSON.stringify(prompts), samples, tokens, temperature, topK, ...place.peer],
    total: prompts.length * Number(samples),
    unit: 'continuations',
  });
}
