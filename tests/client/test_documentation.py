"""docs/sdk.md does what it says."""

import re
import subprocess
import sys
from pathlib import Path

import modelkeep
from tests.support.blocks import python_blocks, run_block

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "sdk.md").read_text()
BLOCKS = python_blocks(PAGE)


def test_every_block_runs_as_written(tmp_path):
    assert len(BLOCKS) >= 5
    for block in BLOCKS:
        run_block(block, tmp_path)


def test_every_variable_is_documented():
    code = (ROOT / "src" / "modelkeep" / "client" / "environment.py").read_text()
    for name in set(re.findall(r'"((?:MODELKEEP|MLFLOW)_\w+)"', code)) - {"MLFLOW_TRACKING_URI"}:
        assert f"`{name}" in PAGE, name


def test_every_error_is_documented():
    for name, value in vars(modelkeep.exceptions).items():
        if isinstance(value, type) and name not in ("MlflowException", "TooLarge"):
            assert f"`{name}`" in PAGE, name


def test_the_readmes_example_of_the_sdk_runs(tmp_path):
    (block,) = re.findall(r"<!-- sdk -->\n```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(block)
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, timeout=240)
    assert ran.returncode == 0, ran.stderr
