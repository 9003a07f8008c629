import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Callable, compile } from '../src/template/template.ts';

/** Templates and what Python's Jinja makes of them, null where it fails: `tools/goldens/chat_templates.py` writes them. */
const { messages, cases }: { messages: unknown[]; cases: [string, string | null][] } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'chat-templates.json'), 'utf8'),
);

const names = {
  messages,
  tools: null,
  documents: null,
  add_generation_prompt: true,
  bos_token: '<bos>',
  eos_token: '<eos>',
  strftime_now: new Callable('strftime_now', () => '26 Jul 2024'),
};

function rendered(template: string): string | Error {
  try {
    return compile(template).render(names);
  } catch (error) {
    return error as Error;
  }
}

describe('a chat template', () => {
  test.each(cases)('%s is what it is in Jinja, or refused by name', (template, expected) => {
    const found = rendered(template);
    if (found instanceof Error && expected !== null)
      expect(found.message).toMatch(/is not supported|cannot be written/);
    else if (expected === null) expect(found).toBeInstanceOf(Error);
    else expect(found).toBe(expected);
  });

  test('is refused for what people hardly write', () => {
    const refused = cases.filter(([template, expected]) => expected !== null && rendered(template) instanceof Error);
    expect(refused.map(([template]) => template)).toMatchInlineSnapshot(`
      [
        "{{ 'x'.center(5, '*') }}",
        "{{ 'Straße'.casefold() }}",
        "{{ 'aXb'.swapcase() }}",
        "{{ 'a\\tb'.expandtabs(4) }}",
        "{{ '{0.x}'.format('a') }}",
        "{{ 'a<b' | escape }}",
        "{{ 'a<b' | e }}",
        "{{ 'a long text here' | truncate(8) }}",
        "{{ 'a b' | urlencode }}",
        "{{ '<p>a</p>' | striptags }}",
        "{{ 1234567 | filesizeformat }}",
        "{{ [1, 2] | random | string | length }}",
        "{{ 'x' is filter }}",
        "{{ 'upper' is filter }}",
        "{{ 'odd' is test }}",
        "{{ cycler('a', 'b').next() }}",
        "{{ joiner(',')() ~ 'x' }}",
        "{{ lipsum(n=1) | length > 0 }}",
        "{{ self }}",
        "{{ messages[0].__class__ }}",
        "{{ ''.__class__ }}",
        "{% block x %}y{% endblock %}",
        "{% autoescape false %}a{% endautoescape %}",
      ]
    `);
  });
});
