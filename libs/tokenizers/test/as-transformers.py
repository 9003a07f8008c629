"""Writes as-transformers.json: tokenizers as people publish them, and what transformers' AutoTokenizer makes of texts.

Run: python as-transformers.py (transformers 5.23, tokenizers 0.23). Each case is a base, described here and in
published.ts, with parts of tokenizer.json in place of its own, tokenizer_config.json and a model_type.
"""
import base64
import json
import os
import tempfile

os.environ['HF_HUB_OFFLINE'] = '1'
from transformers import AutoTokenizer

def alphabet():
    printable = [i for i in range(256) if 32 < i < 127 or i > 160 and i != 173]
    rest = iter(range(256, 512))
    return [chr(i) if i in printable else chr(next(rest)) for i in range(256)]

BYTE_MERGES = ['Ġ t', 't h', 'th e', 'Ġt h', 'Ġth e', 'Ġ a', 'o n', '1 2', 'Ġ Ġ']
PIECE_MERGES = ['▁ ▁', '▁▁ ▁', '▁ t', '▁ a', 't h', '▁t h']

def byte():
    words = ['<|endoftext|>', *alphabet(), *(merge.replace(' ', '') for merge in BYTE_MERGES)]
    return dict(version='1.0', truncation=None, padding=None, added_tokens=[], normalizer=None, post_processor=None,
        pre_tokenizer=dict(type='ByteLevel', add_prefix_space=False, trim_offsets=True, use_regex=True),
        decoder=dict(type='ByteLevel', add_prefix_space=True, trim_offsets=True, use_regex=True),
        model=dict(type='BPE', dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None, fuse_unk=False, byte_fallback=False, vocab={w: i for i, w in enumerate(words)}, merges=BYTE_MERGES))

def piece():
    words = ['<unk>', '<s>', '</s>', '▁▁', '▁▁▁', '▁', *(f'<0x{i:02X}>' for i in range(256)), *map(chr, range(33, 127)), '▁t', '▁a', 'th', '▁th', 'é']
    return dict(version='1.0', truncation=None, padding=None, added_tokens=SPECIAL, normalizer=None, pre_tokenizer=None, post_processor=None,
        decoder=dict(type='Sequence', decoders=[dict(type='Replace', pattern=dict(String='▁'), content=' '), dict(type='ByteFallback'), dict(type='Fuse'), dict(type='Strip', content=' ', start=1, stop=0)]),
        model=dict(type='BPE', dropout=None, unk_token='<unk>', continuing_subword_prefix=None, end_of_word_suffix=None, fuse_unk=True, byte_fallback=True, vocab={w: i for i, w in enumerate(words)}, merges=PIECE_MERGES))

def words():
    words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *map(chr, range(97, 123)), *('##' + chr(i) for i in range(97, 123)), *'0123456789.,<>/|\u4e2d', 'the', '##e', 'C', 'caf', 'Caf', '##é']
    return dict(version='1.0', truncation=None, padding=None, added_tokens=[], normalizer=dict(type='BertNormalizer', clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True),
        pre_tokenizer=dict(type='BertPreTokenizer'), post_processor=None, decoder=dict(type='WordPiece', prefix='##', cleanup=True),
        model=dict(type='WordPiece', unk_token='[UNK]', continuing_subword_prefix='##', max_input_chars_per_word=100, vocab={w: i for i, w in enumerate(dict.fromkeys(words))}))

def pieces():
    words = ['<s>', '<pad>', '</s>', '<unk>', '[CLS]', '[SEP]', '[UNK]', '▁', '▁t', '▁th', 'the', 'st', 'on', '▁a', *map(chr, range(33, 127)), 'é', '1', 'fi']
    return dict(version='1.0', truncation=None, padding=None, added_tokens=[], normalizer=None, pre_tokenizer=None, post_processor=None, decoder=None,
        model=dict(type='Unigram', unk_id=3, byte_fallback=False, vocab=[[w, 0.0 if i < 7 else -1.0 - i / 16] for i, w in enumerate(dict.fromkeys(words))]))

