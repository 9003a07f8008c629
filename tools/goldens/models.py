"""Writes libs/engine/test/goldens/*.json, all or those named: see README.md."""

import json
import sys
from pathlib import Path

import numpy as np
import peft
import torch
import transformers
from sites import inside

OUT = Path(__file__).resolve().parents[2] / "libs/engine/test/goldens"
IDS = [256] + list("A stone, a bird & 42".encode())
"""Bytes are their own token ids; 256 begins a text."""
TOKENS = [0, 3, 9, len(IDS) - 1]
"""Indices of the tokens whose states are kept: inside and outside the windows, at the ends."""

SIZES = {
    "vocab_size": 258,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "pad_token_id": None,
}
GPT2 = {
    "vocab_size": 258,
    "n_embd": 16,
    "n_layer": 3,
    "n_head": 4,
    "n_positions": 64,
    "bos_token_id": 256,
    "eos_token_id": 257,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 4.0, "beta_slow": 0.5}
SHARED = {
    "moe_intermediate_size": 12,
    "n_routed_experts": 4,
    "n_shared_experts": 2,
    "num_experts_per_tok": 2,
    "first_k_dense_replace": 1,
}
LATENT = {
    "num_key_value_heads": 4,
    "kv_lora_rank": 6,
    "qk_nope_head_dim": 2,
    "qk_rope_head_dim": 4,
    "moe_intermediate_size": 12,
}
GRANITE = {
    "rope_theta": 1000.0,
    "attention_multiplier": 0.3,
    "embedding_multiplier": 3.0,
    "logits_scaling": 2.0,
    "residual_multiplier": 0.4,
}
GEMMA4 = {
    "head_dim": 4,
    "global_head_dim": 6,
    "sliding_window": 4,
    "rms_norm_eps": 0.5,
    "rope_parameters": {
        "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.5, "rope_theta": 100.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
    },
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}

INSIDE = ("llama-llama3", "olmo2", "gpt-neox-parallel", "gpt2", "gemma2")
"""The cases that also hold what happens inside blocks, and what interventions lead to."""

