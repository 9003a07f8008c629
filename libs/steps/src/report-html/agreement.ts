import { groupBy, type JsonObject } from '@sonde/base';
import { CALIBRATION, COMPARISON, DISAGREEMENTS, type RowOf, readRows } from '@sonde/formats';
import type { AgreementModel, AgreementRow, AgreementSection, Estimate } from '@sonde/report';
import type { Config } from './config.ts';
import { estimateOf } from './rows.ts';

type Row = RowOf<typeof COMPARISON>;

/** The scorers' agreement as `score/compare` measured it. */
export async function agreementSection(config: Config, made: JsonObject): Promise<AgreementSection | undefined> {
  const { comparison, calibration, disagreements } = config;
  if (comparison === undefined) return undefined;
  const rows = await readRows(comparison.path, COMPARISON, { what: comparison.ref ?? 'the comparison' });
  const [first] = rows;
  if (first === undefined) return undefined;
  const bins =
    calibration && (await readRows(calibration.path, CALIBRATION, { what: calibration.ref ?? 'calibration' }));
  const furthest =
    disagreements &&
    (await readRows(disagreements.path, DISAGREEMENTS, { what: disagreements.ref ?? 'disagreements' }));
  const { bootstrap } = made as { bootstrap?: { level: number; resamples: number } };
  const over = first.units < first.n ? 'prompts' : 'texts';
  const ofTexts = rows.filter((row) => row.measure === 'pearson');
  return {
    scorer: first.scorer ?? 'the scores',
    reference: first.reference ?? 'the reference',
    ...(bootstrap && {
      interval: {
        level: bootstrap.level,
        resamples: bootstrap.resamples,
        method: `percentile bootstrap over ${over}`,
      },
    }),
    rows: ofTexts.map((row) => agreementRow(row, rows)),
    calibration: (bins ?? []).flatMap(({ attribute, score, reference, n }) =>
      score === null || reference === null ? [] : [{ attribute, score, reference, n }],
    ),
    models: rows.filter((row) => row.measure === 'emt').map((row) => modelRow(row, rows)),
    ranking: [...groupBy(rows, (row) => row.attribute)].flatMap(([attribute, own]) => {
      const [spearman, kendall] = [find(own, 'ranking_spearman'), find(own, 'ranking_kendall')];
      // Of two models the order is the same or turned: their ranks say that.
      return spearman === undefined || kendall === undefined || spearman.reason === 'too_few'
        ? []
        : [{ attribute, spearman: estimateOf(spearman), kendall: estimateOf(kendall) }];
    }),
    examples: (furthest ?? []).map(({ attribute, text, table, id, score, reference }) => ({
      attribute,
      text: text ?? `${table}, ${id}`,
      score,
      reference,
    })),
  };
}

function find(rows: readonly Row[], measure: Row['measure']): Row | undefined {
  return rows.find((row) => row.measure === measure);
}

function agreementRow(like: Row, all: readonly Row[]): AgreementRow {
  const rows = all.filter(
    ({ attribute, by, group }) => attribute === like.attribute && by === like.by && group === like.group,
  );
  const thresholds = rows.flatMap(({ measure, threshold }) =>
    measure === 'kappa' && threshold !== null ? [threshold] : [],
  );
  const threshold = thresholds.reduce(
    (best, one) => (Math.abs(one - 0.5) < Math.abs(best - 0.5) ? one : best),
    thresholds[0] ?? 0.5,
  );
  const of = (measure: Row['measure'], at?: number): Estimate => {
    const row = rows.find((one) => one.measure === measure && (at === undefined || one.threshold === at));
    return row === undefined ? { value: null } : estimateOf(row);
  };
  const { attribute, by, group, n, missing } = like;
  return {
    attribute,
    by,
    group,
    n,
    missing,
    threshold,
    pearson: of('pearson'),
    spearman: of('spearman'),
    difference: of('difference'),
    auc: of('auc'),
    agreement: of('agreement', threshold),
    kappa: of('kappa', threshold),
  };
}

function modelRow(like: Row, all: readonly Row[]): AgreementModel {
  const rows = all.filter(
    ({ attribute, by, group }) => attribute === like.attribute && by === 'table' && group === like.group,
  );
  const of = (measure: Row['measure']): Estimate => {
    const row = find(rows, measure);
    return row === undefined ? { value: null } : estimateOf(row);
  };
  const ranks = find(rows, 'rank') && { rank: of('rank').value, referenceRank: of('reference_rank').value };
  return {
    attribute: like.attribute,
    model: like.group,
    emt: estimateOf(like),
    referenceEmt: of('reference_emt'),
    difference: of('emt_difference'),
    ...ranks,
  };
}
