"""Names every #include that goes against the arrows of the house.

The CMake link lists (USES in engine/*/CMakeLists.txt) are the include directions. The compiler already refuses a header
that is not reached through them; this test also says which line is wrong, refuses a longer USES list than the house has,
and checks that file names are unique, so that "bitmap.h" can only mean one file.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A module may include what stands here, and nothing else. An arrow of engine/README.md reads "is used by".
DIRECT = {
    "base": [],
    "io": ["base"],
    "bitmap": ["base"],
    "column": ["bitmap"],
    "table": ["column"],
    "event": ["table"],
    "query": ["event"],
    "audience": ["query"],
    "train": ["base"],
    "feed": ["audience", "train"],
    "storage": ["io"],
    "shard": ["feed", "storage"],
    "access": ["shard"],
    "protocol": ["base"],
    "client": ["protocol", "tls"],
    "tls": ["base"],
    "server": ["protocol", "access", "io", "tls"],
    "http": ["server"],
}


def reach(module):
    found = {module}
    for used in DIRECT[module]:
        found |= reach(used)
    return found


def main():
    faults = []
    owner = {}
    for path in sorted((ROOT / "engine").rglob("*.[ch]")):
        module = path.relative_to(ROOT / "engine").parts[0]
        if module not in DIRECT:
            faults.append(f"{path.relative_to(ROOT)}: engine/{module} is not a room of the house")
            continue
        if path.name in owner:
            faults.append(f"{path.relative_to(ROOT)}: the name stands twice, see engine/{owner[path.name]}")
        owner[path.name] = module
    include = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
    checked = 0
    for path in sorted((ROOT / "engine").rglob("*.[ch]")):
        module = path.relative_to(ROOT / "engine").parts[0]
        if module not in DIRECT:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = include.match(line)
            if not match:
                continue
            checked += 1
            target = pathlib.PurePath(match.group(1)).name
            where = f"{path.relative_to(ROOT)}:{number}"
            if target in owner:
                if owner[target] not in reach(module):
                    faults.append(f"{where}: {module} must not include {target} of {owner[target]}")
                elif target.endswith("_private.h") and owner[target] != module:
                    faults.append(f"{where}: {target} is private to {owner[target]}")
            elif not (ROOT / "include" / "shoal" / target).exists():
                faults.append(f"{where}: {match.group(1)} is no file of engine/ or include/shoal/")
    for folder in sorted((ROOT / "engine").iterdir()):
        lists = folder / "CMakeLists.txt"
        if not lists.exists() or folder.name not in DIRECT:
            continue
        match = re.search(r"USES([^)]*?)(?:LINKS|SOURCES)", lists.read_text(), re.S)
        uses = match.group(1).split() if match else []
        for used in uses:
            if used not in reach(folder.name):
                faults.append(f"{lists.relative_to(ROOT)}: {folder.name} must not use {used}")
    for kernel in sorted((ROOT / "engine").rglob("kernels/*.c")):
        if kernel.stem.endswith("_select"):
            continue
        # Its own folder's headers, and the numbers of the CPU features: nothing whose code could end up in the baseline.
        own = {path.name for path in kernel.parent.glob("*.h")} | {"cpu.h"}
        for number, line in enumerate(kernel.read_text(encoding="utf-8").splitlines(), 1):
            match = include.match(line)
            if match and match.group(1) not in own:
                faults.append(f"{kernel.relative_to(ROOT)}:{number}: a kernel file includes only headers of its folder")
    if checked < 20:
        faults.append(f"only {checked} includes were seen: is this the source tree?")
    print("\n".join(faults) or f"{checked} includes follow the arrows")
    return 1 if faults else 0


sys.exit(main())
