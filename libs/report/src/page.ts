import { createHash } from 'node:crypto';
import { type Html, html, raw } from './html.ts';
import { type Section, sectionMarkup } from './parts.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

type Document = {
  readonly title: string;
  readonly description: string | undefined;
  readonly summary: Html | null;
  readonly sections: readonly Section[];
};

/** The whole document. Its policy allows its own style and script, by their digests, and nothing else at all. */
export function page({ title, description, summary, sections }: Document): string {
  const policy = `default-src 'none'; style-src '${digest(STYLE)}'; script-src '${digest(SCRIPT)}'; base-uri 'none'; form-action 'none'`;
  const { markup } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Sonde">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to content</a>
<header class="bar-top"><div><a class="home" href="#top">${title}</a>${contents(sections)}</div></header>
<main id="content">
<div class="title" id="top"><p class="kicker">Aligned probing report</p><h1>${title}</h1>${description ? html`<p class="lead">${description}</p>` : null}${summary}</div>
${sections.map(
  (section) => html`${sectionMarkup(section)}
`,
)}</main>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`;
  return markup;
}

function contents(sections: readonly Section[]): Html {
  return html`<nav aria-label="Contents"><ol>${sections.map(({ id, short }) => html`<li><a href="#${id}">${short}</a></li>`)}</ol></nav>`;
}

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
