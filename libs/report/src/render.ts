import { requireFinite } from './check.ts';
import { glance } from './glance.ts';
import type { ReportModel } from './model.ts';
import { page } from './page.ts';
import type { Section } from './parts.ts';
import { behaviorSection } from './section-behavior.ts';
import { bypassSection } from './section-bypass.ts';
import { changesSection } from './section-changes.ts';
import { correlationSection } from './section-correlation.ts';
import { exampleSection } from './section-examples.ts';
import { probeChangesSection } from './section-probe-changes.ts';
import { probeSection } from './section-probes.ts';
import { runSection } from './section-run.ts';
import { agreementSection } from './section-score-compare.ts';

/**
 * Renders a report as one HTML document that needs no network and no other file. Equal models give equal texts.
 * A section without rows is left out like one that is not there.
 *
 * @throws UserError if a number of the model is NaN or infinite.
 */
export async function renderReport(report: ReportModel): Promise<string> {
  requireFinite(report);
  const { behavior, probes, correlation, bypass, changes, probeChanges, agreement, examples } = report;
  const sections: Section[] = [runSection(report)];
  if (changes && changes.comparisons.length > 0) sections.push(await changesSection(changes));
  if (probeChanges && probeChanges.rows.length > 0) sections.push(await probeChangesSection(probeChanges));
  if (behavior && behavior.rows.length > 0) sections.push(await behaviorSection(behavior, report));
  if (probes && probes.rows.length > 0) sections.push(await probeSection(probes, report));
  if (correlation && correlation.rows.length > 0) sections.push(await correlationSection(correlation));
  if (bypass && bypass.rows.length + bypass.harm.length > 0) sections.push(await bypassSection(bypass, report));
  if (agreement && agreement.rows.length > 0) sections.push(await agreementSection(agreement, report));
  if (examples && examples.prompts.length > 0) sections.push(exampleSection(examples, report));
  return page({ title: report.title, description: report.description, summary: glance(report), sections });
}
