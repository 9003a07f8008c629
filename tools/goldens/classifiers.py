"""Writes libs/engine/test/goldens/classifiers/*.json, all or those named: see README.md."""

import json
import sys
from pathlib import Path

import torch
import transformers
from models import OUT, fill, rounded

SEQUENCES = [
    [5, 80, 3, 200, 17, 9],
    [7],
    [250, 4, 4, 6],
    list("You are an idiot, said the neighbour.".encode()),
    [256, 40, 41, 42, 0, 0],
    [9, 0, 12],
]
"""Read one by one. Zero pads where a case has it pad: at the end of a sequence, and within one."""

ENCODER = {
    "vocab_size": 258,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 48,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}
DECODER = {
    "vocab_size": 258,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "pad_token_id": 0,
}
DISTILBERT = {
    "vocab_size": 258,
    "dim": 16,
    "hidden_dim": 24,
    "n_layers": 2,
    "n_heads": 4,
    "max_position_embeddings": 48,
    "pad_token_id": 0,
}
MANY = ["toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"]

# Name, class, configuration, labels, problem type.
CASES = [
    ("bert", "BertForSequenceClassification", ENCODER, MANY, "multi_label_classification"),
    (
        "roberta",
        "RobertaForSequenceClassification",
        {**ENCODER, "pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
        ["neutral", "toxic"],
        None,
    ),
    (
        "xlm-roberta",
        "XLMRobertaForSequenceClassification",
        {**ENCODER, "pad_token_id": 1, "type_vocab_size": 1, "hidden_act": "gelu_new"},
        MANY,
        "multi_label_classification",
    ),
    ("distilbert", "DistilBertForSequenceClassification", DISTILBERT, ["a", "b", "c"], "single_label_classification"),
    ("electra", "ElectraForSequenceClassification", {**ENCODER, "embedding_size": 12}, ["neutral", "toxic"], None),
    (
        "deberta-v2",
        "DebertaV2ForSequenceClassification",
        {
            **ENCODER,
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "max_relative_positions": 12,
            "position_biased_input": True,
        },
        ["a", "b", "c"],
        None,
    ),
    (
        "deberta-v2-convolution",
        "DebertaV2ForSequenceClassification",
        {
            **ENCODER,
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "position_biased_input": False,
            "position_buckets": 8,
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "type_vocab_size": 0,
            "conv_kernel_size": 3,
            "conv_act": "gelu",
        },
        ["a", "b"],
        None,
    ),
    (
        "deberta-v3",
        "DebertaV2ForSequenceClassification",
        {
            **ENCODER,
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": False,
            "position_buckets": 8,
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "type_vocab_size": 0,
        },
        MANY,
        "multi_label_classification",
    ),
    (
        "modernbert",
        "ModernBertForSequenceClassification",
        {
            **{name: value for name, value in ENCODER.items() if name != "type_vocab_size"},
            "num_hidden_layers": 3,
            "local_attention": 8,
            "classifier_pooling": "mean",
            "global_attn_every_n_layers": 3,
            "bos_token_id": 256,
            "eos_token_id": 257,
            "cls_token_id": 256,
            "sep_token_id": 257,
        },
        MANY,
        "multi_label_classification",
    ),
    (
        "modernbert-first",
        "ModernBertForSequenceClassification",
        {
            **{name: value for name, value in ENCODER.items() if name != "type_vocab_size"},
            "local_attention": 6,
            "classifier_pooling": "cls",
            "classifier_bias": True,
            "norm_bias": True,
            "mlp_bias": True,
            "attention_bias": True,
            "global_attn_every_n_layers": 2,
            "bos_token_id": 256,
            "eos_token_id": 257,
            "cls_token_id": 256,
            "sep_token_id": 257,
        },
        ["a", "b"],
        None,
    ),
    ("llama", "LlamaForSequenceClassification", {**DECODER, "rope_theta": 1000.0}, ["reward"], "regression"),
    (
        "mistral",
        "MistralForSequenceClassification",
        {**DECODER, "rope_theta": 1000.0, "sliding_window": 4, "head_dim": 6},
        ["reward"],
        "regression",
    ),
    (
        "gemma2",
        "Gemma2ForSequenceClassification",
        {**DECODER, "head_dim": 6, "sliding_window": 4, "query_pre_attn_scalar": 9, "attn_logit_softcapping": 2.0},
        ["safe", "unsafe"],
        None,
    ),
    (
        "gemma",
        "GemmaForSequenceClassification",
        {**DECODER, "head_dim": 6, "hidden_activation": "gelu_pytorch_tanh", "num_key_value_heads": 1},
        ["reward"],
        "regression",
    ),
    (
        "gemma3",
        "Gemma3TextForSequenceClassification",
        {
            **DECODER,
            "head_dim": 6,
            "sliding_window": 4,
            "query_pre_attn_scalar": 9,
            "layer_types": ["sliding_attention", "full_attention"],
        },
        ["safe", "unsafe"],
        None,
    ),
    ("qwen2", "Qwen2ForSequenceClassification", {**DECODER, "rope_theta": 1000.0}, MANY, "multi_label_classification"),
    ("qwen3", "Qwen3ForSequenceClassification", {**DECODER, "rope_theta": 1000.0, "head_dim": 8}, ["a", "b", "c"], None),
]


def golden(architecture: str, fields: dict, labels: list[str], problem: str | None) -> dict:
    named = {"id2label": {str(i): label for i, label in enumerate(labels)}, "problem_type": problem}
    fields = {**fields, **named}
    kind = getattr(transformers, architecture)
    config = kind.config_class.from_dict({**json.loads(json.dumps(fields)), "num_labels": len(labels)})
    config._attn_implementation = "eager"
    model = kind(config).float().eval()
    weights = fill(model, list(dict(model.named_parameters())), 1, 0.6)
    with torch.no_grad():
        logits = [rounded(model(torch.tensor([ids])).logits[0]) for ids in SEQUENCES]
    return {
        "source": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}",
        "config": {"architectures": [architecture], **fields},
        "weights": weights,
        "sequences": SEQUENCES,
        "logits": logits,
    }


if __name__ == "__main__":
    out = OUT / "classifiers"
    out.mkdir(exist_ok=True)
    for name, *case in CASES:
        if not sys.argv[1:] or name in sys.argv[1:]:
            (out / f"{name}.json").write_text(json.dumps(golden(*case)))
