"""The documentation says what the code does."""

import re
from pathlib import Path

import pytest

from tools.generate_docs import DOCS, PAGES

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("file", PAGES)
def test_a_generated_page_is_up_to_date(file):
    assert (DOCS / file).read_text() == PAGES[file](), "run `make docs`"


@pytest.mark.parametrize(
    "page", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/settings.md", "docs/uploads.md"]
)
def test_links_between_pages_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith(("http://", "https://")):
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


def test_every_line_of_the_readmes_example_is_python():
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL):
        compile(block, "README.md", "exec")