def charsmap():
    """A map of ﬁ to fi, a no-break space to a space, ① to 1 and é to e, as SentencePiece writes one."""
    entries = sorted({'ﬁ': 'fi', '\u00a0': ' ', '①': '1', 'e\u0301': 'é', 'É': 'e'}.items(), key=lambda e: e[0].encode())
    texts, leaves = b'', {}
    for key, value in entries:
        leaves[key.encode()] = len(texts)
        texts += value.encode() + b'\0'
    trie = {}
    for key, at in leaves.items():
        node = trie
        for b in key: node = node.setdefault(b, {})
        node[None] = at
    units, used = {}, {0}
    # Places the children of each node at a free offset that the unit can hold (below 2^21).
    def build(node, at):
        labels = [b for b in node if b is not None]
        offset = next(o for o in range(1, 1 << 20) if all((at ^ o ^ b) not in used for b in [*labels, *([0] if None in node else [])]))
        units[at] = units.get(at, 0) | offset << 10 | (256 if None in node else 0)
        base = at ^ offset
        for b in labels: used.add(base ^ b); units[base ^ b] = b
        if None in node: used.add(base); units[base] = node[None] | 1 << 31
        for b in labels: build(node[b], base ^ b)
    build(trie, 0)
    array = b''.join(units.get(i, 0).to_bytes(4, 'little') for i in range(max(units) + 257))
    return base64.b64encode(len(array).to_bytes(4, 'little') + array + texts).decode()

BASES = dict(byte=byte, piece=piece, words=words, pieces=pieces)
def at(content, id, **more):
    return dict(id=id, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) | more
SPECIAL = [at('<unk>', 0), at('<s>', 1), at('</s>', 2)]
tmpl = dict(type='TemplateProcessing', single=[dict(SpecialToken=dict(id='<s>', type_id=0)), dict(Sequence=dict(id='A', type_id=0))], pair=[dict(Sequence=dict(id='A', type_id=0))], special_tokens={'<s>': dict(id='<s>', ids=[1], tokens=['<s>'])})
blp = dict(type='ByteLevel', add_prefix_space=True, trim_offsets=True, use_regex=True)
LL = dict(type='Sequence', normalizers=[dict(type='Prepend', prepend='▁'), dict(type='Replace', pattern=dict(String=' '), content='▁')])
GE = dict(type='Replace', pattern=dict(String=' '), content='▁')
SP = dict(type='Split', pattern=dict(String=' '), behavior='MergedWithPrevious', invert=False)
PHI = [at('<|user|>', 400, rstrip=True), at('<|end|>', 401, rstrip=True), at('<|assistant|>', 402, rstrip=True)]

def B(normalizer=None, added=None, post=None, pre=None):
    return 'byte', {k: v for k, v in dict(normalizer=normalizer, added_tokens=added, post_processor=post, pre_tokenizer=pre).items() if v is not None}
def P(normalizer=None, pre=None, added=(), post=None):
    return 'piece', {k: v for k, v in dict(normalizer=normalizer, pre_tokenizer=pre, added_tokens=[*SPECIAL, *added] if added else None, post_processor=post).items() if v is not None}
def U(**parts):
    return 'pieces', parts
def W(**parts):
    return 'words', parts

def seq(*parts):
    return dict(type='Sequence', pretokenizers=list(parts))
