/** Takes the share of some work that is done, ascending from 0 to 1. */
export type Progress = (share: number) => void;

export const UNTOLD: Progress = () => {};

/** The progress of parts of a work that follow each other, by how much work each is. */
export function partsOf(whole: Progress, work: readonly number[]): Progress[] {
  const sum = work.reduce((total, of) => total + of, 0);
  let before = 0;
  return work.map((of) => {
    const start = before;
    before += of;
    return (share) => whole(sum === 0 ? 1 : (start + of * share) / sum);
  });
}
