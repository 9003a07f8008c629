import { parseArgs } from 'node:util';
import { type CaptureItem, capture, openModel } from '@sonde/engine';
import {
  compete,
  type Measured,
  measured,
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
  --length N      tokens of each (40)
${PLACE_USAGE}  --rounds N      rounds of both; the best counts (2)
  --headless      against the base model, which computes no logits
`;

interface Work {
  readonly batches: number;
  readonly rows: number;
  readonly length: number;
  readonly place: Place;
}

async function runOwn(folder: string, { batches, rows, length, place }: Work): Promise<Measured> {
  const model = await openModel(folder, openOptionsOf(place));
  const text = Array.from({ length }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
  const items = Array.from({ length: batches * rows }, (_, i): CaptureItem => {
    return { prompt: { id: String(i), rendered: text, spanStart: 0, spanEnd: text.length } };
  });
  const options = { layers: 'all', pool: ['prompt'] } as const;
  await capture(model, items.slice(0, rows), options);
  const started = performance.now();
  const { residual } = await capture(model, items, options);
  const result = measured(started);
  await model.close();
  if (residual!.pools.prompt!.shape[0] !== items.length) throw new Error('states are missing');
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
      ...PLACE,
      rounds: { type: 'string', default: '2' },
      headless: { type: 'boolean', default: false },
      own: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const { batches, rows, length } = values;
  const place = placeArguments(values);
  if (values.own !== undefined) {
    const work = { batches: Number(batches), rows: Number(rows), length: Number(length), place: values };
    return console.log(JSON.stringify(await runOwn(values.own, work)));
  }
  compete({
    name: 'capture',
    shapes: values.shapes,
    python: values.python,
    rounds: Number(values.rounds),
    own: ['--batches', batches, '--rows', rows, '--length', length, ...place.own],
    peer: ['capture', batches, rows, length, ...place.peer, ...(values.headless ? ['headless'] : [])],
    total: Number(batches) * Number(rows),
    unit: 'sequences',
  });
}
