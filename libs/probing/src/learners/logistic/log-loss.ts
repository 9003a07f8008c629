/** The probabilities that logits give, [classes], in place. */
export function softmax(logits: Float64Array): Float64Array {
  const most = logits.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let k = 0; k < logits.length; k++) {
    logits[k] = Math.exp(logits[k]! - most);
    sum += logits[k]!;
  }
  for (let k = 0; k < logits.length; k++) logits[k] = logits[k]! / sum;
  return logits;
}

/** −log of the probability that softmax of the logits gives to one of them. */
export function crossEntropy(logits: Float64Array, truth: number): number {
  const most = logits.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY);
  return most - logits[truth]! + Math.log(logits.reduce((sum, value) => sum + Math.exp(value - most), 0));
}

export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** −log of the probability that log-odds x give to y, which is 1 or 0. */
export function logLoss(x: number, y: number): number {
  return Math.max(x, 0) - x * y + Math.log1p(Math.exp(-Math.abs(x)));
}
