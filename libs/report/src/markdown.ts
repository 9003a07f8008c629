import type { Figure } from './figure.ts';
import { glanceTexts } from './glance.ts';
import { visible } from './html.ts';
import type { ReportModel } from './model.ts';
import type { Section, SummaryTable } from './parts.ts';

/** The report in Markdown: what a reader looks for first, its tables, and the figures in files beside it. */
export function summaryMarkdown(report: ReportModel, sections: readonly Section[]): string {
  const said = glanceTexts(report).map(({ name, text }) => `- **${cell(name)}** ${cell(text)}`);
  const facts = (report.facts ?? []).map(({ name, value }) => `${cell(name)}: ${cell(value)}`);
  const parts = [
    `# ${cell(report.title)}`,
    ...(report.description ? [cell(report.description)] : []),
    ...(said.length > 0 ? [said.join('\n')] : []),
    ...(facts.length > 0 ? [`${facts.join(' · ')} · Mode: ${report.mode}`] : []),
    ...sections.flatMap(sectionMarkdown),
  ];
  return `${parts.join('\n\n')}\n`;
}

function sectionMarkdown({ title, said = [], figures = [], summary = [] }: Section): string[] {
  if (figures.length + summary.length + said.length === 0) return [];
  const notes = said.length === 0 ? [] : [said.map((text) => `- ${cell(text)}`).join('\n')];
  return [`## ${cell(title)}`, ...notes, ...summary.map(tableMarkdown), ...figures.map(figureMarkdown)];
}

function tableMarkdown({ caption, head, rows }: SummaryTable): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [`${cell(caption)}`, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function figureMarkdown({ name, title, steps }: Figure): string {
  const from = steps.length === 0 ? '' : `, from ${steps.map((step) => `\`${step}\``).join(' and ')}`;
  return `![${cell(title)}](figures/${name}.svg)\n\n${cell(title)}: [data](figures/${name}.csv)${from}.`;
}

/** Text that Markdown leaves as it is, on one line. */
function cell(text: string): string {
  return visible(text)
    .replace(/\s*\n\s*/g, ' ')
    .replace(/[\\`*_{}[\]<>|#]/g, (sign) => `\\${sign}`);
}
