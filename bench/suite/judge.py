"""From the lines that programs recorded to rows of a report.

A row is a question; its sides are who answered it. A side's figure is the median over repeats of the medians of its samples, and its noise
the spread of those medians: half of the largest less the smallest, as a part of the figure. Two sides differ when the ratio of their
figures is above 1 + both noises together, and above TIE; otherwise it is a tie, whatever the figures say.
"""
import statistics

TIE = 1.15


def figure_of(line):
    if line["samples"]:
        return statistics.median(line["samples"])
    return dict((part, value) for part, value in line["quantiles"]).get(0.5, 0.0)


def sides_of(lines):
    """Of one row: {side: {...}}"""
    sides = {}
    for line in lines:
        sides.setdefault(line["side"], []).append(line)
    result = {}
    for side, own in sides.items():
        figures = [figure_of(line) for line in own]
        figure = statistics.median(figures)
        samples = sorted(sample for line in own for sample in line["samples"])
        quantiles = {}
        for line in own:
            for part, value in line["quantiles"]:
                quantiles.setdefault(part, []).append(value)
        result[side] = {
            "figure": figure,
            "noise": (max(figures) - min(figures)) / 2 / figure if figure else 0.0,
            "repeats": len(own),
            "best": samples[0] if samples else None,
            "p99": samples[int(len(samples) * 0.99)] if len(samples) >= 20 else None,
            "samples": thin(samples, 200),
            "quantiles": {str(part): statistics.median(values) for part, values in sorted(quantiles.items())},
            "answers": sorted({line["answer"] for line in own if line.get("answer") is not None}),
            "commands": sorted({line["command"] for line in own}),
        }
    return result


def thin(samples, most):
    """Evenly spaced ones of sorted samples, the first and the last among them."""
    if len(samples) <= most:
        return samples
    return [samples[round(place * (len(samples) - 1) / (most - 1))] for place in range(most)]


def is_rate(unit):
    return unit.endswith("/s")


def ratio(unit, ours, theirs):
    """How many times as good as theirs ours is: above 1 is faster, or more."""
    if not ours or not theirs:
        return None
    return ours / theirs if is_rate(unit) else theirs / ours


def verdict(unit, ours, theirs):
    """(ratio, word): how ours stands to theirs."""
    times = ratio(unit, ours["figure"], theirs["figure"])
    if times is None:
        return None, "unknown"
    band = max(TIE, 1 + ours["noise"] + theirs["noise"])
    return times, "tie" if 1 / band < times < band else "better" if times > 1 else "worse"


def bandwidth(rows, caches, byte_count):
    """GB/s at which one core reads so many bytes again and again here, and where from; (None, ...) if limits were not run."""
    place = "L2" if byte_count <= caches["L2"] / 2 else "L3" if byte_count <= caches["L3"] / 2 else "DRAM"
    for row in rows:
        if row["group"] == "limits" and row["row"] == f"read, {place}, 1 thread":
            return row["sides"]["machine"]["figure"], place
    return None, place


def rows_of(lines, caches):
    grouped = {}
    for line in lines:
        # The same question at several sizes are several rows.
        grouped.setdefault((line["of"] if line["of"] == "scaling" else line["group"], line["row"], line.get("users") or 0), []).append(line)
    rows = []
    for (group, name, users), own in grouped.items():
        sides = sides_of(own)
        answers = {side: data["answers"] for side, data in sides.items() if data["answers"]}
        distinct = {answer for given in answers.values() for answer in given}
        row = {
            "group": group,
            "row": name,
            "users": users,
            "title": next((line["title"] for line in own if line.get("title")), ""),
            "unit": own[0]["unit"],
            "sides": sides,
            "answer": next(iter(distinct)) if len(distinct) == 1 else None,
            "compared": len(answers),
            "differ": answers if len(distinct) > 1 else None,
            "floor_bytes": max((line.get("floor_bytes", 0) for line in own), default=0),
        }
        rows.append(row)
    for row in rows:
        judge_row(row, rows, caches)
    return rows


def judge_row(row, rows, caches):
    ours = row["sides"].get("shoal")
    row["verdicts"] = {}
    if ours is None:
        return
    for side, data in row["sides"].items():
        if side != "shoal":
            row["verdicts"][side] = verdict(row["unit"], ours, data)
    others = [side for side in row["sides"] if not side.startswith("shoal") and side not in ("reference", "bare echo")]
    if others:
        row["best_peer"] = min(others, key=lambda side: -row["sides"][side]["figure"] if is_rate(row["unit"]) else row["sides"][side]["figure"])
    if row["floor_bytes"] and row["unit"] in ("us", "ms"):
        speed, place = bandwidth(rows, caches, row["floor_bytes"])
        if speed:
            floor = row["floor_bytes"] / speed / (1e3 if row["unit"] == "us" else 1e6)
            row["floor"] = {"time": floor, "place": place, "speed": speed, "share": floor / ours["figure"] if ours["figure"] else 0}
