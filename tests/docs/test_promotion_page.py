"""The story of docs/promotion.md runs as written."""

from tests.support.blocks import python_blocks, run_block
from tools.generate_docs import DOCS

BLOCKS = python_blocks((DOCS / "promotion.md").read_text())


def test_the_story_runs_as_written(tmp_path):
    (story,) = BLOCKS
    printed = run_block(story, tmp_path, 240)

    assert printed.splitlines()[0].startswith("version 1: rollback by ")
