"""docs/flavors.md does what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelkeep.flavors import pyfunc, sklearn

PAGE = (Path(__file__).parent.parent.parent / "docs" / "flavors.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs_as_written(number, tmp_path):
    script = tmp_path / "block.py"
    script.write_text(BLOCKS[number])

    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, timeout=120)

    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""


def test_every_argument_of_trust_is_documented():
    for function in (sklearn.load_model, pyfunc.load_model):
        for name in function.__kwdefaults__:
            assert f"`{name}=" in PAGE, name
