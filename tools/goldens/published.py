"""Writes libs/engine/test/published/*: checkpoints as other programs quantise and store them, and what they compute.

See README.md. Every checkpoint is read by transformers itself where that runs on a CPU; weights of GPTQ and AWQ are unpacked
by AutoGPTQ's and AutoAWQ's own modules, which their packages no longer load beside today's transformers.
"""

import importlib.util
import json
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import peft
import torch
import transformers
from models import IDS, TOKENS, fill, results
from safetensors import safe_open
from safetensors.torch import save_file

OUT = Path(__file__).resolve().parents[2] / "libs/engine/test/published"
FIELDS = {
    "vocab_size": 258,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "pad_token_id": None,
}
QUANTISED = re.compile(r"layers\.\d+\..*_proj$")
Tensors = dict[str, torch.Tensor]


def dense(dtype: torch.dtype) -> transformers.LlamaForCausalLM:
    config = transformers.LlamaConfig.from_dict({**FIELDS, "architectures": ["LlamaForCausalLM"]})
    model = transformers.LlamaForCausalLM(config).eval()
    fill(model, list(model.state_dict()), 1, 0.3)
    return model.to(dtype)


def linears(model: torch.nn.Module) -> dict[str, torch.nn.Linear]:
    return {name: part for name, part in model.named_modules() if QUANTISED.search(name)}


