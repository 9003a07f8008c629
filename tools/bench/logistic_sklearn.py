"""The peer of logistic.ts: logistic regression by scikit-learn on the same states, folds and penalty.

usage: logistic_sklearn.py FOLDER D PENALTY
FOLDER holds states.f32 [n, d], folds.i32 [n] and target-0.f64 [n], the class of each row. Prints one JSON object.
"""
import json
import sys
import time

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

folder, d, penalty = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
x = np.fromfile(f"{folder}/states.f32", "<f4").reshape(-1, d).astype("float64")
y = np.fromfile(f"{folder}/target-0.f64", "<f8").astype(int)
fold_of = np.fromfile(f"{folder}/folds.i32", "<i4")

cpu = time.process_time()
probabilities = np.zeros((len(y), y.max() + 1))
# Four folds and, as the probe that is kept, all rows.
for fold in [0, 1, 2, 3, None]:
    train = fold_of != fold if fold is not None else np.ones(len(y), bool)
    scaler = StandardScaler().fit(x[train])
    model = LogisticRegression(C=1 / penalty, tol=1e-6, max_iter=10_000).fit(scaler.transform(x[train]), y[train])
    if fold is not None:
        probabilities[~train] = model.predict_proba(scaler.transform(x[~train]))
print(json.dumps({
    "what": f"scikit-learn {sklearn.__version__} LogisticRegression, lbfgs, tol 1e-6",
    "cpu_s": time.process_time() - cpu,
    "probabilities": probabilities.tolist(),
}))
