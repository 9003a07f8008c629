import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The characters that stand for bytes in GPT-2's vocabulary. */
export function byteCharacters(): string[] {
  const printable = (byte: number): boolean => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

function special(content: string, id: number) {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

/** Writes a byte-level tokenizer without merges: one token a byte, <bos> (256) before each text, and <eos> (257). */
export async function writeByteTokenizer(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const vocab = [...byteCharacters(), '<bos>', '<eos>'].map((token, id) => [token, id]);
  const single = [{ SpecialToken: { id: '<bos>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }];
  const tokenizer = {
    version: '1.0',
    added_tokens: [special('<bos>', 256), special('<eos>', 257)],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: single,
      special_tokens: { '<bos>': { id: '<bos>', ids: [256], tokens: ['<bos>'] } },
    },
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: Object.fromEntries(vocab), merges: [] },
  };
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ bos_token: '<bos>', eos_token: '<eos>' }));
  return folder;
}
