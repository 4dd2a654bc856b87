"""tools/TUTORIAL.md in both languages: what it says to type is typed, and what is printed is compared.

In a block of ```console a line after `$ ` is typed into one bash, which sits in an empty folder with the programs on its
path; `> ` continues it; the lines up to the next are what is printed. Times are left out. `tutorial_test.py --write` renews
what is printed, in both pages.
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

from rpc import BUILD, ROOT

PAGES = [ROOT / "tools" / name for name in ("TUTORIAL.md", "TUTORIAL.zh.md")]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def commands(page):
    """What is typed, in the order of the page, and what the page says it prints."""
    for block in BLOCK.findall(page):
        for part in re.findall(r"^\$ .*\n(?:^> .*\n)*(?:^(?!\$ ).*\n)*", block, re.M):
            lines = part.splitlines()
            typed = [lines[0][2:]]
            while len(lines) > len(typed) and lines[len(typed)].startswith("> "):
                typed.append(lines[len(typed)][2:])
            yield "\n".join(typed), lines[len(typed):]


def without_times(line):
    return re.sub(r"\b[\d.,]+ (us|ms|s)\b", "… s", line).rstrip()


def type_all(typed):
    """The lines that each command prints."""
    mark = "---- the next command ----"
    script = "exec 2>&1\n" + "".join(f"{command}\necho '{mark}'\n" for command in typed)
    path = f"{BUILD / 'bin'}:/usr/bin:/bin"
    python = str(ROOT / "tools" / "clients" / "python")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["bash"], input=script, cwd=folder, env={**os.environ, "PATH": path, "PYTHONPATH": python,
                                                                           "LANG": "C.UTF-8", "TZ": "UTC"},
                              stdout=subprocess.PIPE, text=True, encoding="utf-8", timeout=100)
    printed = done.stdout.split(mark + "\n")[:-1]
    assert len(printed) == len(typed), done.stdout[-3000:]
    return [output.splitlines() for output in printed]


class Tutorial(unittest.TestCase):
    maxDiff = None

    def test_it_can_be_typed(self):
        page = PAGES[0].read_text(encoding="utf-8")
        said = list(commands(page))
        self.assertGreater(len(said), 20)
        for (typed, expected), printed in zip(said, type_all([typed for typed, _ in said])):
            with self.subTest(typed=typed):
                self.assertEqual([without_times(line) for line in printed], [without_times(line) for line in expected])

    def test_both_pages_say_the_same(self):
        english, chinese = [list(commands(path.read_text(encoding="utf-8"))) for path in PAGES]
        self.assertEqual(chinese, english)


def write():
    typed = [typed for typed, _ in commands(PAGES[0].read_text(encoding="utf-8"))]
    printed = type_all(typed)
    for path in PAGES:
        places = iter(zip(typed, printed))

        def renew(block):
            out = "```console\n"
            for _ in re.findall(r"^\$ ", block[1], re.M):
                command, lines = next(places)
                out += "$ " + command.replace("\n", "\n> ") + "\n" + "".join(line.rstrip() + "\n" for line in lines)
            return out + "```"

        path.write_text(BLOCK.sub(renew, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        unittest.main()
