"""The scorer: network and linear part together, calibrated, quantised, written and read."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

import linear
import network
from corpus import ATTRIBUTES, Example, logit, score_matrix

MAX_UNITS = 20480
EPOCHS = 10
PARLOUR_WEIGHT = 0.3
NETWORK = {"d": 24, "hidden": 64, "width": 3}


@dataclass
class Parts:
    """Network and linear part as trained, each predicting log-odds."""

    net: network.Network
    spread: np.ndarray  # [k] the network's outputs are multiplied by it
    centre: np.ndarray  # [k] and this is added
    weights: np.ndarray  # [f, k] of the linear part
    intercept: np.ndarray  # [k]


@dataclass
class Mixture:
    """logit = net_share * network + linear_share * linear part + offset, each [k]."""

    net_share: np.ndarray
    linear_share: np.ndarray
    offset: np.ndarray


def fit_parts(examples: list[Example], seed: int) -> Parts:
    targets = logit(score_matrix(examples))
    own = np.array([e.source == "parlour" for e in examples])
    weights = np.where(own, PARLOUR_WEIGHT, 1.0)
    texts = [e.text for e in examples]
    centre, spread = targets[~own].mean(axis=0), targets[~own].std(axis=0)
    torch.manual_seed(seed)
    net = network.Network(len(ATTRIBUTES), **NETWORK)
    rows = np.arange(len(examples))
    network.train(net, network.Corpus(texts), rows, (targets - centre) / spread, weights, epochs=EPOCHS, seed=seed)
    linear_weights, intercept = linear.fit(linear.features(texts), targets, weights)
    return Parts(net, spread, centre, linear_weights, intercept)


def predict_parts(parts: Parts, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds [n, k] of the network and of the linear part."""
    outputs = network.predict(parts.net, network.Corpus(texts, longest=MAX_UNITS), np.arange(len(texts)))
    return outputs * parts.spread + parts.centre, linear.features(texts) @ parts.weights + parts.intercept


def calibrate(net: np.ndarray, straight: np.ndarray, scores: np.ndarray) -> Mixture:
    """Half network, half linear part, stretched so that the median score and the share of scores ≥ 0.5 are Perspective's.

    All arguments [n, k], on texts that neither part was trained on.
    """
    mixed = 0.5 * net + 0.5 * straight
    slope, offset = np.zeros(mixed.shape[1]), np.zeros(mixed.shape[1])
    for j in range(mixed.shape[1]):
        threshold = np.quantile(mixed[:, j], 1 - (scores[:, j] >= 0.5).mean())
        middle = np.median(mixed[:, j])
        slope[j] = -logit(np.median(scores[:, j])) / (threshold - middle)
        offset[j] = -slope[j] * threshold
    return Mixture(0.5 * slope, 0.5 * slope, offset)


def quantise(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[n, c] as int8 and a float32 scale [c]. The few values beyond a column's 99.99 % quantile are cut off."""
    limit = np.maximum(np.quantile(np.abs(table), 0.9999, axis=0), 1e-9)
    scale = (limit / 127).astype(np.float32)
    return np.clip(np.rint(table / scale), -127, 127).astype(np.int8), scale


def write(folder: Path, parts: Parts, mixture: Mixture) -> None:
    """Writes the scorer's files; docs/embedded-scorer.md describes the format."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().double().numpy() for name, tensor in parts.net.state_dict().items()}
    share = mixture.net_share * parts.spread
    bias = mixture.offset + mixture.net_share * parts.centre + mixture.linear_share * parts.intercept
    straight = parts.weights * mixture.linear_share
    files = {
        "token-embeddings": table("token.embedding", state["token.weight"]),
        "ngram-embeddings": table("ngram.embedding", state["ngram.weight"]),
        "token-weights": table("token.weight", straight[: linear.TOKEN_BUCKETS]),
        "ngram-weights": table("ngram.weight", straight[linear.TOKEN_BUCKETS :]),
        "network": {
            "capitals.embedding": state["capitals"],
            "window.weight": state["window.weight"].transpose(2, 1, 0),
            "window.bias": state["window.bias"],
            "output.weight": state["output.weight"].T * share,
            "output.bias": state["output.bias"] * share + bias,
        },
    }
    for name, tensors in files.items():
        kept = {
            key: np.ascontiguousarray(value if value.dtype == np.int8 else value.astype(np.float32))
            for key, value in tensors.items()
        }
        path = folder / f"{name}.safetensors"
        save_file(kept, path)
        path.chmod(0o644)
    config = {
        "format": "sonde-hashed-scorer",
        "version": 1,
        "attributes": list(ATTRIBUTES),
        "max_units": MAX_UNITS,
        "mean_offset": network.MEAN_OFFSET,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def table(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    numbers, scale = quantise(values)
    return {name: numbers, f"{name}.scale": scale}
