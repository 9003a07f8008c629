/**
 * Eight colours that stay apart for readers with any of the common colour vision deficiencies, after Okabe and Ito
 * (2008, "Color Universal Design"), darkened for a light page and lightened for a dark one so that each stands out
 * by at least 3 : 1 (WCAG 2.2, 1.4.11). Lines differ by dash too.
 */
export const SERIES: readonly { readonly light: string; readonly dark: string }[] = [
  { light: '#0063a8', dark: '#56a8e8' },
  { light: '#c2470a', dark: '#f0803c' },
  { light: '#a3427a', dark: '#dd8fbd' },
  { light: '#007a5a', dark: '#2fbf93' },
  { light: '#a86a00', dark: '#eab04a' },
  { light: '#2f86b5', dark: '#a5d8f5' },
  { light: '#7a7200', dark: '#e6dc5c' },
  { light: '#4a4d52', dark: '#c4c8cc' },
];

const DASHES: readonly (readonly number[])[] = [
  [1, 0],
  [6, 2],
  [2, 2],
  [8, 2, 2, 2],
];

/** The colour of the i-th series, as a custom property of the page. */
export function seriesColor(index: number): string {
  return `var(--series-${(index % SERIES.length) + 1})`;
}

/** The dash of the i-th series: neighbours differ, and so do series that share a colour. */
export function seriesDash(index: number): readonly number[] {
  return DASHES[(index + Math.floor(index / SERIES.length)) % DASHES.length] as readonly number[];
}
