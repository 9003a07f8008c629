import { parseArgs } from 'node:util';
import { type CaptureItem, capture, openModel } from '@sonde/engine';
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

const USAGE = `Times teacher-forced capture (means of all layers' states) against transformers' forward with
output_hidden_states, on random weights in known shapes.
  --python PATH   a Python with torch and transformers: makes the checkpoints and runs the peer (required)
  --shapes LIST   ${SHAPES} (all)
  --batches N     batches (10)
  --rows N        sequences a batch (32)
  --length N      tokens of each, or of each one's prompt (40)
  --samples N     continuations that are captured of each prompt (0: prompts alone)
  --tokens N      tokens of each continuation (20)
${PLACE_USAGE}  --rounds N      rounds of both; the best counts (2)
  --headless      against the base model, which computes no logits
`;

interface Work {
  readonly batches: number;
  readonly rows: number;
  readonly length: number;
  readonly samples: number;
  readonly tokens: number;
  readonly place: Place;
}

function letters(from: number, count: number): string {
  return Array.from({ length: count }, (_, i) => String.fromCharCode(97 + ((from + i) % 26))).join('');
}

/** Sequences, as many in a row of one prompt as it has continuations. */
function itemsOf({ batches, rows, length, samples, tokens }: Work): CaptureItem[] {
  return Array.from({ length: batches * rows }, (_, i): CaptureItem => {
    const id = samples === 0 ? i : Math.floor(i / samples);
    const prompt = { id: String(id), rendered: letters(0, length), spanStart: 0, spanEnd: length };
    if (samples === 0) return { prompt };
    return { prompt, sample: i % samples, continuation: { text: letters(length + i, tokens) } };
  });
}

async function runOwn(folder: string, work: Work): Promise<Measured> {
  const model = await openModel(folder, openOptionsOf(work.place));
  const items = itemsOf(work);
  const pool = work.samples === 0 ? (['prompt'] as const) : (['prompt', 'continuation'] as const);
  const options = { layers: 'all', pool } as const;
  await capture(model, items.slice(0, work.rows), options);
  const started = now();
  const { residual } = await capture(model, items, options);
  const result = measured(started);
  await model.close();
  if (residual!.pools[pool.at(-1)!]!.shape[0] !== items.length) throw new Error('states are missing');
  return result;
}

/** Runs the benchmark. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: 'string' },
      shapes: { type: 'string', default: SHAPES },
      batches: { type: 'string', default: '10' },
      rows: { type: 'string', default: '32' },
      length: { type: 'string', default: '40' },
      samples: { type: 'string', default: '0' },
      tokens: { type: 'string', default: '20' },
      ...PLACE,
      rounds: { type: 'string', default: '2' },
      headless: { type: 'boolean', default: false },
      own: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const { batches, rows, length, samples, tokens } = values;
  if (values.own !== undefined) {
    const work = {
      batches: Number(batches),
      rows: Number(rows),
      length: Number(length),
      samples: Number(samples),
      tokens: Number(tokens),
      place: values,
    };
    return console.log(JSON.stringify(await runOwn(values.own, work)));
  }
  const read = String(Number(length) + (samples === '0' ? 0 : Number(tokens)));
  const own = { batches, rows, length, samples, tokens };
  const place = placeArguments(values);
  compete({
    name: 'capture',
    shapes: values.shapes,
    python: values.python,
    rounds: Number(values.rounds),
    own: [...Object.entries(own).flatMap(([name, value]) => [`--${name}`, value]), ...place.own],
    peer: ['capture', batches, rows, read, ...place.peer, ...(values.headless ? ['headless'] : [])],
    total: Number(batches) * Number(rows),
    unit: 'sequences',
  });
}