BL = dict(type='ByteLevel', add_prefix_space=False, trim_offsets=True, use_regex=True)
BLN = BL | dict(use_regex=False)
CASES = {
 'phi3': (B(added=PHI), {}, None), 'phi3-piece': (P(LL, added=PHI), dict(tokenizer_class='LlamaTokenizerFast'), 'phi3'),
 'both-strip': (B(added=[at('<turn>', 400, lstrip=True, rstrip=True)]), {}, None), 'left-strip': (B(added=[at('<turn>', 400, lstrip=True)]), {}, None),
 'both-strip-trim': (B(added=[at('<turn>', 400, lstrip=True, rstrip=True), at('  ', 401, special=False)], post=blp), {}, None),
 'single-word': (B(added=[at('Foo', 400, single_word=True, special=False)]), {}, None),
 'normalized-added': (B(dict(type='Lowercase'), added=[at('Foo', 400, normalized=True, special=False)]), {}, None),
 'config-added': (B(), dict(added_tokens_decoder={'300': {k: v for k, v in at('<turn>', 0).items() if k != 'id'}}), None),
 'config-overrides': (B(added=[at('<turn>', 400)]), dict(added_tokens_decoder={'400': {k: v for k, v in at('<turn>', 0, rstrip=True, lstrip=True).items() if k != 'id'}}), None),
 'config-eos': (B(), dict(eos_token='<|endoftext|>'), None), 'config-eos-new': (B(), dict(eos_token='<turn>'), None), 'config-extra': (B(), dict(additional_special_tokens=['<turn>', '<|user|>']), None), 'config-dict': (B(), dict(bos_token=dict(__type='AddedToken', content='<s>', lstrip=False, rstrip=True, normalized=True, single_word=False)), None),
 'config-model-token': (B(), dict(turn_token='<turn>'), None),
 'prefix-space-file': (B(), dict(add_prefix_space=True), None), 'prefix-space-gpt2': (B(), dict(add_prefix_space=True, tokenizer_class='GPT2Tokenizer'), 'gpt2'), 'prefix-space-gpt2-fast': (B(post=blp), dict(add_prefix_space=True, tokenizer_class='GPT2TokenizerFast'), 'gpt2'),
 'add-bos-file': (P(LL, post=tmpl), dict(add_bos_token=False, bos_token='<s>'), None), 'add-bos-none': (P(LL), dict(add_bos_token=True, bos_token='<s>'), None), 'add-bos-llama': (P(LL, post=tmpl), dict(add_bos_token=False, tokenizer_class='LlamaTokenizer'), 'llama'), 'add-eos-llama': (P(LL, post=tmpl), dict(add_eos_token=True, tokenizer_class='LlamaTokenizerFast'), 'llama'),
 'llama': (P(LL, post=tmpl), dict(tokenizer_class='LlamaTokenizer'), 'llama'), 'llama-legacy': (P(LL, post=tmpl), dict(tokenizer_class='LlamaTokenizer', legacy=True), 'llama'), 'llama-no-prefix': (P(LL, post=tmpl), dict(tokenizer_class='LlamaTokenizer', add_prefix_space=False), 'llama'), 'llama-file': (P(LL, post=tmpl), dict(tokenizer_class='PreTrainedTokenizerFast'), 'llama'), 'llama-mistral': (P(LL, post=tmpl), dict(tokenizer_class='LlamaTokenizer'), 'mistral'), 'llama-bytes': (B(), dict(tokenizer_class='LlamaTokenizer'), 'llama'),
 'gemma': (P(GE, SP, [at('▁▁', 3, special=False), at('▁▁▁', 4, special=False)], tmpl), dict(tokenizer_class='GemmaTokenizer', bos_token='<s>', eos_token='</s>', pad_token=None, mask_token=None), 'gemma2'), 'gemma-file': (P(GE, SP, [at('▁▁', 3, special=False), at('▁▁▁', 4, special=False)], tmpl), dict(tokenizer_class='PreTrainedTokenizerFast'), 'gemma2'),
 'neox': (B(dict(type='NFC'), post=blp), dict(tokenizer_class='GPTNeoXTokenizer'), 'gpt_neox'), 'neox-file': (B(dict(type='NFC'), post=blp), dict(tokenizer_class='PreTrainedTokenizerFast'), 'gpt_neox'), 'neox-none': (B(), {}, 'gpt_neox'),
 'qwen': (B(dict(type='NFC')), dict(tokenizer_class='Qwen2Tokenizer'), 'qwen2'), 'qwen-fast': (B(), dict(tokenizer_class='PreTrainedTokenizerFast'), 'qwen2'), 'qwen3': (B(), dict(tokenizer_class='Qwen2TokenizerFast'), 'qwen3'),
 'cohere': (B(), dict(tokenizer_class='CohereTokenizerFast'), 'cohere'), 'codegen': (B(post=blp), dict(tokenizer_class='CodeGenTokenizer'), 'phi'), 'olmo': (B(), dict(tokenizer_class='GPTNeoXTokenizerFast'), 'olmo'),
 'metaspace-first': (P(None, dict(type='Metaspace', replacement='▁', prepend_scheme='first', split=False)), {}, None), 'metaspace-always': (P(None, dict(type='Metaspace', replacement='▁', prepend_scheme='always', split=True)), {}, None), 'metaspace-never': (P(None, dict(type='Metaspace', replacement='▁', prepend_scheme='never', split=False)), {}, None),
 'lower': (B(dict(type='Lowercase')), {}, None), 'nfkc': (B(dict(type='NFKC')), {}, None), 'nfd': (B(dict(type='NFD')), {}, None), 'nfkd': (B(dict(type='NFKD')), {}, None), 'nfc': (B(dict(type='NFC')), {}, None), 'accents': (B(dict(type='Sequence', normalizers=[dict(type='NFD'), dict(type='Lowercase'), dict(type='StripAccents')])), {}, None), 'strip': (B(dict(type='Strip', strip_left=True, strip_right=True)), {}, None), 'regex': (B(dict(type='Replace', pattern=dict(Regex=r'\s+'), content=' ')), {}, None), 'regex2': (B(dict(type='Replace', pattern=dict(Regex=r'[0-9]'), content='##')), {}, None), 'trim': (B(post=blp), {}, None),
 'clean': (B(), dict(clean_up_tokenization_spaces=True), None), 'clean-forced': (B(), dict(clean_up_tokenization_spaces=True, clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output=True), None),
 'bert': (W(), dict(tokenizer_class='BertTokenizer', do_lower_case=False), 'bert'), 'bert-lower': (W(), dict(do_lower_case=True, tokenizer_class='BertTokenizerFast'), 'bert'), 'bert-accents': (W(), dict(strip_accents=False), 'bert'), 'bert-file': (W(), dict(tokenizer_class='PreTrainedTokenizerFast'), 'bert'),
 'roberta': (B(), dict(tokenizer_class='RobertaTokenizer'), 'roberta'), 'roberta-none': (B(post=blp), dict(add_prefix_space=True), 'roberta'),
 'xlm-roberta': (U(normalizer=dict(type='Precompiled', precompiled_charsmap=charsmap())), dict(tokenizer_class='XLMRobertaTokenizerFast'), 'xlm-roberta'), 'xlm-roberta-plain': (U(), {}, 'xlm-roberta'),
 'xglm': (U(normalizer=dict(type='Precompiled', precompiled_charsmap=charsmap())), dict(tokenizer_class='XGLMTokenizer', additional_special_tokens=['<madeupword1>', '<turn>']), 'xglm'), 'xglm-plain': (U(), {}, 'xglm'), 'xglm-no-prefix': (U(), dict(tokenizer_class='XGLMTokenizerFast', add_prefix_space=False, eos_token='<s>', extra_special_tokens=['<turn>']), 'xglm'),
 'precompiled': (U(normalizer=dict(type='Precompiled', precompiled_charsmap=charsmap()), pre_tokenizer=dict(type='Metaspace', replacement='▁', prepend_scheme='always', split=True)), {}, None),
 'deberta': (U(), dict(tokenizer_class='DebertaV2Tokenizer'), 'deberta-v2'), 'deberta-lower': (U(), dict(tokenizer_class='DebertaV2TokenizerFast', do_lower_case=True, split_by_punct=True), 'deberta-v2'),
 'digits': (B(pre=seq(dict(type='Digits', individual_digits=True), BL)), {}, None), 'digits-runs': (B(pre=seq(dict(type='Digits', individual_digits=False), BL)), {}, None), 'punctuation': (B(pre=seq(dict(type='Punctuation', behavior='Isolated'), BL)), {}, None), 'falcon': (B(pre=seq(dict(type='Punctuation', behavior='Contiguous'), BL, dict(type='Digits', individual_digits=False), dict(type='Split', pattern=dict(Regex='[0-9][0-9][0-9]'), behavior='Isolated', invert=False))), {}, None),
 'strip-over-token': (B(added=[at('<turn>', 400, rstrip=True), at('\n', 401, special=False)]), {}, None), 'strip-over-stripping': (B(added=[at('<turn>', 400, lstrip=True, rstrip=True), at('\n', 401, lstrip=True, rstrip=True), at('  ', 402, lstrip=True)]), {}, None),
 'plain-first': (B(added=[at('<t', 400, normalized=True), at('urn>', 401)]), {}, None), 'bert-single-word-not-model': (W(added_tokens=[at('caf', 400, single_word=True), at('\ufb01', 401, single_word=True, special=False)]), {}, None),
 'metaspace-decoder': (U(pre_tokenizer=dict(type='Metaspace', replacement='▁', prepend_scheme='always', split=False), decoder=dict(type='Metaspace', replacement='▁', prepend_scheme='always', split=True)), {}, None), 'metaspace-decoder-never': (U(pre_tokenizer=dict(type='Metaspace', replacement='▁', prepend_scheme='never', split=False), decoder=dict(type='Metaspace', replacement='▁', prepend_scheme='never', split=True)), {}, None),
 **{f'split-{b}-{i}': (B(pre=seq(dict(type='Split', pattern=dict(Regex='[aeo ]'), behavior=b, invert=i), BLN)), {}, None) for b in ('Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous', 'Removed') for i in (False, True)},
}

