#!/usr/bin/python3
"""EASE, iALS, ItemKNN and RP3beta in numpy and scipy (Debian's python3-numpy, python3-scipy), tuned on validation, judged
by full rankings. It shares no line with the engine: it is what the engine is measured against.

    reference.py FOLDER        with train.csv, valid.csv and test.csv of `shoal eval split`; prints one JSON document

The settings that are tried are those of tools/shoal/eval_ranking.c, so that both have the same budget.
"""
import csv
import itertools
import json
import pathlib
import sys

import numpy as np
import scipy.sparse as sp

K = 10


def read(folder):
    """Users of the train file, all items of all files; one matrix of zeros and ones a file."""
    rows = {}
    for part in ("train", "valid", "test"):
        with open(folder / f"{part}.csv", newline="", encoding="utf-8") as lines:
            rows[part] = [(row["user"], row["item"]) for row in csv.DictReader(lines)]
    users = {user: place for place, user in enumerate(sorted({user for user, _ in rows["train"]}))}
    items = {item: place for place, item in enumerate(sorted({item for part in rows.values() for _, item in part}))}
    matrices = []
    for part in ("train", "valid", "test"):
        known = [(users[user], items[item]) for user, item in rows[part] if user in users]
        where = np.array(known, dtype=int).reshape(-1, 2)
        matrix = sp.csr_matrix((np.ones(len(where)), (where[:, 0], where[:, 1])), shape=(len(users), len(items)))
        matrix.data[:] = 1
        matrices.append(matrix)
    return matrices


def measures(scores, train, right, k=K):
    """Means over users with a right item; what the user has in the train file is left out of the list."""
    scores = np.array(scores, dtype=float)
    scores[train.nonzero()] = -np.inf
    right = right.toarray()
    has = right.sum(1) > 0
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(right, order, 1)[has]
    gains = 1 / np.log2(np.arange(2, k + 2))
    counts = right.sum(1)[has]
    ideal = np.cumsum(gains)[np.minimum(counts, k).astype(int) - 1]
    first = np.where(hits.any(1), 1 / (hits.argmax(1) + 1), 0)
    return {"recall": (hits.sum(1) / counts).mean(), "NDCG": ((hits * gains).sum(1) / ideal).mean(), "HR": hits.any(1).mean(),
            "MRR": first.mean(), "coverage": len(np.unique(order)) / scores.shape[1]}


def largest(table, count):
    """Of each column the `count` largest by absolute value."""
    if count >= table.shape[0]:
        return table
    size = np.abs(table)
    bound = -np.partition(-size, count - 1, axis=0)[count - 1]
    return np.where(size >= bound, table, 0)


def ease(train, neighbours, regularisation):
    """By the identity of Woodbury where there are fewer users than items: the same numbers."""
    x = train.toarray()
    if x.shape[0] < x.shape[1]:
        k = np.linalg.inv(x @ x.T + regularisation * np.eye(x.shape[0]))
        kx = sp.csr_matrix(x.T) @ k  # items x users
        inner = (train.T @ kx.T).astype(np.float32)  # x_i' K x_j
        table = inner / (1 - np.diag(inner))[None, :]
    else:
        p = np.linalg.inv(x.T @ x + regularisation * np.eye(x.shape[1]))
        table = -p / np.diag(p)[None, :]
    np.fill_diagonal(table, 0)
    return train @ largest(table, neighbours)


def together(train, weights=None):
    table = (train.T @ (train if weights is None else sp.diags(weights) @ train)).toarray().astype(np.float32)
    np.fill_diagonal(table, 0)
    return table


def knn(train, neighbours, shrink):
    counts = np.asarray(train.sum(0)).ravel()
    roots = np.sqrt(counts)
    return train @ largest(together(train) / (roots[:, None] * roots[None, :] + shrink), neighbours)


def rp3(train, neighbours, alpha, beta):
    per_user = np.maximum(np.asarray(train.sum(1)).ravel(), 1)
    per_item = np.maximum(np.asarray(train.sum(0)).ravel(), 1)
    table = together(train, (1 / per_user) ** alpha) * ((1 / per_item) ** alpha)[:, None] / (per_item**beta)[None, :]
    return train @ largest(table, neighbours)


def ials(train, dimensions, epochs, unobserved, regularisation):
    """Alternating least squares; another start than the engine's, from a generator of its own."""
    users, items = train.shape
    by_item = train.T.tocsr()
    draw = np.random.default_rng(1)
    q = draw.normal(0, 0.1 / np.sqrt(dimensions), (items, dimensions))

    def solve(matrix, fixed, others):
        gram = unobserved * fixed.T @ fixed
        result = np.zeros((matrix.shape[0], dimensions))
        for row in range(matrix.shape[0]):
            liked = fixed[matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]]
            scaled = regularisation * (len(liked) + unobserved * others)
            result[row] = np.linalg.solve(gram + liked.T @ liked + scaled * np.eye(dimensions), liked.sum(0))
        return result

    for _ in range(epochs):
        p = solve(train, q, items)
        q = solve(by_item, p, users)
    return solve(train, q, items) @ q.T


GRIDS = {
    "knn": (knn, {"neighbours": [200], "shrink": [10, 50, 100]}),
    "rp3": (rp3, {"neighbours": [100, 1000], "alpha": [0.4, 0.6], "beta": [0.2, 0.4]}),
    "ials": (ials, {"dimensions": [64], "epochs": [10], "unobserved": [0.3, 1], "regularisation": [0.003, 0.01, 0.03]}),
    "ease": (ease, {"neighbours": [1000], "regularisation": [50, 100, 200]}),
}


def main():
    train, valid, test = read(pathlib.Path(sys.argv[1]))
    methods = []
    for name, (function, grid) in GRIDS.items():
        best = None
        for values in itertools.product(*grid.values()):
            settings = dict(zip(grid, values))
            scores = function(train, **settings)
            ndcg = measures(scores, train, valid)["NDCG"]
            if best is None or ndcg > best[0]:
                best = (ndcg, settings, scores)
        ndcg, settings, scores = best
        found = measures(scores, train, test)
        methods.append({"method": name, "settings": ", ".join(f"{key} {value:g}" for key, value in settings.items()),
                        f"valid_NDCG@{K}": round(ndcg, 6), **{f"{key}@{K}": round(float(value), 6) for key, value in found.items()}})
    print(json.dumps({"users": train.shape[0], "items": train.shape[1], "methods": methods}, indent=1))


if __name__ == "__main__":
    main()
