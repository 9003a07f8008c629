import { readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { joinByteTokens } from '../src/decoders.ts';
import { openTokenizer, renderPrompt, type Tokenizer } from '../src/index.ts';
import { withTimeLimit } from '../src/time-limit.ts';
import { writeByteTokenizer } from './byte-tokenizer.ts';
import { fixtures, hasShared, tokenizers } from './shared.ts';

describe('decoding', () => {
  test('a run of byte tokens is its text, or one U+FFFD a byte if it is not valid UTF-8', () => {
    expect(joinByteTokens(['a', '<0xC3>', '<0xA9>', 'b'])).toEqual(['a', 'é', 'b']);
    expect(joinByteTokens(['<0xC3>', '<0xA9>', '<0xC3>', 'b'])).toEqual(['\uFFFD', '\uFFFD', '\uFFFD', 'b']);
    expect(joinByteTokens(['<0xEF>', '<0xBB>', '<0xBF>'])).toEqual(['\uFEFF']);
  });
});

describe('a byte-level tokenizer', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sonde-tokenizers-test-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('spans count code points and the beginning-of-text token', async () => {
    const tokenizer = await openTokenizer(await writeByteTokenizer(join(folder, 'spans')));
    expect(tokenizer.encode('é!')).toHaveLength(4);
    expect(tokenizer.spanOf('é!', 0, 1)).toEqual([1, 3]);
    expect(tokenizer.spanOf('é!', 1, 2)).toEqual([3, 4]);
    expect(tokenizer.spanOf('é!', 0, 2, { addSpecialTokens: false })).toEqual([0, 3]);
    expect(tokenizer.spanOf('é!', 1, 1)).toBeNull();
    expect(tokenizer.decode([...tokenizer.encode('é🙂!'), 257])).toBe('é🙂!');
  });

  test('a template that writes the date writes the same on every day', async () => {
    const path = await writeByteTokenizer(join(folder, 'dated'));
    const template = "{{ strftime_now('%d %b %Y') }}: {{ messages[0].content }}";
    await writeFile(join(path, 'chat_template.jinja'), template);
    const tokenizer = await openTokenizer(path);
    expect(tokenizer.renderChat([{ role: 'user', content: 'Hi' }])).toBe('26 Jul 2024: Hi');
  });

  test('a day is written as Python writes it', async () => {
    const path = await writeByteTokenizer(join(folder, 'written'));
    const codes = '%A|%a|%B|%b|%D|%d|%-d|%e|%F|%H|%-H|%h|%I|%-I|%j|%-j|%M|%-M|%m|%-m|%p|%R|%S|%-S|%T|%u|%w|%X|%x|%Y|%y';
    await writeFile(join(path, 'chat_template.jinja'), `{{ strftime_now('${codes}') }}`);
    const written = (await openTokenizer(path, '2025-03-01')).renderChat([{ role: 'user', content: 'Hi' }]);
    expect(written).toBe(
      'Saturday|Sat|March|Mar|03/01/25|01|1| 1|2025-03-01|00|0|Mar|12|12|060|60|00|0|03|3|AM|00:00|00|0|00:00:00|6|6|00:00:00|03/01/25|2025|25',
    );
    await writeFile(join(path, 'chat_template.jinja'), "{{ strftime_now('%G') }}");
    const tokenizer = await openTokenizer(path);
    expect(() => tokenizer.renderChat([{ role: 'user', content: 'Hi' }])).toThrow('strftime_now for "%G"');
  });

  test('a template with what is not supported is refused by name where it is used, and nowhere else', async () => {
    const path = await writeByteTokenizer(join(folder, 'including'));
    await writeFile(join(path, 'chat_template.jinja'), "{% include 'other' %}");
    const tokenizer = await openTokenizer(path);
    expect(tokenizer.decode(tokenizer.encode('abc'))).toBe('abc');
    expect(() => tokenizer.renderChat([{ role: 'user', content: 'Hi' }])).toThrow('the tag "include" is not supported');
  });

  test('a template sees the special tokens of tokenizer_config.json, those of its own names too', async () => {
    const path = await writeByteTokenizer(join(folder, 'named'));
    const settings = { bos_token: '<s>', turn_token: '<turn>', extra_special_tokens: { image_token: '<image>' } };
    await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify(settings));
    await writeFile(
      join(path, 'chat_template.jinja'),
      '{{ bos_token }}{{ turn_token }}{{ image_token }}{{ pad_token }}',
    );
    expect((await openTokenizer(path)).renderChat([{ role: 'user', content: 'Hi' }])).toBe('<s><turn><image>');
  });

  test('without a chat template: an instruction is plain text, a chat is refused', async () => {
    const tokenizer = await openTokenizer(await writeByteTokenizer(join(folder, 'chat')));
    expect(tokenizer.hasChatTemplate).toBe(false);
    const rendered = renderPrompt(tokenizer, { system: 'Go on.', before: 'é ', prompt: 'x y', after: '!' });
    expect(rendered).toEqual({ rendered: 'Go on.\né x y!', spanStart: 9, spanEnd: 12, addSpecialTokens: true });
    expect(() => tokenizer.renderChat([{ role: 'user', content: 'Hi' }])).toThrow(/has no chat template/);
  });
});

