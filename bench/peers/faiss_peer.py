#!/usr/bin/python3
"""faiss beside feed_bench: the same vectors, the same eligible items, the best 50 by inner product, one request at a time.

    SHOAL_BENCH_DUMP=/tmp/vectors build/bench/feed_bench && bench/peers/faiss_peer.py /tmp/vectors

Flat, with a bitmap of the eligible items, is exact, and its best ten must be those of feed_bench's "exact, vectors alone". IVF
with 256 lists is what faiss offers to look at less; its recall of the exact best ten is printed. faiss knows nothing of
tags, popularity and rules: compare with the "vectors alone" rows. One thread; times are of this thread's own work. Debian:
python3-faiss. Without it this says so and ends well.
"""
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


def measure(index, asked, params, rounds=5):
    seconds = []
    for _ in range(rounds):
        each = []
        for row in range(len(asked)):
            begin = time.thread_time()
            _, found = index.search(asked[row : row + 1], TOP, params=params)
            each.append((time.thread_time() - begin, found[0]))
        seconds.append(sum(spent for spent, _ in each) / len(asked))
    answers = [found for _, found in each]
    return sorted(seconds)[rounds // 2], sorted(spent for spent, _ in each)[len(each) * 99 // 100], answers


def recall(answers, exact):
    return sum(len(set(found[: len(best)]) & set(best)) for found, best in zip(answers, exact.tolist())) / exact.size


def main():
    try:
        import faiss
        import numpy
    except ImportError as fault:
        print(f"faiss_peer: skipped, {fault} (Debian: python3-faiss)")
        return 0
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    vectors, asked, eligible, exact = read(sys.argv[1])
    faiss.omp_set_num_threads(1)
    bits = numpy.packbits(eligible, bitorder="little")
    selector = faiss.IDSelectorBitmap(len(vectors), faiss.swig_ptr(bits))
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    inverted = faiss.index_factory(vectors.shape[1], "IVF256,Flat", faiss.METRIC_INNER_PRODUCT)
    inverted.train(vectors)
    inverted.add(vectors)
    print(f"faiss {faiss.__version__}, {len(vectors)} items, {int(eligible.sum())} eligible, {len(asked)} requests, top {TOP}")
    print(f"{'':24} {'a second':>8} {'ms':>8} {'p99 ms':>8} {'recall':>8}")
    status = 0
    for name, index, params in [
        ("flat, bitmap", flat, faiss.SearchParameters(sel=selector)),
        ("IVF256, 8 probes, bitmap", inverted, faiss.SearchParametersIVF(sel=selector, nprobe=8)),
        ("IVF256, 32 probes, bitmap", inverted, faiss.SearchParametersIVF(sel=selector, nprobe=32)),
    ]:
        mean, late, answers = measure(index, asked, params)
        found = recall(answers, exact)
        print(f"{name:24} {1 / mean:8.0f} {mean * 1e3:8.3f} {late * 1e3:8.3f} {found:8.4f}")
        if index is flat and found < 0.995:  # floats round differently in the last place
            print("the exact answers differ")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
