"""The method table, what is said of each method, and the table in PROTOCOL.md are of the same methods.

    methods_test.py            compare
    methods_test.py --write    write PROTOCOL.md's table anew (tools/dev protocol)

Read from the sources, so that a method that was forgotten is found before anything is built.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "engine" / "protocol" / "PROTOCOL.md"
BEGIN = "<!-- the table: tools/dev protocol writes it from method_table.c and method_words.c -->\n"
END = "<!-- the table ends -->\n"


def methods():
    """[(name, writes, roles, params, words)] in the order of their names, without those between shards."""
    table = (ROOT / "engine/shard/method_table.c").read_text(encoding="utf-8")
    said = (ROOT / "engine/shard/method_words.c").read_text(encoding="utf-8")
    said = re.sub(r'"\s*\n\s*"', "", said)  # texts cut in two
    rows = re.findall(r'\[(SH_METHOD_\w+)\]\s*=\s*\{"([a-z_.]+)",\s*SH_SPREAD_\w+,\s*(true|false),\s*(true|false),\s*'
                      r'SH_METHOD_\w+,\s*([A-Z |_]+?),', table)
    words = dict((key, (params, text)) for key, params, text in
                 re.findall(r'\[(SH_METHOD_\w+)\]\s*=\s*\{"([^"]*)",\s*"([^"]*)"\}', said))
    faults = []
    if len(rows) < 50:
        faults.append(f"only {len(rows)} methods were found in method_table.c: is it written in another way now?")
    found = []
    for key, name, writes, internal, roles in rows:
        if internal == "true":
            continue
        if key not in words:
            faults.append(f"engine/shard/method_words.c says nothing of `{name}`: add [{key}] there, then tools/dev protocol")
            continue
        roles = [role.strip().lower() for role in roles.split("|")]
        found.append((name, writes == "true", "any" if roles == ["any"] else ", ".join(roles), *words.pop(key)))
    faults += [f"engine/shard/method_words.c: {key} is in no method table" for key in words]
    return sorted(found), faults


def table(found):
    lines = ["| method | params | for | roles |", "|---|---|---|---|"]
    for name, writes, roles, params, words in found:
        shown = ", ".join(params.split()) or "–"
        lines.append(f"| `{name}`{' ✎' if writes else ''} | {shown} | {words} | {roles} |")
    return "\n".join(lines) + "\n"


def main():
    found, faults = methods()
    text = PROTOCOL.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    inside, end, after = rest.partition(END)
    if not begin or not end:
        faults.append("PROTOCOL.md has no marks around its table")
    elif "--write" in sys.argv and not faults:
        PROTOCOL.write_text(before + BEGIN + table(found) + END + after, encoding="utf-8")
    elif inside != table(found):
        faults.append("PROTOCOL.md's table is not that of the methods: run tools/dev protocol")
    for name, *_ in found:
        # Beside the table each has its own words, under its own name or with its neighbours.
        if f"`{name}" not in before + after:
            print(f"note: PROTOCOL.md says nothing of `{name}` beside the table")
    print("\n".join(faults) or f"{len(found)} methods are described")
    return 1 if faults else 0


sys.exit(main())
