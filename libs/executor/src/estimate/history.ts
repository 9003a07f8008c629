import { memo } from '@sonde/base';
import type { ResultRecord, Store } from '@sonde/store';
import type { Provider } from '../step.ts';
import { NOMINAL, secondsOf, type Work } from './cost.ts';
import { workIn } from './work.ts';

/** How many of a kind's newest results are looked at, and how many of them, the likest in size, an estimate rests on. */
const RESULTS_OF_A_KIND = 256;
const NEAREST = 7;

/** What earlier results say of how long work takes. */
export interface Experience {
  /** By how much longer or shorter than nominal. */
  readonly ratio: number;
  /** Results were so much above or below. */
  readonly spread: number;
  readonly results: number;
  /** They were of the same model, or the kind loads none. */
  readonly same: boolean;
}

export interface PastWork {
  /** Of a kind that says nothing of its cost: `ratio` is the seconds that its newest results took. */
  plain(kind: string, provider: Provider): Promise<Experience | undefined>;
  experience(kind: string, provider: Provider, of: string | undefined, work: Work): Promise<Experience | undefined>;
}

interface Past {
  readonly nominal: number;
  readonly ratio: number;
  readonly of: string | undefined;
}

/** Past results of each kind, read when first asked for. */
export function createPastWork(store: Store, preferred: (record: ResultRecord) => boolean = () => true): PastWork {
  const known = new Map<string, Promise<readonly Past[]>>();
  function pastOf(kind: string, provider: Provider): Promise<readonly Past[]> {
    return memo(known, `${kind} ${provider}`, () => readPast(store, kind, provider, preferred));
  }
  return {
    async plain(kind, provider) {
      const records = await store.results.nearest(kind, NEAREST);
      const usable = records.filter((record) => record.seconds > 0 && isOn(record, provider));
      const seconds = preferredOf(usable, preferred).map((each) => each.seconds);
      return seconds.length === 0 ? undefined : experienceOf(seconds, false);
    },
    async experience(kind, provider, of, work) {
      const all = await pastOf(kind, provider);
      const own = all.filter((past) => past.of === of);
      const past = own.length > 0 ? own : all;
      if (past.length === 0) return undefined;
      const size = Math.log(secondsOf(work, NOMINAL));
      const nearest = past.toSorted((a, b) => distance(a, size) - distance(b, size)).slice(0, NEAREST);
      return experienceOf(
        nearest.map((each) => each.ratio),
        own.length > 0,
      );
    },
  };
}

function experienceOf(ratios: readonly number[], same: boolean): Experience {
  const ratio = median(ratios);
  const spread = Math.exp(Math.max(...ratios.map((each) => Math.abs(Math.log(each / ratio)))));
  return { ratio, spread, results: ratios.length, same };
}

async function readPast(
  store: Store,
  kind: string,
  provider: Provider,
  preferred: (record: ResultRecord) => boolean,
): Promise<readonly Past[]> {
  const records = await store.results.nearest(kind, RESULTS_OF_A_KIND);
  const usable = records.filter(
    (record) => workIn(record.notes) !== undefined && record.seconds > 0 && isOn(record, provider),
  );
  return preferredOf(usable, preferred).map(({ notes, seconds }) => {
    const work = workIn(notes)!;
    const nominal = secondsOf(work, NOMINAL);
    return { nominal, ratio: seconds / nominal, of: work.of };
  });
}

function preferredOf(records: readonly ResultRecord[], preferred: (record: ResultRecord) => boolean) {
  const chosen = records.filter(preferred);
  return chosen.length > 0 ? chosen : records;
}

function isOn({ notes }: ResultRecord, provider: Provider): boolean {
  return typeof notes?.device === 'string' && notes.device.split(':')[0] === provider;
}

function distance({ nominal }: Past, size: number): number {
  return Math.abs(Math.log(nominal) - size);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : Math.sqrt(sorted[middle - 1]! * sorted[middle]!);
}
