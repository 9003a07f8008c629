import { groupBy } from '@sonde/base';
import { attributeLabel, decimalsFor, estimate, fixed, labeller, mainOf } from './format.ts';
import { type Html, html, textOf } from './html.ts';
import type {
  AgreementSection,
  BehaviorSection,
  BypassSection,
  ChangesSection,
  CorrelationRow,
  CorrelationSection,
  Estimate,
  ProbeChangeRow,
  ProbeChangesSection,
  ProbeSection,
  ReportModel,
} from './model.ts';
import { areRelated, decisiveP, decisivePartialP, pName } from './related-units.ts';
import { SCENARIO_LABELS } from './scenarios.ts';
import { AGAINST, toldApart, wordsOfChanges } from './section-changes.ts';
import { readSameLabels } from './section-probe-changes.ts';
import { wordingOf } from './wording.ts';

/** The extremes of each section in a sentence, each with the number of values it was picked from. */
export function glance(report: ReportModel): Html | null {
  const items = linesOf(report);
  if (items.length === 0) return null;
  return html`<ul class="glance" aria-label="At a glance">${items.map(
    ({ id, name, text }) => html`<li><a href="#${id}">${name}</a> <span>${text}</span></li>`,
  )}</ul>`;
}

/** The same in plain text. */
export function glanceTexts(report: ReportModel): { readonly name: string; readonly text: string }[] {
  return linesOf(report).map(({ name, text }) => ({ name, text: textOf(text) }));
}

interface Line {
  readonly id: string;
  readonly name: string;
  readonly text: Html;
}

function linesOf(report: ReportModel): Line[] {
  const label = labeller(report.models);
  const { attribute, changes, probeChanges, agreement, behavior, probes, correlation, bypass } = report;
  return [
    ...(changes && probeChanges ? answerLines(changes, probeChanges, attribute) : []),
    ...(changes ? controlLines(changes) : []),
    ...(changes ? changeLines(changes) : []),
    ...(probeChanges ? probeChangeLines(probeChanges, attribute) : []),
    ...(agreement ? agreementLines(agreement, label, attribute) : []),
    behavior ? behaviorLine(behavior, label, attribute) : null,
    probes ? probeLine(probes, label, attribute) : null,
    correlation ? correlationLine(correlation) : null,
    bypass ? bypassLine(bypass, label, attribute) : null,
  ].filter((item) => item !== null);
}

type Label = (name: string) => string;

function line(id: string, name: string, text: Html): Line {
  return { id, name, text };
}

/** Which interventions do more than controls that cost as much: what is no mere harm. */
function controlLines(section: ChangesSection): Line[] {
  const { comparisons, attribute } = section;
  const { spoken } = wordsOfChanges(section);
  const held = comparisons.flatMap(({ name, rows }) => {
    const own = rows.filter(
      (row) =>
        row.metric === 'emt' &&
        row.attribute === attribute &&
        row.group === 'all' &&
        row.against === 'controls_of_equal_perplexity' &&
        row.difference.value !== null,
    );
    return own.length === 0 ? [] : [{ name, own, told: own.filter(toldApart) }];
  });
  if (held.length === 0) return [];
  const named = held.flatMap(({ name, own, told }) => {
    const most = extreme(told, (row) => Math.abs(value(row.difference)));
    if (most === undefined) return [];
    const which = own.length === 1 ? null : html`${told.length} of ${own.length} settings, most ${most.setting}, `;
    return [html`${name} (${which}${estimate(most.difference)}${adjusted(most.p)})`];
  });
  const others = held.filter(({ told }) => told.length === 0).map(({ name }) => name);
  const [first, ...more] = named;
  const text =
    first === undefined
      ? html`${spoken} is told from that of controls of equal perplexity by none of ${held.length} interventions`
      : html`${spoken} is told from that of controls of equal perplexity by ${first}${more.map((each) => html`; by ${each}`)}${others.length > 0 ? `; not by ${others.join(', ')}` : null}`;
  return [line('changes', 'More than harm: answer', html`${attributeLabel(attribute)}: ${text}`)];
}

