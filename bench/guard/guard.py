#!/usr/bin/env python3
"""Instructions of guard_ops' operations, compared with counts.json.

    guard.py PROGRAM            compare; fails if an operation takes more than TOLERANCE more than it did
    guard.py PROGRAM --write    renew counts.json, when a change is meant: say in the commit what it buys

Counts are those of one compiler, C library and instruction set, named in counts.json; elsewhere there is nothing to
compare with, and the test says that it is skipped.
"""
import json
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

TOLERANCE = 0.05
KEPT = pathlib.Path(__file__).with_name("counts.json")


def measure(program):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["valgrind", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no", f"--callgrind-out-file={folder}/out", program],
                              capture_output=True, text=True, encoding="utf-8")
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
        counted = {}
        for path in pathlib.Path(folder).iterdir():
            text = path.read_text(encoding="utf-8", errors="replace")
            name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
            total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
            if name and total:
                counted[name[1]] = int(total[1])
    calls = {line.split("\t")[0]: int(line.split("\t")[2]) for line in done.stdout.splitlines() if "\t" in line}
    if set(calls) != set(counted) or min(counted.values(), default=0) == 0:
        sys.exit(f"these were not counted: {sorted(set(calls) ^ set(counted))} {counted}")
    return {name: counted[name] // calls[name] for name in calls}


def surroundings(program):
    comment = subprocess.run(["readelf", "-p", ".comment", program], capture_output=True, text=True).stdout
    compiler = re.search(r"(GCC: .*|clang version .*)$", comment, re.M)
    flags = pathlib.Path("/proc/cpuinfo").read_text().split("flags", 1)[-1].split("\n", 1)[0].split()
    return {"compiler": compiler[1] if compiler else "unknown", "libc": " ".join(platform.libc_ver()),
            "instructions": "avx2" if "avx2" in flags else "less"}


def main():
    program = sys.argv[1]
    here = surroundings(program)
    if sys.argv[2:] == ["--write"]:
        KEPT.write_text(json.dumps({"of": here, "instructions a call": measure(program)}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    if kept["of"] != here:
        print(f"SKIPPED: counts.json is of {kept['of']}, this is {here}")
        return
    counts = measure(program)
    worse = []
    for name, count in counts.items():
        before = kept["instructions a call"].get(name)
        change = "" if before is None else f"{100 * (count - before) / before:+.1f} %"
        print(f"{name:28} {count:>12,} {change:>9}")
        if before is None:
            worse.append(f"{name}: there is no count of it yet")
        elif count > before * (1 + TOLERANCE):
            worse.append(f"{name}: {count:,} instructions a call, {change} against {before:,}")
        elif count < before * (1 - TOLERANCE):
            print(f"  better by more than {100 * TOLERANCE:.0f} %: renew counts.json, so that it stays so")
    worse += [f"{name}: it is not measured any more" for name in kept["instructions a call"] if name not in counts]
    if worse:
        sys.exit("\n".join(["slower than it was; if that is meant, guard.py PROGRAM --write and say why:", *worse]))


if __name__ == "__main__":
    main()
