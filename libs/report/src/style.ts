import { SERIES } from './palette.ts';

function series(theme: 'light' | 'dark'): string {
  return SERIES.map((color, i) => `--series-${i + 1}:${color[theme]}`).join(';');
}

const LIGHT = `--page:#fdfdfb;--raised:#f4f4f0;--ink:#1c1e21;--muted:#5a5e64;--rule:#dcdcd6;--grid:#e9e9e4;--axis:#8b8f94;--link:#0b57a0;--warn:#fbf3dc;--warn-edge:#a86a00;${series('light')}`;
const DARK = `--page:#141619;--raised:#1d2024;--ink:#e8e8e4;--muted:#a4a9af;--rule:#34383d;--grid:#272b2f;--axis:#777d84;--link:#8abcf5;--warn:#2a2413;--warn-edge:#eab04a;${series('dark')}`;

/** The light colours by name, for drawings that stand without the page. */
export const THEME: Readonly<Record<string, string>> = Object.fromEntries(
  LIGHT.split(';').map((each) => each.replace(/^--/, '').split(':') as [string, string]),
);

export const STYLE = `:root{color-scheme:light dark;${LIGHT}}
@media screen and (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
html{scroll-padding-top:4rem;-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;font-variant-numeric:tabular-nums}
main,.bar-top>div{max-width:1180px;margin:0 auto;padding:0 1.5rem}
main{padding-bottom:5rem}
a{color:var(--link);text-underline-offset:.15em}
:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:2px}
.vh,.skip:not(:focus){position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:fixed;top:.5rem;left:.5rem;z-index:3;background:var(--page);padding:.4rem .8rem}
.muted{color:var(--muted)}
.bar-top{position:sticky;top:0;z-index:2;background:var(--page);border-bottom:1px solid var(--rule);font-size:.875rem}
.bar-top>div{display:flex;gap:2rem;align-items:center;justify-content:space-between;min-height:2.75rem}
.home{color:var(--ink);font-weight:600;text-decoration:none;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;min-width:0;flex:0 1 auto}
nav{overflow-x:auto;scrollbar-width:none;flex:0 1 auto;min-width:0}
nav ol{display:flex;gap:1.25rem;list-style:none;margin:0;padding:.6rem 0;white-space:nowrap}
nav a{color:var(--muted);text-decoration:none}
nav a:hover{color:var(--link);text-decoration:underline}
.title{padding:3.5rem 0 .5rem}
.kicker{margin:0;color:var(--muted);font-size:.875rem}
h1{font-size:clamp(1.75rem,1.3rem + 2vw,2.5rem);line-height:1.15;letter-spacing:-.02em;font-weight:650;margin:.25rem 0 .75rem;text-wrap:balance;overflow-wrap:anywhere}
.lead{font-size:1.125rem;color:var(--muted);max-width:62ch;margin:0}
.glance{list-style:none;margin:1.75rem 0 0;padding:0;max-width:80ch;border-top:1px solid var(--rule)}
.glance li{overflow-wrap:anywhere;display:grid;grid-template-columns:8.5rem minmax(0,1fr);gap:0 1rem;padding:.5rem 0;border-bottom:1px solid var(--rule)}
.glance small{color:var(--muted);font-size:.875em}
section{border-top:1px solid var(--rule);margin-top:3rem;padding-top:2rem}
h2{font-size:1.5rem;line-height:1.25;letter-spacing:-.01em;font-weight:650;margin:0 0 .75rem}
h3{font-size:1.0625rem;font-weight:650;margin:2rem 0 .5rem}
h4{font-size:.9375rem;font-weight:600;margin:1.25rem 0 .25rem}
section>p,.notes,.terms,.toggle{max-width:72ch}
p{margin:0 0 1rem}
code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.facts{display:grid;gap:.4rem;margin:0 0 1.5rem}
.facts>div,.terms>div{display:grid;grid-template-columns:8.5rem 1fr;gap:1rem}
dt{color:var(--muted)}
dd{margin:0;min-width:0}
.terms{margin:0 0 1rem;font-size:.9375rem}
.terms dt{color:var(--ink);font-weight:600}
.notes{padding-left:1.2rem;color:var(--muted);font-size:.9375rem}
.warning{background:var(--warn);border-left:3px solid var(--warn-edge);padding:.75rem 1rem;border-radius:0 4px 4px 0}
.scroll{position:relative;overflow-x:auto;margin:0 0 1rem}
table{border-collapse:collapse;font-size:.875rem;line-height:1.4;min-width:min(100%,30rem)}
caption{text-align:left;color:var(--muted);padding:0 0 .5rem}
th,td{padding:.35rem .9rem .35rem 0;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--rule);white-space:nowrap}
thead th{color:var(--muted);font-weight:500;border-bottom-color:var(--axis);vertical-align:bottom}
tbody th{font-weight:500}
td small{color:var(--muted);font-size:.8125rem}
.null{color:var(--muted);text-decoration:underline dotted;text-underline-offset:.2em;cursor:help}
details>summary{cursor:pointer}
.tasks>details{border-bottom:1px solid var(--rule);padding:.4rem 0}
.tasks .scroll{margin:.5rem 0 .5rem 1.1rem}
.step{font-weight:600}
.key[open]{white-space:normal;max-width:34rem}
.key p{margin:.5rem 0}
.long{overflow-wrap:anywhere}
.key pre{margin:0;padding:.75rem;background:var(--raised);border-radius:4px;overflow-x:auto;max-height:22rem}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;list-style:none;margin:.25rem 0 .75rem;padding:0;font-size:.875rem}
.legend li{display:flex;align-items:center;gap:.5rem}
.key{flex:none}
.toggle label{display:inline-flex;gap:.5rem;align-items:baseline}
input{accent-color:var(--link)}
.selectivity{display:none}
section:has(.show-selectivity:checked) .selectivity{display:inline}
section:has(.show-selectivity:checked) .legend .selectivity{display:flex}
.legend li.selectivity{display:none}
.picker{border:0;margin:1.25rem 0 1rem;padding:0;display:flex;flex-wrap:wrap;gap:.4rem;align-items:center;font-size:.875rem}
.picker legend{float:left;padding:0;margin-right:.5rem;color:var(--muted)}
.picker label{position:relative;cursor:pointer}
.picker input{position:absolute;inset:0;opacity:0;margin:0;cursor:pointer}
.picker span{display:block;padding:.2rem .7rem;border:1px solid var(--rule);border-radius:1rem}
.picker span:hover{border-color:var(--axis)}
.picker input:checked+span{background:var(--ink);border-color:var(--ink);color:var(--page)}
.picker input:focus-visible+span{outline:2px solid var(--link);outline-offset:2px}
.choice>summary{padding:.4rem 0;font-weight:600}
.picked>.choice>summary{display:none}
.picked>.choice:not([open]){display:none}
.picked h3:first-child,.picked summary+h3{margin-top:.75rem}
.strip{display:grid;grid-auto-flow:column;grid-auto-columns:minmax(232px,1fr);gap:1rem;overflow-x:auto;max-width:1132px}
@media (min-width:1000px){.strip{grid-auto-flow:row;grid-template-columns:repeat(4,1fr)}}
.strip+.strip,.strip+.scroll,.grid+.scroll{margin-top:1rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:1.25rem 1.5rem}
figure{margin:0;min-width:0;max-width:420px}
figcaption{font-size:.8125rem;color:var(--muted)}
.grid figcaption{font-size:.9375rem;font-weight:600;color:var(--ink);margin-bottom:.25rem}
figure>svg{display:block;width:100%;height:auto}
svg text{font-family:inherit;font-variant-numeric:tabular-nums}
.data{margin:.75rem 0 1rem;font-size:.875rem}
.data>summary{color:var(--link);width:fit-content}
.data[open]>summary{margin-bottom:.5rem}
.data>.scroll{max-height:28rem;overflow:auto;border-bottom:1px solid var(--rule)}
.data thead th{position:sticky;top:0;background:var(--page)}
.files{display:flex;gap:1.25rem;margin:0 0 .5rem}
.example{border-top:1px solid var(--rule);padding:1.25rem 0;max-width:60rem}
.example h3{margin:0 0 .5rem;font-size:.875rem;font-weight:500;color:var(--muted)}
.example>ul{list-style:none;margin:1rem 0 0;padding:0;display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr))}
.example>ul>li{border-left:2px solid var(--rule);padding-left:.9rem;min-width:0}
.who{margin:0;font-size:.875rem;font-weight:600}
.who .muted{font-weight:400}
blockquote{margin:.15rem 0 .35rem;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;max-width:68ch}
.example>header blockquote{font-size:1.0625rem}
.fold{margin:.15rem 0 .35rem}
.fold>summary{color:var(--muted)}
.scores{display:flex;flex-wrap:wrap;gap:.1rem 1rem;list-style:none;margin:0;padding:0;font-size:.8125rem;color:var(--muted)}
.scores b{color:var(--ink);font-weight:600}
@media (max-width:800px){main,.bar-top>div{padding-left:1rem;padding-right:1rem}.home{display:none}.title{padding-top:2rem}section{margin-top:2.25rem;padding-top:1.5rem}.strip{margin-right:-1rem;padding-right:1rem}.facts>div,.terms>div,.glance li{grid-template-columns:minmax(0,1fr);gap:0}.terms>div{margin-bottom:.4rem}.tasks .scroll{margin-left:0}}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
@media print{body{font-size:10pt}.bar-top,.skip,.picker,.data,.toggle{display:none}.strip{grid-auto-flow:row;grid-template-columns:repeat(4,1fr);gap:.5rem}.grid{grid-template-columns:repeat(2,1fr)}.scroll{overflow:visible}section{break-before:auto}figure,tr,.example li{break-inside:avoid}h2,h3,h4{break-after:avoid}}
`;