/** Of each comparison how many settings are told from the reference, and the one that changes most. */
function changeLines(section: ChangesSection): Line[] {
  const { spoken } = wordsOfChanges(section);
  return section.comparisons.flatMap(({ name, rows }) => {
    const ofAll = rows.filter(
      (row) => row.metric === 'emt' && row.attribute === section.attribute && row.group === 'all',
    );
    const own = ofAll.filter(({ against, difference }) => against === 'reference' && difference.value !== null);
    const told = own.filter(toldApart);
    const best = extreme(told.length > 0 ? told : own, (row) => Math.abs(value(row.difference)));
    if (best === undefined) return [];
    const held = ofAll
      .filter((row) => row.setting === best.setting && row.against !== 'reference' && row.difference.value !== null)
      .map((row) => html`; against ${AGAINST[row.against]} ${estimate(row.difference)}`);
    const which = html`${best.setting === name ? null : html`${best.setting}, `}${estimate(best.difference)}${adjusted(best.p)}, n\u00A0=\u00A0${best.n} prompts${held}`;
    const text =
      told.length === 0
        ? html`${attributeLabel(section.attribute)}: ${own.length === 1 ? 'does not change' : `none of ${own.length} settings changes`} ${spoken} beyond its interval; ${own.length === 1 ? null : 'largest '}${which}`
        : html`${attributeLabel(section.attribute)}: ${own.length === 1 ? 'changes' : `${told.length} of ${own.length} settings change`} ${spoken}; ${own.length === 1 ? null : 'most '}${which}`;
    return [line('changes', name, text)];
  });
}

/** The mean over layers of what probes read: of equal labels only, for others differ before anything is encoded. */
function answersOf({ rows }: ProbeChangesSection, main: string | undefined): ProbeChangeRow[] {
  const target = mainOf(
    rows.map((row) => row.target),
    main,
  );
  return rows.filter(
    (row) =>
      row.target === target && row.layer === null && row.against === 'reference' && row.difference.value !== null,
  );
}

/** Of each comparison whether what probes read changes, on average over layers. */
function probeChangeLines(section: ProbeChangesSection, main: string | undefined): Line[] {
  return [...groupBy(answersOf(section, main), (row) => row.comparison)].map(([name, all]) => {
    const own = all.filter(readSameLabels);
    const said = (text: Html): Line => line('probe-changes', `${name}, probes`, text);
    if (own.length === 0) return said(html`read labels of different spread, so that no change is one of encoding`);
    const told = own.filter(toldApart);
    const best = extreme(told.length > 0 ? told : own, (row) => Math.abs(value(row.difference)))!;
    const settings = new Set(own.map(({ setting }) => setting)).size;
    const where = `${settings === 1 ? '' : `${best.setting}, `}${SCENARIO_LABELS[best.scenario].toLowerCase()}`;
    return said(
      html`${attributeLabel(best.target)}: r, averaged over layers, is told apart in ${told.length} of ${own.length} ${settings === 1 ? 'scenarios' : 'settings and scenarios'}; ${told.length === 0 ? 'largest' : 'most'} ${where}, ${estimate(best.difference, 3)}${adjusted(best.p)}, n\u00A0=\u00A0${best.n} prompts`,
    );
  });
}

/** Whether behaviour changes, what probes read, or both: of each comparison for which both are known. */
function answerLines(changes: ChangesSection, probeChanges: ProbeChangesSection, main: string | undefined): Line[] {
  const read = answersOf(probeChanges, main).filter(readSameLabels);
  return changes.comparisons.flatMap(({ name, rows }) => {
    const done = rows.filter(
      (row) =>
        row.metric === 'emt' &&
        row.attribute === changes.attribute &&
        row.group === 'all' &&
        row.against === 'reference' &&
        row.difference.value !== null,
    );
    const settings = done.flatMap((row) => {
      const probed = read.filter(({ comparison, setting }) => comparison === name && setting === row.setting);
      return probed.length === 0 ? [] : [{ setting: row.setting, behaves: toldApart(row), probed }];
    });
    if (settings.length === 0) return [];
    return [
      line(
        'probe-changes',
        `${name}: answer`,
        html`${attributeLabel(changes.attribute)}: ${settings.length === 1 ? answerOf(settings[0]!) : answers(settings)}`,
      ),
    ];
  });
}

