import type { RunEvent } from '@sonde/executor';
import { createLogUpdate } from 'log-update';
import stringWidth from 'string-width';
import { createDownloads } from './downloads.ts';
import { formatAmount, formatRate, formatSeconds } from './format.ts';
import { createProgress, type StepView } from './progress.ts';
import type { Terminal } from './terminal.ts';

export interface Display {
  show(event: RunEvent): void;
  /** Prints a line above the live part. */
  print(line: string): void;
  close(): void;
}

const BAR = 16;
const GAP = '  ';

function bar(share: number): string {
  const full = Math.round(share * BAR);
  return '━'.repeat(full) + '╌'.repeat(BAR - full);
}

/** Cuts text without colours to a width on the screen, with `…` where something is gone. */
function cutToWidth(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let cut = '';
  for (const character of text) {
    if (stringWidth(cut + character) > width - 1) break;
    cut += character;
  }
  return width < 1 ? '' : `${cut}…`;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}

interface Part {
  readonly text: string;
  /** Left out in this turn where there is no room: 1 first. */
  readonly goes?: number;
  readonly paint?: (text: string) => string;
}

function partsOf(view: StepView, nameWidth: number, colors: Pick<Terminal['colors'], 'cyan' | 'dim'>): Part[] {
  const time = view.waiting
    ? // Nothing is left to count, but shards are joined and results put away.
      view.total > 0 && view.done >= view.total
      ? 'finishing'
      : 'waiting'
    : view.secondsLeft === undefined
      ? formatSeconds(view.seconds)
      : `${formatSeconds(view.secondsLeft)} left`;
  const parts: Part[] = [
    { text: pad(cutToWidth(view.step, nameWidth), nameWidth) },
    { text: bar(view.share), goes: 3, paint: colors.cyan },
    { text: view.tasks > 1 ? `${formatAmount(view.ended)}/${formatAmount(view.tasks)} tasks` : '' },
    { text: view.total > 0 ? `${formatAmount(view.done)}/${formatAmount(view.total)} ${view.unit}` : '' },
    { text: view.rate === undefined || view.waiting ? '' : formatRate(view.rate), goes: 2 },
    { text: time, paint: colors.dim },
    { text: view.device, goes: 1, paint: colors.dim },
  ];
  return parts.filter(({ text }) => text !== '');
}

function plainText(parts: readonly Part[]): string {
  return parts.map(({ text }) => text).join(GAP);
}

/**
 * One line a step, of at most `columns`: its name, a bar, tasks, work, rate, time left, device. Where there is no room
 * all lines leave out the device first, then the rate, then the bar; what is still too long is cut.
 */
export function stepLines(
  views: readonly StepView[],
  columns: number,
  colors: Pick<Terminal['colors'], 'cyan' | 'dim'>,
): string[] {
  const width = Math.min(Math.max(0, ...views.map(({ step }) => stringWidth(step))), Math.floor(columns / 3));
  let lines = views.map((view) => partsOf(view, width, colors));
  const fits = (parts: readonly Part[]): boolean => stringWidth(plainText(parts)) <= columns;
  for (let turn = 1; turn <= 3 && !lines.every(fits); turn++)
    lines = lines.map((parts) => parts.filter(({ goes }) => goes !== turn));
  return lines.map((parts) =>
    fits(parts)
      ? parts.map(({ text, paint }) => (paint === undefined ? text : paint(text))).join(GAP)
      : cutToWidth(plainText(parts), columns),
  );
}

/** One line a running step, and one for the run, redrawn in place. */
export function createLiveDisplay(terminal: Terminal, tasksOfStep: ReadonlyMap<string, number>): Display {
  const update = createLogUpdate(process.stderr, { showCursor: true });
  const progress = createProgress(tasksOfStep);
  const downloads = createDownloads();
  const { colors } = terminal;

  const render = (): void => {
    // The last column stays empty: some terminals wrap when it is written.
    const columns = (process.stderr.columns ?? 80) - 1;
    const rows = Math.max(1, (process.stderr.rows ?? 24) - 3);
    const views = progress.running();
    const lines = [
      ...downloads.lines().map((line) => cutToWidth(line, columns)),
      ...stepLines(views.slice(0, rows), columns, colors),
    ];
    if (views.length > rows) lines.push(colors.dim(`… ${views.length - rows} more steps`));
    const { ended, tasks, seconds } = progress.total();
    const total = `${formatAmount(ended)}/${formatAmount(tasks)} tasks done${GAP}${formatSeconds(seconds)}`;
    update([...lines, colors.dim(cutToWidth(total, columns))].join('\n'));
  };
  const timer = setInterval(render, 100);
  timer.unref();

  return {
    show(event) {
      progress.show(event);
      downloads.show(event);
    },
    print(line) {
      update.clear();
      process.stderr.write(`${line}\n`);
      render();
    },
    close() {
      clearInterval(timer);
      update.clear();
      update.done();
    },
  };
}
