import { groupBy, isRecord, type JsonObject, type JsonValue } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';
import { CHANGES, type Columns, PROBE_CHANGES, type ReadRow, readRows, type TableFormat } from '@sonde/formats';
import type { ChangesSection, Comparison, ProbeChangesSection } from '@sonde/report';
import { axisText } from '../shared/axes.ts';
import { bootstrapMethod } from './behavior.ts';
import type { Config } from './config.ts';
import { NAMES_ONLY } from './numbers.ts';
import { reasonText } from './rows.ts';

/** What a row says of its setting. */
interface OfSetting {
  readonly comparison: string;
  readonly setting: string;
  readonly axes: unknown;
}

async function readAll<C extends Columns>(
  sources: readonly InputArtifact[] | undefined,
  format: TableFormat<C>,
): Promise<ReadRow<C, keyof C & string, never>[]> {
  const tables = await Promise.all(
    (sources ?? []).map((source) => readRows(source.path, format, { what: source.ref ?? `the ${format.name}` })),
  );
  return tables.flat();
}

function axesOf({ axes }: OfSetting): JsonObject {
  return isRecord(axes) ? (axes as JsonObject) : {};
}

/** Names the settings of a comparison by the axes in which they differ. */
function labelsOf(rows: readonly OfSetting[]): { varying: readonly string[]; labelOf(row: OfSetting): string } {
  const names = [...new Set(rows.flatMap((row) => Object.keys(axesOf(row))))];
  const varying = names.filter((name) => new Set(rows.map((row) => JSON.stringify(axesOf(row)[name]))).size > 1);
  const shown = varying.length > 0 ? varying : names;
  const word = (name: string, value: JsonValue | undefined): string =>
    typeof value === 'number' ? `${name} ${String(value).replace('-', '−')}` : shortName(axisText(value));
  return { varying, labelOf: (row) => shown.map((name) => word(name, axesOf(row)[name])).join(', ') || row.comparison };
}

function shortName(name: string): string {
  return name.replace(/^(embedded|hf):/, '');
}

function estimateOf(row: {
  readonly difference: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly reason: string | null;
}) {
  const { difference: value, low, high, reason } = row;
  return { value, low, high, ...(reason !== null && { reason: reasonText(reason) }) };
}

/** Paired changes of behaviour. */
export async function changesSection(config: Config, made: JsonObject): Promise<ChangesSection | undefined> {
  const rows = await readAll(config.changes, CHANGES);
  const [first] = rows;
  if (first === undefined) return undefined;
  const attributes = new Set(rows.map(({ attribute }) => attribute));
  const interval = bootstrapMethod(made);
  return {
    attribute: attributes.has(config.attribute)
      ? config.attribute
      : ([...attributes].find(Boolean) ?? config.attribute),
    k: first.k,
    ...(interval && { interval }),
    comparisons: [...groupBy(rows, ({ comparison }) => comparison)].map(([name, own]): Comparison => {
      const { varying, labelOf } = labelsOf(own);
      const axis = varying.find(
        (each) => !NAMES_ONLY.has(each) && own.every((row) => typeof axesOf(row)[each] === 'number'),
      );
      const { labelOf: seriesOf } = labelsOf(
        own.map((row) => ({
          ...row,
          axes: Object.fromEntries(Object.entries(axesOf(row)).filter(([key]) => key !== axis)),
        })),
      );
      return {
        name,
        ...(axis !== undefined && { axis }),
        rows: own.map((row) => {
          const { against, metric, attribute, group, value, other, agreement, replicates, n } = row;
          const others = Object.fromEntries(Object.entries(axesOf(row)).filter(([key]) => key !== axis));
          return {
            setting: labelOf(row),
            x: axis === undefined ? null : Number(axesOf(row)[axis]),
            series: seriesOf({ ...row, axes: others }),
            ...{ against, metric, attribute, group, value, other, agreement, replicates, n },
            difference: estimateOf(row),
            p: row.p_adjusted,
            replicateSd: row.replicate_sd,
            noiseSd: row.noise_sd,
          };
        }),
      };
    }),
  };
}

/** Paired changes of probe scores. */
export async function probeChangesSection(config: Config, made: JsonObject): Promise<ProbeChangesSection | undefined> {
  const rows = await readAll(config.probe_changes, PROBE_CHANGES);
  if (rows.length === 0) return undefined;
  const interval = bootstrapMethod(made);
  return {
    ...(interval && { interval }),
    rows: [...groupBy(rows, ({ comparison }) => comparison).values()].flatMap((own) => {
      const { labelOf } = labelsOf(own);
      return own.map((row) => {
        const { comparison, against, scenario, target, layer, value, other, n } = row;
        const named = { comparison, setting: labelOf(row), against, scenario, target, layer, value, other, n };
        return { ...named, difference: estimateOf(row), p: row.p_adjusted, targetSdRatio: row.target_sd_ratio };
      });
    }),
  };
}
