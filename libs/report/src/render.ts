import { requireFinite } from './check.ts';
import { figureSvg } from './figure.ts';
import { glance } from './glance.ts';
import { summaryMarkdown } from './markdown.ts';
import type { ReportModel } from './model.ts';
import { page } from './page.ts';
import { csvOf, type Section } from './parts.ts';
import { axisSection } from './section-axis.ts';
import { behaviorSection } from './section-behavior.ts';
import { bypassSection } from './section-bypass.ts';
import { changesSection } from './section-changes.ts';
import { correlationSection } from './section-correlation.ts';
import { exampleSection } from './section-examples.ts';
import { probeChangesSection } from './section-probe-changes.ts';
import { probeSection } from './section-probes.ts';
import { runSection } from './section-run.ts';
import { agreementSection } from './section-score-compare.ts';

/** A figure in files of its own. */
export type FigureFiles = {
  /** Their name without ending. */
  readonly name: string;
  readonly title: string;
  readonly svg: string;
  readonly csv: string;
  /** The step kinds whose tables it shows. */
  readonly steps: readonly string[];
};

export type Rendered = {
  readonly html: string;
  /** The report's main numbers and figures in Markdown; figures are looked for in a folder `figures` beside it. */
  readonly summary: string;
  readonly figures: readonly FigureFiles[];
};

/**
 * Renders a report as one HTML document that needs no network and no other file, as a Markdown summary, and as figures.
 * Equal models give equal texts. A section without rows is left out like one that is not there.
 *
 * @throws UserError if a number of the model is NaN or infinite.
 */
export async function renderAll(report: ReportModel): Promise<Rendered> {
  requireFinite(report);
  const sections = await sectionsOf(report);
  return {
    html: page({ title: report.title, description: report.description, summary: glance(report), sections }),
    summary: summaryMarkdown(report, sections),
    figures: sections.flatMap(({ figures = [] }) =>
      figures.map((figure) => ({
        name: figure.name,
        title: figure.title,
        svg: figureSvg(figure),
        csv: csvOf(figure.records),
        steps: figure.steps,
      })),
    ),
  };
}

/** The HTML document alone. @throws UserError if a number of the model is NaN or infinite. */
export async function renderReport(report: ReportModel): Promise<string> {
  return (await renderAll(report)).html;
}

async function sectionsOf(report: ReportModel): Promise<Section[]> {
  const { behavior, probes, correlation, bypass, changes, probeChanges, axes = [], agreement, examples } = report;
  const sections: Section[] = [];
  if (changes && changes.comparisons.length > 0) sections.push(await changesSection(changes));
  if (probeChanges && probeChanges.rows.length > 0) sections.push(await probeChangesSection(probeChanges));
  if (agreement && agreement.rows.length > 0) sections.push(await agreementSection(agreement, report));
  if (behavior && behavior.rows.length > 0) sections.push(await behaviorSection(behavior, report));
  if (probes && probes.rows.length > 0) sections.push(await probeSection(probes, report));
  for (const axis of axes) sections.push(await axisSection(axis, report));
  if (correlation && correlation.rows.length > 0) sections.push(await correlationSection(correlation));
  if (bypass && bypass.rows.length + bypass.harm.length > 0) sections.push(await bypassSection(bypass, report));
  if (examples && examples.prompts.length > 0) sections.push(exampleSection(examples, report));
  return [...sections, runSection(report)];
}
