import { parseArgs } from 'node:util';
import { classify, openClassifier } from '@sonde/engine';
import { randomStream } from '@sonde/numerics';
import { compete, type Measured, measured, now } from './peer.ts';

const USAGE = `Times a sequence classifier of random weights on short texts against transformers, which reads them in the order
given and pads each batch to its longest, as its pipelines do.
  --python PATH   a Python with torch and transformers: makes the checkpoint and runs the peer (required)
  --shapes LIST   (roberta-base)
  --texts N       (256)
  --batch N       sequences a batch of transformers (16)
  --threads N     (2)
  --rounds N      rounds of both; the best counts (2)
`;

/** Tokens of texts of a few to fifty words, special tokens included: most are short. */
function lengthsOf(count: number): number[] {
  const stream = randomStream(0, 'classification');
  return Array.from({ length: count }, () => 6 + stream.below(20) + (stream.below(8) === 0 ? stream.below(40) : 0));
}

async function runOwn(folder: string, lengths: readonly number[], threads: number): Promise<Measured> {
  const model = await openClassifier(folder, { device: 'cpu', threads });
  const sequences = lengths.map((length) => Array.from({ length }, (_, i) => (i % 26) + 2));
  await classify(model, sequences.slice(0, 16));
  const started = now();
  const logits = await classify(model, sequences);
  const result = measured(started);
  if (logits.length !== lengths.length * model.config.labels.length) throw new Error('logits are missing');
  await model.close();
  return result;
}

/** Runs the benchmark. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: 'string' },
      shapes: { type: 'string', default: 'roberta-base' },
      texts: { type: 'string', default: '256' },
      batch: { type: 'string', default: '16' },
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '2' },
      own: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const { texts, batch, threads } = values;
  const lengths = lengthsOf(Number(texts));
  if (values.own !== undefined) {
    return console.log(JSON.stringify(await runOwn(values.own, lengths, Number(threads))));
  }
  compete({
    name: 'classification',
    shapes: values.shapes,
    python: values.python,
    rounds: Number(values.rounds),
    own: ['--texts', texts, '--threads', threads],
    peer: ['classify', JSON.stringify(lengths), batch, threads],
    total: lengths.length,
    unit: 'texts',
  });
}
