"""docs/flavors.md does what it says."""

from pathlib import Path

import pytest

from modelkeep.flavors import pyfunc, sklearn
from tests.support.blocks import python_blocks, run_block

PAGE = (Path(__file__).parent.parent.parent / "docs" / "flavors.md").read_text()
BLOCKS = python_blocks(PAGE)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs_as_written(number, tmp_path):
    run_block(BLOCKS[number], tmp_path)


def test_every_argument_of_trust_is_documented():
    for function in (sklearn.load_model, pyfunc.load_model):
        for name in function.__kwdefaults__:
            assert f"`{name}=" in PAGE, name
