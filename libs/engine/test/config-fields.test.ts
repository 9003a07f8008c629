import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { checkPrecision, localFolder } from '@sonde/checkpoints';
import { describeLanguageModel, LANGUAGE_MODELS, nextTokenGraph, PLAIN } from '@sonde/networks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forward, openModel } from '../src/index.ts';
import { graphFormOf, placementOf } from '../src/session/providers.ts';
import { planSession } from '../src/session/session.ts';
import { openWeights } from '../src/weights.ts';
import { goldenModel, readGolden } from './goldens.ts';
import { relativeError } from './shared.ts';
import { scratch, writeTiny } from './tiny.ts';

type Shape = readonly [string, readonly number[]];

/** Names and shapes; [first, past the last] of a golden's. */
type Weights = readonly (Shape | readonly [number, number])[];

/** What each field of a class's configuration, beside that of a golden, changes in transformers; `tools/goldens/fields.py` writes it. */
interface Page {
  readonly golden: string;
  readonly model_type: string;
  /** What of the golden's configuration is left out here, so that each field can be tried alone. */
  readonly without: readonly string[];
  /** What is added to it, and the weights where that makes others. */
  readonly with: Readonly<Record<string, unknown>>;
  readonly weights?: Weights;
  /** Of every 32nd token after the last one: with that configuration. */
  readonly logits: readonly number[];
  /** The fields that transformers' configuration of the class has. */
  readonly own: readonly string[];
  /** By field: a value, the logits with it, and the weights where they are not the golden's. */
  readonly changing: Readonly<
    Record<
      string,
      {
        readonly value: unknown;
        readonly logits: readonly number[];
        readonly weights?: Weights;
      }
    >
  >;
  /** Fields with a value with which transformers cannot run, and why. */
  readonly failing: Readonly<Record<string, readonly [unknown, string]>>;
  /** Fields with a value that changes nothing. */
  readonly ignored: Readonly<Record<string, unknown>>;
  /** Fields of which no other value is tried: of none of them does a supported class make anything. */
  readonly untried: readonly string[];
  /** Further values, and fields that change something only together. */
  readonly also?: readonly { readonly fields: Readonly<Record<string, unknown>>; readonly logits: readonly number[] }[];
}

/** Fields that are refused by name where they would change what is computed. */
const REFUSED: ReadonlySet<string> = new Set(['add_cross_attention', 'is_causal', 'use_bidirectional_attention']);
/** The same in a page alone, with what else is named for what. */
const REFUSED_IN: Readonly<Record<string, readonly string[]>> = {
  'falcon-new': ['alibi'],
  'qwen2-moe': ['layer_types'],
};
/** Refused where a class takes no notice of it too: it says what hidden states are, which the logits do not show. */
const ALWAYS_REFUSED = 'tie_last_hidden_states';

const TOLERANCE = 1e-5;
const cpu = { threads: 1, device: 'cpu' } as const;
const folder = join(import.meta.dirname, 'config-fields');
const PAGES = readdirSync(folder).map((file) => file.slice(0, -'.json'.length));

function readPage(name: string): Page {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
}

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

test('there is a page for every class', () => {
  const classes = PAGES.map((name) => (readGolden(name).config.architectures as string[])[0]);
  expect([...new Set(classes)].sort()).toEqual(Object.keys(LANGUAGE_MODELS).sort());
});

