"""What transformers computes with weights that are rounded or quantised by other software: see README.md."""

import re
from collections.abc import Callable

import bitsandbytes.functional
import torch
import transformers


def nf4(weight: torch.Tensor) -> torch.Tensor:
    """A weight through bitsandbytes' NF4. Its codes are looked up here: for rows that are not made of whole blocks, what
    bitsandbytes 0.50 computes on a CPU is wrong."""
    packed, state = bitsandbytes.functional.quantize_4bit(weight.contiguous(), blocksize=64, quant_type="nf4")
    codes = torch.stack([packed.flatten() >> 4, packed.flatten() & 15], dim=1).flatten()[: weight.numel()]
    scales = state.absmax.repeat_interleave(64)[: weight.numel()]
    return (state.code[codes.long()] * scales).reshape(weight.shape)


def in_precision(model: torch.nn.Module, adapted: torch.nn.Module, results: Callable) -> dict:
    """States and logits with other weights; those of the adapter stay as they are."""
    own = {name: weight for name, weight in adapted.named_parameters() if "lora_" not in name}
    before = {name: weight.detach().clone() for name, weight in own.items()}

    def run(change) -> dict:
        for name, weight in own.items():
            weight.data.copy_(change(name, before[name]))
        found = results(adapted, model.base_model)
        return {"last_residual": found["last_residual"], "logits": found["logits"]}

    def quantised(name: str, weight: torch.Tensor) -> torch.Tensor:
        if weight.dim() != 2 or re.search(r"\.\d+\.", name) is None:
            return weight
        is_conv1d = isinstance(model, transformers.GPT2LMHeadModel)
        return nf4(weight.T).T if is_conv1d else nf4(weight)

    with torch.no_grad():
        made = {
            "float16": run(lambda _, weight: weight.to(torch.float16).to(torch.float32)),
            "bfloat16": run(lambda _, weight: weight.to(torch.bfloat16).to(torch.float32)),
            "nf4": run(quantised),
        }
        run(lambda _, weight: weight)
    return made
