"""What the suite ran on: processor, caches, memory, kernel, compilers, versions of all that is compared."""
import os
import pathlib
import platform
import re
import subprocess


def text_of(command):
    """The output of a command, or nothing when it is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def package_version(name):
    return text_of(["dpkg-query", "-W", "-f=${Version}", name])


def cache_bytes():
    """{'L2': bytes of one core's, 'L3': bytes}; guesses where the machine does not tell."""
    found = {"L2": 1 << 20, "L3": 16 << 20}
    for index in pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction" and f"L{level}" in found:
            number, unit = re.fullmatch(r"(\d+)([KM]?)", size).groups()
            found[f"L{level}"] = int(number) << {"": 0, "K": 10, "M": 20}[unit]
    return found


def describe(build):
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    wanted = ["sse4_2", "avx2", "avx512bw", "avx512_vpopcntdq", "avx512_vnni", "amx_int8"]
    memory = next((int(line.split()[1]) for line in pathlib.Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")), 0)
    load = os.getloadavg()
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "instructions": " ".join(name for name in wanted if name in flags),
        "caches": ", ".join(f"{name} {size >> 10} KiB" for name, size in cache_bytes().items()),
        "memory": f"{memory / (1 << 20):.1f} GiB",
        "kernel": platform.release(),
        "system": next((line.split("=", 1)[1].strip('"') for line in pathlib.Path("/etc/os-release").read_text().splitlines()
                        if line.startswith("PRETTY_NAME=")), "unknown"),
        "compiler": text_of(["gcc", "--version"]).splitlines()[0] if text_of(["gcc", "--version"]) else "unknown",
        "shoal": text_of([str(build / "bin" / "shoald"), "--version"]) or "unknown",
        "commit": text_of(["git", "rev-parse", "--short", "HEAD"]) or "no repository",
        "load at the start": " ".join(f"{number:.2f}" for number in load),
    }
