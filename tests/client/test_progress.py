"""The progress bar, on a terminal and nowhere else."""

import os
import pty
import subprocess
import sys

import pytest

PROGRAM = """
from modelkeep.client.progress import watching
with watching("Sending", {size}) as progress:
    progress({size} // 2)
    progress({size} - {size} // 2)
import sys
print("click" in sys.modules)
"""
LARGE = 64 * 1024 * 1024


def run_on_a_terminal(size):
    """What a program prints, and what it writes to a terminal as its standard error."""
    terminal, end = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(size=size)],
        stdout=subprocess.PIPE,
        stderr=end,
        text=True,
        env=environment,
    )
    os.close(end)
    shown = b""
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:  # the program has closed its end
        pass
    os.close(terminal)
    printed, _ = program.communicate(timeout=120)
    assert program.returncode == 0
    return printed.strip(), shown.decode()


def test_a_large_transfer_shows_a_bar():
    printed, shown = run_on_a_terminal(LARGE)
    assert printed == "True"
    assert "Sending" in shown and "33.6 of 67.1 MB" in shown and "100%" in shown


def test_a_small_transfer_shows_nothing():
    assert run_on_a_terminal(1024) == ("False", "")


@pytest.mark.parametrize("size", [LARGE])
def test_without_a_terminal_nothing_is_shown(size):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(size=size)], capture_output=True, text=True, timeout=120, check=True
    )
    assert (ran.stdout.strip(), ran.stderr) == ("False", "")
