/** A tokenizer's normalizer, or one of a sequence of them, as transformers.js makes it of tokenizer.json. */
interface Normalizer {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly normalizers?: readonly Normalizer[];
  normalize(text: string): string;
}

/** Makes a tokenizer normalise as Hugging Face's tokenizers do where transformers.js does otherwise. */
export function normalizeAsHuggingFace(normalizer: unknown): void {
  if (normalizer === null || normalizer === undefined) return;
  const { normalizers = [normalizer as Normalizer] } = normalizer as Normalizer;
  for (const each of normalizers) {
    const { type, ...config } = each?.config ?? {};
    if (type === 'Lowercase') each.normalize = lowercase;
    if (type === 'BertNormalizer') each.normalize = (text) => ofBert(text, config);
  }
}

/** Character by character: what stands beside a Σ does not matter. */
export function lowercase(text: string): string {
  return Array.from(text, (point) => point.toLowerCase()).join('');
}

const REMOVED = /[\0\uFFFD]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
const CHINESE =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

function ofBert(text: string, config: Readonly<Record<string, unknown>>): string {
  const { clean_text: clean = true, handle_chinese_chars: chinese = true, lowercase: lower = true } = config;
  let out = text;
  if (clean) out = out.replace(REMOVED, '').replace(/\p{White_Space}/gu, ' ');
  if (chinese) out = out.replace(CHINESE, ' $& ');
  if (config.strip_accents ?? lower) out = out.normalize('NFD').replace(/\p{Mn}/gu, '');
  return lower ? lowercase(out) : out;
}
