"""The network over hashed tokens and its training."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from features import tokens, word_hashes

TOKEN_BUCKETS = 1 << 14
NGRAM_BUCKETS = 1 << 15
MEAN_OFFSET = 4.0
NO_TOKEN = (1,)


class Corpus:
    """Texts as numbers of distinct tokens, with each token's hashes."""

    def __init__(self, texts: list[str], longest: int = 200):
        numbers: dict[tuple[int, ...], int] = {}
        words: list[int] = []
        grams: list[tuple[int, ...]] = []
        self.texts: list[list[int]] = []
        self.capitals: list[list[int]] = []
        for text in texts:
            found = tokens(text)[:longest] or [(NO_TOKEN, False)]
            for units, _ in found:
                if units not in numbers:
                    numbers[units] = len(numbers)
                    word, ngrams = word_hashes(units)
                    words.append(word)
                    grams.append(ngrams)
            self.texts.append([numbers[units] for units, _ in found])
            self.capitals.append([int(capital) for _, capital in found])
        self.words = np.array(words, dtype=np.int64) & (TOKEN_BUCKETS - 1)
        self.starts = np.concatenate([[0], np.cumsum([len(g) for g in grams])])
        self.grams = np.concatenate([np.array(g, dtype=np.int64) for g in grams]) & (NGRAM_BUCKETS - 1)

    def batch(self, rows: np.ndarray) -> tuple[torch.Tensor, ...]:
        length = max(len(self.texts[i]) for i in rows)
        ids = np.zeros((len(rows), length), dtype=np.int64)
        capitals = np.zeros((len(rows), length), dtype=np.float32)
        mask = np.zeros((len(rows), length), dtype=np.float32)
        for r, i in enumerate(rows):
            n = len(self.texts[i])
            ids[r, :n], capitals[r, :n], mask[r, :n] = self.texts[i], self.capitals[i], 1
        distinct, places = np.unique(ids, return_inverse=True)
        counts = self.starts[distinct + 1] - self.starts[distinct]
        offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
        picks = np.arange(counts.sum()) - np.repeat(offsets, counts) + np.repeat(self.starts[distinct], counts)
        arrays = (self.words[distinct], self.grams[picks], offsets, places.reshape(ids.shape), capitals, mask)
        return tuple(torch.from_numpy(a) for a in arrays)


class Network(nn.Module):
    """Embeddings of tokens and n-grams → a window of `width` tokens → ReLU → maximum and mean → k outputs."""

    def __init__(self, outputs: int = 6, d: int = 24, hidden: int = 48, width: int = 3):
        super().__init__()
        self.token = nn.Embedding(TOKEN_BUCKETS, d)
        self.ngram = nn.EmbeddingBag(NGRAM_BUCKETS, d, mode="mean")
        nn.init.normal_(self.token.weight, 0, 0.1)
        nn.init.normal_(self.ngram.weight, 0, 0.3)
        self.capitals = nn.Parameter(torch.zeros(d))
        self.window = nn.Conv1d(d, hidden, width, padding=width // 2)
        self.output = nn.Linear(2 * hidden, outputs)
        self.token_dropout, self.embedding_dropout, self.hidden_dropout = 0.1, 0.1, 0.2

    def forward(self, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        words, grams, offsets, places, capitals, mask = batch
        embedding = (self.token(words) + self.ngram(grams, offsets))[places]
        embedding = embedding + capitals.unsqueeze(-1) * self.capitals
        seen = mask
        if self.training:
            seen = mask * (torch.rand_like(mask) > self.token_dropout)
            embedding = functional.dropout(embedding, self.embedding_dropout)
        hidden = torch.relu(self.window((embedding * seen.unsqueeze(-1)).transpose(1, 2)).transpose(1, 2))
        hidden = hidden * mask.unsqueeze(-1)
        mean = hidden.sum(1) / (mask.sum(1, keepdim=True) + MEAN_OFFSET)
        pooled = torch.cat([hidden.amax(1), mean], 1)
        return self.output(functional.dropout(pooled, self.hidden_dropout, self.training))


def train(
    network: Network,
    corpus: Corpus,
    rows: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    *,
    epochs: int,
    seed: int,
    rate: float = 3e-3,
    batch: int = 64,
    decay: float = 1e-5,
) -> None:
    """Fits targets [n, k] by weighted squared error; Adam with warm-up and linear decay."""
    torch.manual_seed(seed)
    random = np.random.RandomState(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    wanted = torch.tensor(targets, dtype=torch.float32)
    weight = torch.tensor(weights, dtype=torch.float32).unsqueeze(-1)
    batches = len(rows) // batch
    total, step = batches * epochs, 0
    network.train()
    for _ in range(epochs):
        order = random.permutation(len(rows))
        for b in range(batches):
            pick = order[b * batch : (b + 1) * batch]
            for group in optimizer.param_groups:
                group["lr"] = rate * min(1, step / (0.1 * total) + 0.05) * max(0.02, 1 - step / total)
            error = (network(corpus.batch(rows[pick])) - wanted[pick]) ** 2
            loss = (error * weight[pick]).mean() + decay * (network.token.weight**2).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1


def predict(network: Network, corpus: Corpus, rows: np.ndarray, batch: int = 256) -> np.ndarray:
    """[n, k] float64."""
    network.eval()
    outputs = np.zeros((len(rows), network.output.out_features))
    order = np.argsort([len(corpus.texts[i]) for i in rows], kind="stable")
    with torch.no_grad():
        for start in range(0, len(rows), batch):
            pick = order[start : start + batch]
            outputs[pick] = network(corpus.batch(rows[pick])).double().numpy()
    return outputs
