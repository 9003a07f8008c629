import type { Grounds, TaskEstimate } from '@sonde/executor';
import type { PipelineEstimate } from './api.ts';
import { count, formatBytes, formatSeconds } from './format.ts';
import { plannedJson } from './lines.ts';
import { alignColumns, type Terminal } from './terminal.ts';

interface StepEstimate {
  readonly step: string;
  readonly tasks: number;
  readonly cached: number;
  readonly seconds: number;
  readonly low: number;
  readonly high: number;
  /** Of one task. */
  readonly memory: number;
  readonly disk: number;
  readonly deviceSeconds: number;
  readonly grounds: Grounds;
  readonly results: number;
}

/** From the surest to the least. */
const GROUNDS: readonly Grounds[] = ['same', 'kind', 'work', 'nothing', 'unknown'];

function groundsText(grounds: Grounds, results: number): string {
  switch (grounds) {
    case 'same':
      return count(results, 'result');
    case 'kind':
      return `${results} of kind`;
    case 'work':
      return 'its work';
    case 'nothing':
      return 'a guess';
    case 'unknown':
      return 'not known';
  }
}

function deviceSecondsOf({ provider, devices, seconds }: TaskEstimate): number {
  return provider === 'cpu' ? 0 : devices * seconds;
}

/** Adds up tasks; a step is as sure as its least sure task. */
function sumOf(step: string, estimates: readonly TaskEstimate[], cached: number): StepEstimate {
  const total = (of: (estimate: TaskEstimate) => number) => estimates.reduce((sum, each) => sum + of(each), 0);
  return {
    step,
    tasks: estimates.length,
    cached,
    seconds: total(({ seconds }) => seconds),
    low: total(({ low }) => low),
    high: total(({ high }) => high),
    memory: Math.max(0, ...estimates.map(({ memory }) => memory)),
    disk: total(({ disk }) => disk),
    deviceSeconds: total(deviceSecondsOf),
    grounds: GROUNDS.findLast((grounds) => estimates.some((each) => each.grounds === grounds)) ?? 'same',
    results: Math.min(...estimates.map(({ results }) => results)),
  };
}

function stepsOf({ tasks, estimates }: PipelineEstimate): StepEstimate[] {
  const steps = [...new Set(tasks.map(({ step }) => step))];
  return steps.map((step) => {
    const cached = tasks.filter((task) => task.step === step && task.state === 'cached').length;
    return sumOf(
      step,
      estimates.filter((estimate) => estimate.step === step),
      cached,
    );
  });
}

/** The memory of as many tasks as run at a time on one machine, the largest there are. */
function memoryAtOnce({ estimates, places, cluster }: PipelineEstimate): number {
  const jobs = cluster === undefined ? places.cpu : 1;
  const largest = estimates.map(({ memory }) => memory).sort((a, b) => b - a);
  return largest.slice(0, jobs).reduce((sum, memory) => sum + memory, 0);
}

/** `6.0–54 s`, `2.1–19 min`, `1.4–12 h`: both in the unit of the larger. */
function rangeText(low: number, high: number): string {
  const [unit, size] = high < 100 ? ['s', 1] : high < 6000 ? ['min', 60] : ['h', 3600];
  const [from, to] = [low, high].map((seconds) => numberText(seconds / size));
  return `${from}–${to} ${unit}`;
}

function numberText(value: number): string {
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}

/** Three digits at most: an estimate has no more. */
function sizeText(bytes: number): string {
  return formatBytes(Math.round(bytes)).replace(/^(\d{3,})\.\d/, '$1');
}

/** Longest step name that leaves the table 80 columns. */
const LONGEST = 17;

function short(step: string): string {
  return step.length <= LONGEST ? step : `…${step.slice(1 - LONGEST)}`;
}

/** A line a step that has something to run, and their sums: in 80 columns. */
export function estimateLines(estimate: PipelineEstimate, { colors }: Terminal): string[] {
  const { dim } = colors;
  const { summary, elapsed } = estimate;
  const all = stepsOf(estimate);
  const left = all.filter(({ tasks }) => tasks > 0);
  const cached = `${count(summary.cached, 'task')} cached`;
  if (left.length === 0) return [`nothing to run, ${cached}`];
  const devices = left.some(({ deviceSeconds }) => deviceSeconds > 0);
  const rows = left.map((each) => {
    const ifKnown = (text: string): string => (each.grounds === 'unknown' ? '?' : text);
    return [
      short(each.step),
      String(each.tasks),
      ifKnown(formatSeconds(each.seconds)),
      dim(ifKnown(rangeText(each.low, each.high))),
      ifKnown(sizeText(each.memory)),
      ifKnown(sizeText(each.disk)),
      devices ? ifKnown(hoursText(each.deviceSeconds)) : dim(groundsText(each.grounds, each.results)),
    ];
  });
  const head = ['step', 'run', 'time', 'between', 'memory', 'disk', devices ? 'GPU hours' : 'by'];
  const total = sumOf('', estimate.estimates, summary.cached);
  const unknown = left.filter(({ grounds }) => grounds === 'unknown').length;
  const spread = total.seconds === 0 ? 1 : total.high / total.seconds;
  const least = total.seconds === 0 ? 1 : total.low / total.seconds;
  return [
    ...alignColumns([head.map((word) => dim(word)), ...rows]).map((line) => line.trimEnd()),
    '',
    `${count(total.tasks, 'task')} to run, ${cached}: ${formatSeconds(total.seconds)} of work` +
      `${devices ? `, ${hoursText(total.deviceSeconds)} GPU hours` : ''}`,
    `about ${formatSeconds(elapsed)} with ${withText(estimate)} ` +
      `(${rangeText(elapsed * least, elapsed * spread)}); ` +
      `memory ${sizeText(memoryAtOnce(estimate))}, disk ${sizeText(total.disk)}`,
    ...(unknown === 0
      ? []
      : [`without ${count(unknown, 'step')} marked ?: nothing is known of the size of what comes in`]),
    ...clusterLines(estimate, devices, dim),
    ...downloadLines(estimate),
    ...(devices ? groundsLines(left, dim) : []),
  ];
}