interface Answer {
  readonly setting: string;
  readonly behaves: boolean;
  readonly probed: readonly ProbeChangeRow[];
}

/** Of one setting, with how far what probes read changes, or could have without being seen. */
function answerOf({ behaves, probed }: Answer): Html {
  const told = probed.filter(toldApart);
  if (told.length > 0) {
    const most = extreme(told, (row) => Math.abs(value(row.difference)))!;
    const { scenario, other, value: after } = most;
    const size = html`r of ${told.length} of ${probed.length} scenarios, averaged over layers, at most from ${fixed(other ?? 0, 3)} to ${fixed(after ?? 0, 3)} (${SCENARIO_LABELS[scenario].toLowerCase()})`;
    return behaves
      ? html`behaviour changes, and what probes read does: ${size}`
      : html`no change of behaviour is shown; what probes read changes: ${size}`;
  }
  const ends = probed.flatMap(({ difference: { low, high } }) => [Math.abs(low ?? 1), Math.abs(high ?? 1)]);
  const unseen = html`no change of what probes read is shown: no interval of r, averaged over layers, reaches beyond ±${fixed(Math.max(...ends))}`;
  return behaves ? html`behaviour changes; ${unseen}` : html`no change of behaviour is shown, and ${unseen}`;
}

function answers(settings: readonly Answer[]): Html {
  const parts = [
    { behaves: true, reads: true, text: 'both behaviour and what probes read change' },
    { behaves: true, reads: false, text: 'behaviour changes and no change of what probes read is shown' },
    { behaves: false, reads: true, text: 'what probes read changes and no change of behaviour is shown' },
    { behaves: false, reads: false, text: 'a change of neither is shown' },
  ].flatMap(({ behaves, reads, text }) => {
    const { length } = settings.filter((each) => each.behaves === behaves && each.probed.some(toldApart) === reads);
    return length === 0 ? [] : [`in ${length} of ${settings.length} settings ${text}`];
  });
  return html`${[...parts, ...firsts(settings)].join('; ')}`;
}

/** Along an axis of numbers (training steps): where a change is seen first. */
function firsts(settings: readonly Answer[]): string[] {
  const placed = settings.map((each) => ({ ...each, place: /^(.+) (\d+(?:\.\d+)?)$/.exec(each.setting) }));
  const axes = new Set(placed.map(({ place }) => place?.[1]));
  if (settings.length < 2 || axes.size > 1 || axes.has(undefined)) return [];
  const inOrder = placed.sort((a, b) => Number(a.place![2]) - Number(b.place![2]));
  const behaves = inOrder.find((each) => each.behaves);
  const reads = inOrder.find(({ probed }) => probed.some(toldApart));
  return [
    ...(behaves ? [`behaviour first at ${behaves.setting}`] : []),
    ...(reads ? [`what probes read first at ${reads.setting}`] : []),
  ];
}

