import { count, duration, missing } from './format.ts';
import { html } from './html.ts';
import type { TimingSection } from './model.ts';
import { notes, type Section, tableMarkup } from './parts.ts';

export function timingSection(section: TimingSection): Section {
  const { kinds } = section;
  const longest = Math.max(...kinds.map((row) => row.seconds ?? 0), 1e-9);
  const sum = (of: (row: (typeof kinds)[number]) => number) => kinds.reduce((total, row) => total + of(row), 0);
  const bar = (seconds: number) =>
    html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="${Number(((seconds / longest) * 100).toFixed(1))}" height="8" fill="var(--series-1)"/></svg>`;
  const body = html`<p>Computing time by kind of step, summed over its tasks as when they were computed; several tasks run at once.</p>${notes(section.notes)}${tableMarkup(
    {
      caption: 'Computing time by kind of step',
      head: ['Kind', 'Time', 'Share of the longest', 'Tasks'],
      rows: [
        ...kinds.map((row) => [
          html`<code>${row.kind}</code>`,
          row.seconds === null ? missing('not recorded') : duration(row.seconds),
          row.seconds === null ? '' : bar(row.seconds),
          count(row.tasks),
        ]),
        [html`<b>Total</b>`, duration(sum((row) => row.seconds ?? 0)), '', count(sum((row) => row.tasks))],
      ],
    },
  )}`;
  return { id: 'timings', title: 'How long it took', short: 'Time', body };
}
