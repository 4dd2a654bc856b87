"""What the clients know of each method is what the server knows: which write (and are numbered, to be done once), which only
ask (and may be asked again), and which are told how long they may take.

    client_methods_test.py            compare
    client_methods_test.py --write    write methods.py and methods.js anew (tools/dev protocol does)
"""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = ROOT / "tools/clients/python/shoal/methods.py"
NODE = ROOT / "tools/clients/node/src/methods.js"
HEADS = {
    "WRITES": "Done once under a number, however often they are sent.",
    "READS": "These ask only, and may be asked again. A method in neither is sent once, without a number.",
    "TIMED": "Questions to all shards, which are told how long they may take; a feed is made before it could matter.",
}


def sets():
    table = (ROOT / "engine/shard/method_table.c").read_text(encoding="utf-8")
    words = re.sub(r'"\s*\n\s*"', "", (ROOT / "engine/shard/method_words.c").read_text(encoding="utf-8"))
    params = dict(re.findall(r'\[(SH_METHOD_\w+)\]\s*=\s*\{"([^"]*)",', words))
    rows = re.findall(r'\[(SH_METHOD_\w+)\]\s*=\s*\{"([a-z_.]+)",\s*(SH_SPREAD_\w+),\s*(true|false),\s*(true|false),', table)
    found = {name: set() for name in HEADS}
    for key, name, spread, writes, internal in rows:
        if internal == "true":
            continue
        if writes == "true":
            found["WRITES"].add(name)
        elif spread != "SH_SPREAD_SESSION" or name == "hello":
            found["READS"].add(name)
        if "timeout_ms?" in params[key].split() and spread == "SH_SPREAD_ALL":
            found["TIMED"].add(name)
    return found


def text_of(found, remark, begin, end, quote):
    parts = [f"{remark} Written by tools/dev protocol from the server's method table."]
    for name, head in HEADS.items():
        names = textwrap.wrap(", ".join(f"{quote}{method}{quote}" for method in sorted(found[name])), 120, break_on_hyphens=False)
        parts.append(f"\n{remark} {head}\n{begin.format(name)}\n    " + "\n    ".join(names) + f",\n{end}")
    return "\n".join(parts) + "\n"


def main():
    found = sets()
    faults = [] if min(map(len, found.values())) > 9 else ["the method table is written in another way now: this test finds too little in it"]
    for path, text in ((PYTHON, text_of(found, "#", "{} = frozenset((", "))", '"')), (NODE, text_of(found, "//", "export const {} = new Set([", "]);", "'"))):
        if "--write" in sys.argv and not faults:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            faults.append(f"{path.relative_to(ROOT)} is not what the server says of its methods: run tools/dev protocol")
    print("\n".join(faults) or ", ".join(f"{len(found[name])} {name.lower()}" for name in HEADS))
    return 1 if faults else 0


sys.exit(main())
