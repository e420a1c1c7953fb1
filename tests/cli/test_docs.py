"""What docs/cli.md and README.md show of the command line, run line by line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import modelkeep.sklearn
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]


def lines(page: str) -> list[list[str]]:
    """The words of each command of the page's blocks for shells that talk to a registry."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [
        shlex.split(line, comments=True)
        for block in blocks
        if "MODELKEEP_URI=" in block
        for line in block.splitlines()
        if line.startswith("modelkeep ")
    ]


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_every_line_works(page: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the pages call ./model and holdout.csv.
    data = pd.DataFrame({"orders": [1.0, 2.0, 8.0, 9.0] * 5, "churned": [1, 1, 0, 0] * 5})
    data.to_csv(tmp_path / "holdout.csv", index=False)
    modelkeep.sklearn.save_model(LogisticRegression().fit(data[["orders"]], data["churned"]), tmp_path / "model")
    monkeypatch.chdir(tmp_path)

    for _, *args in lines(page):
        if "--follow" in args:  # which has no end of its own
            args.remove("--follow")
        assert run(*args).out
    assert len(lines(page)) > 5
