"""The peer of generation.ts, capture.ts and classification.ts: makes random checkpoints in known shapes, does their work with transformers.

    python peer_transformers.py make SHAPE FOLDER
    python peer_transformers.py generate FOLDER PROMPTS_JSON SAMPLES NEW_TOKENS TEMPERATURE TOP_K THREADS DEVICE DTYPE
    python peer_transformers.py classify FOLDER LENGTHS_JSON BATCH THREADS
    python peer_transformers.py capture FOLDER BATCHES ROWS LENGTH THREADS DEVICE DTYPE [headless]
"""

import json
import resource
import sys
import time

import torch
from transformers import (
    AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, GPTNeoXConfig, LlamaConfig, RobertaConfig,
)

SHAPES = {
    "pythia-14m": lambda: GPTNeoXConfig(
        vocab_size=50304, hidden_size=128, num_hidden_layers=6, num_attention_heads=4, intermediate_size=512,
        rotary_pct=0.25, max_position_embeddings=2048, bos_token_id=0, eos_token_id=0,
    ),
    "pythia-160m": lambda: GPTNeoXConfig(
        vocab_size=50304, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
        rotary_pct=0.25, max_position_embeddings=2048, bos_token_id=0, eos_token_id=0,
    ),
    "smollm2-135m": lambda: LlamaConfig(
        vocab_size=49152, hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
        intermediate_size=1536, max_position_embeddings=2048, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0,
    ),
    "llama-2-7b": lambda: LlamaConfig(
        vocab_size=32000, hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008,
        max_position_embeddings=4096, bos_token_id=0, eos_token_id=0, dtype="bfloat16",
    ),
    "roberta-base": lambda: RobertaConfig(
        vocab_size=50265, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
        max_position_embeddings=514, type_vocab_size=1, num_labels=7, problem_type="multi_label_classification",
    ),
}


def byte_tokenizer(vocab_size):
    """One token a character for a to z, and names for all other ids: a prompt's length in tokens is that of its text."""
    letters = {chr(ord("a") + i): i + 1 for i in range(26)}
    vocab = {**letters, **{f"<{i}>": i for i in range(vocab_size) if i not in letters.values()}}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": None, "post_processor": None, "decoder": None,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": []},
    }


def make(shape, folder):
    torch.manual_seed(0)
    config = SHAPES[shape]()
    kind = AutoModelForSequenceClassification if config.model_type == "roberta" else AutoModelForCausalLM
    model = kind.from_config(config, dtype=config.dtype or torch.float32)
    model.save_pretrained(folder)
    with open(f"{folder}/tokenizer.json", "w") as file:
        json.dump(byte_tokenizer(config.vocab_size), file)
    with open(f"{folder}/tokenizer_config.json", "w") as file:
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast"}, file)


def load(kind, folder, device, dtype):
    return kind.from_pretrained(folder, dtype=getattr(torch, dtype)).to(device).eval()


@torch.inference_mode()
def generate(folder, prompts, samples, new_tokens, temperature, top_k, threads, device, dtype):
    """One prompt's samples a batch: measured as transformers' fastest way for this work on two cores."""
    torch.set_num_threads(threads)
    model = load(AutoModelForCausalLM, folder, device, dtype)
    model(torch.tensor([[1]], device=device))
    started = time.perf_counter()
    for number, prompt in enumerate(prompts):
        torch.manual_seed(number)
        ids = torch.tensor([[ord(letter) - ord("a") + 1 for letter in prompt]], device=device)
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=True, top_p=0.9, top_k=top_k, temperature=temperature,
            num_return_sequences=samples, max_new_tokens=new_tokens, min_new_tokens=new_tokens, pad_token_id=0,
            output_hidden_states=True, return_dict_in_generate=True,
        )
        prompt_states = torch.stack([layer.mean(1) for layer in out.hidden_states[0]], 1)
        steps = [torch.stack([layer[:, -1] for layer in step], 1) for step in out.hidden_states[1:]]
        torch.stack(steps).mean(0).cpu(), prompt_states.cpu()
    report(started)


@torch.inference_mode()
def capture(folder, batches, rows, length, threads, device, dtype, headless):
    """Means of all layers' states over sequences; `headless`: by the base model, which has no output head."""
    torch.set_num_threads(threads)
    kind = AutoModel if headless else AutoModelForCausalLM
    model = load(kind, folder, device, dtype)
    ids = (torch.arange(rows * length).reshape(rows, length) % 26 + 1).to(device)
    model(ids, output_hidden_states=True, use_cache=False)
    started = time.perf_counter()
    for _ in range(batches):
        out = model(ids, output_hidden_states=True, use_cache=False)
        torch.stack([layer.mean(1) for layer in out.hidden_states], 1).cpu()
    report(started)


@torch.inference_mode()
def classify(folder, lengths, batch, threads):
    """Sequences in the order given, each batch padded to its longest: what a pipeline does. Token ids as in classification.ts."""
    torch.set_num_threads(threads)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()

    def run(some):
        width = max(some)
        ids = torch.tensor([[i % 26 + 2 if i < n else model.config.pad_token_id for i in range(width)] for n in some])
        mask = torch.tensor([[int(i < n) for i in range(width)] for n in some])
        return model(ids, attention_mask=mask).logits.sigmoid().tolist()

    run(lengths[:batch])
    started = time.perf_counter()
    for at in range(0, len(lengths), batch):
        run(lengths[at : at + batch])
    report(started)


def report(started):
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak}))


if __name__ == "__main__":
    command, folder, *rest = sys.argv[1:]
    if command == "make":
        make(folder, *rest)
    elif command == "classify":
        classify(folder, json.loads(rest[0]), *(int(value) for value in rest[1:]))
    elif command == "capture":
        capture(folder, *(int(value) for value in rest[:4]), *rest[4:6], headless="headless" in rest)
    else:
        samples, tokens, temperature, top_k, threads = rest[1:6]
        sampling = (float(temperature), int(top_k))
        generate(folder, json.loads(rest[0]), int(samples), int(tokens), *sampling, int(threads), *rest[6:])
