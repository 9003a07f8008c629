import { shorten } from '../values/words.ts';

interface NumberProblem {
  readonly message: string;
  readonly hint: string;
}

const TEXT = 'put it in quotes if text will do';

/** Why a number that YAML reads is not taken: it would be another than the one that is written. */
export function numberProblem(value: number, source: string): NumberProblem | undefined {
  const written = `\`${shorten(source)}\``;
  if (!Number.isFinite(value)) return { message: `${written} is not a finite number`, hint: TEXT };
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    return { message: `${written}: a whole number beyond ±9007199254740991 cannot be kept exactly`, hint: TEXT };
  if (/^[-+]?0\d/.test(source)) {
    return {
      message: `${written} begins with 0: some programs read it as octal, others as decimal`,
      hint: `write \`${value}\`, or \`0o…\` for octal; in quotes it is text`,
    };
  }
  if (value === 0 && /[1-9]/.test(source.replace(/e.*$/i, '')) && !/^0[ox]/.test(source))
    return { message: `${written} is too near to 0 to be told from it`, hint: TEXT };
  return undefined;
}
