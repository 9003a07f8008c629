import { drawCurves } from './curves.ts';
import { decimalsFor, estimate, labeller } from './format.ts';
import { type Html, html } from './html.ts';
import type { AxisSection, ReportModel } from './model.ts';
import { type Choice, choices, dataBlock, legend, notes, type Section, strip } from './parts.ts';
import { slug } from './slug.ts';

/** How everything changes along an axis of numbers: training steps, strengths, bits. */
export async function axisSection(section: AxisSection, report: ReportModel): Promise<Section> {
  const { axis, groups } = section;
  const known = labeller(report.models);
  const label = (series: string) => known(section.labels[series] ?? series);
  const figures: NonNullable<Section['figures']>[number][] = [];
  const items: Choice[] = [];
  for (const { label: title, curves, steps } of groups) {
    const drawn = await drawCurves(curves, { name: axis, title: axis }, label);
    const name = slug(`${axis}-${title}`);
    const key = drawn.legend.length > 1 ? drawn.legend : [];
    const content: Html = html`<h3>${title} over ${axis}</h3>${key.length > 0 ? legend(key) : null}${strip(`${title} over ${axis}`, drawn.panels)}${dataBlock(
      name,
      steps,
      drawn.records,
      {
        caption: `${title} over ${axis}`,
        head: ['Measure', 'Model', axis, 'Value'],
        headers: 3,
        rows: curves.flatMap(({ caption, points }) =>
          points.map((point) => [
            caption,
            label(point.series),
            String(point.x),
            estimate(point.value, Math.max(2, decimalsFor(point.value.value ?? 0))),
          ]),
        ),
      },
    )}`;
    items.push({ label: title, content });
    figures.push({
      name,
      title: `${title} over ${axis}`,
      panels: drawn.panels,
      legend: key,
      records: drawn.records,
      steps,
    });
  }
  const body = html`<p>The same measures as elsewhere, drawn over <strong>${axis}</strong>: a line for each model, a point for each value, with its interval where it has one.</p>${notes(section.notes)}${choices('Measure', items)}`;
  return { id: slug(`over-${axis}`), title: `Over ${axis}`, short: `Over ${axis}`, body, figures };
}
