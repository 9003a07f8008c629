import { UserError } from '@sonde/base';

/**
 * A correlation corrected for the range of one of its variables: what it would be were that variable's standard deviation
 * `reference` instead of `observed` (Thorndike's case 2). Probes read on labels that vary more seem better; corrected to
 * one spread they can be compared.
 *
 * Source: Sackett & Yang, "Correction for range restriction: an expanded typology", J. Applied Psychology 85(1), 2000.
 * @returns null where a spread is 0
 */
export function correctForRange(r: number, observed: number, reference: number): number | null {
  if (!(r >= -1 && r <= 1)) throw new UserError('argument', `A correlation is ${r}; give a number from -1 to 1.`);
  if (!(observed > 0) || !(reference > 0)) return null;
  const u = reference / observed;
  return (r * u) / Math.sqrt(1 + r ** 2 * (u ** 2 - 1));
}