/** What another scorer makes of the models, and how far the two agree on single texts. */
function agreementLines(section: AgreementSection, label: Label, main: string | undefined): Line[] {
  const { models, rows, ranking, scorer, reference } = section;
  const all = rows.filter(({ by }) => by === 'all');
  const attribute = mainOf(
    all.map((row) => row.attribute),
    main,
  );
  const ofTexts = all.find((row) => row.attribute === attribute);
  if (attribute === undefined || ofTexts === undefined) return [];
  const own = models.filter((row) => row.attribute === attribute && row.difference.value !== null);
  const most = extreme(own, (row) => Math.abs(value(row.difference)));
  const order = ranking.find((row) => row.attribute === attribute)?.spearman.value ?? null;
  const { short } = wordingOf(all.map((row) => row.attribute));
  const ordered =
    order === null
      ? null
      : order > 1 - 1e-9
        ? `; the models’ order is the same`
        : `; the models’ two orders correlate with ρ = ${fixed(order)}`;
  const size = (each: Estimate) => fixed(value(each));
  // Their digests are in the section.
  const called = (name: string) => name.replace(/:[0-9a-f]{12}$/, '');
  return [
    ...(most
      ? [
          line(
            'agreement',
            'Two scorers: answer',
            html`${attributeLabel(attribute)}: ${short} of ${own.length === 1 ? `${label(most.model)} goes` : `${own.length} models changes most for ${label(most.model)},`} from ${size(most.referenceEmt)} (${called(reference)}) to ${size(most.emt)} (${called(scorer)}), ${estimate(most.difference)}${ordered}`,
          ),
        ]
      : []),
    line(
      'agreement',
      'Two scorers, texts',
      html`${attributeLabel(attribute)}: r = ${estimate(ofTexts.pearson)}, κ = ${estimate(ofTexts.kappa)} about which reach ${fixed(ofTexts.threshold)}, n\u00A0=\u00A0${ofTexts.n.toLocaleString('en-US')} texts`,
    ),
  ];
}

function behaviorLine(section: BehaviorSection, label: Label, main: string | undefined): Line | null {
  const { rows, k, incomparable } = section;
  if (incomparable !== undefined) {
    return line('behavior', 'Behaviour', html`made in different ways, so that models cannot be compared: see there`);
  }
  const attribute = mainOf(
    rows.map((row) => row.attribute),
    main,
  );
  const { short } = wordingOf(rows.map((row) => row.attribute));
  const known = rows
    .filter((row) => row.group === 'all' && row.attribute === attribute && row.emt.value !== null)
    .sort((a, b) => value(a.emt) - value(b.emt));
  const [least, most] = [known[0], known.at(-1)];
  if (!least || !most || !attribute) return null;
  const name = attributeLabel(attribute);
  if (least === most)
    return line('behavior', 'Behaviour', html`${name}: ${short} ${estimate(most.emt)} with k\u00A0=\u00A0${k}`);
  return line(
    'behavior',
    'Behaviour',
    html`${name}: ${short} from ${fixed(value(least.emt))} (${label(least.model)}) to ${fixed(value(most.emt))} (${label(most.model)}), k\u00A0=\u00A0${k}`,
  );
}

function probeLine({ rows, baselines }: ProbeSection, label: Label, main: string | undefined): Line | null {
  const target = mainOf(
    rows.map((row) => row.target),
    main,
  );
  const own = rows.filter((row) => row.target === target && row.score.value !== null);
  const best = extreme(own, (row) => value(row.score));
  if (!best || !target) return null;
  const rivals = baselines.filter(
    (row) =>
      row.model === best.model &&
      row.scenario === best.scenario &&
      row.target === target &&
      row.score.value !== null &&
      (row.layer === null || row.layer === best.layer),
  );
  const rival = extreme(rivals, (row) => value(row.score));
  const against = rival ? html`; its best baseline, ${rival.baseline}, reaches ${fixed(value(rival.score))}` : null;
  return line(
    'probes',
    'Probes',
    html`${attributeLabel(target)} is read best from layer ${best.layer} of ${label(best.model)} (${SCENARIO_LABELS[best.scenario].toLowerCase()}): r = ${fixed(value(best.score))}, the highest of ${own.length}${against}`,
  );
}

/** Fewer units than this always lie close to a line. */
const LEAST_UNITS = 4;

