"""Drawings of a report, by gnuplot as SVG; without gnuplot there are none, and the tables say all."""
import pathlib
import re
import shutil
import subprocess
import tempfile

COLORS = ["#0b6e99", "#9aa7b2", "#c2571a", "#6a4c93", "#2e8540", "#b3261e", "#7a6a00", "#4c5a67", "#d48ab0", "#58a4b0"]
HEAD = """set terminal svg size 900,{height} dynamic font 'sans-serif,12' background '#ffffff'
set output '{out}'
set border 3 lc rgb '#4c5a67'
set tics nomirror
set grid ytics lc rgb '#e6ebf0'
set key outside right top
"""


def quoted(text):
    return "'" + text.replace("'", "").replace("_", "\\\\_") + "'"


def gnuplot(script, height=380):
    """One drawing as SVG text that can stand inside a page."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out.svg"
        text = HEAD.format(out=out, height=height) + script
        subprocess.run(["gnuplot"], input=text, text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        svg = out.read_text()
    svg = svg[svg.index("<svg"):]
    # Names that gnuplot gives to its parts are the same in each drawing; a page has several.
    mark = f"g{abs(hash(script)) % 10**8}"
    return re.sub(r"(id='|href='#|url\(#)", lambda match: match.group(1) + mark, svg)


def block(name, lines):
    return f"${name} << EOD\n" + "\n".join(lines) + "\nEOD\n"


def bars(rows, sides, label):
    """One group of bars a row, one bar a side, on a logarithmic axis."""
    lines = []
    for row in rows:
        cells = [f"{row['sides'][side]['figure']:.6g}" if side in row["sides"] and row["sides"][side]["figure"] else "NaN" for side in sides]
        lines.append(" ".join(['"' + row["row"].replace('"', "") + '"', *cells]))
    script = block("d", lines) + "set style data histogram\nset style histogram clustered gap 1\nset style fill solid\nset logscale y\n"
    script += f"set ylabel {quoted(label)}\nset xtics rotate by -25\n"
    script += "plot " + ", ".join(f"$d using {place + 2}:xtic(1) title {quoted(side)} lc rgb '{COLORS[place % len(COLORS)]}'"
                                  for place, side in enumerate(sides))
    return gnuplot(script)


def distribution(row):
    """Of each side, how long each part of its questions took."""
    script, parts = "", []
    for place, (side, data) in enumerate(row["sides"].items()):
        samples = data["samples"]
        if len(samples) < 5:
            continue
        script += block(f"s{place}", [f"{index / (len(samples) - 1) * 100:.2f} {value:.6g}" for index, value in enumerate(samples)])
        parts.append(f"$s{place} using 1:2 with lines lw 2 lc rgb '{COLORS[place % len(COLORS)]}' title {quoted(side)}")
    if not parts:
        return None
    return gnuplot(script + f"set logscale y\nset xlabel 'percentile'\nset ylabel {quoted(row['unit'])}\nplot " + ", ".join(parts))


def shares(rows):
    lines = [f'"{row["row"]}" {row["floor"]["share"] * 100:.1f}' for row in rows]
    return gnuplot(block("d", lines) + "set style data histogram\nset style fill solid\nset boxwidth 0.7\nset yrange [0:*]\n"
                   "set ylabel 'percent of the speed at which the bytes can be read'\nset xtics rotate by -25\n"
                   f"plot $d using 2:xtic(1) title 'Shoal' lc rgb '{COLORS[0]}'")


def peer_ratios(rows):
    lines = [f'"{row["row"]} ({row["best_peer"]})" {row["verdicts"][row["best_peer"]][0]:.3f}' for row in rows]
    return gnuplot(block("d", lines) + "set style data histogram\nset style fill solid\nset boxwidth 0.7\nset logscale y\n"
                   "set ylabel 'times as fast as the best peer'\nset xtics rotate by -25\nset arrow from graph 0, first 1 to graph 1, first 1 nohead lc rgb '#b3261e'\n"
                   f"plot $d using 2:xtic(1) title 'Shoal' lc rgb '{COLORS[0]}'", height=440)


def scaling(rows):
    """Each question over the number of users."""
    questions = {}
    for row in rows:
        if "shoal" in row["sides"] and row["users"] and row["unit"] == "us":
            questions.setdefault(row["row"], []).append((row["users"], row["sides"]["shoal"]["figure"]))
    script, parts = "", []
    for place, (name, points) in enumerate(sorted(questions.items())):
        if len(points) < 2:
            continue
        script += block(f"q{place}", [f"{users} {value:.6g}" for users, value in sorted(points)])
        parts.append(f"$q{place} using 1:2 with linespoints lw 2 lc rgb '{COLORS[place % len(COLORS)]}' title {quoted(name)}")
    if not parts:
        return None
    return gnuplot(script + "set logscale xy\nset xlabel 'users'\nset ylabel 'us'\nset format x '%.0s %c'\nplot " + ", ".join(parts))


def traffic(rows):
    """Percentiles of each kind, alone and together."""
    script, parts = "", []
    for place, row in enumerate(rows):
        quantiles = row["sides"]["shoal"]["quantiles"]
        script += block(f"t{place}", [f"{index} {value:.6g}" for index, value in enumerate(quantiles.values())])
        names = ", ".join(f'"p{float(part) * 100:g}" {index}' if float(part) < 1 else f'"most" {index}' for index, part in enumerate(quantiles))
        parts.append(f"$t{place} using 1:2 with linespoints lw 2 lc rgb '{COLORS[place % len(COLORS)]}' dt {1 if 'alone' in row['row'] else 2} "
                     f"title {quoted(row['row'])}")
    return gnuplot(script + f"set logscale y\nset ylabel 'us, from when it was due'\nset xtics ({names})\nplot " + ", ".join(parts), height=520)


def draw(rows, folder):
    """{group: [(title, SVG text)]}"""
    del folder
    if shutil.which("gnuplot") is None:
        return {}
    result = {}
    own = {}
    for row in rows:
        own.setdefault(row["group"], []).append(row)

    def add(group, title, svg):
        if svg is not None:
            result.setdefault(group, []).append((title, svg))

    audience = [row for row in own.get("audience", []) if row["unit"] == "us" and "shoal" in row["sides"]]
    if audience:
        sides = list(dict.fromkeys(side for row in audience for side in row["sides"]))
        add("audience", "Median time of each question, each side", bars(audience, sides, "us"))
        with_peer = [row for row in audience if row.get("best_peer")]
        if with_peer:
            add("audience", "How many times as fast as the best peer", peer_ratios(with_peer))
        floors = [row for row in audience if row.get("floor")]
        if floors:
            add("audience", "Share of the machine's limit", shares(floors))
        for row in audience:
            if row["row"] in ("Q2", "Q5", "Q6"):
                add("audience", f"{row['row']}: all samples, sorted", distribution(row))
    wire = [row for row in own.get("wire", []) if row["unit"] == "/s"]
    if wire:
        sides = list(dict.fromkeys(side for row in wire for side in row["sides"]))
        add("wire", "Requests a second", bars(wire, sides, "requests/s"))
    roaring = own.get("roaring", [])
    if roaring:
        sides = list(dict.fromkeys(side for row in roaring for side in row["sides"]))
        add("roaring", "Time of a pair, or of a bitmap", bars(roaring, sides, "us"))
    if own.get("traffic"):
        add("traffic", "Percentiles, each kind alone and all together", traffic(own["traffic"]))
    if own.get("scaling"):
        add("scaling", "Time over the number of users", scaling(own["scaling"] + own.get("audience", [])))
    return result
