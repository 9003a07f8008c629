import type { Shape } from './shape.ts';

/** Orders of one shape that are waited for, those at work included. */
export interface Demand {
  /** What a worker is told to take. */
  readonly name: string;
  readonly shape: Shape;
  readonly orders: number;
}

/** Starts workers elsewhere, as jobs of a cluster. Without one, somebody starts them by hand. */
export interface Launcher {
  /**
   * Sees to it that there are workers for this; called again and again, with all that is left. Gives what a person should
   * know, each time it holds; it is told once.
   *
   * @throws UserError where there will never be workers for it
   */
  want(demand: readonly Demand[]): Promise<readonly string[]>;
  /** Ends the workers. */
  cancel(): Promise<void>;
}
