"""`shoal` started bare, in a terminal of its own: lines, history, completion, where the mark stands, how one leaves."""
import os
import pathlib
import pty
import re
import select
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from rpc import SHOAL, Server  # noqa: E402


class Terminal:
    def __init__(self, address, home):
        self.text = ""
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.environ.update(HOME=home, TERM="xterm", LANG="C.UTF-8", LC_ALL="C.UTF-8", SHOAL_ADDR=address)
            os.execv(SHOAL, [str(SHOAL)])

    def wait_for(self, pattern, seconds=20):
        """What was printed up to and including the pattern; later waits begin behind it."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            if time.monotonic() > end:
                raise AssertionError(f"{pattern!r} did not come:\n{self.text}")
            if select.select([self.file], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.file, 65536).decode("utf-8", "replace").replace("\r", "")
                except OSError:  # the other end is closed
                    break
        if found is None:
            found = re.search(pattern, self.text)
            if found is None:
                raise AssertionError(f"{pattern!r} did not come before the end:\n{self.text}")
        before, self.text = self.text[:found.end()], self.text[found.end():]
        return before

    def type(self, keys):
        os.write(self.file, keys.encode())

    def status(self, keys=""):
        """The exit status, when it has left of its own will: a closed terminal would be a hang-up. keys are typed until
        it leaves: a Ctrl-D between the prompt and the editor's first read is the terminal's own, and leaves a byte in
        the line, which Ctrl-U clears."""
        for _ in range(80):
            self.type(keys)
            try:
                while select.select([self.file], [], [], 0.25)[0] and os.read(self.file, 65536):
                    pass
            except OSError:  # the other end is closed
                break
        else:
            os.kill(self.process, 9)
        result = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        os.close(self.file)
        return result


class Shell(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        with cls.server.client() as client:
            client.call("schema.put", users={"attributes": [{"name": "city", "type": "string"}, {"name": "会员等级", "type": "string"}],
                                             "tag_sets": []})
            client.call("user.put", users=[{"id": "u1", "city": "成都"}, {"id": "u2", "city": "上海"}])

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="shoal-shell-")
        self.addCleanup(folder.cleanup)
        self.home = folder.name
        self.terminal = self.start()

    def start(self):
        terminal = Terminal(self.server.unix, self.home)
        self.assertIn("Ctrl-D leaves", terminal.wait_for(r"shoal> "))
        return terminal

    def test_an_expression_alone_is_counted(self):
        self.terminal.type("city = '成都'\n")
        self.terminal.wait_for(r"1 of 2 users \(50\.00 %\)")
        self.terminal.wait_for(r"shoal> ")
        self.terminal.type("list --fields city city = '上海'\n")
        self.terminal.wait_for(r"u2 +上海\n1 of 1 users")

    def test_control_d_and_exit_leave(self):
        self.assertEqual(self.terminal.status("\x15\x04"), 0)
        second = self.start()
        second.type("exit\n")
        second.wait_for(r"exit\n")
        self.assertEqual(second.status(), 0)

    def test_tab_completes_commands_words_and_names(self):
        self.terminal.type("cit\t= '成都'\n")
        self.terminal.wait_for(r"1 of 2 users")
        self.terminal.wait_for(r"shoal> ")
        self.terminal.type("会员\tis missing\n")
        self.terminal.wait_for(r"2 of 2 users")
        self.terminal.wait_for(r"shoal> ")
        self.terminal.type("pin\t\n")
        self.terminal.wait_for(r"answers")

    def test_history_is_kept_for_its_owner_alone(self):
        self.terminal.type("city = '上海'\n")
        self.terminal.wait_for(r"1 of 2 users")
        self.terminal.wait_for(r"shoal> ")
        self.terminal.type("quit\n")
        self.terminal.wait_for(r"quit\n")
        self.assertEqual(self.terminal.status(), 0)
        history = pathlib.Path(self.home) / ".shoal_history"
        self.assertEqual(history.stat().st_mode & 0o777, 0o600)
        second = self.start()
        second.type("\x10\x10\n")  # Ctrl-P: the line before, twice
        second.wait_for(r"1 of 2 users")
        self.assertEqual(second.status("\x15\x04"), 0)

    def test_the_mark_stands_under_the_fault(self):
        self.terminal.type("会员等级 = '金卡' and citi = 'x'\n")
        said = self.terminal.wait_for(r"did you mean city\?").splitlines()
        mark = next(line for line in said if line.strip() == "^")
        self.assertEqual(len(mark) - 1, 2 + len("XXXXXXXX = 'XXXX' and "))
        self.terminal.wait_for(r"shoal> ")
        self.terminal.type("nonsense(\n")
        self.terminal.wait_for(r"\^")
        self.terminal.wait_for(r"shoal> ")  # and it goes on


if __name__ == "__main__":
    unittest.main()
