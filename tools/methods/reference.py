#!/usr/bin/python3
"""EASE, iALS, ItemKNN and RP3beta in numpy and scipy, tuned on validation, judged by full rankings. It shares no line with
the engine: it is what the engine is measured against.

    reference.py FOLDER [--methods knn,ials] [--set NAME=VALUE ...] [--other-starts N]

FOLDER has train.csv, valid.csv and test.csv of `shoal eval split`; prints one JSON document. The settings that are tried
are those of tools/shoal/ranking_methods.c, so that both have the same budget; --set leaves one value of a setting, for a
quick look. Debian's python3-numpy, python3-scipy, python3-xxhash.

Tables of items are made a block of columns at a time: a table of 20,000 items is never whole in memory.

Alternating least squares goes down to one of many valleys, and which one is the start's doing: over other starts NDCG@10 on
MovieLens small spreads by about 1 % (--other-starts N tells how much, with starts from a generator of numpy's). So this
program begins where train.h says that a training begins: uniform numbers by a hash of the item's id.
"""
import argparse
import csv
import itertools
import json
import pathlib

import numpy as np
import scipy.sparse as sp
import xxhash

K = 10
BLOCK = 1024  # columns at a time
WORD = (1 << 64) - 1


class Data:
    """Users and items of the train file are numbered in the order of their ids' bytes; those that only the other files
    have come behind as items, and not at all as users."""

    def __init__(self, folder):
        rows = {}
        for part in ("train", "valid", "test"):
            with open(folder / f"{part}.csv", newline="", encoding="utf-8") as lines:
                rows[part] = sorted({(row["user"], row["item"]) for row in csv.DictReader(lines)})
        self.users = sorted({user for user, _ in rows["train"]}, key=str.encode)
        self.items = sorted({item for part in rows.values() for _, item in part}, key=str.encode)
        known = {item for _, item in rows["train"]}
        self.known = np.array([place for place, item in enumerate(self.items) if item in known])
        users = {user: place for place, user in enumerate(self.users)}
        items = {item: place for place, item in enumerate(self.items)}
        self.train, self.valid, self.test = (
            self.matrix([(users[user], items[item]) for user, item in rows[part] if user in users]) for part in rows)
        for right in (self.valid, self.test):
            right.data[:] = 1
        self.likes = self.train[:, self.known].tocsr()  # what methods learn from

    def matrix(self, pairs):
        where = np.array(pairs, dtype=int).reshape(-1, 2)
        return sp.csr_matrix((np.ones(len(where)), (where[:, 0], where[:, 1])), shape=(len(self.users), len(self.items)))

    def of_all_items(self, scores):
        """Scores of the known items as scores of all: of the others nothing is said."""
        all_items = np.zeros((len(self.users), len(self.items)))
        all_items[:, self.known] = scores
        return all_items


def best(row, k):
    """Places of the k highest, those alike in their order."""
    bound = np.partition(row, len(row) - k)[len(row) - k]
    places = np.flatnonzero(row >= bound)
    return places[np.argsort(-row[places], kind="stable")][:k]


def lists(scores, train, k=K):
    """The k best items of each user, what the user has in the train file left out."""
    scores = np.array(scores, dtype=float)
    scores[train.nonzero()] = -np.inf
    return np.array([best(row, k) for row in scores])


def measures(order, right, items):
    """Means over users with a right item; NDCG of each of them too."""
    k = order.shape[1]
    counts = np.asarray(right.sum(1)).ravel()
    has = counts > 0
    hits = np.asarray(right[np.repeat(np.arange(len(order)), k), order.ravel()]).reshape(order.shape)[has]
    counts = counts[has]
    gains = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(gains)[np.minimum(counts, k).astype(int) - 1]
    first = np.where(hits.any(1), 1 / (hits.argmax(1) + 1), 0)
    return {"recall": (hits.sum(1) / counts).mean(), "NDCG": ((hits * gains).sum(1) / ideal).mean(), "HR": hits.any(1).mean(),
            "MRR": first.mean(), "coverage": len(np.unique(order[has])) / items}


def largest(table, count):
    """Of each column the `count` largest by absolute value, ties by their order."""
    if count >= table.shape[0]:
        return table
    size = np.abs(table)
    bound = np.partition(size, table.shape[0] - count, axis=0)[table.shape[0] - count]
    kept = size >= bound
    for column in np.flatnonzero(kept.sum(0) > count):
        alike = np.flatnonzero(size[:, column] == bound[column])
        kept[alike[count - np.count_nonzero(size[:, column] > bound[column]):], column] = False
    return np.where(kept, table, 0)


def by_columns(likes, neighbours, columns_of):
    """likes times a table whose columns a..b are columns_of(a, b), each cut to its largest."""
    parts = []
    for a in range(0, likes.shape[1], BLOCK):
        b = min(a + BLOCK, likes.shape[1])
        table = columns_of(a, b)
        table[np.arange(a, b), np.arange(b - a)] = 0
        parts.append(likes @ largest(table, neighbours))
    return np.hstack(parts)


def ease(data, neighbours, regularisation):
    """By the identity of Woodbury where there are fewer users than items: the same numbers."""
    x = data.likes
    if x.shape[0] < x.shape[1]:
        k = np.linalg.inv((x @ x.T).toarray() + regularisation * np.eye(x.shape[0]))
        kx = x.T @ k  # items x users: x_i' K
        diagonal = np.asarray(x.multiply(kx.T).sum(0)).ravel()
        by_item = x.T.tocsr()
        # x_i' K x_j for all i: K is symmetric.
        return by_columns(x, neighbours, lambda a, b: (by_item @ kx[a:b].T) / (1 - diagonal[a:b])[None, :])
    p = np.linalg.inv((x.T @ x).toarray() + regularisation * np.eye(x.shape[1]))
    diagonal = np.diag(p).copy()
    return by_columns(x, neighbours, lambda a, b: -p[:, a:b] / diagonal[None, a:b])


