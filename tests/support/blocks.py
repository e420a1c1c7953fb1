"""The Python of a page of the documentation, run as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def python_blocks(page: str) -> list[str]:
    """The blocks of Python in a page of Markdown."""
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


def run_block(block: str, folder: Path, seconds: float = 120) -> str:
    """Run a block in a process of its own, in a folder; it must end well and complain of nothing. What it printed."""
    script = folder / "block.py"
    script.write_text(block)
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=folder, timeout=seconds)
    assert ran.returncode == 0, f"{block}\n{ran.stderr}"
    assert ran.stderr == ""
    return ran.stdout
