import { count, duration, missing } from './format.ts';
import { html } from './html.ts';
import type { TimingSection } from './model.ts';
import { notes, type Section, tableMarkup } from './parts.ts';

export function timingSection(section: TimingSection): Section {
  const { steps } = section;
  const longest = Math.max(...steps.map((step) => step.seconds ?? 0), 1e-9);
  const sum = (of: (step: (typeof steps)[number]) => number) => steps.reduce((total, step) => total + of(step), 0);
  const total = sum((step) => step.seconds ?? 0);
  const elapsed = section.elapsedSeconds;
  const bar = (seconds: number) =>
    html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="${Number(((seconds / longest) * 100).toFixed(1))}" height="8" fill="var(--series-1)"/></svg>`;
  const body = html`<p>Computing time of each step, summed over its tasks as when they were computed; cached tasks took none of it this time.${
    elapsed === null || elapsed === undefined ? '' : ` This run took ${duration(elapsed)}.`
  }</p>${notes(section.notes)}${tableMarkup({
    caption: 'Computing time by step',
    head: ['Step', 'Time', 'Share of the longest', 'Tasks', 'Cached', 'Kind'],
    rows: [
      ...steps.map((step) => [
        step.step,
        step.seconds === null ? missing('not recorded') : duration(step.seconds),
        step.seconds === null ? '' : bar(step.seconds),
        count(step.tasks),
        count(step.cached),
        html`<code>${step.kind}</code>`,
      ]),
      [
        html`<b>Total</b>`,
        duration(total),
        '',
        count(sum((step) => step.tasks)),
        count(sum((step) => step.cached)),
        '',
      ],
    ],
  })}`;
  return { id: 'timings', title: 'How long it took', short: 'Time', body };
}
