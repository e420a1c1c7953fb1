"""The links that the mlflow client prints, in a real browser: what follows `#` never reaches a server."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ui.conftest import Site
from tests.ui.furnishing import CHURN, HOSTILE_NAMES

_QUIET = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no browser: set CHROMIUM, or install chromium")
    return found


def title(browser: str, profile: Path, address: str) -> str:
    """The title of the page that an address ends on, once its scripts have run."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [browser, *_QUIET, *sandbox, f"--user-data-dir={profile}", "--dump-dom", address],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return done.stdout.decode().partition("<title>")[2].partition("</title>")[0]


def test_a_printed_link_to_a_model_lands_on_its_page(browser: str, tmp_path: Path, site: Site) -> None:
    assert title(browser, tmp_path, f"{site.url}/#/models/{CHURN}") == f"{CHURN} · Modelkeep"


def test_a_printed_link_to_a_run_lands_on_its_page(browser: str, tmp_path: Path, site: Site) -> None:
    address = f"{site.url}/#/experiments/{site.put.experiment_id}/runs/{site.put.run_ids[0]}"
    assert title(browser, tmp_path, address) == "forest-1 · Modelkeep"


def test_below_a_base_path_a_printed_link_stays_below_it(browser: str, tmp_path: Path, site_below_a_path: Site) -> None:
    address = f"{site_below_a_path.url}/#/models/{CHURN}/versions/4"
    assert title(browser, tmp_path, address) == f"{CHURN} version 4 · Modelkeep"


def test_a_printed_link_may_hold_any_name(browser: str, tmp_path: Path, site: Site) -> None:
    name = next(name for name in HOSTILE_NAMES if "100%" in name)
    shown = title(browser, tmp_path, f"{site.url}/#/models/{name}")
    assert shown.startswith(("it's 100%", "it&#39;s 100%"))


def test_other_fragments_stay_on_the_first_page(browser: str, tmp_path: Path, site: Site) -> None:
    assert title(browser, tmp_path, f"{site.url}/#//example.com/models") == "Models · Modelkeep"
