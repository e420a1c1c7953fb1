"""docs/validation.md does what it says."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelkeep.validation import checks
from tests.support.blocks import python_blocks, run_block

PAGE = (Path(__file__).parent.parent.parent / "docs" / "validation.md").read_text()
BLOCKS = python_blocks(PAGE)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs_as_written(number, tmp_path):
    run_block(BLOCKS[number], tmp_path)


def test_there_are_blocks():
    assert len(BLOCKS) == 4


@pytest.mark.parametrize("name", checks.BUILT_IN)
def test_every_measure_is_documented(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("package", ["pandas", "sklearn"])
def test_a_package_that_is_missing_is_named_with_what_to_do(package, tmp_path):
    code = f"""
import sys
sys.modules[{package!r}] = None
import modelkeep
try:
    modelkeep.validate("models:/churn/1", [[1.0]], [1], checks=["roc_auc"], uri={str(tmp_path / "data")!r})
except modelkeep.exceptions.Invalid as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)

    assert "which is not installed: pip install 'modelkeep[sklearn]'" in ran.stdout
