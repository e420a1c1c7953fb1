"""docs/migration.md says what is so: its blocks are run, in their order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click

from modelkeep.cli.import_ import mlflow
from tests.support.servers import ROOT

PAGE = (ROOT / "docs" / "migration.md").read_text()


def test_every_block_of_the_page_runs(file_store, tmp_path):
    commands = tmp_path / "bin"
    commands.mkdir()
    command = commands / "modelkeep"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m modelkeep "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    printed = []
    for language, block in re.findall(r"```(sh|python)\n(.*?)```", PAGE, re.DOTALL):
        program = ["sh", "-ec", block] if language == "sh" else [sys.executable, "-c", block]
        done = subprocess.run(
            program, cwd=file_store.parent, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        printed.append(done.stdout)

    first, again, told = printed
    assert "runs: 7 imported" in first and "0 differences" in first
    assert "runs: 7 unchanged" in again
    assert told.startswith("1 Production [") and f"was imported from {Path(file_store).resolve()}" in told


def test_every_option_is_on_the_page():
    for option in mlflow.params:
        if isinstance(option, click.Option):
            assert f"| `{option.opts[0]}` |" in PAGE
