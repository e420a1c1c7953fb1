"""The packages of each client."""

from __future__ import annotations

import re

import pytest

from compat import environments
from compat.environments import LISTS, EnvironmentFailed


@pytest.mark.parametrize("release", environments.releases())
def test_a_clients_list_pins_every_package_and_names_no_address(release: str) -> None:
    lines = (LISTS / f"{release}.txt").read_text().splitlines()

    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    assert f"mlflow-skinny=={release}" in lines
    assert {"scikit-learn", "pandas"} <= {line.partition("==")[0] for line in lines}


def test_a_python_that_the_pins_are_not_for_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "PYTHONS", ((3, 1),))

    with pytest.raises(EnvironmentFailed, match=r"pinned for Python 3\.1; this is .*make compat PYTHON="):
        environments.python_of("2.9.2")
    assert list(tmp_path.iterdir()) == []
