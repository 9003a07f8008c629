"""The peer of probing.ts: nested ridge regression by scikit-learn on the same states, folds and penalties.

usage: probing_sklearn.py FOLDER D TARGETS DTYPE FOLDS
FOLDER holds states.f32 [n, d], folds.i32 [n] and target-<t>.f64 [n]. The inner folds of an outer fold are the
other outer folds. Prints one JSON object.
"""
import json
import sys
import time

import numpy as np
import sklearn
from sklearn.linear_model import RidgeCV

folder, d, targets, dtype, folds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
x = np.fromfile(f"{folder}/states.f32", "<f4").reshape(-1, d).astype(dtype)
y = np.stack([np.fromfile(f"{folder}/target-{t}.f64", "<f8") for t in range(targets)], 1).astype(dtype)
fold_of = np.fromfile(f"{folder}/folds.i32", "<i4")
penalties = np.logspace(-2, 6, 9)

wall, cpu = time.perf_counter(), time.process_time()
pearson = [[] for _ in range(targets)]
for fold in range(folds):
    train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
    inner_of = fold_of[train]
    inner = [(np.flatnonzero(inner_of != q), np.flatnonzero(inner_of == q)) for q in np.unique(inner_of)]
    model = RidgeCV(alphas=penalties, cv=inner, scoring="neg_mean_squared_error").fit(x[train], y[train])
    predicted = model.predict(x[test])
    for t in range(targets):
        pearson[t].append(float(np.corrcoef(predicted[:, t], y[test, t])[0, 1]))
print(json.dumps({
    "what": f"scikit-learn {sklearn.__version__} RidgeCV, grouped inner folds",
    "wall_s": time.perf_counter() - wall,
    "cpu_s": time.process_time() - cpu,
    "pearson": pearson,
}))
