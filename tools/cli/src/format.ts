/** `0.4 s`, `12 s`, `3:07`, `2:03:15`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number): string => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `hour`, `2 hours`, `90 seconds`: after "the last". */
export function formatPeriod(seconds: number): string {
  const [size, unit] = seconds % 3600 === 0 ? [3600, 'hour'] : seconds % 60 === 0 ? [60, 'minute'] : [1, 'second'];
  return seconds === size ? unit : `${seconds / size} ${unit}s`;
}

/** `812 B`, `3.4 KiB`, `1.2 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** `1,610`, `0.4`: of what is done in part. */
export function formatAmount(n: number): string {
  return n.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

/** `1 task`, `3 tasks`. */
export function count(n: number, noun: string): string {
  return `${formatAmount(n)} ${noun}${n === 1 ? '' : 's'}`;
}

/** The first twelve hex digits of a key: enough to tell results apart on a screen. */
export function shortKey(key: string): string {
  return key.replace(/^sha256:/, '').slice(0, 12);
}

/** A JSON value in one line, cut to fit. */
export function shortJson(value: unknown, width = 60): string {
  const text = value === undefined ? '(absent)' : JSON.stringify(value);
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** `1,610/s`, `24.5/s`, `0.35/s`, `2.4/min`. */
export function formatRate(perSecond: number): string {
  if (perSecond < 0.1) return `${(perSecond * 60).toFixed(1)}/min`;
  const digits = perSecond >= 100 ? 0 : perSecond >= 10 ? 1 : 2;
  return `${perSecond.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}/s`;
}

/** A path as a command line is given it: in quotes where a shell would read more than its letters. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
