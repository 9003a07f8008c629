"""Ridge regression of log-odds on hashed counts, solved by conjugate gradients."""

import numpy as np
import scipy.sparse as sparse

from features import tokens, word_hashes

TOKEN_BUCKETS = 1 << 16
NGRAM_BUCKETS = 1 << 17
PENALTY = 0.7


def hashes(text: str) -> tuple[list[int], list[int]]:
    """Hashes of all tokens; hashes of all character n-grams."""
    pairs = [word_hashes(units) for units, _ in tokens(text)]
    return [word for word, _ in pairs], [gram for _, grams in pairs for gram in grams]


def count_matrix(columns: list[list[int]], buckets: int) -> sparse.csr_matrix:
    """[n, buckets] counts divided by the square root of the number of hashes of the text."""
    indices, values, ends = [], [], [0]
    for column in columns:
        found, counts = np.unique(np.asarray(column, dtype=np.int64) & (buckets - 1), return_counts=True)
        indices.append(found)
        values.append(counts / np.sqrt(max(1, len(column))))
        ends.append(ends[-1] + len(found))
    return sparse.csr_matrix((np.concatenate(values), np.concatenate(indices), ends), shape=(len(columns), buckets))


def rarity(counts: sparse.csr_matrix) -> np.ndarray:
    """[buckets] how rare a bucket is in these texts: 1 for one that is in none, 0 for one that is in all."""
    texts = counts.shape[0]
    with_it = np.asarray((counts > 0).sum(axis=0)).ravel()
    return np.log((texts + 1) / (with_it + 1)) / np.log(texts + 1)


def features(texts: list[str]) -> sparse.csr_matrix:
    """[n, TOKEN_BUCKETS + NGRAM_BUCKETS]."""
    both = [hashes(text) for text in texts]
    return sparse.hstack(
        [count_matrix([b[0] for b in both], TOKEN_BUCKETS), count_matrix([b[1] for b in both], NGRAM_BUCKETS)]
    ).tocsr()


def ridge(x: sparse.csr_matrix, y: np.ndarray, penalty: float, iterations: int = 80) -> np.ndarray:
    """[f, k] weights of the ridge regression of y [n, k] on x [n, f] without intercept, all columns at once."""
    transposed = x.T.tocsr()
    dual = np.zeros_like(y)
    residual = y.copy()
    direction = residual.copy()
    norm = (residual**2).sum(axis=0)
    goal = 1e-6 * norm
    for _ in range(iterations):
        image = x @ (transposed @ direction) + penalty * direction
        step = norm / np.maximum((direction * image).sum(axis=0), 1e-30)
        dual += step * direction
        residual -= step * image
        previous, norm = norm, (residual**2).sum(axis=0)
        if (norm <= goal).all():
            break
        direction = residual + norm / previous * direction
    return transposed @ dual


def fit(x: sparse.csr_matrix, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights [f, k] and intercepts [k] by weighted ridge regression; rare features are penalised less."""
    scale = rarity(x)
    intercept = np.average(targets, axis=0, weights=weights)
    root = np.sqrt(weights)
    scaled = (sparse.diags(root) @ x @ sparse.diags(scale)).tocsr()
    solution = ridge(scaled, (targets - intercept) * root[:, None], PENALTY)
    return solution * scale[:, None], intercept
