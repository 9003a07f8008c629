import { randomStream } from '@sonde/numerics';

export interface Data {
  readonly states: Float32Array;
  readonly targets: Float64Array[];
  readonly groups: string[];
}

/** States with a falling spectrum, two outlier dimensions and four rows a group; targets that some dimensions tell. */
export function synthesise(rows: number, d: number, targets: number): Data {
  const stream = randomStream(0, 'bench/probing');
  const uniform = () => stream.word() / 0x100000000 - 0.5;
  const states = new Float32Array(rows * d);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let j = 0; j < d; j++, at++) states[at] = (uniform() * 4) / Math.sqrt(1 + j / 16);
    states[row * d + 1] = 60 + states[row * d + 1]!;
    states[row * d + (d >> 1)] = -25 + states[row * d + (d >> 1)]!;
  }
  const groups = Array.from({ length: rows }, (_, row) => `prompt-${row >> 2}`);
  const values = Array.from({ length: targets }, (_, t) =>
    Float64Array.from({ length: rows }, (_, row) => {
      let sum = uniform();
      for (let j = t; j < d; j += 7) sum += (states[row * d + j]! * (1 + (j % 3))) / 20;
      return 1 / (1 + Math.exp(-sum));
    }),
  );
  return { states, targets: values, groups };
}
