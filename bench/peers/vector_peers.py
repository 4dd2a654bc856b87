#!/usr/bin/python3
"""faiss and hnswlib beside feed_bench: the same vectors, the same eligible items, the best 50 by inner product, one request at a time.

    SHOAL_BENCH_DUMP=/tmp/vectors build/bench/feed_bench && bench/peers/vector_peers.py /tmp/vectors [faiss] [hnswlib]

faiss, flat, with a bitmap of the eligible items, is exact, and its best ten must be those of feed_bench's "exact, vectors alone".
IVF with 256 lists is what faiss offers to look at less; hnswlib's graph of neighbours knows no filter, so it is asked for more, and
what is eligible of them is kept. Their recall of the exact best ten is printed. None knows tags, popularity or rules: compare with the
"vectors alone" rows. One thread; times are of this thread's own work. Debian: python3-faiss, python3-hnswlib. What is not there is
said, and left out.
"""
import json
import os
import struct
import sys
import time

TOP = 50


def read(path):
    import numpy

    with open(path, "rb") as file:
        items, dimension, users, best = struct.unpack("<4I", file.read(16))
        vectors = numpy.fromfile(file, "<f4", items * dimension).reshape(items, dimension)
        asked = numpy.fromfile(file, "<f4", users * dimension).reshape(users, dimension)
        eligible = numpy.fromfile(file, "u1", items)
        exact = numpy.fromfile(file, "<u4", users * best).reshape(users, best)
    return vectors, asked, eligible, exact


def measure(ask, asked, rounds=5):
    """-> seconds a request, of each round; the answers"""
    seconds, answers = [], []
    for _ in range(rounds):
        answers, begin = [], time.thread_time()
        for row in range(len(asked)):
            answers.append(ask(asked[row : row + 1]))
        seconds.append((time.thread_time() - begin) / len(asked))
    return seconds, answers


def recall(answers, exact):
    return sum(len(set(found[: len(best)]) & set(best)) for found, best in zip(answers, exact.tolist())) / exact.size


def report(name, row, ask, asked, exact):
    """Prints and records one way; -> its recall"""
    seconds, answers = measure(ask, asked)
    found, middle = recall(answers, exact), sorted(seconds)[len(seconds) // 2]
    print(f"{name:34} {1 / middle:8.0f} {middle * 1e3:8.3f} {found:8.4f}", flush=True)
    if os.environ.get("SHOAL_BENCH_RECORD"):
        lines = [
            {"row": row, "side": f"{name}, recall {found:.3f}", "unit": "/s", "samples": [1 / second for second in seconds]},
        ]
        with open(os.environ["SHOAL_BENCH_RECORD"], "a") as file:
            for line in lines:
                file.write(json.dumps(dict(line, group="feed", quantiles=[])) + "\n")
    return found


def with_faiss(vectors, asked, eligible, exact):
    """-> 0, or 1 when its exact answers are others"""
    import faiss
    import numpy

    faiss.omp_set_num_threads(1)
    bits = numpy.packbits(eligible, bitorder="little")
    selector = faiss.IDSelectorBitmap(len(vectors), faiss.swig_ptr(bits))
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    inverted = faiss.index_factory(vectors.shape[1], "IVF256,Flat", faiss.METRIC_INNER_PRODUCT)
    inverted.train(vectors)
    inverted.add(vectors)

    def asker(index, params):
        return lambda query: index.search(query, TOP, params=params)[1][0]

    found = report("faiss flat, bitmap", "exact, vectors alone", asker(flat, faiss.SearchParameters(sel=selector)), asked, exact)
    for probes in (8, 32):
        params = faiss.SearchParametersIVF(sel=selector, nprobe=probes)
        report(f"faiss IVF256, {probes} probes, bitmap", "narrowed, vectors alone", asker(inverted, params), asked, exact)
    if found >= 0.98:  # rows of 16 bits round differently than floats in the last place
        return 0
    print("the exact answers differ")
    return 1


def with_hnswlib(vectors, asked, eligible, exact):
    import hnswlib

    index = hnswlib.Index(space="ip", dim=vectors.shape[1])
    index.init_index(max_elements=len(vectors), ef_construction=200, M=16)
    index.set_num_threads(1)
    index.add_items(vectors)
    for wanted in (200, 600):
        wanted = min(wanted, len(vectors))
        index.set_ef(wanted)

        def ask(query, wanted=wanted):
            found = index.knn_query(query, k=wanted)[0][0]
            return found[eligible[found] != 0][:TOP]

        report(f"hnswlib, best {wanted}, then filtered", "narrowed, vectors alone", ask, asked, exact)
    return 0


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    vectors, asked, eligible, exact = read(sys.argv[1])
    print(f"{len(vectors)} items, {int(eligible.sum())} eligible, {len(asked)} requests, top {TOP}")
    print(f"{'':34} {'a second':>8} {'ms':>8} {'recall':>8}")
    status = 0
    for name, ask in (("faiss", with_faiss), ("hnswlib", with_hnswlib)):
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        try:
            status |= ask(vectors, asked, eligible, exact)
        except ImportError as fault:
            print(f"{name}: left out, {fault} (Debian: python3-{name})")
    return status


if __name__ == "__main__":
    sys.exit(main())