# Name, class, configuration, target modules of a LoRA adapter if there is one.
CASES = [
    ("llama-linear", "LlamaForCausalLM", {"rope_theta": 500.0, "rope_scaling": {"type": "linear", "factor": 2.0}}, None),
    (
        "llama-dynamic",
        "LlamaForCausalLM",
        {"head_dim": 6, "rope_parameters": {"rope_type": "dynamic", "rope_theta": 100.0, "factor": 2.0}},
        None,
    ),
    ("llama-llama3", "LlamaForCausalLM", {"rope_parameters": {**LLAMA3, "rope_theta": 100.0}, "head_dim": 12}, None),
    ("llama-yarn", "LlamaForCausalLM", {"rope_theta": 100.0, "rope_scaling": YARN, "head_dim": 12}, None),
    (
        "llama-yarn-mscale",
        "LlamaForCausalLM",
        {
            "rope_theta": 100.0,
            "rope_scaling": {**YARN, "mscale": 1.2, "mscale_all_dim": 0.4, "truncate": False},
            "head_dim": 12,
            "attention_bias": True,
            "mlp_bias": True,
            "hidden_act": "relu",
        },
        None,
    ),
    (
        "mistral",
        "MistralForCausalLM",
        {"rope_theta": 1000.0, "sliding_window": 4, "head_dim": 6, "tie_word_embeddings": True},
        None,
    ),
    (
        "exaone4",
        "Exaone4ForCausalLM",
        {
            "num_hidden_layers": 4,
            "head_dim": 6,
            "sliding_window": 4,
            "sliding_window_pattern": 3,
            "rope_parameters": {**LLAMA3, "rope_theta": 100.0},
        },
        ["q_proj", "down_proj"],
    ),
    (
        "exaone4-global",
        "Exaone4ForCausalLM",
        {
            "sliding_window": None,
            "layer_types": ["full_attention"] * 3,
            "rope_theta": 1000.0,
            "tie_word_embeddings": True,
        },
        None,
    ),
    (
        "apertus",
        "ApertusForCausalLM",
        {"rope_parameters": {**LLAMA3, "rope_theta": 100.0}, "attention_bias": True},
        ["q_proj", "down_proj"],
    ),
    (
        "apertus-plain",
        "ApertusForCausalLM",
        {"rope_theta": 1000.0, "hidden_act": "gelu", "tie_word_embeddings": True},
        None,
    ),
    (
        "arcee",
        "ArceeForCausalLM",
        {"rope_theta": 1000.0, "head_dim": 6, "attention_bias": True, "mlp_bias": True},
        ["q_proj", "up_proj"],
    ),
    ("ernie4-5", "Ernie4_5ForCausalLM", {"rope_theta": 1000.0, "head_dim": 6}, ["k_proj", "gate_proj"]),
    (
        "ernie4-5-bias",
        "Ernie4_5ForCausalLM",
        {"rope_theta": 1000.0, "use_bias": True, "tie_word_embeddings": False, "head_dim": 4},
        None,
    ),
    ("glm", "GlmForCausalLM", {"rope_theta": 100.0, "head_dim": 8}, ["q_proj", "gate_up_proj"]),
    ("helium", "HeliumForCausalLM", {"rope_theta": 1000.0, "head_dim": 4, "mlp_bias": True}, ["v_proj", "down_proj"]),
    (
        "hunyuan",
        "HunYuanDenseV1ForCausalLM",
        {"head_dim": 6, "rope_theta": 100.0, "rope_scaling": {"type": "dynamic", "alpha": 50.0, "factor": 1.0}},
        ["o_proj", "up_proj"],
    ),
    ("hunyuan-plain", "HunYuanDenseV1ForCausalLM", {"rope_theta": 100.0, "attention_bias": True, "head_dim": 4}, None),
    ("jais2", "Jais2ForCausalLM", {"rope_theta": 100.0}, ["q_proj", "up_proj"]),
    (
        "ministral",
        "MinistralForCausalLM",
        {"sliding_window": 4, "layer_types": ["full_attention", "sliding_attention", "full_attention"], "head_dim": 6},
        None,
    ),
    (
        "ministral3",
        "Ministral3ForCausalLM",
        {
            "head_dim": 12,
            "rope_parameters": {**YARN, "rope_theta": 100.0, "original_max_position_embeddings": 32, "llama_4_scaling_beta": 0.1},
        },
        None,
    ),
    ("nanochat", "NanoChatForCausalLM", {"rope_theta": 100.0}, ["q_proj", "fc2"]),
    ("nanochat-bias", "NanoChatForCausalLM", {"attention_bias": True, "final_logit_softcapping": None}, None),
    ("openai-gpt", "OpenAIGPTLMHeadModel", {}, ["c_attn", "c_fc"]),
    ("openai-gpt-silu", "OpenAIGPTLMHeadModel", {"afn": "silu", "tie_word_embeddings": False}, None),
    (
        "seed-oss",
        "SeedOssForCausalLM",
        {"rope_theta": 1000.0, "head_dim": 6, "attention_out_bias": True, "mlp_bias": True},
        ["q_proj", "down_proj"],
    ),
    ("vaultgemma", "VaultGemmaForCausalLM", {"sliding_window": 4, "head_dim": 6}, ["q_proj", "down_proj"]),
    ("olmo", "OlmoForCausalLM", {"rope_theta": 1000.0, "clip_qkv": 0.9}, None),
    ("olmo2", "Olmo2ForCausalLM", {"rope_parameters": {"rope_type": "default", "rope_theta": 1000.0}}, None),
    (
        "olmo3",
        "Olmo3ForCausalLM",
        {"num_hidden_layers": 4, "sliding_window": 4, "rope_theta": 500000.0, "rope_scaling": YARN},
        None,
    ),
    (
        "olmo3-by-type",
        "Olmo3ForCausalLM",
        {
            "sliding_window": 5,
            "layer_types": ["full_attention", "sliding_attention", "full_attention"],
            "rope_parameters": {
                "full_attention": {**YARN, "rope_theta": 100.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
            },
        },
        None,
    ),
    (
        "gpt-neox-parallel",
        "GPTNeoXForCausalLM",
        {"num_attention_heads": 2, "rotary_pct": 0.25, "rotary_emb_base": 1000.0, "hidden_act": "gelu"},
        ["query_key_value", "dense_4h_to_h"],
    ),
    (
        "gpt-neox-sequential",
        "GPTNeoXForCausalLM",
        {
            "num_attention_heads": 2,
            "use_parallel_residual": False,
            "hidden_act": "gelu_fast",
            "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0, "partial_rotary_factor": 0.5},
            "tie_word_embeddings": True,
        },
        None,
    ),
    ("gpt2", "GPT2LMHeadModel", {}, ["c_attn", "c_proj"]),
    ("llama-odd", "LlamaForCausalLM", {"intermediate_size": 21, "attention_bias": True}, ["q_proj", "down_proj"]),
    (
        "gpt2-scaled",
        "GPT2LMHeadModel",
        {
            "n_inner": 24,
            "activation_function": "quick_gelu",
            "scale_attn_by_inverse_layer_idx": True,
            "tie_word_embeddings": False,
        },
        None,
    ),
    (
        "qwen2-sliding",
        "Qwen2ForCausalLM",
        {"rope_theta": 1000.0, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1},
        None,
    ),
    ("qwen3", "Qwen3ForCausalLM", {"rope_theta": 1000.0, "head_dim": 8}, None),
    (
        "phi3",
        "Phi3ForCausalLM",
        {"rope_theta": 1000.0, "sliding_window": 5, "num_attention_heads": 2, "partial_rotary_factor": 0.5},
        ["qkv_proj", "gate_up_proj"],
    ),
    (
        "phi3-longrope",
        "Phi3ForCausalLM",
        {
            "rope_theta": 100.0,
            "original_max_position_embeddings": 32,
            "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.5], "long_factor": [2.0, 5.0]},
        },
        None,
    ),
    (
        "gemma2",
        "Gemma2ForCausalLM",
        {
            "rope_theta": 1000.0,
            "head_dim": 6,
            "sliding_window": 4,
            "query_pre_attn_scalar": 9,
            "attn_logit_softcapping": 2.0,
            "final_logit_softcapping": 5.0,
        },
        None,
    ),
    ("gemma", "GemmaForCausalLM", {"rope_theta": 1000.0, "head_dim": 6, "hidden_act": "gelu"}, None),
    (
        "gemma3",
        "Gemma3ForCausalLM",
        {
            "head_dim": 6,
            "sliding_window": 4,
            "query_pre_attn_scalar": 9,
            "final_logit_softcapping": 5.0,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "rope_theta": 500.0,
            "rope_local_base_freq": 50.0,
            "rope_scaling": {"rope_type": "linear", "factor": 4.0},
        },
        ["q_proj", "down_proj"],
    ),
    (
        "gemma4",
        "Gemma4ForCausalLM",
        {
            **GEMMA4,
            "layer_types": ["sliding_attention", "full_attention", "full_attention"],
            "hidden_size_per_layer_input": 0,
            "attention_k_eq_v": True,
            "num_global_key_value_heads": 1,
            "final_logit_softcapping": 5.0,
        },
        ["q_proj", "down_proj"],
    ),
    (
        "gemma4-shared",
        "Gemma4ForCausalLM",
        {
            **GEMMA4,
            "num_hidden_layers": 4,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
            "num_kv_shared_layers": 2,
            "use_double_wide_mlp": True,
            "hidden_size_per_layer_input": 8,
            "hidden_activation": "relu",
            "vocab_size_per_layer_input": 260,
        },
        ["per_layer_input_gate"],
    ),
    (
        "gemma4-experts",
        "Gemma4ForCausalLM",
        {
            **GEMMA4,
            "layer_types": ["full_attention", "sliding_attention", "full_attention"],
            "hidden_size_per_layer_input": 0,
            "enable_moe_block": True,
            "num_experts": 4,
            "top_k_experts": 2,
            "moe_intermediate_size": 12,
        },
        None,
    ),
    (
        "cwm",
        "CwmForCausalLM",
        {"head_dim": 6, "sliding_window": 4, "rope_parameters": {**LLAMA3, "rope_theta": 100.0}, "mlp_bias": True},
        ["q_proj", "down_proj"],
    ),
    ("persimmon", "PersimmonForCausalLM", {"rope_theta": 100.0}, ["query_key_value", "dense_4h_to_h"]),
    (
        "persimmon-plain",
        "PersimmonForCausalLM",
        {"rope_theta": 100.0, "qk_layernorm": False, "partial_rotary_factor": 1.0, "tie_word_embeddings": True},
        None,
    ),
    (
        "gpt-neox-japanese",
        "GPTNeoXJapaneseForCausalLM",
        {"rotary_emb_base": 100.0, "intermediate_multiple_size": 2},
        ["query_key_value", "dense_h_to_4h"],
    ),
    (
        "granite-swa",
        "GraniteSWAForCausalLM",
        {**GRANITE, "sliding_window": 4, "layer_rope_theta": [0, 50.0, 200.0], "attention_bias": True},
        ["q_proj", "gate_proj"],
    ),
    ("granite-swa-plain", "GraniteSWAForCausalLM", {"rope_theta": 100.0, "sliding_window": 5, "num_hidden_layers": 5, "attention_multiplier": 0.3}, None),
    (
        "youtu",
        "YoutuForCausalLM",
        {**LATENT, "v_head_dim": 5, "q_lora_rank": 7, "rope_theta": 100.0, "attention_bias": True},
        ["q_b_proj", "down_proj"],
    ),
    ("youtu-plain", "YoutuForCausalLM", {**LATENT, "v_head_dim": 6, "q_lora_rank": None, "rope_interleave": False, "tie_word_embeddings": False}, None),
    (
        "mellum",
        "MellumForCausalLM",
        {
            "head_dim": 6,
            "sliding_window": 4,
            "layer_types": ["full_attention", "sliding_attention", "full_attention"],
            "mlp_layer_types": ["sparse", "dense", "sparse"],
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 12,
            "rope_parameters": {
                "full_attention": {**YARN, "rope_theta": 100.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
            },
        },
        ["q_proj"],
    ),
    ("phi", "PhiForCausalLM", {"rope_theta": 1000.0, "partial_rotary_factor": 0.5, "qk_layernorm": True}, ["dense"]),
    ("xglm", "XGLMForCausalLM", {"ffn_dim": 24}, ["q_proj", "fc2"]),
    (
        "xglm-padded",
        "XGLMForCausalLM",
        {"ffn_dim": 24, "d_model": 15, "hidden_size": 15, "num_attention_heads": 3, "pad_token_id": 5, "scale_embedding": False,
         "tie_word_embeddings": False, "activation_function": "relu"},
        None,
    ),
    ("biogpt", "BioGptForCausalLM", {}, ["k_proj", "fc1"]),
    ("biogpt-plain", "BioGptForCausalLM", {"scale_embedding": False, "tie_word_embeddings": False, "hidden_act": "relu"}, None),
    ("opt", "OPTForCausalLM", {"ffn_dim": 24, "word_embed_proj_dim": 16}, ["fc1", "out_proj"]),
    ("opt-post", "OPTForCausalLM", {"ffn_dim": 24, "do_layer_norm_before": False, "word_embed_proj_dim": 12}, None),
    (
        "gptj",
        "GPTJForCausalLM",
        {"rotary_dim": 2, "tie_word_embeddings": False},
        ["v_proj", "fc_in"],
    ),
    (
        "gpt-neo",
        "GPTNeoForCausalLM",
        {"num_layers": 3, "num_heads": 4, "window_size": 4, "attention_types": [[["global", "local"], 1], [["local"], 1]]},
        None,
    ),
    (
        "stablelm",
        "StableLmForCausalLM",
        {"rope_theta": 1000.0, "partial_rotary_factor": 0.5, "use_qkv_bias": True},
        None,
    ),
    (
        "stablelm-parallel",
        "StableLmForCausalLM",
        {"rope_theta": 1000.0, "partial_rotary_factor": 0.5, "use_parallel_residual": True, "qk_layernorm": True},
        None,
    ),
    (
        "granite",
        "GraniteForCausalLM",
        GRANITE,
        ["o_proj"],
    ),
    (
        "granite-moe",
        "GraniteMoeForCausalLM",
        {**GRANITE, "num_local_experts": 4, "num_experts_per_tok": 2, "attention_bias": True},
        ["q_proj", "o_proj"],
    ),
    (
        "granite-moe-shared",
        "GraniteMoeSharedForCausalLM",
        {**GRANITE, "num_local_experts": 3, "num_experts_per_tok": 2, "shared_intermediate_size": 20, "head_dim": 6},
        ["v_proj", "output_linear"],
    ),
    (
        "granite-moe-hybrid",
        "GraniteMoeHybridForCausalLM",
        {
            **GRANITE,
            "layer_types": ["attention"] * 3,
            "position_embedding_type": "rope",
            "num_local_experts": 0,
            "shared_intermediate_size": 20,
            "mamba_n_heads": 4,
            "tie_word_embeddings": True,
        },
        ["q_proj", "input_linear"],
    ),
    (
        "granite-moe-hybrid-experts",
        "GraniteMoeHybridForCausalLM",
        {
            **GRANITE,
            "layer_types": ["full_attention"] * 3,
            "num_local_experts": 4,
            "shared_intermediate_size": 20,
            "mamba_n_heads": 4,
            "attention_bias": True,
            "head_dim": 6,
        },
        None,
    ),
    (
        "granite-moe-swa",
        "GraniteMoeSWAForCausalLM",
        {
            **GRANITE,
            "sliding_window": 4,
            "layer_rope_theta": [0, 100.0, 1000.0],
            "num_local_experts": 3,
            "shared_intermediate_size": 20,
        },
        ["v_proj", "output_linear"],
    ),
    (
        "granite-moe-swa-plain",
        "GraniteMoeSWAForCausalLM",
        {**GRANITE, "sliding_window": 5, "num_local_experts": 4, "num_experts_per_tok": 3, "attention_bias": True},
        None,
    ),
    ("cohere", "CohereForCausalLM", {"rope_theta": 1000.0, "use_qk_norm": True, "logit_scale": 0.5}, ["q_proj"]),
    ("cohere2", "Cohere2ForCausalLM", {"rope_theta": 1000.0, "sliding_window": 4, "num_hidden_layers": 4}, None),
    ("starcoder2", "Starcoder2ForCausalLM", {"rope_theta": 1000.0, "sliding_window": 5}, ["c_fc"]),
    (
        "smollm3",
        "SmolLM3ForCausalLM",
        {"rope_theta": 1000.0, "no_rope_layer_interval": 2, "use_sliding_window": True, "sliding_window": 4},
        None,
    ),
    ("nemotron", "NemotronForCausalLM", {"rope_theta": 1000.0, "partial_rotary_factor": 0.5}, ["up_proj"]),
    ("glm4", "Glm4ForCausalLM", {"rope_theta": 1000.0, "head_dim": 8, "partial_rotary_factor": 0.5}, ["gate_up_proj"]),
    ("bloom", "BloomForCausalLM", {"n_layer": 3, "n_head": 4, "hidden_size": 16}, ["query_key_value"]),
    (
        "mpt",
        "MptForCausalLM",
        {
            "d_model": 18,
            "hidden_size": 18,
            "n_heads": 3,
            "num_attention_heads": 3,
            "n_layers": 3,
            "max_seq_len": 64,
            "attn_config": {"clip_qkv": 1.5},
        },
        None,
    ),
    ("falcon", "FalconForCausalLM", {"rope_theta": 1000.0}, ["query_key_value", "dense"]),
    ("falcon-new", "FalconForCausalLM", {"new_decoder_architecture": True, "num_kv_heads": 2}, None),
    (
        "falcon-alibi",
        "FalconForCausalLM",
        {"alibi": True, "multi_query": False, "parallel_attn": False, "bias": True, "num_attention_heads": 6, "hidden_size": 24},
        None,
    ),
    (
        "falcon-alibi-eager",
        "FalconForCausalLM",
        {"alibi": True, "multi_query": False, "parallel_attn": False, "attn_implementation": "eager"},
        None,
    ),
    ("mixtral", "MixtralForCausalLM", {"num_local_experts": 3, "head_dim": 6, "sliding_window": 5}, ["q_proj"]),
    ("olmoe", "OlmoeForCausalLM", {"num_experts": 4, "num_experts_per_tok": 2, "clip_qkv": 0.9}, None),
    (
        "qwen2-moe",
        "Qwen2MoeForCausalLM",
        {
            "num_experts": 3,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 12,
            "shared_expert_intermediate_size": 10,
            "decoder_sparse_step": 2,
        },
        None,
    ),
    (
        "qwen3-moe",
        "Qwen3MoeForCausalLM",
        {
            "num_experts": 3,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 12,
            "head_dim": 8,
            "norm_topk_prob": True,
            "mlp_only_layers": [1],
        },
        None,
    ),
    (
        "gpt-oss",
        "GptOssForCausalLM",
        {
            "head_dim": 6,
            "sliding_window": 5,
            "num_local_experts": 3,
            "num_experts_per_tok": 2,
            "swiglu_limit": 0.8,
            "swiglu_alpha": 1.3,
            "rope_parameters": {**YARN, "rope_theta": 100.0, "truncate": False},
        },
        ["q_proj", "o_proj"],
    ),
    (
        "deepseek-v2",
        "DeepseekV2ForCausalLM",
        {
            **LATENT,
            "v_head_dim": 9,
            "n_routed_experts": 4,
            "n_shared_experts": 1,
            "num_experts_per_tok": 2,
            "first_k_dense_replace": 1,
            "q_lora_rank": 7,
            "routed_scaling_factor": 1.3,
            "rope_theta": 100.0,
            "rope_scaling": {**YARN, "mscale": 1.2, "mscale_all_dim": 0.4},
        },
        ["q_b_proj", "kv_b_proj"],
    ),
    (
        "deepseek-v2-groups",
        "DeepseekV2ForCausalLM",
        {
            **LATENT,
            "v_head_dim": 5,
            "n_routed_experts": 6,
            "n_shared_experts": 2,
            "num_experts_per_tok": 2,
            "topk_method": "group_limited_greedy",
            "n_group": 3,
            "topk_group": 2,
            "q_lora_rank": None,
            "attention_bias": True,
        },
        None,
    ),
    (
        "deepseek-v3",
        "DeepseekV3ForCausalLM",
        {
            **LATENT,
            "v_head_dim": 6,
            "n_routed_experts": 6,
            "n_shared_experts": 1,
            "num_experts_per_tok": 2,
            "first_k_dense_replace": 1,
            "n_group": 3,
            "topk_group": 2,
            "q_lora_rank": 7,
            "rope_interleave": False,
        },
        ["q_a_proj", "o_proj"],
    ),
    (
        "glm4-moe",
        "Glm4MoeForCausalLM",
        {
            **SHARED,
            "head_dim": 8,
            "use_qk_norm": True,
            "attention_bias": True,
            "routed_scaling_factor": 1.3,
            "n_routed_experts": 6,
            "n_group": 3,
            "topk_group": 2,
            "num_nextn_predict_layers": 0,
            "rope_theta": 100.0,
        },
        ["q_proj", "o_proj"],
    ),
    (
        "dots1",
        "Dots1ForCausalLM",
        {
            **SHARED,
            "head_dim": 6,
            "sliding_window": 4,
            "max_window_layers": 1,
            "norm_topk_prob": True,
            "routed_scaling_factor": 1.3,
            "rope_theta": 100.0,
        },
        ["k_proj", "o_proj"],
    ),
    (
        "solar-open",
        "SolarOpenForCausalLM",
        {**SHARED, "head_dim": 6, "attention_bias": True, "routed_scaling_factor": 1.3, "rope_theta": 100.0},
        ["q_proj", "o_proj"],
    ),
    (
        "flex-olmo",
        "FlexOlmoForCausalLM",
        {"rope_theta": 1000.0, "num_experts": 4, "num_experts_per_tok": 2},
        ["q_proj", "v_proj"],
    ),
    (
        "phimoe",
        "PhimoeForCausalLM",
        {
            "num_local_experts": 4,
            "sliding_window": 5,
            "attention_bias": True,
            "lm_head_bias": True,
            "router_jitter_noise": 0.4,
            "original_max_position_embeddings": 32,
            "rope_theta": 100.0,
            "rope_scaling": {
                "type": "longrope",
                "short_factor": [1.0, 1.5],
                "long_factor": [2.0, 5.0],
                "short_mscale": 1.2,
                "long_mscale": 1.4,
                "original_max_position_embeddings": 32,
            },
        },
        ["q_proj", "o_proj"],
    ),
    ("phimoe-plain", "PhimoeForCausalLM", {"num_local_experts": 3, "rope_theta": 100.0, "head_dim": 6}, None),
    (
        "minimax-m2",
        "MiniMaxM2ForCausalLM",
        {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 8, "rotary_dim": 4, "rope_theta": 100.0},
        ["q_proj", "o_proj"],
    ),
    (
        "exaone-moe",
        "ExaoneMoeForCausalLM",
        {
            "num_hidden_layers": 4,
            "head_dim": 6,
            "sliding_window": 4,
            "sliding_window_pattern": 3,
            "moe_intermediate_size": 12,
            "num_experts": 6,
            "num_experts_per_tok": 2,
            "num_shared_experts": 2,
            "n_group": 3,
            "topk_group": 2,
            "rope_theta": 100.0,
        },
        ["q_proj", "o_proj"],
    ),
    (
        "ernie4-5-moe",
        "Ernie4_5_MoeForCausalLM",
        {
            "moe_num_experts": 4,
            "moe_k": 2,
            "moe_intermediate_size": 12,
            "moe_norm_min": 0.6,
            "use_bias": True,
            "rope_theta": 1000.0,
        },
        ["k_proj", "o_proj"],
    ),
    (
        "hunyuan-moe",
        "HunYuanMoEV1ForCausalLM",
        {
            "head_dim": 6,
            "num_experts": 4,
            "moe_topk": [2, 1, 3],
            "rope_theta": 100.0,
            "rope_scaling": {"type": "dynamic", "alpha": 50.0, "factor": 1.0},
        },
        ["q_proj", "o_proj"],
    ),
    ("codegen", "CodeGenForCausalLM", {"rotary_dim": 2, "tie_word_embeddings": False}, ["qkv_proj"]),
    ("gpt-bigcode", "GPTBigCodeForCausalLM", {}, ["c_attn"]),
    (
        "gpt-bigcode-heads",
        "GPTBigCodeForCausalLM",
        {"multi_query": False, "n_inner": 24, "tie_word_embeddings": False, "scale_attn_weights": False},
        None,
    ),
]

PRECISION = {"gpt2", "llama-odd"}
"""Cases that are computed with rounded and quantised weights too. One has blocks of weights that are not whole."""


def numbers(seed: int, count: int, scale: float) -> np.ndarray:
    """The generator of libs/engine/test/tiny.ts."""
    state = (seed * 2654435761 + 1) & 0xFFFFFFFF
    out = np.empty(count)
    for i in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = (state / 2**31 - 1) * scale
    return out.astype(np.float32)


def fill(model: torch.nn.Module, names: list[str], first_seed: int, scale: float) -> list[list]:
    """Gives the named weights their numbers. @returns names and shapes in order"""
    weights = model.state_dict()
    saved = [pair for name in names for pair in as_stored(model, as_saved(model, name), weights[name])]
    for i, (name, tensor) in enumerate(saved):
        data = numbers(first_seed + i, tensor.numel(), scale)
        is_norm = tensor.dim() == 1 and name.endswith(".weight")
        tensor.copy_(torch.from_numpy(1 + data if is_norm else data).reshape(tensor.shape))
    return [[name, list(tensor.shape)] for name, tensor in saved]


STACKED = ("gemma4_text", "gpt_oss", "granitemoe", "granitemoehybrid", "granitemoe_swa", "granitemoeshared")
"""Classes whose experts lie together in files too."""


def as_stored(model: torch.nn.Module, name: str, tensor: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
    """Experts lie together in memory, and one by one in files, but for a few classes; these are views."""
    at, _, kind = name.rpartition(".")
    if not at.endswith(".experts") or model.config.model_type in STACKED:
        return [(name, tensor)]
    if kind == "down_proj":
        return [(stored(f"{at}.{e}.down_proj.weight"), part) for e, part in enumerate(tensor)]
    pairs = []
    for e, part in enumerate(tensor):
        for projection, half in zip(("gate_proj", "up_proj"), part.chunk(2)):
            pairs.append((stored(f"{at}.{e}.{projection}.weight"), half))
    return pairs


def stored(name: str) -> str:
    """Mixtral's experts have names of their own in files."""
    if "block_sparse_moe" not in name:
        return name
    return name.replace("gate_proj", "w1").replace("up_proj", "w3").replace("down_proj", "w2")


GRANITE_NAMES = {
    "block_sparse_moe.experts.gate_up_proj": "block_sparse_moe.input_linear.weight",
    "block_sparse_moe.experts.down_proj": "block_sparse_moe.output_linear.weight",
    "block_sparse_moe.router.weight": "block_sparse_moe.router.layer.weight",
}
SAVED = {
    "gpt_neox": {"lm_head": "embed_out"},
    "mixtral": {".mlp.": ".block_sparse_moe."},
    "minimax_m2": {".mlp.": ".block_sparse_moe."},
    "phimoe": {".mlp.": ".block_sparse_moe.", ".router.": ".gate."},
    "exaone_moe": {"gate.e_score_correction_bias": "e_score_correction_bias"},
    "ernie4_5_moe": {"gate.moe_statics": "moe_statics"},
    "granitemoe": GRANITE_NAMES,
    "granitemoehybrid": GRANITE_NAMES,
    "granitemoeshared": GRANITE_NAMES,
}
"""By class: what of names in memory is called otherwise in files."""


def as_saved(model: torch.nn.Module, name: str) -> str:
    for ours, theirs in SAVED.get(model.config.model_type, {}).items():
        name = name.replace(ours, theirs)
    return name


def rounded(tensor: torch.Tensor) -> list[float]:
    return [float(f"{x:.7g}") for x in tensor.double().flatten().tolist()]


FINAL_NORMS = ("norm", "norm_f", "layer_norm", "ln_f", "final_layer_norm", "final_layernorm", "decoder.final_layer_norm")


def results(model: torch.nn.Module, decoder: torch.nn.Module) -> dict:
    norms = [m for name, m in decoder.named_modules() if name in FINAL_NORMS]
    raw = []
    # Where sums are normed there is no final norm: the last block's state is the last one.
    blocks = decoder.h if hasattr(decoder, "h") else getattr(decoder, "decoder", decoder).layers
    last = norms[0] if norms else blocks[-1]
    stream = lambda outputs: outputs[0] if isinstance(outputs, (list, tuple)) else outputs
    take = lambda _, inputs, outputs: raw.append(inputs[0] if norms else stream(outputs))
    hooks = [last.register_forward_hook(take)]
    routed = []
    for module in decoder.modules():
        if type(module).__name__.lower().endswith(("topkrouter", "textrouter", "moev1gate")):
            hooks.append(module.register_forward_hook(lambda _, __, outputs: routed.append(outputs)))
    with torch.no_grad():
        out = model(torch.tensor([IDS]), output_hidden_states=True, use_cache=False)
    for hook in hooks:
        hook.remove()
    router = [torch.zeros_like(logits).scatter(1, which, weights) for logits, weights, which in routed]
    # Of projected embeddings, transformers gives the last state after the projection; a state here is before it.
    states = [*out.hidden_states[:-1], out.hidden_states[-1] if norms else raw[-1]]
    return {
        "hidden_states": [rounded(state[0, TOKENS]) for state in states],
        "last_residual": rounded(raw[-1][0, TOKENS]),
        "logits": rounded(out.logits[0, -1]),
        **({"router": [rounded(weights[TOKENS]) for weights in router]} if router else {}),
    }


def fields_of(architecture: str, changes: dict) -> dict:
    fields = {**(GPT2 if architecture.startswith(("GPT2", "GPTJ", "GPTBigCode", "CodeGen", "OpenAIGPT")) else SIZES), **changes}
    if architecture.startswith(("GPTNeo", "OPT", "XGLM", "BioGpt", "Persimmon", "Bloom", "Mpt", "Falcon")):
        del fields["num_key_value_heads"]
    return fields


def implementation(fields: dict) -> str:
    """Of attention: they differ in rounding, but for Falcon with ALiBi, which is what its class takes of itself there."""
    return fields.get("attn_implementation", "sdpa" if fields.get("alibi") is True else "eager")


def golden(name: str, architecture: str, changes: dict, targets: list[str] | None) -> dict:
    fields = fields_of(architecture, changes)
    kind = getattr(transformers, architecture)
    config = kind.config_class.from_dict(json.loads(json.dumps(fields)))
    config._attn_implementation = implementation(fields)
    model = kind(config).eval()
    tied = set(model._tied_weights_keys) if config.tie_word_embeddings else set()
    names = [name for name in model.state_dict() if name not in tied]
    made = {
        "source": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}",
        "config": {"architectures": [architecture], **fields},
        "ids": IDS,
        "tokens": TOKENS,
        "weights": fill(model, names, 1, 0.6),
        **results(model, model.base_model),
    }
    if name in INSIDE:
        made["inside"] = inside(model, IDS, TOKENS[-2:], rounded)
    if targets:
        lora = peft.LoraConfig(r=2, lora_alpha=3, target_modules=targets, fan_in_fan_out=architecture.startswith(("GPT2", "OpenAIGPT")))
        adapted = peft.get_peft_model(model, lora).eval()
        names = [name for name in adapted.state_dict() if "lora_" in name]
        weights = fill(adapted, names, 1001, 0.5)
        made["adapter"] = {
            "config": {
                "peft_type": "LORA",
                "r": 2,
                "lora_alpha": 3,
                "target_modules": targets,
                "fan_in_fan_out": lora.fan_in_fan_out,
                "bias": "none",
            },
            "weights": [[name.replace(".default", ""), shape] for name, shape in weights],
            **results(adapted, model.base_model),
        }
        if name in PRECISION:
            from precision import in_precision  # needs bitsandbytes, which the others do not

            made["adapter"]["precision"] = in_precision(model, adapted, results)
            with adapted.disable_adapter():
                made["precision"] = in_precision(model, adapted, results)
    return made


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for name, architecture, changes, targets in CASES:
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        text = json.dumps(golden(name, architecture, changes, targets))
        (OUT / f"{name}.json").write_text(text + "\n")
        print(name)
