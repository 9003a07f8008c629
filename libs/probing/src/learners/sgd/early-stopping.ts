/** Stops a training when `patience` epochs in a row brought no validation loss strictly below the best one. */
export class EarlyStopping {
  readonly #patience: number;
  #best = Number.POSITIVE_INFINITY;
  #without = 0;

  constructor(patience: number) {
    this.#patience = patience;
  }

  /** Takes an epoch's validation loss: whether it is the best so far, and whether to stop after it. */
  take(loss: number): { best: boolean; stop: boolean } {
    const best = loss < this.#best;
    if (best) {
      this.#best = loss;
      this.#without = 0;
    } else this.#without++;
    return { best, stop: this.#without >= this.#patience };
  }
}
