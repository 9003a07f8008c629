"""What a model's blocks compute inside, and what becomes of its states when that is changed: by PyTorch's hooks."""

from collections.abc import Callable

import numpy as np
import torch

# Of each architecture: its blocks; in a block, the modules whose outputs the block adds to the residual stream, and the
# output projection of attention, which reads the heads.
PLACES = {
    "LlamaForCausalLM": ("layers", "self_attn.o_proj", "mlp", "self_attn.o_proj"),
    "Olmo2ForCausalLM": ("layers", "post_attention_layernorm", "post_feedforward_layernorm", "self_attn.o_proj"),
    "GPTNeoXForCausalLM": ("layers", "post_attention_dropout", "post_mlp_dropout", "attention.dense"),
    "GPT2LMHeadModel": ("h", "attn.resid_dropout", "mlp", "attn.c_proj"),
    "Gemma2ForCausalLM": ("layers", "post_attention_layernorm", "post_feedforward_layernorm", "self_attn.o_proj"),
}
NORMS = ("norm", "ln_f", "final_layer_norm")

# A vector is sin(k·(i + 1)) for i from 0, and is named by k. `waves` has a list for each layer: the vector that is added
# or put in place, the directions that are erased together, or the state of each of `tokens`.
RUNS = [
    [],
    [{"kind": "add", "site": "residual", "layers": [1], "waves": [[1]]}],
    [{"kind": "add", "site": "mlp", "layers": [1], "waves": [[0.7]]}],
    [{"kind": "erase", "site": "residual", "layers": [1], "waves": [[1, 1.1]]}],
    [{"kind": "erase", "site": "heads", "layers": [1], "waves": [[1, 1.1]]}],
    [{"kind": "mean_ablation", "site": "attention", "layers": [1], "waves": [[0.3]]}],
    [{"kind": "replace", "site": "residual", "layers": [1], "tokens": [3, 9, 18], "waves": [[0.4, 0.6, 0.9]]}],
    [
        {"kind": "add", "site": "residual", "layers": [1], "waves": [[1.1]]},
        {"kind": "erase", "site": "residual", "layers": [1], "waves": [[1]]},
    ],
    [
        {"kind": "erase", "site": "residual", "layers": [1], "waves": [[1]]},
        {"kind": "add", "site": "residual", "layers": [1], "waves": [[1.1]]},
    ],
    [
        {"kind": "add", "site": "attention", "layers": [2, 0], "waves": [[0.2], [0.8]]},
        {"kind": "erase", "site": "mlp", "layers": [0, 1], "waves": [[1], [0.5, 0.6, 1.3]]},
        {"kind": "replace", "site": "heads", "layers": [0, 2], "tokens": [2, 9], "waves": [[0.4, 0.6], [0.9, 1.2]]},
        {"kind": "mean_ablation", "site": "heads", "layers": [1], "waves": [[1.7]]},
        {"kind": "bypass_mlp", "layers": [2]},
    ],
]


def wave(k: float, size: int) -> torch.Tensor:
    return torch.from_numpy(np.sin(k * np.arange(1, size + 1)).astype(np.float32))


def change(x: torch.Tensor, kind: str, waves: list[float], tokens: list[int]) -> torch.Tensor:
    """@param x [1, tokens, size]"""
    vectors = torch.stack([wave(k, x.shape[-1]) for k in waves])
    if kind == "add":
        return x + vectors[0]
    if kind == "mean_ablation":
        return vectors[0].expand_as(x)
    if kind == "erase":
        directions = vectors.double()
        onto_span = torch.linalg.pinv(directions) @ directions
        return (x.double() - x.double() @ onto_span).float()
    assert kind == "replace"
    x = x.clone()
    x[0, tokens] = vectors
    return x


class Watched:
    """A model whose blocks are hooked at every site."""

    def __init__(self, model: torch.nn.Module):
        decoder = model.base_model
        blocks, *parts = PLACES[type(model).__name__]
        self.model = model
        self.blocks = getattr(decoder, blocks)
        self.attention, self.mlp, self.projection = parts
        self.norm = next(module for name, module in decoder.named_modules() if name in NORMS)
        self.handles = []

    def _watch(self, module: torch.nn.Module, output: bool, take: Callable[[torch.Tensor], torch.Tensor]) -> None:
        if output:
            self.handles.append(module.register_forward_hook(lambda _, __, out: take(out)))
        else:
            self.handles.append(module.register_forward_pre_hook(lambda _, inputs: (take(inputs[0]), *inputs[1:])))

    def run(self, ids: list[int], interventions: list[dict]) -> dict[str, list[torch.Tensor]]:
        """The values of every site after the changes, [tokens, size] for each block."""
        found = {site: [] for site in ("input", "residual", "attention", "mlp", "heads", "normed")}

        def pass_site(site: str, block: int) -> Callable[[torch.Tensor], torch.Tensor]:
            def take(x: torch.Tensor) -> torch.Tensor:
                for each in interventions:
                    if each["kind"] == f"bypass_{site}" and block in each["layers"]:
                        x = torch.zeros_like(x)
                for each in interventions:
                    if each.get("site") == site and block in each["layers"]:
                        x = change(x, each["kind"], each["waves"][each["layers"].index(block)], each.get("tokens", []))
                found[site].append(x[0])
                return x

            return take

        for i, block in enumerate(self.blocks):
            self._watch(block, False, pass_site("input", i))
            self._watch(block.get_submodule(self.attention), True, pass_site("attention", i))
            self._watch(block.get_submodule(self.mlp), True, pass_site("mlp", i))
            self._watch(block.get_submodule(self.projection), False, pass_site("heads", i))
            self._watch(block, True, pass_site("residual", i))
        self._watch(self.norm, True, pass_site("normed", len(self.blocks)))
        with torch.no_grad():
            found["logits"] = [self.model(torch.tensor([ids]), use_cache=False).logits[0]]
        for handle in self.handles:
            handle.remove()
        self.handles = []
        if not any(each.get("site") == "residual" for each in interventions):
            for before, attention, mlp, after in zip(*(found[s] for s in ("input", "attention", "mlp", "residual"))):
                # The meaning of the sites: the two are what a block adds.
                assert torch.allclose(before + attention + mlp, after, rtol=1e-5, atol=1e-5)
        return found


def inside(model: torch.nn.Module, ids: list[int], tokens: list[int], rounded: Callable) -> dict:
    """
    What interventions lead to: of some tokens, the residual stream after block 1 and the last state, normed; every few
    logits after the last token. Of the first run and the last, the states at every site.
    """
    watched = Watched(model)
    step = 8
    runs = []
    for interventions in RUNS:
        found = watched.run(ids, interventions)
        run = {
            "interventions": interventions,
            "after_block_1": rounded(found["residual"][1][tokens]),
            "normed": rounded(found["normed"][0][tokens]),
            "logits": rounded(found["logits"][0][-1, ::step]),
        }
        if interventions in (RUNS[0], RUNS[-1]):
            run["sites"] = {
                "residual_raw": [rounded(found["residual"][-1][tokens])],
                **{site: [rounded(x[tokens]) for x in found[site]] for site in ("attention", "mlp", "heads")},
            }
        runs.append(run)
    return {"tokens": tokens, "logit_step": step, "runs": runs}
