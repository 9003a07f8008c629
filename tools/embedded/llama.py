"""A plain Llama in PyTorch, small enough to train fast on one core, and its hub layout."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizer import CONTEXT
from torch import nn

NORM_EPS = 1e-5
ROPE_THETA = 10000.0


@dataclass(frozen=True)
class Shape:
    vocab: int
    d: int
    layers: int
    heads: int
    kv_heads: int
    inner: int
    tied: bool

    @property
    def head_dim(self) -> int:
        return self.d // self.heads


class Attention(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.s = s
        self.q_proj = nn.Linear(s.d, s.heads * s.head_dim, bias=False)
        self.k_proj = nn.Linear(s.d, s.kv_heads * s.head_dim, bias=False)
        self.v_proj = nn.Linear(s.d, s.kv_heads * s.head_dim, bias=False)
        self.o_proj = nn.Linear(s.heads * s.head_dim, s.d, bias=False)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape
        s = self.s
        q = self.q_proj(x).view(batch, length, s.heads, s.head_dim).transpose(1, 2)
        k = self.k_proj(x).view(batch, length, s.kv_heads, s.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(batch, length, s.kv_heads, s.head_dim).transpose(1, 2)
        q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
        if s.kv_heads != s.heads:
            k = k.repeat_interleave(s.heads // s.kv_heads, 1)
            v = v.repeat_interleave(s.heads // s.kv_heads, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(batch, length, -1))


def _rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Mlp(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.gate_proj = nn.Linear(s.d, s.inner, bias=False)
        self.up_proj = nn.Linear(s.d, s.inner, bias=False)
        self.down_proj = nn.Linear(s.inner, s.d, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.self_attn = Attention(s)
        self.mlp = Mlp(s)
        self.input_layernorm = nn.RMSNorm(s.d, eps=NORM_EPS)
        self.post_attention_layernorm = nn.RMSNorm(s.d, eps=NORM_EPS)

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """Token ids [n, t] → logits [n, t, vocab]. Parameter names are the hub's, so that the state is the file."""

    def __init__(self, s: Shape):
        super().__init__()
        self.s = s
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(s.vocab, s.d)
        self.model.layers = nn.ModuleList(Block(s) for _ in range(s.layers))
        self.model.norm = nn.RMSNorm(s.d, eps=NORM_EPS)
        if not s.tied:
            self.lm_head = nn.Linear(s.d, s.vocab, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(weight, std=0.06 / ((2 * s.layers) ** 0.5 if residual else 1.0))

    def forward(self, ids):
        s = self.s
        inverse = ROPE_THETA ** (-torch.arange(0, s.head_dim, 2).float() / s.head_dim)
        angles = torch.outer(torch.arange(ids.shape[1]).float(), inverse)
        cos, sin = angles.cos(), angles.sin()
        x = self.model.embed_tokens(ids)
        for block in self.model.layers:
            x = block(x, cos, sin)
        head = self.model.embed_tokens.weight if s.tied else self.lm_head.weight
        return self.model.norm(x) @ head.T


def save_model(model: Llama, folder: Path) -> None:
    """Writes config.json, generation_config.json and model.safetensors (bf16)."""
    s = model.s
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "head_dim": s.head_dim,
        "hidden_act": "silu",
        "hidden_size": s.d,
        "initializer_range": 0.06,
        "intermediate_size": s.inner,
        "max_position_embeddings": CONTEXT,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": s.heads,
        "num_hidden_layers": s.layers,
        "num_key_value_heads": s.kv_heads,
        "rms_norm_eps": NORM_EPS,
        "rope_theta": ROPE_THETA,
        "tie_word_embeddings": s.tied,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": s.vocab,
    }
    generation = {"bos_token_id": 0, "eos_token_id": 1, "do_sample": True, "temperature": 1.0, "top_p": 0.9, "top_k": 0}
    for name, content in (("config.json", config), ("generation_config.json", generation)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    tensors = {name: weight.detach().to(torch.bfloat16).contiguous() for name, weight in model.state_dict().items()}
    file = folder / "model.safetensors"
    save_file(tensors, file, metadata={"format": "pt"})
    file.chmod(0o644)
