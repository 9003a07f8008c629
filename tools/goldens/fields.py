"""Writes libs/engine/test/config-fields/*.json, all or those of the classes named: see README.md.

A page is a class. It holds every field of the class's configuration, and every field that another class has, with a
value other than the one of the class's golden, and what that changes in transformers.
"""

import json
import logging
import sys
import tempfile
from functools import cache
from pathlib import Path

import models
import torch
import transformers
from models import CASES, IDS, OUT, fields_of, rounded

OUT = OUT.parent / "config-fields"
torch.set_num_threads(1)
models.numbers = cache(models.numbers)
transformers.logging.set_verbosity(logging.CRITICAL)

NAMES = {"architectures", "model_type", "dtype", "torch_dtype", "transformers_version", "_name_or_path"}
NAMES |= {"attn_implementation", "return_dict", "output_hidden_states", "output_attentions"}
"""What is not of the network: its kind, how its weights are stored, and what Python gives back."""

ROPE = {"rope_theta", "rope_scaling", "rope_parameters"}
"""Left out of a golden's configuration, so that each of them can be tried alone."""

LOGITS = range(0, 256, 32)
"""The tokens whose logits after the last token are kept."""


def other(*values):
    """The first of some values that the class does not have already."""
    return lambda now, _: next((value for value in values if value != now), now)


def layer_types(now, config):
    kinds = ["sliding_attention", "full_attention"]
    made = [kinds[layer % 2] for layer in range(config.num_hidden_layers)]
    return made if made != now else made[::-1] if made[0] != made[-1] else [made[1], *made[1:]]


VALUES = {
    "activation": other("relu", "silu"),
    "activation_function": other("relu", "silu"),
    "hidden_act": other("relu", "silu"),
    "hidden_activation": other("relu", "silu"),
    "attention_heads": other(5, 2),
    "attention_types": other([[["local"], 3]]),
    "attention_layers": other(["local", "global", "local"]),
    "attn_config": other({"softmax_scale": 0.2, "alibi_bias_max": 4}, {"clip_qkv": 0.5}),
    "attn_logit_softcapping": 5.0,
    "final_logit_softcapping": 4.0,
    "bos_token_id": 3,
    "eos_token_id": 4,
    "pad_token_id": 5,
    "sep_token_id": 6,
    "clip_qkv": other(0.5, 0.3),
    "decoder_sparse_step": other(2, 1),
    "ffn_dim": 28,
    "ffn_hidden_size": 28,
    "intermediate_size": 28,
    "intermediate_multiple_size": other(3, 2),
    "layer_rope_theta": other([300.0, 300.0, 0]),
    "moe_intermediate_size": other(16, 12),
    "shared_expert_intermediate_size": other(14, 10),
    "n_inner": other(28, 32),
    "head_dim": other(12, 8),
    "hidden_size": other(32, 24),
    "hidden_size_per_layer_input": other(8, 12),
    "global_head_dim": other(12, 14),
    "n_embd": 32,
    "d_model": 24,
    "word_embed_proj_dim": other(12, 16),
    "id2label": {"0": "a", "1": "b", "2": "c"},
    "label2id": {"a": 0, "b": 1, "c": 2},
    "layer_types": layer_types,
    "max_position_embeddings": other(40, 64),
    "n_positions": other(40, 64),
    "max_seq_len": 40,
    "max_window_layers": other(2, 1),
    "mlp_only_layers": other([1], [0]),
    "mlp_layer_types": other(["sparse", "dense", "sparse", "dense"]),
    "moe_layer_end_index": 1,
    "moe_topk": other(2),
    "no_rope_layers": other([1, 0, 0, 1, 1][:3]),
    "no_rope_layer_interval": other(3, 2),
    "num_attention_heads": other(2, 1),
    "n_head": other(2, 4),
    "n_heads": other(2, 4),
    "num_heads": other(2, 4),
    "num_experts": other(5, 4),
    "num_local_experts": other(5, 4),
    "num_experts_per_tok": other(1, 2),
    "num_hidden_layers": other(2, 3),
    "n_layer": other(2, 3),
    "n_layers": other(2, 3),
    "num_layers": other(2, 3),
    "num_key_value_heads": other(1, 2),
    "num_kv_heads": other(1, 2),
    "num_ln_in_parallel_attn": other(1, 2),
    "original_max_position_embeddings": other(32, 48),
    "partial_rotary_factor": other(0.5, 1.0),
    "problem_type": "regression",
    "query_pre_attn_scalar": other(9, 4),
    "rope_local_base_freq": 50.0,
    "rope_interleaved": True,
    "rope_parameters": {"rope_type": "linear", "rope_theta": 300.0, "factor": 2.0},
    "rope_scaling": other({"type": "linear", "factor": 2.0}),
    "rope_theta": other(300.0),
    "rotary_dim": other(4, 2),
    "rotary_emb_base": other(300.0),
    "rotary_pct": other(0.5, 1.0),
    "sliding_window": other(3, 4),
    "sliding_window_pattern": 2,
    "_sliding_window_pattern": 2,
    "window_size": other(3, 4),
    "summary_type": "mean",
    "summary_activation": "tanh",
    "tie_last_hidden_states": False,
    "vocab_size": 259,
    "is_causal": False,
}
"""Values of fields for which the rule by type does not do."""

