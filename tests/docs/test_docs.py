"""The documentation says what the code does."""

import re
from pathlib import Path

import click
import pytest

from modelkeep.cli.backup import backup
from modelkeep.cli.restore import restore
from tests.support.blocks import python_blocks
from tools.generate_docs import DOCS, PAGES

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("file", PAGES)
def test_a_generated_page_is_up_to_date(file):
    assert (DOCS / file).read_text() == PAGES[file](), "run `make docs`"


@pytest.mark.parametrize(
    "page",
    ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] + [f"docs/{page.name}" for page in DOCS.glob("*.md")],
)
def test_links_between_pages_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith(("http://", "https://")):
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


@pytest.mark.parametrize(("command", "page"), [(backup, "backup.md"), (restore, "backup.md")])
def test_every_option_of_a_command_is_documented(command, page):
    text = (DOCS / page).read_text()
    for option in command.params:
        if isinstance(option, click.Option):
            assert f"| `{option.opts[0]}` |" in text


def test_every_line_of_the_readmes_example_is_python():
    for block in python_blocks((ROOT / "README.md").read_text()):
        compile(block, "README.md", "exec")
