"""The report: a Markdown table, and a page with drawings that needs nothing beside itself."""
import html

import plots

GROUP_TITLES = {
    "limits": "What this machine can do",
    "audience": "Audiences",
    "membership": "Membership",
    "behaviour": "Behaviour of all users",
    "roaring": "The bitmap sets of the Roaring papers",
    "feed": "Feeds",
    "learning": "Learning",
    "wire": "Over the wire",
    "load": "Loading",
    "traffic": "All traffic at once, open loop",
    "memory": "Memory",
    "scaling": "Other sizes",
}
GROUP_NOTES = {
    "limits": "Measured in the same run. The floor of a row elsewhere is the bytes that it must read, at the speed at which one core reads so "
              "many bytes here.",
    "audience": "Engine time of one thread for Shoal, from the text of the expression to the answer; a peer's time is its own client's, in the "
                "same process or over a local socket. `reference` is a plain loop over plain arrays that knows the question beforehand: what "
                "is reachable, not a product. `shoal, kept` is a window that has been asked for before.",
    "roaring": "A pair, or a bitmap written out as numbers. `shoal, compact` uses libroaring's own rule for arrays.",
    "wire": "One server on one processor, the same client on the other. `bare echo` sends every byte back and is the floor.",
    "traffic": "Requests come at their rate whether or not the server keeps up, and a request's time counts from when it was due.",
    "scaling": "The questions of the audience at other numbers of users; the row is what grows.",
}


def number(value):
    if value is None:
        return ""
    size = abs(value)
    if size >= 1e9:
        return f"{value / 1e9:.2f} G"
    if size >= 1e6:
        return f"{value / 1e6:.2f} M"
    if size >= 10_000:
        return f"{value / 1e3:.1f} k"
    if size >= 100:
        return f"{value:.0f}"
    if size >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}"


def figure(row, side):
    data = row["sides"].get(side)
    if data is None:
        return ""
    noise = f" ±{data['noise'] * 100:.0f} %" if data["repeats"] > 1 and data["noise"] >= 0.01 else ""
    return f"{number(data['figure'])} {row['unit']}{noise}"


def against(row, side):
    times, word = row["verdicts"].get(side, (None, ""))
    if times is None:
        return ""
    if word == "tie":
        return "tie"
    return f"{times:.2f} x" if times < 10 else f"{times:.0f} x"


def answer(row):
    if row["differ"]:
        return "ANSWERS DIFFER"
    if row["answer"] is None:
        return ""
    text = row["answer"] if len(row["answer"]) <= 16 else row["answer"][:14] + "…"
    return f"{text} ({row['compared']} agree)" if row["compared"] > 1 else text


def columns_of(row):
    floor = row.get("floor")
    peer = row.get("best_peer", "")
    # A row may have no side of Shoal's: the machine's.
    own = figure(row, "shoal") or " · ".join(f"{figure(row, side)}" for side in row["sides"])
    quantiles = row["sides"].get("shoal", next(iter(row["sides"].values())))["quantiles"]
    if quantiles and row["unit"] == "us":
        own = ", ".join(f"p{float(part) * 100:g} {number(value)}" if float(part) < 1 else f"most {number(value)}"
                        for part, value in quantiles.items()) + " us"
    return {
        "row": row["row"],
        "question": row["title"] + (f" ({number(row['users'])} users)" if row["group"] == "scaling" and row["users"] else ""),
        "answer": answer(row),
        "Shoal": own,
        "reference": f"{figure(row, 'reference') or figure(row, 'bare echo')}",
        "to it": against(row, "reference") or against(row, "bare echo"),
        "best peer": f"{peer} {figure(row, peer)}".strip(),
        "to it ": against(row, peer),
        "floor": f"{number(row['floor_bytes'])}B in {row['floor']['place']}: {number(floor['time'])} {row['unit']}" if floor else "",
        "of it": f"{floor['share'] * 100:.0f} %" if floor else "",
    }


def grouped(rows):
    groups = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    return sorted(groups.items(), key=lambda item: list(GROUP_TITLES).index(item[0]) if item[0] in GROUP_TITLES else 99)


def table(rows):
    """(headings, lines): columns in which nothing stands are left out."""
    lines = [columns_of(row) for row in rows]
    headings = [name for name in lines[0] if any(line[name] for line in lines)]
    return headings, [[line[name] for name in headings] for line in lines]


def facts(result):
    about = dict(result["machine"], users=f"{result['users']:,}", repeats=str(result["repeats"]), command=result["command"],
                 took=f"{result['minutes']} minutes")
    return [(name, str(value)) for name, value in about.items()]


READING = ("Each figure is the median over repeats of the median of its samples; ± is half the spread of those medians. “3.2 x” says how many "
           "times as good as the other side Shoal was; what differs by less than 15 %, or than both spreads, is a tie. Answers of all sides "
           "of a row were compared, and a row in which they differ fails the run.")


