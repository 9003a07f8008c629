/** Markup that is already safe to put into a page. Only `html` and `raw` make it. */
export type Html = { readonly markup: string };

type Part = Html | string | number | null | undefined | readonly Part[];

/** Marks text as markup. Only for text of our own making: style, script, drawings. */
export function raw(markup: string): Html {
  return { markup };
}

/** Markup with every interpolated text escaped; lists are joined, null and undefined vanish. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let markup = strings[0] as string;
  parts.forEach((part, i) => {
    markup += markupOf(part) + strings[i + 1];
  });
  return { markup };
}

function markupOf(part: Part): string {
  if (part === null || part === undefined) return '';
  if (typeof part === 'string' || typeof part === 'number') return escapeText(String(part));
  if ('markup' in part) return part.markup;
  return part.map(markupOf).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A text as element content or quoted attribute value, see `visible`. */
function escapeText(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/**
 * A text in which nothing is hidden from its reader or disturbs the text around it: control characters are pictures
 * (␀), direction marks their code points, half a surrogate pair U+FFFD.
 */
export function visible(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/\p{Surrogate}|[\u0080-\u009F\uFFFE\uFFFF]/gu, '\uFFFD')
    .replace(/[\p{Bidi_Control}\u2028\u2029\uFEFF]/gu, codePoint)
    .replace(/(?![\t\n])\p{Cc}/gu, picture);
}

function codePoint(mark: string): string {
  return `[U+${(mark.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}]`;
}

function picture(control: string): string {
  return String.fromCharCode(control === '\x7F' ? 0x2421 : 0x2400 + control.charCodeAt(0));
}

/** The text of markup of our own making, its tags and entities gone. */
export function textOf({ markup }: Html): string {
  const signs = new Map(Object.entries(ENTITIES).map(([sign, entity]) => [entity, sign]));
  return markup.replace(/<[^>]*>/g, '').replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => signs.get(entity) as string);
}
