import { UserError } from '@sonde/base';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October'];
const NAMES = [...MONTHS, 'November', 'December'];

const TWO = (value: number): string => String(value).padStart(2, '0');

/** What Python's strftime writes for midnight of a day, code by code; `-` leaves out what fills up. */
function written(date: Date): Readonly<Record<string, string>> {
  const [year, month, day, weekday] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCDay()];
  const ofYear = Math.round((date.getTime() - Date.UTC(year, 0, 1)) / 86_400_000) + 1;
  const [iso, us] = [`${year}-${TWO(month + 1)}-${TWO(day)}`, `${TWO(month + 1)}/${TWO(day)}/${TWO(year % 100)}`];
  return {
    '%%': '%',
    '%A': DAYS[weekday]!,
    '%a': DAYS[weekday]!.slice(0, 3),
    '%B': NAMES[month]!,
    '%b': NAMES[month]!.slice(0, 3),
    '%D': us,
    '%d': TWO(day),
    '%-d': String(day),
    '%e': String(day).padStart(2),
    '%F': iso,
    '%H': '00',
    '%-H': '0',
    '%h': NAMES[month]!.slice(0, 3),
    '%I': '12',
    '%-I': '12',
    '%j': String(ofYear).padStart(3, '0'),
    '%-j': String(ofYear),
    '%M': '00',
    '%-M': '0',
    '%m': TWO(month + 1),
    '%-m': String(month + 1),
    '%p': 'AM',
    '%R': '00:00',
    '%S': '00',
    '%-S': '0',
    '%T': '00:00:00',
    '%u': String(weekday === 0 ? 7 : weekday),
    '%w': String(weekday),
    '%X': '00:00:00',
    '%x': us,
    '%Y': String(year),
    '%y': TWO(year % 100),
  };
}

/**
 * Writes a day by a format of Python's strftime, in the C locale, as if it were midnight.
 * @param day YYYY-MM-DD @param folder of the template, for messages @throws UserError for a code that is not known
 */
export function strftime(format: string, day: string, folder: string): string {
  const codes = written(new Date(`${day}T00:00:00Z`));
  return format.replace(/%-?[\s\S]?/g, (code) => {
    const text = codes[code];
    if (text !== undefined) return text;
    throw new UserError('model', `The chat template of ${folder} asks strftime_now for "${code}", which is not known.`);
  });
}