def module_of(package: str, path: str):
    """A module of a package by its file, without what the package loads beside it."""
    folder = Path(importlib.util.find_spec(package).origin).parent
    spec = importlib.util.spec_from_file_location(path.replace("/", "_")[:-3], folder / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load(folder: str, **options) -> torch.nn.Module:
    options = {"dtype": torch.float32, "attn_implementation": "eager", **options}
    return transformers.AutoModelForCausalLM.from_pretrained(folder, **options).eval()


def read_back(folder: str) -> tuple[Tensors, dict]:
    with safe_open(f"{folder}/model.safetensors", "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    return tensors, json.loads(Path(folder, "config.json").read_text())["quantization_config"]


def write(folder: str, model: torch.nn.Module, tensors: Tensors, settings: dict) -> None:
    """A checkpoint with packed tensors in place of the weights of those layers."""
    layers = {name.rpartition(".")[0] for name in tensors}
    plain = {n: t.contiguous() for n, t in model.state_dict().items() if n.rpartition(".")[0] not in layers}
    save_file({**plain, **tensors}, f"{folder}/model.safetensors", metadata={"format": "pt"})
    config = {**model.config.to_dict(), "quantization_config": settings}
    Path(folder, "config.json").write_text(json.dumps(config))


def bitsandbytes(dtype: torch.dtype, **options):
    """Quantised, saved, loaded again and dequantised by transformers with bitsandbytes, whose products on a CPU are rounded
    to bfloat16 (4 bit) or 8 bits."""

    def make(folder: str):
        with tempfile.TemporaryDirectory() as before:
            dense(dtype).save_pretrained(before)
            settings = transformers.BitsAndBytesConfig(**options)
            load(before, dtype=dtype, quantization_config=settings).save_pretrained(folder)
        tensors, settings = read_back(folder)
        return tensors, settings, load(folder).dequantize().float()

    return make


def grouped(weight: torch.Tensor, bits: int, size: int, symmetric: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Scales, as half-precision numbers, and zeros, [out, groups]; rounded to the nearest, which is enough to be packed."""
    groups = weight.reshape(weight.shape[0], -1, size)
    top = 2**bits - 1
    if symmetric:
        scales = groups.abs().amax(-1) * 2 / top
        zeros = torch.full_like(scales, 2 ** (bits - 1))
    else:
        scales = (groups.amax(-1) - groups.amin(-1)) / top
        zeros = torch.round(-groups.amin(-1) / scales.half().float()).clamp(1, top)
    return scales.half().float(), zeros


def with_weights(model: torch.nn.Module, weights: Tensors) -> torch.nn.Module:
    for name, layer in linears(model).items():
        layer.weight.data.copy_(weights[name])
    return model


def gptq(bits: int, size: int, symmetric: bool, act_order: bool = False, version: int = 1):
    """Packed and unpacked by AutoGPTQ's module in PyTorch; zeros of the second version are stored without the shift."""

    def make(_: str):
        kind = module_of("auto_gptq", "nn_modules/qlinear/qlinear_cuda.py").QuantLinear
        model = dense(torch.float32)
        tensors, weights = {}, {}
        for seed, (name, layer) in enumerate(linears(model).items()):
            out, inputs = layer.weight.shape
            group = inputs if size == -1 else size
            order = torch.randperm(inputs, generator=torch.Generator().manual_seed(seed))
            order = order if act_order else torch.arange(inputs)
            index = torch.empty(inputs, dtype=torch.int32)
            index[order] = torch.arange(inputs, dtype=torch.int32) // group
            scales, zeros = grouped(layer.weight.data[:, order], bits, group, symmetric)
            packed = kind(bits, group, inputs, out, False, weight_dtype=torch.float32)
            codes = layer.weight.data / scales[:, index] + zeros[:, index]
            layer.weight.data = (codes.round().clamp(0, 2**bits - 1) - zeros[:, index]) * scales[:, index]
            packed.pack(layer, scales, zeros, index)
            weights[name] = packed(torch.eye(inputs)).T
            torch.testing.assert_close(weights[name], layer.weight.data, rtol=1e-6, atol=1e-7)
            stored = {part: getattr(packed, part).contiguous() for part in ("qweight", "qzeros", "g_idx")}
            stored["scales"] = packed.scales.half()
            if version == 2:
                shifted = stored["qzeros"].numpy().view(np.uint32) + np.uint32(sum(1 << i for i in range(0, 32, bits)))
                stored["qzeros"] = torch.from_numpy(shifted.view(np.int32))
            tensors.update({f"{name}.{part}": tensor for part, tensor in stored.items()})
        settings = {
            "bits": bits,
            "group_size": size,
            "sym": symmetric,
            "desc_act": act_order,
            "quant_method": "gptq",
            "checkpoint_format": "gptq" if version == 1 else "gptq_v2",
        }
        return tensors, settings, with_weights(model, weights)

    return make


def awq(size: int):
    """Packed here in AutoAWQ's order, unpacked by its own function."""

    def pack(codes: torch.Tensor) -> torch.Tensor:
        words = np.zeros((codes.shape[0], codes.shape[1] // 8), dtype=np.uint32)
        for place, column in enumerate([0, 2, 4, 6, 1, 3, 5, 7]):
            words |= codes.numpy().astype(np.uint32)[:, column::8] << np.uint32(4 * place)
        return torch.from_numpy(words.view(np.int32))

    def make(_: str):
        unpacked = module_of("awq", "utils/packing_utils.py").dequantize_gemm
        model = dense(torch.float32)
        tensors, weights = {}, {}
        for name, layer in linears(model).items():
            scales, zeros = grouped(layer.weight.data, 4, size, False)
            by_input = [part.repeat_interleave(size, dim=1) for part in (scales, zeros)]
            codes = (layer.weight.data / by_input[0]).round().add(by_input[1]).clamp(0, 15)
            stored = {
                "qweight": pack(codes.T.contiguous().int()),
                "qzeros": pack(zeros.T.contiguous().int()),
                "scales": scales.T.contiguous().half(),
            }
            weights[name] = unpacked(stored["qweight"], stored["qzeros"], stored["scales"].float(), 4, size).T
            torch.testing.assert_close(weights[name], (codes - by_input[1]) * by_input[0])
            tensors.update({f"{name}.{part}": tensor for part, tensor in stored.items()})
        settings = {
            "bits": 4,
            "group_size": size,
            "zero_point": True,
            "quant_method": "awq",
            "version": "gemm",
            "modules_to_not_convert": None,
        }
        return tensors, settings, with_weights(model, weights)

    return make


def compressed(format: str, inputs: dict | None = None, dtype: torch.dtype = torch.bfloat16, **weights):
    """Compressed by compressed-tensors, decompressed by transformers with it."""

    def make(folder: str):
        from compressed_tensors.compressors import BaseCompressor
        from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig, QuantizationScheme
        from compressed_tensors.quantization.utils.helpers import calculate_qparams

        arguments = QuantizationArgs(**weights)
        activations = QuantizationArgs(**inputs) if inputs else None
        scheme = QuantizationScheme(targets=["Linear"], weights=arguments, input_activations=activations, format=format)
        compressor = BaseCompressor.get_value_from_registry(format)
        model = dense(dtype)
        tensors = {}
        skipped = "model.layers.0.self_attn.o_proj"
        for name, layer in linears(model).items():
            if name == skipped:
                continue
            weight = layer.weight.data
            least, most = extremes(weight, arguments)
            scales, zeros = calculate_qparams(least, most, arguments)
            state = {"weight": weight, "weight_scale": scales.to(dtype), "weight_zero_point": zeros}
            packed = compressor.compress(state, scheme)
            tensors.update({f"{name}.{part}": tensor.contiguous() for part, tensor in packed.items()})
        settings = QuantizationConfig(
            config_groups={"group_0": scheme}, format=format, ignore=["lm_head", f"re:.*{skipped[-6:]}$"],
            quantization_status="compressed",
        ).model_dump(mode="json", exclude_none=True)
        write(folder, model, tensors, settings)
        options = transformers.CompressedTensorsConfig(dequantize=True)
        return tensors, settings, load(folder, quantization_config=options)

    return make


def compressed_in_order(size: int):
    """Inputs in groups by an order of their own: dequantised by the format's definition, for compressed-tensors 0.20 no longer
    reads it."""

    def make(folder: str):
        from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32

        model = dense(torch.float32)
        tensors, weights = {}, {}
        for seed, (name, layer) in enumerate(linears(model).items()):
            inputs = layer.weight.shape[1]
            order = torch.randperm(inputs, generator=torch.Generator().manual_seed(seed))
            index = torch.empty(inputs, dtype=torch.int32)
            index[order] = torch.arange(inputs, dtype=torch.int32) // size
            scales, _ = grouped(layer.weight.data[:, order], 4, size, True)
            codes = (layer.weight.data / scales[:, index]).round().clamp(-8, 7)
            weights[name] = codes * scales[:, index]
            tensors[f"{name}.weight_packed"] = pack_to_int32(codes.to(torch.int8), 4)
            tensors[f"{name}.weight_scale"] = scales
            tensors[f"{name}.weight_shape"] = torch.tensor(layer.weight.shape)
            tensors[f"{name}.weight_g_idx"] = index
        arguments = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": size}
        settings = {
            "quant_method": "compressed-tensors",
            "format": "pack-quantized",
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": {**arguments, "actorder": "group"}}},
            "ignore": ["lm_head"],
        }
        return tensors, settings, with_weights(model, weights)

    return make


def extremes(weight: torch.Tensor, arguments) -> tuple[torch.Tensor, torch.Tensor]:
    """Least and greatest numbers of what shares a scale."""
    strategy = getattr(arguments.strategy, "value", arguments.strategy)
    if strategy == "tensor":
        return weight.min().reshape(1), weight.max().reshape(1)
    if strategy == "channel":
        return weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
    if strategy == "group":
        groups = weight.reshape(weight.shape[0], -1, arguments.group_size)
        return groups.amin(-1), groups.amax(-1)
    rows, columns = arguments.block_structure
    blocks = weight.reshape(weight.shape[0] // rows, rows, -1, columns)
    return blocks.amin((1, 3)), blocks.amax((1, 3))


def fp8(block: list[int] | None, suffix: str = "weight_scale_inv", per_row: bool = False, by_hand: bool = False):
    """Scaled here, loaded by transformers, or where it needs a GPU for that dequantised by the format's definition."""

    def make(folder: str):
        model = dense(torch.bfloat16)
        tensors, weights = {}, {}
        for name, layer in linears(model).items():
            weight = layer.weight.data.float()
            rows, columns = block or ([1, weight.shape[1]] if per_row else weight.shape)
            high, wide = -(-weight.shape[0] // rows), -(-weight.shape[1] // columns)
            scales = torch.empty(high, wide)
            codes = torch.empty(weight.shape, dtype=torch.float8_e4m3fn)
            for i in range(high):
                for j in range(wide):
                    at = (slice(i * rows, (i + 1) * rows), slice(j * columns, (j + 1) * columns))
                    scales[i, j] = weight[at].abs().max() / 448
                    codes[at] = (weight[at] / scales[i, j]).to(torch.float8_e4m3fn)
                    weight[at] = codes[at].float() * scales[i, j]
            weights[name] = weight
            tensors[f"{name}.weight"] = codes
            tensors[f"{name}.{suffix}"] = scales if block or per_row else scales[0, 0]
        settings = {"quant_method": "fbgemm_fp8" if per_row else "fp8", "modules_to_not_convert": ["lm_head"]}
        if not per_row:
            settings |= {"activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": block}
        if by_hand:
            # A model that was once in bfloat16 has its rotary frequencies rounded.
            whole = dense(torch.float32)
            whole.load_state_dict(model.state_dict())
            return tensors, settings, with_weights(whole, weights)
        write(folder, model, tensors, settings)
        return tensors, settings, load(folder)

    return make


F32, BF16 = torch.float32, torch.bfloat16
FOUR = {"load_in_4bit": True, "bnb_4bit_compute_dtype": torch.float32}
INT = {"type": "int", "symmetric": True}
FLOAT = {"type": "float", "num_bits": 8, "symmetric": True}
DYNAMIC = {"strategy": "token", "dynamic": True, "symmetric": True, "num_bits": 8}
CASES = {
    "bnb-nf4": (F32, bitsandbytes(F32, **FOUR, bnb_4bit_quant_type="nf4")),
    "bnb-nf4-double": (
        BF16,
        bitsandbytes(BF16, **FOUR, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                     bnb_4bit_quant_storage=torch.bfloat16, llm_int8_skip_modules=["lm_head", "o_proj"]),
    ),
    "bnb-fp4": (F32, bitsandbytes(F32, **FOUR, bnb_4bit_quant_type="fp4")),
    "bnb-int8": (F32, bitsandbytes(F32, load_in_8bit=True)),
    "gptq-int4": (F32, gptq(4, 32, True)),
    "gptq-int4-act-order": (F32, gptq(4, 16, False, act_order=True)),
    "gptq-int4-v2": (F32, gptq(4, 32, False, version=2)),
    "gptq-int3": (F32, gptq(3, 32, False)),
    "gptq-int2": (F32, gptq(2, 16, False)),
    "gptq-int8": (F32, gptq(8, -1, True)),
    "awq": (F32, awq(32)),
    "ct-int4-group": (BF16, compressed("pack-quantized", **INT, num_bits=4, strategy="group", group_size=32)),
    "ct-int4-asymmetric": (
        F32, compressed("pack-quantized", dtype=F32, type="int", symmetric=False, num_bits=4, strategy="group", group_size=16),
    ),
    "ct-int4-act-order": (F32, compressed_in_order(16)),
    "ct-int3": (BF16, compressed("pack-quantized", **INT, num_bits=3, strategy="group", group_size=16)),
    "ct-int8-channel": (BF16, compressed("int-quantized", {**DYNAMIC, "type": "int"}, **INT, num_bits=8, strategy="channel")),
    "ct-fp8-tensor": (BF16, compressed("float-quantized", {**DYNAMIC, "type": "float"}, **FLOAT, strategy="tensor")),
    "ct-fp8-block": (
        F32, compressed("naive-quantized", dtype=F32, **FLOAT, strategy="block", block_structure=[16, 32]),
    ),
    "fp8-block": (BF16, fp8([16, 32])),
    "fp8-block-cut": (BF16, fp8([48, 40], by_hand=True)),
    "fp8-tensor": (BF16, fp8(None)),
    "fbgemm-fp8": (BF16, fp8(None, "weight_scale", per_row=True, by_hand=True)),
}
"""By name, the type of the plain weights and what makes the checkpoint."""


def golden(dtype: torch.dtype, make) -> tuple[dict, Tensors]:
    with tempfile.TemporaryDirectory() as folder:
        tensors, settings, model = make(folder)
        plain = dense(torch.float32)
        packed = {n: t for n, t in tensors.items() if QUANTISED.search(layer_of(n)) and not is_plain(n, tensors)}
        shapes = [[name, list(tensor.shape)] for name, tensor in plain.state_dict().items()]
        made = {
            "source": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}",
            "config": {"architectures": ["LlamaForCausalLM"], **FIELDS, "quantization_config": settings},
            "stored": {F32: "F32", BF16: "BF16"}[dtype],
            "ids": IDS,
            "tokens": TOKENS,
            "weights": shapes,
            **results(model, model.base_model),
        }
        if settings.get("load_in_4bit"):
            made["adapter"] = adapter(model)
        return made, packed


def layer_of(name: str) -> str:
    return re.sub(r"(_proj)\..*$", r"\1", name)


def is_plain(name: str, tensors: Tensors) -> bool:
    return name.endswith(".weight") and tensors[name].dtype in (F32, BF16) and f"{name}.absmax" not in tensors


def adapter(model: torch.nn.Module) -> dict:
    """What a LoRA adapter on top makes of it, as QLoRA trains one."""
    targets = ["q_proj", "down_proj"]
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, lora_alpha=3, target_modules=targets)).eval()
    weights = fill(adapted, [name for name in adapted.state_dict() if "lora_" in name], 1001, 0.5)
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 3, "target_modules": targets, "bias": "none"}
    named = [[name.replace(".default", ""), shape] for name, shape in weights]
    return {"config": config, "weights": named, **results(adapted, model.base_model)}


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for name, (dtype, make) in CASES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        made, packed = golden(dtype, make)
        (OUT / f"{name}.json").write_text(json.dumps(made) + "\n")
        save_file({n: t.contiguous() for n, t in packed.items()}, str(OUT / f"{name}.safetensors"))
        print(name, sum(t.nbytes for t in packed.values()))
