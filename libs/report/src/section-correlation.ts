import { groupBy } from '@sonde/base';
import { SCENARIOS } from '@sonde/formats/columns';
import { DEPTH_AXIS, layerAxis } from './axes.ts';
import { attributeLabel, estimate, fixed, intervalText, number } from './format.ts';
import { type Html, html } from './html.ts';
import type { CorrelationRow, CorrelationSection } from './model.ts';
import { choices, dataBlock, describeCourse, notes, type Section, strip } from './parts.ts';
import { type Plotter, plotter } from './plot.ts';
import { SCENARIO_LABELS } from './scenarios.ts';
import { layerSpec } from './specs.ts';

/** Below this adjusted p a point is drawn filled. */
const FIRM = 0.05;
/** Fewer models than this call for a warning: a correlation of 0.6 over 20 has a 95 % interval of about 0.21–0.82. */
const FEW_MODELS = 20;

export async function correlationSection(section: CorrelationSection): Promise<Section> {
  const deepest = Math.max(1, ...section.rows.map((row) => row.position));
  const depth = section.axis === 'relative_depth';
  const symbol = section.coefficient === 'pearson' ? 'Pearson r' : 'Spearman ρ';
  const draw = plotter(
    layerSpec({
      x: depth ? DEPTH_AXIS : layerAxis(deepest),
      y: { title: symbol, domain: [-1, 1], step: 0.5, format: '.1~f' },
      references: [],
      interval: 'band',
    }),
  );
  const items: { label: string; content: Html }[] = [];
  for (const [target, rows] of groupBy(section.rows, (row) => row.target)) {
    items.push({ label: attributeLabel(target), content: await targetContent(section, draw, target, rows) });
  }
  const body = html`<p>Across models: does a model whose layer encodes an attribute better also behave more, or less, toxically? ${symbol} between probe score and ${section.behavior}, at each ${depth ? 'relative depth' : 'layer'}, over <strong>n\u00A0=\u00A0${section.models}</strong> ${section.unit ?? 'model'}s. Adjusted p: ${section.adjustment}. Filled points have an adjusted p below ${FIRM}.${intervalText(section.interval)}</p>${warning(section)}${notes(section.notes)}${choices('Attribute', items)}`;
  return { id: 'correlation', title: 'Encoding against behaviour', short: 'Correlation', body };
}

function warning({ models, rows, unit = 'model' }: CorrelationSection): Html | null {
  if (models >= FEW_MODELS) return null;
  const firm = rows.filter((row) => row.p !== null && row.p < FIRM).length;
  return html`<p class="warning" role="note"><strong>n is small.</strong> With ${models} ${unit}s a single one can turn a correlation, and those of one family are not independent. Read the intervals, not the points: this describes these ${unit}s and is no evidence about others. ${firm === 0 ? 'No' : firm} of ${rows.length} correlations ${firm === 1 ? 'has' : 'have'} an adjusted p below ${FIRM}.</p>`;
}

async function targetContent(
  section: CorrelationSection,
  draw: Plotter,
  target: string,
  rows: readonly CorrelationRow[],
): Promise<Html> {
  const title = attributeLabel(target);
  const unit = section.axis === 'layer' ? 'layer' : 'depth';
  const panels = [];
  for (const scenario of SCENARIOS) {
    const own = rows.filter((row) => row.scenario === scenario).sort((a, b) => a.position - b.position);
    if (own.length === 0) continue;
    const line = own.map((row) => ({
      x: row.position,
      y: row.coefficient.value,
      firm: row.p !== null && row.p < FIRM,
    }));
    const interval = own.map((row) => ({
      x: row.position,
      low: row.coefficient.low ?? null,
      high: row.coefficient.high ?? null,
    }));
    const caption = SCENARIO_LABELS[scenario];
    const label = describeCourse(`Correlation with behaviour, ${title}, ${caption}`, line, unit);
    panels.push({ caption, drawing: await draw({ line, interval, reference: [], selectivity: [] }, label) });
  }
  return html`<h3>${title}</h3>${strip(title, panels)}${dataBlock(`correlation-${target}`, rows.map(record), {
    caption: `${title}: correlation of encoding with behaviour`,
    head: ['Scenario', section.axis === 'layer' ? 'Layer' : 'Relative depth', 'Correlation', 'Adjusted p', 'n'],
    headers: 2,
    rows: rows.map((row) => [
      SCENARIO_LABELS[row.scenario],
      section.axis === 'layer' ? String(row.position) : fixed(row.position),
      estimate(row.coefficient),
      number(row.p, 3, row.coefficient.reason ?? 'not tested'),
      String(row.n),
    ]),
  })}`;
}

function record(row: CorrelationRow) {
  return {
    scenario: row.scenario,
    target: row.target,
    position: row.position,
    coefficient: row.coefficient.value,
    low: row.coefficient.low ?? null,
    high: row.coefficient.high ?? null,
    p_adjusted: row.p,
    n: row.n,
    reason: row.coefficient.reason ?? null,
  };
}