function withText({ places, cluster }: PipelineEstimate): string {
  return cluster === undefined ? count(places.cpu, 'worker') : count(cluster.jobs, 'job');
}

/** What is taken to be there of a cluster. */
function clusterLines(
  { places, cluster }: PipelineEstimate,
  devices: boolean,
  dim: (text: string) => string,
): string[] {
  if (cluster === undefined) return [];
  const gpus = `${count(places.devices, 'GPU')} of ${cluster.card === undefined ? 'a sort unknown here' : `sort ${cluster.card}`}`;
  const cpus = `${count(places.cpu, 'task')} of the CPU`;
  return [dim(`at once: ${devices ? `${gpus}, ` : ''}${cpus}; the time in the queue is not in it`)];
}

/** What has to be brought here first, and about how long that takes. */
function downloadLines({ downloads, downloadRate }: PipelineEstimate): string[] {
  if (downloads.length === 0) return [];
  const bytes = downloads.reduce((sum, each) => sum + (each.bytes ?? 0), 0);
  const rate = downloadRate ?? ASSUMED_RATE;
  const time = `about ${formatSeconds(bytes / rate)} at ${sizeText(rate)}/s`;
  const by = downloadRate === undefined ? 'assumed' : 'as earlier downloads';
  const unknown = downloads.some((each) => each.bytes === undefined);
  const all =
    bytes === 0 ? 'of a size not known here' : `${sizeText(bytes)}${unknown ? ' and more' : ''}, ${time} (${by})`;
  return [
    `to bring here first: ${all}`,
    ...downloads
      .slice(0, MOST_DOWNLOADS)
      .map((each) => `  ${each.what}${each.bytes === undefined ? '' : `  ${sizeText(each.bytes)}`}`),
    ...(downloads.length > MOST_DOWNLOADS ? [`  and ${downloads.length - MOST_DOWNLOADS} more`] : []),
  ];
}

/** Bytes a second, where no download has told yet. */
const ASSUMED_RATE = 50e6;
const MOST_DOWNLOADS = 10;

/** Where the table has no room for it. */
function groundsLines(steps: readonly StepEstimate[], dim: (text: string) => string): string[] {
  return GROUNDS.flatMap((grounds) => {
    const found = steps.filter((each) => each.grounds === grounds);
    return found.length === 0 ? [] : [dim(`by ${BY[grounds]}: ${count(found.length, 'step')}`)];
  });
}

const BY: Readonly<Record<Grounds, string>> = {
  same: 'results of the same model',
  kind: 'results of its kind',
  work: 'its work and the rates of the machine',
  nothing: 'a guess',
  unknown: 'nothing: what comes in is not known',
};

function hoursText(seconds: number): string {
  const hours = seconds / 3600;
  return hours === 0 ? '·' : hours < 0.01 ? '<0.01' : hours.toFixed(2);
}

/** Fields as `plan --json`, and what each task and all together are expected to take. */
export function estimateJson(estimate: PipelineEstimate) {
  const { downloads, downloadRate, cluster, places } = estimate;
  const byTask = new Map(estimate.estimates.map((each) => [each.task, each]));
  const total = sumOf('', estimate.estimates, estimate.summary.cached);
  return {
    tasks: estimate.tasks.map((task) => {
      const found = byTask.get(task.task);
      return { ...plannedJson(task), ...(found && { estimate: numbersOf(found) }) };
    }),
    summary: estimate.summary,
    estimate: {
      seconds: rounded(total.seconds),
      low: rounded(total.low),
      high: rounded(total.high),
      elapsed: rounded(estimate.elapsed),
      jobs: cluster?.jobs ?? places.cpu,
      cpuTasks: places.cpu,
      devices: places.devices,
      ...(cluster?.card === undefined ? {} : { card: cluster.card }),
      memory: Math.round(memoryAtOnce(estimate)),
      disk: Math.round(total.disk),
      deviceHours: rounded(total.deviceSeconds / 3600),
      downloads: downloads.map(({ what, bytes }) => (bytes === undefined ? { what } : { what, bytes })),
      ...(downloads.length === 0 ? {} : { downloadRate: Math.round(downloadRate ?? ASSUMED_RATE) }),
    },
  };
}

function numbersOf(each: TaskEstimate) {
  const { provider, devices, grounds, results, rows } = each;
  return {
    seconds: rounded(each.seconds),
    low: rounded(each.low),
    high: rounded(each.high),
    memory: Math.round(each.memory),
    disk: Math.round(each.disk),
    deviceHours: rounded(deviceSecondsOf(each) / 3600),
    ...(rows === undefined ? {} : { rows: Math.round(rows) }),
    provider,
    devices,
    grounds,
    results,
  };
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
