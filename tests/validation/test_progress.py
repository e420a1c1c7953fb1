"""What is being done is shown on a terminal, and nowhere else."""

import os
import pty
import subprocess
import sys

PROGRAM = """
from modelkeep.validation.progress import watching
with watching("Validating models:/churn/1") as tell:
    tell("predicting", 0.2)
    tell("measuring the latency", 1.0)
import sys
print("rich" in sys.modules)
"""


def test_a_terminal_shows_the_steps():
    terminal, end = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=end, text=True, env=environment
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

    assert (program.returncode, printed.strip()) == (0, "True")
    assert "Validating models:/churn/1: measuring the latency" in shown.decode()


def test_without_a_terminal_nothing_is_shown():
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)

    assert (ran.stdout.strip(), ran.stderr) == ("False", "")
