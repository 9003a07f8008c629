/**
 * The nucleus of logits, plainly: the smallest set of most probable tokens with mass ≥ topP at a temperature, equal
 * probabilities with the lower id first. A reference for the sampler in the graph, in float64.
 * @returns probabilities of all tokens, and the ids of the nucleus in ascending order
 */
export function nucleusOf(
  logits: ArrayLike<number>,
  temperature: number,
  topP: number,
): { probabilities: Float64Array; nucleus: number[] } {
  const scaled = Float64Array.from(logits, (logit) => logit / temperature);
  const greatest = scaled.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const exponentials = scaled.map((value) => Math.exp(value - greatest));
  const total = exponentials.reduce((a, b) => a + b, 0);
  const probabilities = exponentials.map((value) => value / total);
  const byProbability = Array.from(probabilities.keys()).sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  let mass = 0;
  let size = 0;
  while (size < byProbability.length && (mass < topP || topP === 1)) mass += probabilities[byProbability[size++]!]!;
  return { probabilities, nucleus: byProbability.slice(0, size).sort((a, b) => a - b) };
}

/** Draws from a nucleus by inverse CDF in id order: the first id whose cumulative mass exceeds u · nucleus mass. */
export function drawReference(probabilities: ArrayLike<number>, nucleus: readonly number[], u: number): number {
  const mass = nucleus.reduce((sum, id) => sum + probabilities[id]!, 0);
  let cumulative = 0;
  for (const id of nucleus) {
    cumulative += probabilities[id]!;
    if (cumulative > u * mass) return id;
  }
  return nucleus.at(-1)!;
}