def knn(data, neighbours, shrink):
    x = data.likes
    roots = np.sqrt(np.asarray(x.sum(0)).ravel())
    columns, rows = x.tocsc(), x.T.tocsr()
    return by_columns(x, neighbours,
                      lambda a, b: (rows @ columns[:, a:b]).toarray() / (roots[:, None] * roots[None, a:b] + shrink))


def rp3(data, neighbours, alpha, beta):
    x = data.likes
    per_user, per_item = np.asarray(x.sum(1)).ravel(), np.asarray(x.sum(0)).ravel()
    columns, rows = (sp.diags(per_user**-alpha) @ x).tocsc(), x.T.tocsr()
    return by_columns(x, neighbours,
                      lambda a, b: (rows @ columns[:, a:b]).toarray() * (per_item**-alpha)[:, None] / (per_item[a:b] ** beta)[None, :])


def start_of(data, dimensions, seed=1):
    """train.h: 64 bits of the id, folded with the seed and the number of the place, as a number of -1..1."""
    def mix(a, b):
        product = (a ^ 0x9E3779B97F4A7C15) * (b ^ 0xD6E8FEB86659FD93)
        return (product & WORD) ^ (product >> 64)

    width = 0.1 * np.sqrt(3 / dimensions)
    own = [xxhash.xxh3_64_intdigest(data.items[item].encode()) ^ (seed * 0x9E3779B97F4A7C15 & WORD) for item in data.known]
    return np.array([[width * ((mix(one, k + 1) >> 11) * 2.0**-52 - 1) for k in range(dimensions)] for one in own])


def ials(data, dimensions, epochs, unobserved, regularisation, start=None):
    """Alternating least squares, many solutions at a time."""
    x = data.likes
    users, items = x.shape
    by_item = x.T.tocsr()
    q = start_of(data, dimensions) if start is None else start

    def solve(matrix, fixed, others):
        gram = unobserved * fixed.T @ fixed
        counts = np.diff(matrix.indptr)
        result = np.zeros((matrix.shape[0], dimensions))
        for a in range(0, matrix.shape[0], 256):
            rows = range(a, min(a + 256, matrix.shape[0]))
            left = np.empty((len(rows), dimensions, dimensions))
            for place, row in enumerate(rows):
                liked = fixed[matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]]
                left[place] = gram + liked.T @ liked + regularisation * (counts[row] + unobserved * others) * np.eye(dimensions)
            result[a : a + 256] = np.linalg.solve(left, (matrix[a : a + 256] @ fixed)[..., None])[..., 0]
        return result

    for _ in range(epochs):
        p = solve(x, q, items)
        q = solve(by_item, p, users)
    return solve(x, q, items) @ q.T


METHODS = {
    "knn": (knn, {"neighbours": [100, 200], "shrink": [5, 10, 50]}),
    "rp3": (rp3, {"neighbours": [100, 1000], "alpha": [0.2, 0.4], "beta": [0.4, 0.6]}),
    "ials": (ials, {"dimensions": [64], "epochs": [10], "unobserved": [0.1, 0.3, 1], "regularisation": [0.003, 0.01]}),
    "ease": (ease, {"neighbours": [1000], "regularisation": [100, 200, 400]}),
}


def choices(grid):
    return [dict(zip(grid, values)) for values in itertools.product(*grid.values())]


def tuned(data, name, grid):
    """The best settings on validation, their NDCG there, and what they are worth on the test."""
    function, found = METHODS[name][0], None
    for settings in choices(grid):
        order = lists(data.of_all_items(function(data, **settings)), data.train)
        ndcg = measures(order, data.valid, len(data.items))["NDCG"]
        if found is None or ndcg > found[0]:
            found = (ndcg, settings, order)
    ndcg, settings, order = found
    return {"method": name, "settings": ", ".join(f"{key} {value:g}" for key, value in settings.items()), f"valid_NDCG@{K}": ndcg,
            **{f"{key}@{K}": float(value) for key, value in measures(order, data.test, len(data.items)).items()}}


def main():
    reader = argparse.ArgumentParser(description="the reference of methods of ranking")
    reader.add_argument("folder", type=pathlib.Path)
    reader.add_argument("--methods", default=",".join(METHODS))
    reader.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    reader.add_argument("--other-starts", type=int, default=0, metavar="N")
    words = reader.parse_args()
    data = Data(words.folder)
    fixed = {name: [float(value) if "." in value else int(value)] for name, _, value in (one.partition("=") for one in words.set)}
    told = {"users": len(data.users), "items": len(data.items), "methods": []}
    for name in words.methods.split(","):
        grid = {key: fixed.get(key, values) for key, values in METHODS[name][1].items()}
        told["methods"].append(tuned(data, name, grid))
        if name == "ials" and words.other_starts > 0:
            settings = {key: values[0] for key, values in grid.items()}
            draw, width = np.random.default_rng(1), 0.1 * np.sqrt(3 / settings["dimensions"])
            starts = [draw.uniform(-width, width, (len(data.known), settings["dimensions"])) for _ in range(words.other_starts)]
            told["other_starts"] = [
                measures(lists(data.of_all_items(ials(data, **settings, start=start)), data.train), data.test, len(data.items))["NDCG"]
                for start in starts]
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
