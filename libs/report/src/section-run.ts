import { groupBy } from '@sonde/base';
import { count, labeller, missing, plural } from './format.ts';
import { type Html, html } from './html.ts';
import type { ProvenanceRow, ReportedModel, ReportModel } from './model.ts';
import { type Section, tableMarkup } from './parts.ts';

const MODES = {
  default: 'default: the procedure that Sonde recommends',
  paper: 'paper: the published procedure, repeated so that published numbers can be compared',
  mixed: 'mixed: some steps follow the published procedure (paper), others the recommended one (default)',
} as const;

/** One model in several settings is one model. */
function modelCount(models: readonly ReportedModel[]): string {
  const { size } = new Set(models.map(({ name, model }) => model ?? name));
  return size === models.length ? count(size) : `${count(size)}, in ${count(models.length)} settings`;
}

export function runSection(report: ReportModel): Section {
  const body = html`<dl class="facts"><div><dt>Mode</dt><dd>${MODES[report.mode]}</dd></div><div><dt>Models</dt><dd>${modelCount(report.models)}</dd></div>${(
    report.facts ?? []
  ).map(
    ({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
  )}${computedWith(report)}</dl>${modelTable(report)}${provenance(report)}`;
  return { id: 'run', title: 'What ran', short: 'Run', body };
}

function computedWith({ software }: ReportModel): Html | null {
  if (software.length === 0) return null;
  return html`<div><dt>Computed with</dt><dd>${software.map(({ name, version }) => `${name} ${version}`).join(', ')}</dd></div>`;
}

function modelTable({ models }: ReportModel): Html | null {
  if (models.length === 0) return null;
  const counted = models.some((model) => model.parameters !== undefined);
  return tableMarkup({
    caption: 'Models',
    captionShown: true,
    head: ['Model', 'Reference', 'Blocks', ...(counted ? ['Parameters'] : [])],
    headers: 2,
    rows: models.map((model) => [
      model.label,
      html`<code>${model.name}</code>`,
      model.blocks === undefined ? missing('not recorded') : count(model.blocks),
      ...(counted ? [model.parameters === undefined ? missing('not recorded') : count(model.parameters)] : []),
    ]),
  });
}

/** Tasks by step kind, folded. */
function provenance(report: ReportModel): Html | null {
  const kinds = [...groupBy(report.provenance, (row) => row.kind)];
  if (kinds.length === 0) return null;
  const label = labeller(report.models);
  return html`<h3>Tasks</h3><p>Each result is found by its key, the SHA-256 of everything that determines it. Open a key for the whole of it and for the task's configuration. When each was computed, and how long it took, is in <code>provenance.json</code>, beside the report.</p><div class="tasks">${kinds.map(
    ([kind, rows]) =>
      html`<details><summary><span class="step">${kind}</span> <span class="muted">${plural(rows.length, 'task')}</span></summary>${tableMarkup(
        {
          caption: `Tasks of ${kind}`,
          head: ['Axes', 'Key', 'Seed'],
          rows: rows.map((row) => taskCells(row, label)),
        },
      )}</details>`,
  )}</div>`;
}

function taskCells(row: ProvenanceRow, label: (name: string) => string): (Html | string)[] {
  const axes = Object.entries(row.axes).map(([axis, value]) => `${axis}: ${label(value)}`);
  const digest = row.key.replace(/^sha256:/, '');
  return [
    axes.length === 0 ? html`<span class="muted">none</span>` : axes.join(', '),
    html`<details class="key"><summary><code>${digest.slice(0, 10)}</code></summary><p><code class="long">${row.key}</code></p><pre>${JSON.stringify(row.config, null, 2) ?? ''}</pre></details>`,
    row.seed === null ? missing('draws nothing at random') : String(row.seed),
  ];
}
