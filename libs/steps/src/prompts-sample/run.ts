import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { PROMPTS, writeRows } from '@sonde/formats';
import { type Column, selectRows, type Table } from '@sonde/tables';
import { openTokenizer } from '@sonde/tokenizers';
import type { Config } from './config.ts';
import { sample } from './sample.ts';
import { readSource } from './source.ts';
import { renderThrough } from './templates.ts';

/** `prompts/sample`. */
export async function run({ config, log, output }: RunContext<Config>): Promise<void> {
  const source = await readSource(config, log);
  const chosen = sample(config, source, log);
  if (chosen.length === 0) throw new UserError('input', 'the source has no prompts: no row has a text');
  const tokenizer = config.chat && (await openTokenizer(config.chat.path, config.chat_date));
  const rows = chosen.map((row) => {
    const text = source.texts[row]!;
    const { rendered, spanStart, spanEnd, addSpecialTokens = null } = renderThrough(text, config.template, tokenizer);
    return {
      prompt_id: source.ids[row]!,
      text,
      rendered,
      span_start: spanStart,
      span_end: spanEnd,
      add_special_tokens: addSpecialTokens,
      score: Object.fromEntries(source.scores.map(({ attribute, values }) => [attribute, numberOrNull(values[row]!)])),
    };
  });
  await writeRows(output('prompts'), PROMPTS, rows, {
    families: { score: source.scores.map(({ attribute }) => attribute) },
    // A chat template writes its special tokens itself: then the tokenizer must not add them again.
    with: rows.some(({ add_special_tokens }) => add_special_tokens !== null) ? ['add_special_tokens'] : [],
    after: keptColumns(selectRows(source.table, chosen), source.taken),
  });
}

const OWN_COLUMNS: ReadonlySet<string> = new Set([
  'prompt_id',
  'text',
  'rendered',
  'span_start',
  'span_end',
  'add_special_tokens',
] satisfies (keyof typeof PROMPTS.columns)[]);

/** Columns of the source that are kept beside the sample's own, under names that do not clash. */
function keptColumns(table: Table, taken: ReadonlySet<string>): Column[] {
  return table.columns
    .filter(({ name }) => !taken.has(name))
    .map((item) => (OWN_COLUMNS.has(item.name) ? { ...item, name: `source.${item.name}` } : item));
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
