import { createHash } from 'node:crypto';
import { UserError } from '@sonde/base';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ChangeRow, type Comparison, type ReportModel, renderAll, renderReport, wordingOf } from '../src/index.ts';
import { numberAxis } from '../src/scale.ts';
import { sampleReport } from './sample.ts';

/** The least a report can be. */
const bare: ReportModel = {
  title: 'Bare',
  mode: 'paper',
  software: [{ name: 'Sonde', version: '0.1.0' }],
  models: [],
  provenance: [],
};

const sample = sampleReport(3);
let text: string;
beforeAll(async () => {
  text = await renderReport(sample);
});

describe('an axis of numbers', () => {
  it('is logarithmic where its numbers are uneven, with ticks that are told apart and do not meet', () => {
    const steps = numberAxis('step', [0, 50, 150, 400, 1200, 2000]);
    expect(steps.constant).toBe(50);
    expect(steps.ticks.slice(0, 2)).toEqual([0, 50]);
    expect(steps.format).toBe(',.0~f');
    expect(numberAxis('strength', [-4, -2, 0.5, 4]).format).toBe(',.1~f');
    expect(numberAxis('k', [1, 2, 3, 4, 5])).toMatchObject({ ticks: [1, 2, 3, 4, 5], domain: [1, 5] });
    expect(numberAxis('k', [1, 2, 3, 4, 5]).constant).toBeUndefined();
  });
});

describe('words', () => {
  it('are of toxicity where all attributes are kinds of it, else of the property', () => {
    expect(wordingOf(['TOXICITY', 'INSULT', 'length']).short).toBe('EMT');
    expect(wordingOf(['FRIENDLINESS', 'length']).groups.high).toBe('prompts high in Friendliness');
    expect(JSON.stringify(wordingOf(['TOXICITY', 'FRIENDLINESS']))).not.toMatch(/toxi|EMT/i);
  });
});