EVERYWHERE = {"rope_theta": 10000.0, "rope_scaling": None, "is_causal": True, "tie_last_hidden_states": True,
              "partial_rotary_factor": 1.0, "layer_types": None, "use_bidirectional_attention": False,
              "alibi": False, "qk_layernorm": False, "hidden_activation": "gelu", "rotary_pct": 0.25,
              "rotary_emb_base": 10000.0, "rope_local_base_freq": 10000.0, "attention_layers": None,
              "original_max_position_embeddings": None, "softmax_scale": None}  # fmt: skip
"""Fields that older files, or no class's defaults, hold."""


BY_KIND = {
    "full_attention": {"rope_type": "linear", "rope_theta": 300.0, "factor": 2.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 200.0},
}
OF_CLASS = {
    "Phi3ForCausalLM": {
        name: {kind: "longrope", "rope_theta": 300.0, "short_factor": [1.0, 1.5], "long_factor": [2.0, 5.0]}
        for name, kind in (("rope_scaling", "type"), ("rope_parameters", "rope_type"))
    },
    "Gemma3ForCausalLM": {"rope_parameters": BY_KIND, "num_hidden_layers": 4},
    "Gemma4ForCausalLM": {"rope_parameters": BY_KIND, "enable_moe_block": False},
    "Olmo3ForCausalLM": {"rope_parameters": BY_KIND},
    "MellumForCausalLM": {"rope_parameters": BY_KIND},
    "DeepseekV2ForCausalLM": {"num_experts": 9},
    "PhimoeForCausalLM": {
        name: {
            kind: "longrope",
            "rope_theta": 300.0,
            "short_factor": [1.0, 1.5],
            "long_factor": [2.0, 5.0],
            "short_mscale": 1.2,
            "long_mscale": 1.4,
            "original_max_position_embeddings": 48,
        }
        for name, kind in (("rope_scaling", "type"), ("rope_parameters", "rope_type"))
    },
}
"""Values for a class alone."""


OF_GOLDEN = {
    "gpt-neox-parallel": {"rotary_pct": 0.5},
    "gpt-neox-sequential": {"rotary_pct": 0.5},
    "nemotron": {"num_attention_heads": 2},
    "phi": {"num_attention_heads": 2},
    "stablelm": {"num_attention_heads": 2},
    "stablelm-parallel": {"num_attention_heads": 2},
    "qwen2-moe": {"sliding_window": 4},
    "qwen3": {"sliding_window": 4, "max_window_layers": 1},
    "qwen3-moe": {"sliding_window": 4},
}
"""What is added to a golden's configuration, so that other fields show: more than one pair of numbers to rotate, a window
that is shorter than the text."""


WITH_WEIGHTS = {"prelu", "xielu"}
PROPORTIONAL = {"rope_type": "proportional", "rope_theta": 1000.0}

ALSO = {
    "llama-odd": [{"hidden_act": name} for name in sorted(set(transformers.activations.ACT2CLS) - WITH_WEIGHTS)],
    "smollm3": [
        {"layer_types": ["full_attention", "full_attention", "sliding_attention"], "use_sliding_window": slides}
        for slides in (False, True)
    ],
    "gpt-neox-parallel": [
        *({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": part}} for part in (0.4, 0.65)),
        {"rope_parameters": {**PROPORTIONAL, "partial_rotary_factor": 0.5}},
    ],
    "mistral": [
        {"rope_parameters": {**PROPORTIONAL, **more}} for more in ({}, {"partial_rotary_factor": 0.5, "factor": 2.0})
    ],
    "glm4-moe": [
        {"partial_rotary_factor": 1.0},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0, "partial_rotary_factor": 0.25}},
    ],
    "minimax-m2": [{"partial_rotary_factor": 0.25}, {"rotary_dim": 2, "partial_rotary_factor": 0.75}],
    "exaone-moe": [
        {"sliding_window_pattern": "LG", "layer_types": ["full_attention", "sliding_attention"] * 2},
        {"mlp_layer_types": ["dense"] + ["sparse"] * 3, "first_k_dense_replace": 3},
    ],
    "granite-moe-hybrid": [{"layer_types": None, "layers_block_type": ["attention"] * 3}],
    "granite-moe-hybrid-experts": [{"position_embedding_type": "rope", "rope_theta": 300.0}],
    "glm4": [{"rope_parameters": {**PROPORTIONAL, "partial_rotary_factor": 0.5}}],
}
"""Values beyond one for each field: of those that name functions, and fields that show only together."""


