import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTokenizer } from '../src/index.ts';
import { published, writePublished } from './published.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sonde-published-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The first and past the last of the tokens that overlap code points [start, end). */
function overlapping(offsets: string, start: number, end: number): [number, number] | null {
  const inside = offsets
    .split(' ')
    .filter((range) => range !== '')
    .map((range) => range.split('-').map(Number))
    .map(([from, to]) => from! < end && to! > start && from! < to!);
  return inside.includes(true) ? [inside.indexOf(true), inside.lastIndexOf(true) + 1] : null;
}

describe("ids, texts and spans are those of transformers' AutoTokenizer", () => {
  test.each(published)('$name', async (each) => {
    const tokenizer = await openTokenizer(await writePublished(join(folder, each.name), each));
    expect(tokenizer.decode(tokenizer.encode("a . b , c ? n't do not"))).toBe(each.cleaned);
    for (const [text, ids, offsets, back] of each.rows) {
      expect(tokenizer.encode(text).join(' '), JSON.stringify(text)).toBe(ids);
      expect(tokenizer.decode(tokenizer.encode(text)), JSON.stringify(text)).toBe(back);
      const length = [...text].length;
      for (let start = 0; start < length; start++) {
        for (const end of [start + 1, Math.min(length, start + 3), length]) {
          const found = tokenizer.spanOf(text, start, end);
          expect(found, `${JSON.stringify(text)} ${start}–${end}`).toEqual(overlapping(offsets, start, end));
        }
      }
    }
  });

  test('a part that is not known, or that leaves nothing to look for, is refused by its name', async () => {
    const open = async (name: string, parts: Record<string, unknown>): Promise<unknown> =>
      openTokenizer(
        await writePublished(join(folder, name), { base: 'byte', parts, settings: {}, modelType: 'llama' }),
      );
    const split = { type: 'Split', pattern: { Regex: '(a' }, behavior: 'Isolated', invert: false };
    await expect(open('reference', { pre_tokenizer: split })).rejects.toThrow('"(a" of tokenizer.json');
    await expect(open('normalizer', { normalizer: { type: 'Sponge' } })).rejects.toThrow('the normalizer "Sponge"');
    await expect(open('decoder', { decoder: { type: 'Sponge' } })).rejects.toThrow('the decoder "Sponge"');
    const newline = { id: 400, content: '\n', single_word: false, lstrip: false, rstrip: false };
    const parts = { added_tokens: [{ ...newline, normalized: true, special: false }] };
    const strip = { type: 'Strip', strip_left: true, strip_right: true };
    await expect(open('nothing', { ...parts, normalizer: strip })).rejects.toThrow('nothing of the added token "\\n"');
  });

  test('a class that makes another tokenizer in a way that is not known is refused by its name', async () => {
    const settings = { tokenizer_class: 'CodeLlamaTokenizerFast' };
    const other = { base: 'byte', parts: {}, settings, modelType: 'llama' } as const;
    await expect(openTokenizer(await writePublished(join(folder, 'other'), other))).rejects.toThrow(
      'tokenizer_class CodeLlamaTokenizer is not supported',
    );
    const split = { base: 'byte', parts: {}, settings: { split_special_tokens: true }, modelType: 'llama' } as const;
    await expect(openTokenizer(await writePublished(join(folder, 'split'), split))).rejects.toThrow(
      'split_special_tokens',
    );
  });
});

describe('a tokenizer.json that is not one', () => {
  const damaged: readonly (readonly [string, Record<string, unknown>])[] = [
    ['model is 3; expected an object', { model: 3 }],
    ['model.vocab is missing', { model: { type: 'BPE', merges: [] } }],
    ['model.vocab["a"] is "x"; expected an integer', { model: { type: 'BPE', vocab: { a: 'x' }, merges: [] } }],
    ['model.merges[1] is 7; expected two tokens', { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a a', 7] } }],
    ['model.merges[0] is "a"; expected two tokens', { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a'] } }],
    ['model.type is "Char"; expected one of', { model: { type: 'Char' } }],
    ['added_tokens[0].content is missing; expected a text', { added_tokens: [{ id: 3 }] }],
    ['added_tokens[0].id is "3"; expected an integer', { added_tokens: [{ id: '3', content: 'x' }] }],
    ['pre_tokenizer.pretokenizers[0].type is missing', { pre_tokenizer: { type: 'Sequence', pretokenizers: [{}] } }],
    [
      'post_processor.single is ["x"]; expected a list of objects with SpecialToken or Sequence',
      { post_processor: { type: 'TemplateProcessing', single: ['x'] } },
    ],
    [
      'pre_tokenizer.pattern is "x"; expected an object with a text under String or Regex',
      { pre_tokenizer: { type: 'Split', pattern: 'x', behavior: 'Isolated', invert: false } },
    ],
    ['normalizer.prepend is missing; expected a text', { normalizer: { type: 'Prepend' } }],
    ['decoder.cleanup is 1; expected true or false', { decoder: { type: 'WordPiece', prefix: '##', cleanup: 1 } }],
    [
      'normalizer.precompiled_charsmap is 3; expected a text',
      { normalizer: { type: 'Precompiled', precompiled_charsmap: 3 } },
    ],
  ];
  test.each(damaged)('%s', async (message, parts) => {
    const each = { base: 'byte', parts, settings: {}, modelType: 'llama' } as const;
    const path = await writePublished(join(folder, `damaged ${message.slice(0, 20)}`.replaceAll(/\W/g, '-')), each);
    await expect(openTokenizer(path)).rejects.toThrow(`tokenizer.json: ${message}`);
  });
});
