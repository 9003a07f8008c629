import type { Html } from './html.ts';

/** One drawing with its name. */
export type Panel = { readonly caption: string; readonly drawing: Html };

export type LegendItem = {
  readonly label: string;
  readonly color: string;
  readonly dash?: readonly number[];
  readonly shape?: string;
  /** A shaded area rather than a line. */
  readonly band?: true;
  /** A class of the page: what is shown on demand has its key shown with it. */
  readonly class?: string;
};