CASES |= {
 'unknown-words': (U(pre_tokenizer=dict(type='BertPreTokenizer')), {}, None), 'white-space-split': (U(pre_tokenizer=dict(type='WhitespaceSplit')), {}, None),
 'word-level': (W(model=dict(type='WordLevel', unk_token='[UNK]', vocab={w: i for i, w in enumerate(['[PAD]', '[UNK]', 'a', 'the', 'hi'])}), normalizer=None, pre_tokenizer=dict(type='Whitespace')), {}, None),
 'bert-greek': (W(model=words()['model'] | dict(vocab={w: i for i, w in enumerate(['[UNK]', 'σασ', 'σας', 'a', 'the'])})), {}, None),
 'metaspace-after-split': (P(None, seq(dict(type='Split', pattern=dict(Regex='[0-9]'), behavior='Isolated', invert=False), dict(type='Metaspace', replacement='▁', prepend_scheme='first', split=True))), {}, None),
 'added-latin': (B(added=[at('é', 400, special=False), at('Foo', 401, special=False)]), {}, None), 'normalized-special': (B(dict(type='Lowercase'), added=[at('Foo', 400, normalized=True)]), {}, None),
 'named-not-special': (B(), dict(tokenizer_class='GPT2Tokenizer', eos_token='<turn>', added_tokens_decoder={'300': {k: v for k, v in at('<turn>', 0, special=False).items() if k != 'id'}}), 'gpt2'),
 'padding-token': ((B()[0], dict(padding=dict(strategy='BatchLongest', direction='Right', pad_to_multiple_of=None, pad_id=0, pad_type_id=0, pad_token='[PAD]'))), dict(additional_special_tokens=['<turn>']), None),
 'regex-byte-order-mark': (B(dict(type='Replace', pattern=dict(Regex=r'\s+'), content='-')), {}, None),
}