interface SpanCase {
  tokenizer: string;
  before: string;
  prompt: string;
  after: string;
  ids: number[];
  tokens: [number, number] | null;
}

describe.skipIf(!hasShared)('against Hugging Face (../shared)', () => {
  test('all spans of four real tokenizers', async () => {
    const { cases } = JSON.parse(readFileSync(join(fixtures, 'spans/spans.json'), 'utf8')) as { cases: SpanCase[] };
    const opened = new Map<string, Tokenizer>();
    for (const file of readdirSync(tokenizers).filter((name) => name.endsWith('.json'))) {
      const name = file.slice(0, -5);
      const folder = await mkdtemp(join(tmpdir(), 'sonde-spans-test-'));
      await copyFile(join(tokenizers, file), join(folder, 'tokenizer.json'));
      opened.set(name, await openTokenizer(folder));
      await rm(folder, { recursive: true });
    }
    const wrong = cases.filter(({ tokenizer: name, before, prompt, after, ids, tokens }) => {
      const tokenizer = opened.get(name)!;
      const text = before + prompt + after;
      const start = [...before].length;
      const found = tokenizer.spanOf(text, start, start + [...prompt].length);
      return JSON.stringify([tokenizer.encode(text), found]) !== JSON.stringify([ids, tokens]);
    });
    expect(cases).toHaveLength(820);
    expect(wrong).toEqual([]);
  });

  const chatting = [
    'llama2-bf16',
    'llama3-sharded-tied',
    'mistral-sliding-fp16',
    'olmo2',
    'qwen2-bias',
    'qwen3-qknorm',
  ];
  test.each(chatting)('chat renderings of %s with the prompt in them', async (name) => {
    const folder = join(fixtures, 'models', name);
    const tokenizer = await openTokenizer(folder);
    const { chat, texts } = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8'));
    const parts = { before: 'Complete the text.\nText: ', prompt: texts[0], after: '' };
    const [spanStart, spanEnd] = chat[0].prompt_chars;
    expect(renderPrompt(tokenizer, parts)).toEqual({
      rendered: chat[0].rendered,
      spanStart,
      spanEnd,
      addSpecialTokens: false,
    });
    for (const { messages, rendered, ids, prompt_chars: chars, prompt_tokens: span, error } of chat) {
      const text = tokenizer.renderChat(messages);
      if (error) {
        const [system, user] = messages;
        expect(text).toContain(`${system.content}\n${user.content}`);
        continue;
      }
      expect(text).toBe(rendered);
      expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(ids);
      expect(tokenizer.spanOf(text, chars[0], chars[1], { addSpecialTokens: false })).toEqual(span);
    }
  });
});

describe('code that comes with a checkpoint', () => {
  test('is stopped where it does not end', () => {
    const endless = (): void => {
      for (;;);
    };
    expect(() => withTimeLimit(endless, 20)).toThrow('it was still running after 0.02 seconds');
    expect(withTimeLimit(() => 3)).toBe(3);
    expect(() =>
      withTimeLimit(() => {
        throw new Error('its own');
      }),
    ).toThrow('its own');
  });
});
