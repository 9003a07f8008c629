import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { openLocalScorer } from '@sonde/scoring';

const SCORER = fileURLToPath(new URL('../../libs/embedded/assets/scorers/toxicity', import.meta.url));
const PROMPTS = fileURLToPath(new URL('../../../shared/data/rtp/rtp-5k.jsonl', import.meta.url));
const ROUNDS = 5;

/** Prompts and continuations of RealToxicityPrompts, about 11 words each; about 10,000 texts. */
function readTexts(path: string): string[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      const row = JSON.parse(line) as { prompt: { text: string }; continuation: { text: string } };
      return [`${row.prompt.text}${row.continuation.text}`, row.prompt.text, row.continuation.text];
    });
}

/** Texts a second of processor time of the embedded scorer: the first pass of a fresh scorer, then the median of later ones. */
export async function main(): Promise<void> {
  const texts = readTexts(PROMPTS);
  const words = texts.reduce((sum, text) => sum + text.trim().split(/\s+/).length, 0) / texts.length;
  const start = performance.now();
  const scorer = await openLocalScorer(SCORER);
  const opened = performance.now() - start;
  const rates: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    // Processor time, so that what else the machine does hardly counts.
    const before = process.cpuUsage();
    await scorer.score(texts);
    const { user, system } = process.cpuUsage(before);
    rates.push((texts.length * 1e6) / (user + system));
  }
  const [first, ...later] = rates as [number, ...number[]];
  const median = later.sort((a, b) => a - b)[ROUNDS >> 1]!;
  console.log(
    JSON.stringify({
      bench: 'scoring',
      texts: texts.length,
      words_per_text: Number(words.toFixed(1)),
      open_ms: Math.round(opened),
      first_pass_texts_per_cpu_second: Math.round(first),
      texts_per_cpu_second: Math.round(median),
    }),
  );
}