# Older folders: special_tokens_map.json and added_tokens.json beside a tokenizer.json that does not have their tokens.
def older(case, special=None, added=None):
    return *case, {**({'special_tokens_map.json': special} if special else {}), **({'added_tokens.json': added} if added else {})}
SAID = dict(bos_token='<s>', eos_token=dict(content='<turn>', lstrip=True, rstrip=False, normalized=False, single_word=False))
CASES |= {
 'map-only': older((B(), {}, None), SAID), 'map-over-config': older((B(), dict(eos_token='<|endoftext|>', bos_token='<|user|>'), None), SAID),
 'map-additional': older((B(), {}, None), dict(additional_special_tokens=['<turn>', '<|user|>'])), 'map-extra': older((B(), {}, None), dict(extra_special_tokens=['<turn>', dict(content='<|end|>', lstrip=False, rstrip=True, normalized=False, single_word=False)])),
 'map-extra-over': older((B(), dict(additional_special_tokens=['<|user|>']), None), dict(extra_special_tokens=['<turn>'])), 'map-extra-dict': older((B(), {}, None), dict(extra_special_tokens=dict(turn_token='<turn>'))), 'map-own-token': older((B(), {}, None), dict(turn_token='<turn>')),
 'map-beside-decoder': older((B(), dict(added_tokens_decoder={'300': {k: v for k, v in at('<s>', 0).items() if k != 'id'}}), None), SAID, {'<|user|>': 301}),
 'added-only': older((B(), {}, None), None, {'<turn>': 300, '<|user|>': 266}), 'added-and-map': older((B(), {}, None), SAID, {'<turn>': 266, 'Foo': 267, '<s>': 268}),
 'added-in-file': older((B(added=[at('<turn>', 266, rstrip=True)]), {}, None), SAID, {'<turn>': 266, '<|user|>': 267}), 'added-other-id': older((B(added=[at('<turn>', 266, rstrip=True)]), {}, None), None, {'<|user|>': 266, '<turn>': 267}),
 'map-llama': older((P(LL, post=tmpl), dict(tokenizer_class='LlamaTokenizer'), 'llama'), SAID, {'<turn>': 500, '<|user|>': 501}), 'map-gpt2': older((B(), dict(tokenizer_class='GPT2Tokenizer'), 'gpt2'), SAID, {'<turn>': 266}),
 'map-null': older((B(), dict(pad_token='<turn>'), None), dict(pad_token=None, eos_token='<|user|>')), 'map-bert': older((W(), {}, 'bert'), dict(mask_token='<turn>'), {'<turn>': 100}),
}

