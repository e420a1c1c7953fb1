"""The README's example does what the README says."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.blocks import python_blocks

README = Path(__file__).parent.parent.parent / "README.md"


def test_the_readmes_example_runs_as_written(server_url, tmp_path):
    code, *_ = python_blocks(README.read_text())
    assert "http://127.0.0.1:5000" in code
    script = tmp_path / "example.py"
    script.write_text(code.replace("http://127.0.0.1:5000", server_url))

    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, timeout=240)

    assert ran.returncode == 0, ran.stderr
    assert re.search(r"\[[01] [01] [01]\]", ran.stdout)