function correlationLine(section: CorrelationSection): Line | null {
  const { rows, models, unit = 'model', given } = section;
  const known = rows.filter((row) => row.coefficient.value !== null);
  const enough = known.filter(({ n }) => n >= LEAST_UNITS);
  const partials = enough.filter(({ partial }) => partial !== undefined && partial.value !== null);
  if (given !== undefined && partials.length > 0) return partialLine(section, partials);
  const best = extreme(enough, (row) => Math.abs(value(row.coefficient)));
  if (!best) {
    const few = html`n = ${models} ${models === 1 ? unit : `${unit}s`}: too few for a correlation to say anything`;
    return models < LEAST_UNITS ? line('correlation', 'Correlation', few) : null;
  }
  const p = decisiveP(best, section);
  const which = html`${whereOf(best, section)}: ${estimate(best.coefficient)}, ${pName(section)} ${pValue(p)}, ${unitsText(best, section)}`;
  const firm = p !== null && p < 0.05;
  return line(
    'correlation',
    'Correlation',
    firm || p === null
      ? html`Strongest of ${known.length}: ${which}`
      : html`None of ${known.length} stands (${pName(section)} below 0.05). The strongest: ${which}`,
  );
}

/** The strongest of what the covariates leave: what they explain is no finding about models. */
function partialLine(section: CorrelationSection, partials: readonly CorrelationRow[]): Line {
  const { given } = section;
  const best = extreme(partials, (row) => Math.abs(value(row.partial!)))!;
  const p = decisivePartialP(best, section);
  const firm = p !== null && p < 0.05;
  const which = html`${whereOf(best, section)}: partial r = ${estimate(best.partial)}, ${pName(section)} ${pValue(p)}; r = ${fixed(value(best.coefficient))} without, ${unitsText(best, section)}`;
  return line(
    'correlation',
    'Correlation',
    firm
      ? html`Strongest of ${partials.length} given ${given!}: ${which}`
      : html`None of ${partials.length} stands once ${given!} is given (${pName(section)} below 0.05). The strongest: ${which}`,
  );
}

function whereOf({ target, scenario, position }: CorrelationRow, { axis }: CorrelationSection): string {
  const place = axis === 'layer' ? `layer ${position}` : `relative depth ${fixed(position)}`;
  return `${attributeLabel(target)}, ${SCENARIO_LABELS[scenario].toLowerCase()}, at ${place}`;
}

/** How many units, and whether any are related. */
function unitsText({ n }: CorrelationRow, section: CorrelationSection): string {
  const { unit = 'model', families } = section;
  return `n\u00A0=\u00A0${n} ${unit}s${areRelated(section) ? ` of ${families} families` : ', taken as independent'}`;
}

function adjusted(p: number | null): string {
  return p === null ? '' : `, adjusted p ${pValue(p)}`;
}

function pValue(p: number | null): string {
  return p === null ? 'undefined' : p < 0.001 ? '< 0.001' : `= ${fixed(p, 3)}`;
}

function bypassLine(section: BypassSection, label: Label, main: string | undefined): Line | null {
  const { rows, measures, harm } = section;
  const names = rows.map((row) => row.attribute);
  const attribute = mainOf(names, main);
  const { short } = wordingOf(names);
  const own = rows.filter((row) => row.attribute === attribute && row.group === 'all' && row.deltaEmt.value !== null);
  const best = extreme(own, (row) => Math.abs(value(row.deltaEmt)));
  if (!best || !attribute) return null;
  const [measure] = measures;
  const measured = (block: number | null) =>
    harm.find((row) => row.model === best.model && row.measure === measure?.name && row.block === block)?.value.value;
  const [before, after] = [measured(null), measured(best.block)];
  const cost =
    measure && typeof before === 'number' && typeof after === 'number'
      ? `; ${measure.label.toLowerCase()} goes from ${fixed(before, decimalsFor(before))} to ${fixed(after, decimalsFor(after))}`
      : '';
  return line(
    'bypass',
    'Bypass',
    html`${attributeLabel(attribute)}: ${short} changes most, by ${estimate(best.deltaEmt)}, ${section.axis === undefined ? 'without block' : `at ${section.axis}`} ${best.block} of ${label(best.model)} (of ${own.length})${cost}`,
  );
}

function value(item: Estimate): number {
  return item.value ?? 0;
}

/** The first item with the largest size. */
function extreme<T>(items: readonly T[], size: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || size(item) > size(best) ? item : best),
    undefined,
  );
}
