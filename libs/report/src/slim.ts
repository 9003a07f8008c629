/**
 * Drops what a still picture does not need from an SVG of Vega's, about two thirds of its bytes: roles for scripts,
 * empty backgrounds, defaults, attributes that all children of a group repeat, groups that say nothing. Keeps the
 * class of marks named `selectivity`.
 */
export function slim(svg: string): string {
  const bare = svg
    .replace(/<path class="(?:background|foreground)"[^>]*\/>|<g(?: [^>]*)?\/>/g, '')
    .replace(/<[a-z][^>]*>/g, slimTag)
    .replace(/<g([^>]*)>((?:<(?:line|path|circle)[^>]*\/>|<text[^>]*>[^<]*<\/text>)+)<\/g>/g, hoist);
  return withoutPlainGroups(bare);
}

const NOISE =
  / (?:role|aria-[a-z]+|pointer-events|font-family|stroke-miterlimit)="[^"]*"| (?:opacity="1"|stroke-width="1"|x2="0"|y2="0"|font-weight="normal"|transform="translate\(0,0\)")/g;
const CIRCLE =
  /^<path([^>]*?) transform="translate\(([^,]+),([^)]+)\)" d="M([\d.]+),0A\4,\4,0,1,1,-\4,0A\4,\4,0,1,1,\4,0"/;

function slimTag(tag: string): string {
  return tag
    .replace(/ class="([^"]*)"/, (_, names: string) =>
      names.includes('selectivity_marks') ? ' class="selectivity"' : '',
    )
    .replace(NOISE, '')
    .replace(/-?\d+\.\d{2,}/g, (number) => String(Number(Number(number).toFixed(1))))
    .replace(/px"/g, '"')
    .replace(CIRCLE, '<circle$1 cx="$2" cy="$3" r="$4"');
}

const INHERITED = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'font-size', 'text-anchor'];

/** Moves attributes that every child has with one value to their group. */
function hoist(_: string, attributes: string, children: string): string {
  const tags = children.match(/<[a-z][^>]*>/g) ?? [];
  let group = attributes;
  let rest = children;
  for (const name of INHERITED) {
    const found = new RegExp(` ${name}="[^"]*"`).exec(tags[0] ?? '')?.[0];
    if (found === undefined || group.includes(` ${name}=`) || !tags.every((tag) => tag.includes(found))) continue;
    group += found;
    rest = rest.replaceAll(found, '');
  }
  return `<g${group}>${rest}</g>`;
}

function withoutPlainGroups(svg: string): string {
  const open: boolean[] = [];
  return svg.replace(/<g([^>]*)>|<\/g>/g, (tag, attributes: string | undefined) => {
    if (tag === '</g>') return open.pop() ? tag : '';
    open.push(attributes !== '');
    return attributes === '' ? '' : tag;
  });
}
