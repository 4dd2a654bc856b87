"""Whatever the server can do, the command line can: each method is asked by a command of its own, or stands here with the
reason why `shoal call` is enough. Each command has its paragraph in shoal(1).

Read from the sources, as methods_test.py does.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHOAL = ROOT / "tools" / "shoal"

WITHOUT_A_COMMAND = {
    "audience.ask": "count, list and sample in one evaluation: for programs, which ask all three",
    "audience.export": "asked for pages of what is exported, by who writes the file",
    "event.list": "as audience.export",
    "item.list": "as audience.export",
    "audience.close": "lets go of a cursor early: list --all asks for all pages, and cursors close by themselves",
    "hello": "the client library says it for every command",
    "shard.learn": "shards say it to each other",
}


def main():
    table = (ROOT / "engine/shard/method_table.c").read_text(encoding="utf-8")
    methods = set(re.findall(r'\[SH_METHOD_\w+\]\s*=\s*\{"([a-z_.]+)"', table))
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted(SHOAL.glob("*.c")))
    client = (ROOT / "engine/client/client_link.c").read_text(encoding="utf-8")
    asked = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)?)"', sources))
    commands = re.findall(r'^    \{"([a-z-]+)",', (SHOAL / "command.c").read_text(encoding="utf-8"), re.M)
    manual = (SHOAL / "shoal.1").read_text(encoding="utf-8").replace("\\-", "-")
    faults = []
    if len(methods) < 60 or len(commands) < 30 or '"hello"' not in client:
        faults.append("the sources are written in another way now: this test finds too little in them")
    for method in sorted(methods - asked - set(WITHOUT_A_COMMAND)):
        faults.append(f"no command asks `{method}`: add one in tools/shoal, or say in {pathlib.Path(__file__).name} why not")
    for method in sorted(WITHOUT_A_COMMAND):
        if method not in methods:
            faults.append(f"`{method}` is excused and is no method")
    for command in commands:
        if not re.search(rf'^\.B[IR]? "?{re.escape(command)}\b', manual, re.M):
            faults.append(f"shoal.1 says nothing of `shoal {command}`")
    print("\n".join(faults) or f"{len(methods)} methods, {len(commands)} commands")
    return 1 if faults else 0


sys.exit(main())