describe.each(PAGES)('%s', (called) => {
  const page = readPage(called);
  const golden = readGolden(page.golden);
  const base = {
    ...Object.fromEntries(Object.entries(golden.config).filter(([name]) => !page.without.includes(name))),
    model_type: page.model_type,
    ...page.with,
  };
  let count = 0;

  /** The weights of a change: the golden's, or others. */
  function shapesOf(weights: Weights): readonly Shape[] {
    return weights.flatMap((entry) =>
      typeof entry[0] === 'number' ? golden.weights.slice(entry[0], entry[1] as number) : [entry as Shape],
    );
  }

  function write(
    fields: Record<string, unknown>,
    weights: Weights = page.weights ?? [[0, golden.weights.length]],
  ): Promise<string> {
    const model = goldenModel({ ...golden, config: { ...base, ...fields }, weights: shapesOf(weights) });
    return writeTiny(files.path(`${page.golden}-${count++}`), { model });
  }

  async function logits(
    fields: Record<string, unknown>,
    weights: Weights = page.weights ?? [[0, golden.weights.length]],
  ) {
    const model = await openModel(await write(fields, weights), cpu);
    const { logits: all } = await forward(model, golden.ids);
    const { vocabSize } = model.config;
    await model.close();
    return page.logits.map((_, i) => all[all.length - vocabSize + 32 * i]!);
  }

  /** The fields that building the model reads. */
  async function fieldsRead(): Promise<Set<string>> {
    const read = new Set<string>();
    const watch: ProxyHandler<Record<string, unknown>> = {
      get(target, name) {
        read.add(String(name));
        return target[String(name)];
      },
    };
    const local = await localFolder(await write({}));
    const { network, weights } = await openWeights(
      local,
      { precision: checkPrecision({}), random: null },
      (path, config) => describeLanguageModel(path, new Proxy({ ...config }, watch)),
    );
    const placement = placementOf(cpu);
    expect(
      planSession(weights, (source) => nextTokenGraph(network, source, PLAIN, graphFormOf(placement)), placement)
        .parameters,
    ).toBeGreaterThan(0);
    return read;
  }

  test('every field of the class is on its page', () => {
    const known = [page.changing, page.failing, page.ignored].flatMap((part) => Object.keys(part));
    expect(page.own.filter((name) => !known.includes(name))).toEqual(page.untried);
  });

  function isRefused(field: string): boolean {
    return REFUSED.has(field) || (REFUSED_IN[called] ?? []).includes(field);
  }

  /** What is wrong with an outcome, in a word; null where it is as it should be. */
  async function problem(
    name: string,
    outcome: Promise<readonly number[]>,
    expected: readonly number[] | 'refused',
    tolerance = TOLERANCE,
  ): Promise<string | null> {
    const found = await outcome.catch((reason: unknown) => reason);
    if (!Array.isArray(found)) {
      const named = found instanceof UserError && found.message.includes(name);
      return expected === 'refused' && named ? null : `${name}: ${found}`;
    }
    if (expected === 'refused') return `${name} is not refused`;
    const error = relativeError(found, expected);
    return error <= tolerance ? null : `${name} differs by ${error}`;
  }

  test('fields that change what transformers computes change it alike, or are refused by name', async () => {
    const wrong = [await problem('none', logits({}), page.logits)];
    for (const [name, { value, logits: expected, weights }] of Object.entries(page.changing)) {
      const outcome = logits({ [name]: value }, weights);
      wrong.push(await problem(name, outcome, isRefused(name) ? 'refused' : expected));
    }
    expect(wrong.filter((each) => each !== null)).toEqual([]);
  });

  const { also = [] } = page;
  if (also.length > 0) {
    test('other values, and several fields together, change what they change there', async () => {
      const wrong = [];
      for (const { fields, logits: expected } of also) {
        wrong.push(await problem(JSON.stringify(fields), logits(fields), expected));
      }
      expect(wrong.filter((each) => each !== null)).toEqual([]);
    });
  }

  test('fields that change nothing there change nothing', async () => {
    const [read, plain] = [await fieldsRead(), await logits({})];
    const wrong = [];
    for (const [name, value] of Object.entries(page.ignored)) {
      if (!read.has(name)) continue;
      const expected = name === ALWAYS_REFUSED || isRefused(name) ? 'refused' : plain;
      wrong.push(await problem(name, logits({ [name]: value }), expected, 0));
    }
    expect(wrong.filter((each) => each !== null)).toEqual([]);
  });

  test('fields with which transformers cannot run are refused in words, or taken', async () => {
    const wrong = [];
    for (const [name, [value]] of Object.entries(page.failing)) {
      const found = await logits({ [name]: value }).catch((reason: unknown) => reason);
      if (!Array.isArray(found) && !(found instanceof UserError)) wrong.push(`${name}: ${found}`);
    }
    expect(wrong).toEqual([]);
  });
});