def markdown(result):
    out = [f"# Benchmarks, {result['date']}", "", READING, ""]
    out += [f"- {name}: {value}" for name, value in facts(result)] + [""]
    for group, rows in grouped(result["rows"]):
        headings, lines = table(rows)
        out += [f"## {GROUP_TITLES.get(group, group)}", ""]
        if group in GROUP_NOTES:
            out += [GROUP_NOTES[group], ""]
        out += ["| " + " | ".join(heading.strip() for heading in headings) + " |", "|" + "---|" * len(headings)]
        out += ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines] + [""]
    out += ["## Peers", ""]
    out += [f"- **{name}** ({data['version']}): {data['configuration']}" for name, data in result["peers"].items()]
    if result["left out"]:
        out += [f"- not compared: {', '.join(result['left out'])}"]
    out += ["", "## What was run", ""]
    out += [f"- `{line['command']}` ({line['seconds']} s)" for line in result["printed"] if line["repeat"] == 0]
    return "\n".join(out) + "\n"


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1200px; margin: 2em auto; padding: 0 1em; color: #1b2733; background: #fff }
h1 { font-size: 1.6em } h2 { margin-top: 2em; border-bottom: 1px solid #d5dde5; padding-bottom: .2em }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; display: block; overflow-x: auto }
th, td { padding: .25em .6em; text-align: left; border-bottom: 1px solid #e6ebf0; vertical-align: top }
th { background: #f3f6f9; position: sticky; top: 0 }
.worse { color: #b3261e } .better { color: #146c43 } figure { margin: 1em 0 } figure svg { max-width: 100%; height: auto }
details { margin: .3em 0 } pre { background: #f3f6f9; padding: .6em; overflow-x: auto; font-size: 12px } .note { color: #4c5a67 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em } dt { color: #4c5a67 } dd { margin: 0 }
"""


def cell_of(heading, text):
    kind = ""
    if heading.startswith("to it") and text.endswith(" x"):
        kind = ' class="better"' if float(text[:-2]) > 1 else ' class="worse"'
    return f"<td{kind}>{html.escape(text)}</td>"


def detail(row):
    """Who was asked how, and what each of them took: for a reader who does not take our word for it."""
    lines = []
    for side, data in row["sides"].items():
        parts = [f"{html.escape(side)}: {html.escape(figure(row, side))}"]
        if data["best"] is not None:
            parts.append(f"best {number(data['best'])}")
        if data["p99"] is not None:
            parts.append(f"p99 {number(data['p99'])}")
        if side in row["verdicts"] and row["verdicts"][side][0]:
            parts.append(f"Shoal to it {row['verdicts'][side][0]:.2f} x ({row['verdicts'][side][1]})")
        parts += [f"answer {html.escape(given[:60])}" for given in data["answers"]]
        parts += [f"<code>{html.escape(command)}</code>" for command in data["commands"]]
        lines.append("<li>" + "; ".join(parts) + "</li>")
    return f"<details><summary>{html.escape(row['row'])}</summary><ul>{''.join(lines)}</ul></details>"


def page(result, folder):
    drawings = plots.draw(result["rows"], folder)
    out = [f"<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>Shoal, benchmarks of "
           f"{result['date']}</title><style>{STYLE}</style><h1>Shoal: benchmarks of {result['date']}</h1><p>{READING}</p><dl>"]
    out += [f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts(result)]
    out.append("</dl>")
    for group, rows in grouped(result["rows"]):
        headings, lines = table(rows)
        out.append(f"<h2>{html.escape(GROUP_TITLES.get(group, group))}</h2>")
        if group in GROUP_NOTES:
            out.append(f"<p class='note'>{html.escape(GROUP_NOTES[group])}</p>")
        for title, svg in drawings.get(group, []):
            out.append(f"<figure role='img' aria-label='{html.escape(title)}'>{svg}<figcaption>{html.escape(title)}</figcaption></figure>")
        out.append("<table><tr>" + "".join(f"<th>{html.escape(heading)}</th>" for heading in headings) + "</tr>")
        out += ["<tr>" + "".join(cell_of(heading, text) for heading, text in zip(headings, line)) + "</tr>" for line in lines]
        out.append("</table><details><summary>every side of every row</summary>" + "".join(map(detail, rows)) + "</details>")
    out.append("<h2>Peers</h2><dl>")
    out += [f"<dt>{html.escape(name)}</dt><dd>{html.escape(data['version'])}: {html.escape(data['configuration'])}</dd>"
            for name, data in result["peers"].items()]
    out.append("</dl><h2>What was run, and what it printed</h2>")
    out += [f"<details><summary><code>{html.escape(line['command'])}</code>, {line['seconds']} s</summary><pre>{html.escape(line['printed'])}"
            "</pre></details>" for line in result["printed"]]
    return "\n".join(out) + "\n"