def sp(pattern, behavior='Isolated', invert=False):
    return dict(type='Split', pattern=dict(Regex=pattern), behavior=behavior, invert=invert)
def roberta(**more):
    return dict(type='RobertaProcessing', sep=['<|endoftext|>', 0], cls=['<|endoftext|>', 0], trim_offsets=True, add_prefix_space=True) | more
BLS = BL | dict(add_prefix_space=True)
SUFFIXED = dict(type='BPE', dropout=None, unk_token='<unk>', continuing_subword_prefix=None, end_of_word_suffix='</w>', fuse_unk=False, byte_fallback=False,
    vocab={w: i for i, w in enumerate(['<unk>', *map(chr, range(33, 127)), *(chr(i) + '</w>' for i in range(33, 127)), 'th', 'the</w>'])}, merges=['t h', 'th e</w>'])
# Parts in uncommon company.
CASES |= {
 'white-space-byte-level': (B(pre=seq(dict(type='Whitespace'), BLS)), {}, None), 'bert-byte-level': (B(pre=seq(dict(type='BertPreTokenizer'), BLS)), {}, None), 'byte-level-first': (B(pre=seq(BLS, dict(type='Whitespace'))), {}, None),
 'roberta-trim-words': (W(post_processor=roberta(sep=['[SEP]', 3], cls=['[CLS]', 2]), added_tokens=[at(' the ', 100, normalized=True)]), {}, None), 'roberta-trim-pieces': (P(LL, post=roberta(sep=['</s>', 2], cls=['<s>', 1])), {}, None),
 'qwen-byte-fallback': (P(LL), dict(tokenizer_class='Qwen2Tokenizer'), 'qwen2'),
 'suffix': (W(model=SUFFIXED, normalizer=None, pre_tokenizer=dict(type='WhitespaceSplit'), decoder=None), {}, None), 'suffix-decoder': (W(model=SUFFIXED, normalizer=None, decoder=dict(type='BPEDecoder', suffix='</w>')), {}, None),
 'no-decoder': (P(GE) [0:1] + (P(GE)[1] | dict(decoder=None),), {}, None), 'ctc': (W(decoder=dict(type='CTC', pad_token='[UNK]', word_delimiter_token='t', cleanup=True)), {}, None), 'metaspace-over-bytes': ((B()[0], dict(decoder=dict(type='Metaspace', replacement='Ġ', prepend_scheme='always', split=True))), {}, None),
 'extra-normalised': (B(dict(type='Lowercase'), added=[at('Foo', 400, normalized=True, special=False)]), dict(additional_special_tokens=['Foo'], sep_token='Foo'), None), 'extra-dict-over': (B(added=[at('<turn>', 400, normalized=True, special=False)]), dict(added_tokens_decoder={'400': {k: v for k, v in at('<turn>', 0, rstrip=True).items() if k != 'id'}}, extra_special_tokens=['<turn>']), None),
 'decoder-not-normalised': (B(dict(type='Lowercase'), added=[at('Foo', 400, normalized=True, special=False)]), dict(added_tokens_decoder={'400': {k: v for k, v in at('Foo', 0).items() if k != 'id'}}), None),
 **{kind: (B(pre=seq(dict(type='Digits', individual_digits=True), BL)), dict(tokenizer_class='GPT2Tokenizer'), kind) for kind in ('ernie4_5', 'flex_olmo', 'glm4_moe', 'granitemoehybrid', 'granite_swa', 'minimax_m2', 'ministral3')},
 'phimoe': (P(LL, post=tmpl), dict(tokenizer_class='LlamaTokenizer'), 'phimoe'), 'jais2': (B(pre=seq(dict(type='Digits', individual_digits=True), BL)), {}, 'jais2'),
 'cohere-twice': (B(added=[at('<turn>', 400, rstrip=True)]), dict(tokenizer_class='CohereTokenizer', eos_token='<turn>', extra_special_tokens=['<|user|>']), 'cohere'),
 'scripts': (P(GE, dict(type='UnicodeScripts')), {}, None), 'delimiter': (B(pre=seq(dict(type='CharDelimiterSplit', delimiter='t'), BL)), {}, None), 'fixed-length': (B(pre=seq(dict(type='FixedLength', length=3), BL)), {}, None),
 'nmt': (P(dict(type='Nmt')), {}, None), 'byte-level-normalizer': (B(dict(type='ByteLevel'), pre=sp('[Ġ]', 'MergedWithNext')), {}, None), 'prepend-nfd': (P(dict(type='Sequence', normalizers=[dict(type='Prepend', prepend='ab'), dict(type='NFD')])), {}, None),
 'two-processors': (B(post=dict(type='Sequence', processors=[dict(type='TemplateProcessing', single=[dict(SpecialToken=dict(id='<|endoftext|>', type_id=0)), dict(Sequence=dict(id='A', type_id=0))], pair=[dict(Sequence=dict(id='A', type_id=0)), dict(Sequence=dict(id='B', type_id=0))], special_tokens={'<|endoftext|>': dict(id='<|endoftext|>', ids=[0], tokens=['<|endoftext|>'])}), roberta()])), {}, None),
 'unigram-bytes': (U(model=pieces()['model'] | dict(byte_fallback=True, vocab=[*pieces()['model']['vocab'], *([f'<0x{i:02X}>', -9.0] for i in range(256))])), {}, None),
 **{f'regex-{i}': (B(pre=seq(sp(pattern, behavior), BLN)), {}, None) for i, (pattern, behavior) in enumerate([
   (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s", 'Isolated'), (r'(?=[A-Z])', 'Isolated'), (r'^\s*|\s*$', 'MergedWithNext'), (r'(?i)the|FOO', 'Removed'), (r'\bt|e\b|\B', 'Contiguous'),
   (r'[[:alpha:]]+|[^\W_&&[^\d]]', 'MergedWithPrevious'), (r'(?>a+)b?|\p{^L}', 'Isolated'), (r'\p{Han}|\p{Latin}{,2}', 'Isolated'), (r'[\x{41}-Z]|\u0061|(?m:.)\Z', 'Isolated'), (r'x*', 'Contiguous')])},
}

TEXTS = ['a stone by the river', '<|user|>\nhi there<|end|>\n<|assistant|>\n', ' the a  the', 'Caf\u00e9 \ufb01ne\u00a0day', 'cafe\u0301 \u0130X \u03a3\u0391\u03a3 e\u0302\u0323 \u2460',
         'bar \u2581\u2582 12 the 123,..', '', '  ', '<s>a</s> the', '<turn> a<turn>the <turn>', 'a<madeupword1>  the<madeupword6>', 'Foo foo  Foo', '<|endoftext|>a <|endoftext|>', '\ufeffa \u0085the', "do not IT\u017f's a1b \u4e2d\u3042\u30fc \U0001f469\u200d\U0001f469\n\n"]
DECODED = "a . b , c ? n't do not"
out = []
for name, ((base, parts), settings, model_type, *beside) in CASES.items():
    beside = beside[0] if beside else {}
    with tempfile.TemporaryDirectory() as folder:
        files = {'tokenizer.json': BASES[base]() | parts, 'tokenizer_config.json': settings, 'config.json': dict(model_type=model_type or 'llama'), **beside}
        for file, content in files.items():
            with open(f'{folder}/{file}', 'w') as opened:
                json.dump(content, opened)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        rows = []
        for text in TEXTS:
            e = tokenizer(text, return_offsets_mapping=True)
            rows.append([text, ' '.join(map(str, e.input_ids)), ' '.join(f'{a}-{b}' for a, b in e.offset_mapping), tokenizer.decode(e.input_ids, skip_special_tokens=True)])
        cleaned = tokenizer.decode(tokenizer(DECODED).input_ids, skip_special_tokens=True)
        out.append(dict(name=name, base=base, parts=parts, settings=settings, modelType=model_type or 'llama', **({'beside': beside} if beside else {}), cleaned=cleaned, rows=rows))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'as-transformers.json'), 'w') as opened:
    opened.write('[\n' + ',\n'.join(json.dumps(case, ensure_ascii=False) for case in out) + '\n]\n')
