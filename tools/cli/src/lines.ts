import path from 'node:path';
import { isRecord, type JsonValue } from '@sonde/base';
import type { DeviceHolder, FieldChange, PlannedTask, Reason, RunEvent } from '@sonde/executor';
import { count, formatAmount, formatBytes, formatSeconds, shortJson } from './format.ts';
import { message, type Terminal } from './terminal.ts';

/** Why a task runs, in words. */
export function reasonText(reason: Reason): string {
  switch (reason.code) {
    case 'hit':
      return 'cached';
    case 'new':
      return reason.axes === undefined
        ? 'no recent run of this pipeline had it'
        : `new in the matrix: ${Object.entries(reason.axes).map(axisText).join(', ')}`;
    case 'refresh':
      return 'asked for by --refresh';
    case 'outdated':
      return 'the store keeps more answers than when it was computed';
    case 'damaged':
      return reason.outputs.length > 0
        ? `cached, but damaged: ${reason.outputs.join(', ')}`
        : `cached, but its record is damaged${reason.problem === undefined ? '' : `: ${reason.problem}`}`;
    case 'upstream':
      return `depends on ${reason.tasks.slice(0, 3).join(', ')}${reason.tasks.length > 3 ? `, … (${reason.tasks.length})` : ''}`;
    case 'data':
      return `${reason.ref}: ${reason.message}`;
    case 'changed': {
      const [first] = reason.fields;
      if (first === undefined) return 'changed';
      const more = reason.fields.length > 1 ? ` and ${count(reason.fields.length - 1, 'more field')}` : '';
      return `${changeText(first)}${more}`;
    }
  }
}

function axisText([name, value]: readonly [string, JsonValue]): string {
  return `${name}=${typeof value === 'string' ? value : shortJson(value, 40)}`;
}

function changeText(change: FieldChange): string {
  const { field, nowFrom } = change;
  if (nowFrom !== undefined && nowFrom === change.wasFrom) return `${field}: ${placeText(nowFrom)} has changed`;
  const { was, now } = sidesOf(change, 40);
  return `${field} was ${was}, is ${now}`;
}

/** Both sides of a change, short; of an input what it came from, and the beginning of its digest. */
export function sidesOf({ was, now, wasFrom, nowFrom }: FieldChange, width?: number): { was: string; now: string } {
  return { was: sideText(was, wasFrom, width), now: sideText(now, nowFrom, width) };
}

function sideText(value: JsonValue | undefined, from: string | undefined, width?: number): string {
  if (!isRecord(value) || typeof value.input !== 'string') return shortJson(value, width);
  const digest = value.input.replace(/^(sha256:.{12}).*/, '$1');
  return from === undefined ? digest : `${placeText(from)} (${digest})`;
}

/** A file below the current folder by its relative path. */
function placeText(place: string): string {
  if (!path.isAbsolute(place)) return place;
  const relative = path.relative(process.cwd(), place);
  return relative.startsWith('..') ? place : relative;
}

/** A planned task as `plan --json` prints it. */
export function plannedJson({ task, step, key, state, reason }: PlannedTask) {
  return { task, step, ...(key && { key }), state, reason };
}

/** Where a worker of another process is at work; nothing for this machine's own. */
function hostText(device: string): string {
  return device.includes(' on ') ? `${device}: ` : '';
}

const FROM = { lock: 'sonde.lock', cache: 'the cache; offline' } as const;

/** Who has a device that a run waits for. */
function holderText({ pid, user, since }: DeviceHolder): string {
  const process = pid === undefined ? 'another process' : `process ${pid}`;
  const whose = user === undefined ? '' : ` of ${user}`;
  const when = since === undefined ? '' : ` since ${since.replace('T', ' ').slice(0, 16)} UTC`;
  return `in use by ${process}${whose}${when}`;
}

/** One plain line an event; none for what a log would only be cluttered by. */
export function lineOf(event: RunEvent, terminal: Terminal): string | undefined {
  const { dim, green, red, yellow } = terminal.colors;
  switch (event.event) {
    case 'run.started':
      return `run ${event.run}: ${event.pipeline}, ${count(event.tasks, 'task')}, store ${event.store}`;
    case 'data.resolved':
      return `${dim('resolved')}  ${event.ref} is ${event.commit}${event.from === 'hub' ? ' (written to sonde.lock)' : dim(` (${FROM[event.from]})`)}`;
    case 'data.progress':
      return `${dim('download')}  ${event.ref}  ${formatBytes(event.done)} of ${formatBytes(event.total)}`;
    case 'data.retrying':
      return `${yellow('waiting')}   ${event.ref}: ${message(event.message)}; again in ${formatSeconds(event.seconds)}`;
    case 'data.fetched':
      return `${green('fetched')}   ${event.ref}  ${formatBytes(event.bytes)} in ${formatSeconds(event.seconds)}`;
    case 'task.cached':
      return `${dim('cached')}    ${event.task}`;
    case 'task.started':
      return `started   ${event.task}  ${dim(`${hostText(event.device)}${reasonText(event.reason)}`)}`;
    case 'task.queued':
      return `${dim('queued')}    ${event.task}  ${dim(`for a worker: ${event.shape}`)}`;
    case 'task.waiting':
      return `${yellow('waiting')}   ${event.task}: for ${event.holder}`;
    case 'device.waiting':
      return `${yellow('waiting')}   ${event.device}: ${holderText(event.holder)}`;
    case 'task.progress':
      return `          ${event.task}  ${formatAmount(event.done)}/${formatAmount(event.total)} ${event.unit}`;
    case 'task.log':
      return event.level === 'warning' || terminal.verbose
        ? `${event.level === 'warning' ? yellow('warning') : dim('note')}   ${event.task}: ${message(event.message)}`
        : undefined;
    case 'task.retrying':
      return `${yellow('retrying')}  ${event.task} (attempt ${event.attempt}): ${message(event.failure.message)}`;
    case 'task.finished':
      return `${green('finished')}  ${event.task}  ${formatSeconds(event.seconds)}`;
    case 'task.failed':
      return `${red('failed')}    ${event.task}: ${message(event.failure.message)}`;
    case 'task.skipped':
      return `${yellow('skipped')}   ${event.task}: ${skippedText(event.because)}`;
    case 'run.finished':
      return undefined;
  }
}

/** Without a task because of which it was skipped, it was the whole run that ended. */
function skippedText(because: readonly string[]): string {
  return because.length === 0 ? 'the run was interrupted' : `${because.join(', ')} did not succeed`;
}