describe('two scorers', () => {
  it('are answered first: how far models change, their order, and how far single texts agree', () => {
    const [glance] = /<ul class="glance"[\s\S]*?<\/ul>/.exec(text)!;
    const [first, second] = [...glance.matchAll(/<li>([\s\S]*?)<\/li>/g)].map(([, item]) =>
      item!.replace(/<[^>]*>/g, ''),
    );
    expect(first).toMatch(
      /^Two scorers: answer \w+: EMT of \d models changes most for \w+, from 0\.\d\d \(.*\) to 0\.\d\d \(.*the models’ order is the same$/,
    );
    expect(second).toMatch(/^Two scorers, texts \w+: r = /);
  });

  it('are shown with their agreement, a curve, models by both, and where they differ', () => {
    expect(text).toContain('id="agreement-title">Two scorers');
    expect(text).toContain('Calibration, Toxicity: mean reference');
    expect(text).toContain('EMT by score and reference, Profanity: base 0.30 and 0.35');
    expect(text).toContain('the two orders of the models correlate with ρ = 1.00');
    expect(text).toContain('You &lt;b&gt;fool&lt;/b&gt;');
    expect(text).toMatch(/one of them scored 1\.00: show it/);
  });
});

describe('the page', () => {
  it('is the same text for the same model', async () => {
    expect(await renderReport(structuredClone(sample))).toBe(text);
  });

  it('loads nothing: no addresses but its own anchors and data', () => {
    const targets = [...text.matchAll(/\s(?:href|src|srcset|action|data|poster|xlink:href)="([^"]*)"/g)].map(
      ([, target]) => target,
    );
    expect(targets.length).toBeGreaterThan(10);
    expect(
      targets.filter((target) => !/^(?:#[a-z]+$|data:(?:text\/csv|application\/json);base64,)/.test(target ?? '')),
    ).toEqual([]);
    expect(text).not.toMatch(/@import|url\(|<link|<img|<iframe|https?:/);
  });

  it('allows by its policy its own style and script and nothing else', () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(text)?.[1];
    const digest = (content: string | undefined) =>
      `'sha256-${createHash('sha256')
        .update(content ?? '')
        .digest('base64')}'`;
    const style = digest(/<style>([\s\S]*?)<\/style>/.exec(text)?.[1]);
    const script = digest(/<script>([\s\S]*?)<\/script>/.exec(text)?.[1]);
    expect(policy).toBe(
      `default-src 'none'; style-src ${style}; script-src ${script}; base-uri 'none'; form-action 'none'`,
    );
    expect(text).not.toMatch(/\sstyle="|\son[a-z]+="/);
  });

  it('closes every element that it opens, with unique ids', () => {
    expect(unbalanced(text)).toBeUndefined();
    const ids = [...text.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('leaves out sections that are not there', async () => {
    const page = await renderReport(bare);
    expect([...page.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id)).toEqual(['run']);
    expect(page).toContain('paper: the published procedure');
    expect([...text.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id)).toEqual([
      'agreement',
      'behavior',
      'probes',
      'correlation',
      'bypass',
      'examples',
      'run',
    ]);
  });

  it('leaves out a section without rows', async () => {
    const page = await renderReport({
      ...bare,
      examples: { attribute: 'TOXICITY', threshold: 0.5, prompts: [] },
    });
    expect(page).not.toContain('id="examples"');
  });
});

describe('hostile texts', () => {
  const hostile = '</script><script>alert(1)</script><img src=x onerror=alert(2)>"\'&\u202Eevil\u0000\u001B[31m\uD83D';

  it('stay texts everywhere, with hidden characters made visible', async () => {
    const page = await renderReport({
      ...bare,
      title: hostile,
      description: hostile,
      models: [{ name: hostile, label: `\u202E\u0007<b>\uD83D${hostile}` }],
      provenance: [
        {
          kind: hostile,
          axes: { [hostile]: hostile },
          key: hostile,
          seed: null,
          config: { [hostile]: hostile },
        },
      ],
      examples: {
        attribute: hostile,
        threshold: 0.5,
        prompts: [
          {
            id: hostile,
            text: hostile,
            scores: { [hostile]: 0.1 },
            continuations: [{ model: hostile, sample: 0, text: hostile, scores: { A: 0.9 } }],
          },
        ],
      },
      behavior: {
        k: 1,
        threshold: 0.5,
        mode: 'default',
        scorer: hostile,
        rows: [
          {
            model: hostile,
            attribute: hostile,
            group: 'all',
            emt: { value: 0.5 },
            probability: { value: null, reason: hostile },
            prompts: 1,
            missing: 0,
          },
        ],
      },
    });
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toMatch(/<img|(?![\t\n])\p{Cc}|\p{Bidi_Control}|\p{Surrogate}/u);
    expect(page).toContain('&lt;/script&gt;&lt;script&gt;alert(1)');
    expect(page).toContain('[U+202E]evil␀␛[31m\uFFFD');
    expect(unbalanced(page)).toBeUndefined();
  });

  it('of toxic, or unknown, content are folded away', async () => {
    const scores = (TOXICITY: number | null) => ({ TOXICITY, INSULT: 0.1 });
    const page = await renderReport({
      ...bare,
      examples: {
        attribute: 'TOXICITY',
        threshold: 0.5,
        prompts: [
          {
            id: 'p',
            text: 'the prompt',
            scores: scores(0.1),
            continuations: [
              { model: 'm', sample: 0, text: 'mild text', scores: scores(0.49) },
              { model: 'm', sample: 1, text: 'toxic text', scores: scores(0.5) },
              { model: 'm', sample: 2, text: 'unknown text', scores: { TOXICITY: null }, reason: 'too long' },
            ],
          },
        ],
      },
    });
    const folded = [...page.matchAll(/<details class="fold">.*?<\/details>/g)].join('');
    expect(folded).toContain('Continuation scored 0.50 for Toxicity');
    expect(folded).toContain('toxic text');
    expect(folded).toContain('Continuation without a score (too long)');
    expect(folded).not.toContain('mild text');
    expect(folded).not.toContain('the prompt');
  });
});

describe('numbers', () => {
  it('that are null are a dash with their reason', () => {
    const reason = 'two models have no value';
    expect(text).toContain(`<span class="null" title="${reason}">–<span class="vh"> (${reason})</span></span>`);
    expect(text).not.toMatch(/NaN|undefined|Infinity|\[object/);
  });

  it('that are NaN are refused, naming the place', async () => {
    const correlation = { ...sampleReport(2).correlation!, models: Number.NaN };
    await expect(renderReport({ ...bare, correlation })).rejects.toThrow(
      new UserError(
        'argument',
        "The report's correlation.models is NaN; a number that is not known must be null, with a reason.",
      ),
    );
  });

  it('are in the tables and files below the plots', () => {
    const csv = /download="correlation-TOXICITY\.csv" href="data:text\/csv;base64,([^"]*)"/.exec(text)?.[1];
    const lines = Buffer.from(csv ?? '', 'base64')
      .toString()
      .split('\n');
    expect(lines[0]).toMatch(
      /^scenario,target,position,coefficient,low,high,p_adjusted,family_wise_p,partial,.*,n,reason$/,
    );
    expect(lines).toHaveLength(4 * 9 + 2);
    const json = /download="correlation-TOXICITY\.json" href="data:application\/json;base64,([^"]*)"/.exec(text)?.[1];
    const data = JSON.parse(Buffer.from(json ?? '', 'base64').toString()) as { columns: string[]; data: unknown[][] };
    expect(data.columns).toEqual(lines[0]!.split(','));
    expect(data.data).toHaveLength(4 * 9);
  });
});

describe('drawings', () => {
  it('take every colour from the page, so that they follow its theme', () => {
    const colors = [...text.matchAll(/\s(?:fill|stroke)="([^"]*)"/g)].map(([, color]) => color ?? '');
    expect(
      [...new Set(colors)].filter((color) => color !== 'none' && !/^var\(--[a-z]+(?:-\d)?\)$/.test(color)),
    ).toEqual([]);
  });

  it('keep the text of their ticks', () => {
    expect(text).toMatch(/<text[^>]*>0\.25<\/text>/);
    expect(text).toMatch(/<text[^>]*>Relative depth<\/text>/);
  });

  it('are described for those who do not see them', () => {
    const drawings = [...text.matchAll(/<svg viewBox[^>]*>/g)]
      .map(([tag]) => tag)
      .filter((tag) => tag.includes('width="2') || tag.includes('width="3'));
    expect(
      drawings.filter((tag) => !/role="img" aria-label="[^"]+"/.test(tag) && !tag.includes('class="key"')),
    ).toEqual([]);
  });

  it('tell models apart whose long labels begin and end alike', async () => {
    const names = ['a', 'b', 'c'].map((letter) => `a-family-of-models-${letter}-with-long-names`);
    const page = await renderReport({
      ...bare,
      models: names.map((name) => ({ name, label: name })),
      behavior: {
        k: 5,
        threshold: 0.5,
        mode: 'default',
        scorer: 's',
        rows: names.map((model) => ({
          model,
          attribute: 'TOXICITY',
          group: 'all' as const,
          emt: { value: 0.5 },
          probability: { value: 0.5 },
          prompts: 10,
          missing: 0,
        })),
      },
    });
    const labels = [...page.matchAll(/<text[^>]*>(a-[^<]*)<\/text>/g)].map(([, label]) => label);
    expect(new Set(labels).size).toBe(3);
  });

  it('break the line where a value is missing', async () => {
    const row = (layer: number, value: number | null) =>
      ({
        model: 'm',
        scenario: 'input',
        target: 'TOXICITY',
        layer,
        score: { value, reason: 'constant' },
        n: 10,
      }) as const;
    const page = await renderReport({
      ...bare,
      models: [{ name: 'm', label: 'm' }],
      probes: {
        folds: 4,
        method: 'ridge',
        baselines: [],
        rows: [row(0, 0.1), row(1, 0.2), row(2, null), row(3, 0.3), row(4, 0.4)],
      },
    });
    expect(page).toMatch(/<path d="M[\d.]+,[\d.]+L[\d.]+,[\d.]+M[\d.]+,[\d.]+L[\d.]+,[\d.]+"/);
    expect(page.match(/<circle/g)).toHaveLength(4);
  });
});

describe('probes of a target that only some scenarios have', () => {
  it('come last, and say which are not probed in place of empty plots', async () => {
    const { probes, ...rest } = sampleReport(2);
    const rows = probes!.rows.filter(({ target, scenario }) => target !== 'TOXICITY' || scenario === 'input');
    const page = await renderReport({ ...rest, probes: { ...probes!, rows } });
    const said = page.indexOf('Output: not probed, for it has no scores of Toxicity.');
    expect(said).toBeGreaterThan(0);
    expect(said).toBeGreaterThan(page.indexOf('Profanity: each model and its baselines'));
    expect(page).not.toContain('no scores of Profanity');
  });
});

describe('a large report', () => {
  it('of eight models, seven targets and four scenarios stays under 3 MB', async () => {
    expect(Buffer.byteLength(await renderReport(sampleReport(8)))).toBeLessThan(3_000_000);
  });
});

/** The first tag that does not close what was opened, if any. */
function unbalanced(page: string): string | undefined {
  const empty = new Set(['meta', 'input', 'br']);
  const open: string[] = [];
  const body = page.replace(/<(style|script)>[\s\S]*?<\/\1>/g, '');
  for (const [tag, close, name = '', selfClosed] of body.matchAll(/<(\/?)([a-z][a-z0-9]*)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (close) {
      if (open.pop() !== name) return tag;
    } else if (!selfClosed && !empty.has(name)) open.push(name);
  }
  return open[0];
}

describe('the legend of probes', () => {
  it('names no baseline of which nothing is drawn, which the table still has', async () => {
    const report = sampleReport(2);
    const [first] = report.probes!.baselines;
    const mean = { ...first!, baseline: 'mean', score: { value: null, reason: 'constant' } };
    const page = await renderReport({
      ...report,
      probes: { ...report.probes!, baselines: [...report.probes!.baselines, mean] },
    });
    const section = /<section id="probes"[\s\S]*?<\/section>/.exec(page)![0];
    const legends = [...section.matchAll(/<ul class="legend"[\s\S]*?<\/ul>/g)].map(([text]) => text).join();
    expect(legends).toContain(`${first!.baseline}</li>`);
    expect(legends).not.toContain('mean</li>');
    expect(/<table[\s\S]*<\/table>/.exec(section)![0]).toMatch(/mean/);
  });
});

describe('a correlation over too few models', () => {
  it('is not drawn: the section says why there is none', async () => {
    const { correlation, ...rest } = sampleReport(2);
    const none = { value: null, reason: 'too_few' };
    const rows = correlation!.rows.map((row) => ({ ...row, coefficient: none, p: null, partial: none, n: 2 }));
    const { html, summary, figures } = await renderAll({ ...rest, correlation: { ...correlation!, models: 2, rows } });
    const said = 'Nothing is correlated over 2 models: a correlation takes three or more.';
    expect(/<section id="correlation"[\s\S]*?<\/section>/.exec(html)![0]).toContain(`<p>${said}</p>`);
    expect(/<section id="correlation"[\s\S]*?<\/section>/.exec(html)![0]).not.toMatch(/<svg|<table/);
    expect(html).toMatch(/<a href="#correlation">Correlation<\/a> <span>n = 2 models: too few/u);
    expect(summary).toContain(said);
    expect(figures.filter(({ name }) => name.startsWith('correlation'))).toEqual([]);
  });
});

describe('the headline of a correlation', () => {
  const row = {
    scenario: 'output',
    target: 'TOXICITY',
    position: 0.5,
    coefficient: { value: 0.98, low: 0.9, high: 1 },
    p: 0.0001,
    partial: { value: 0.07, low: -0.8, high: 0.85 },
    partialP: 0.9,
    n: 8,
  } as const;
  const glanceOf = async (
    rows: NonNullable<ReportModel['correlation']>['rows'],
    given?: string,
    units: { models?: number; families?: number } = {},
  ) => {
    const { correlation, ...rest } = sampleReport(2);
    const page = await renderReport({
      ...rest,
      correlation: { ...correlation!, ...(given !== undefined && { given }), ...units, rows },
    });
    return /<a href="#correlation">Correlation<\/a> <span>(.*?)<\/span><\/li>/.exec(page)![1];
  };

  it('is no effect that the spread of the labels explains', async () => {
    const spread = 'the spread of the labels';
    expect(await glanceOf([row], spread)).toMatch(
      /^None of 1 stands once the spread of the labels is given.*partial r = 0\.07.*r = 0\.98 without/,
    );
    const other = {
      ...row,
      scenario: 'input' as const,
      partial: { value: -0.9, low: -0.99, high: -0.4 },
      partialP: 0.02,
    };
    expect(await glanceOf([row, other], spread)).toMatch(
      /^Strongest of 2 given the spread of the labels: Toxicity, input, at relative depth 0\.50: partial r = −0\.90/,
    );
  });

  it('is of related models by the p that lets families change places', async () => {
    const units = { models: 8, families: 4 };
    const related = { ...row, familyWise: 0.083, partialP: 0.001, partialFamilyWise: 0.25 };
    expect(await glanceOf([related], undefined, units)).toMatch(
      /^None of 1 stands \(family-wise p with families as blocks below 0\.05\).*= 0\.083, n\u00A0=\u00A08 models of 4 families/,
    );
    expect(await glanceOf([related], 'size', units)).toMatch(/^None of 1 stands once size is given.*= 0\.250;/);
    expect(await glanceOf([{ ...related, familyWise: 0.042 }], undefined, units)).toMatch(/^Strongest of 1/);
  });

  it('says so where none stands', async () => {
    expect(await glanceOf([row])).toMatch(/^Strongest of 1: Toxicity, output/);
    expect(await glanceOf([{ ...row, p: 0.2 }])).toMatch(/^None of 1 stands \(adjusted p below 0\.05\)/);
  });
});

it('R² and r within prompts stand beside r', async () => {
  const { probes, ...rest } = sampleReport(1);
  const rows = probes!.rows.map((row) => ({
    ...row,
    r2: 0.123,
    withinPrompt: row.scenario === 'output' ? 0.456 : null,
  }));
  const { html, summary, figures } = await renderAll({ ...rest, probes: { ...probes!, rows } });
  expect(summary).toContain('| r there | R² there |');
  expect(summary).toContain('| 0.12 |');
  expect([...html.matchAll(/<th scope="row">r within prompts<\/th>/g)].length).toBeGreaterThan(0);
  const csv = figures.find(({ name }) => name === 'probes-TOXICITY')!.csv;
  expect(csv.split('\n')[0]).toContain(',r2,within_prompt,');
});

describe('changes against controls', () => {
  const change = (setting: string, against: ChangeRow['against'], value: number, p: number | null): ChangeRow => ({
    setting,
    x: null,
    series: '',
    against,
    metric: 'emt',
    attribute: 'TOXICITY',
    group: 'all',
    value: 0.5 + value,
    other: 0.5,
    difference: { value, low: value * 0.5, high: value * 1.5 },
    p,
    agreement: 0.5,
    replicates: 1,
    replicateSd: null,
    noiseSd: null,
    n: 100,
  });
  const first = async (...comparisons: Comparison[]) => {
    const { summary } = await renderAll({ ...bare, changes: { attribute: 'TOXICITY', k: 5, comparisons } });
    return /^- \*\*(.*?)\*\* (.*)$/m.exec(summary)!.slice(1);
  };
  const matched = 'controls_of_equal_perplexity';

  it('answer first which interventions do more than harm', async () => {
    const steering = [change('a', 'reference', 0.3, 0.001), change('a', matched, 0.2, 0.01)];
    const erasing = [change('b', 'reference', 0.3, 0.001), change('b', matched, 0.01, 0.5)];
    expect(await first({ name: 'steering', rows: steering }, { name: 'erasing', rows: erasing })).toEqual([
      'More than harm: answer',
      'Toxicity: EMT is told from that of controls of equal perplexity by steering (0.20 \\[0.10, 0.30\\], adjusted p = 0.010); not by erasing',
    ]);
    expect((await first({ name: 'erasing', rows: erasing }))[1]).toContain('by none of 1 interventions');
    expect((await first({ name: 'steering', rows: steering.slice(0, 1) }))[0]).toBe('steering');
  });

  it('tell no difference of rounding from none, however sure it is', async () => {
    const tiny = [change('float16', 'reference', 1e-9, 0.001)];
    expect((await first({ name: 'precision', rows: tiny }))[1]).toContain('does not change EMT');
    const small = [change('int8', 'reference', 0.001, 0.001)];
    expect((await first({ name: 'precision', rows: small }))[1]).toMatch(/^Toxicity: changes EMT/);
  });
});