def value_of(architecture: str, name: str, now, config):
    """Another value of a field; the same where none is known."""
    if name in OF_CLASS.get(architecture, {}):
        return OF_CLASS[architecture][name]
    if name in VALUES:
        made = VALUES[name]
        return made(now, config) if callable(made) else made
    if isinstance(now, bool):
        return not now
    if isinstance(now, int):
        return now + 1
    if isinstance(now, float):
        return round(now * 1.7 + 0.05, 6)
    return f"{now}-other" if isinstance(now, str) else now


def plain_config(fields: dict):
    """As AutoConfig reads a folder."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(fields))
        return transformers.AutoConfig.from_pretrained(folder)


def defaults(architecture: str) -> dict:
    """The fields of a class's configuration, those by other names too."""
    config = getattr(transformers, architecture).config_class()
    named = {other: getattr(config, name) for other, name in config.attribute_map.items()}
    return {name: value for name, value in {**config.to_dict(), **named}.items() if name not in NAMES}


def outcome(fields: dict) -> dict:
    """Shapes of the weights, and logits."""
    config = plain_config(fields)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=models.implementation(fields)).eval()
    tied = set(model._tied_weights_keys) if config.tie_word_embeddings else set()
    shapes = models.fill(model, [name for name in model.state_dict() if name not in tied], 1, 0.6)
    with torch.no_grad():
        logits = model(torch.tensor([IDS]), use_cache=False).logits[0, -1]
    return {"weights": shapes, "logits": rounded(logits[list(LOGITS)]), "finite": bool(torch.isfinite(logits).all())}


def packed(shapes: list, base: list) -> list:
    """Shapes, with the numbers [first, past the last] of those that the golden has too in place of runs of them."""
    places = {json.dumps(shape): i for i, shape in enumerate(base)}
    out = []
    for shape in shapes:
        at = places.get(json.dumps(shape))
        if at is None:
            out.append(shape)
        elif out and isinstance(out[-1][1], int) and out[-1][1] == at:
            out[-1][1] += 1
        else:
            out.append([at, at + 1])
    return out


def base_of(golden: str, architecture: str, changes: dict) -> tuple[dict, list[str]]:
    """A golden's configuration, each thing in it said once and rotary positions not at all, and what was left out."""
    kind = getattr(transformers, architecture).config_class
    fields = {"architectures": [architecture], "model_type": kind.model_type, **fields_of(architecture, changes)}
    twice = {alias for alias, name in kind.attribute_map.items() if alias in fields and name in fields}
    without = sorted((ROPE | twice) & set(fields))
    kept = {name: value for name, value in fields.items() if name not in without}
    return {**kept, **OF_GOLDEN.get(golden, {})}, without


def page(architecture: str, golden: str, changes: dict, strangers: dict) -> dict:
    fields, without = base_of(golden, architecture, changes)
    base = outcome(fields)
    stored = json.loads((models.OUT / f"{golden}.json").read_text())["weights"]
    config, own = plain_config(fields), defaults(architecture)
    config.allow_global_per_layer_attribute_access = True
    changing, ignored, failing, untried = {}, {}, {}, []
    for name in sorted({*own, *strangers}):
        now = fields.get(name, getattr(config, name, own.get(name, strangers.get(name))))
        value = value_of(architecture, name, now, config)
        if value == now or value is None:
            untried += [name] if name in own else []
            continue
        try:
            found = outcome({**fields, name: value})
        except Exception as error:  # noqa: BLE001
            failing[name] = [value, str(error).strip().split("\n")[0][:80]]
            continue
        if found == base:
            ignored[name] = value
        else:
            changed = {"value": value, "logits": found["logits"]}
            if found["weights"] != base["weights"]:
                changed["weights"] = packed(found["weights"], stored)
            changing[name] = changed
    return {
        "source": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}",
        "golden": golden,
        "model_type": fields["model_type"],
        "without": without,
        "with": OF_GOLDEN.get(golden, {}),
        **({"weights": packed(base["weights"], stored)} if base["weights"] != stored else {}),
        "logits": base["logits"],
        "own": sorted(own),
        "changing": changing,
        "failing": failing,
        "ignored": ignored,
        "untried": untried,
        "also": [{"fields": also, "logits": outcome({**fields, **also})["logits"]} for also in ALSO.get(golden, [])],
    }


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    strangers = dict(EVERYWHERE)
    for _, architecture, changes, _ in CASES:
        for name, value in {**changes, **defaults(architecture)}.items():
            strangers.setdefault(name, value)
    seen = []
    for name, architecture, changes, _ in CASES:
        fields, _ = base_of(name, architecture, changes)
        if fields in seen:
            continue
        # Other classes' fields are tried once for each class.
        first = all(other["architectures"] != [architecture] for other in seen)
        seen.append(fields)
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        made = page(architecture, name, changes, strangers if first else {})
        (OUT / f"{name}.json").write_text(json.dumps(made) + "\n")
        print(name, "| changing:", *made["changing"], "| failing:", made["failing"], flush=True)
