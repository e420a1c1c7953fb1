import stat

import pytest

from modelkeep.domain.errors import Invalid
from modelkeep.registry import opening
from modelkeep.storage import schema


def test_only_the_owner_may_look_into_a_data_folder(tmp_path):
    folder = tmp_path / "data"
    opening.prepare(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_preparing_twice_changes_nothing(tmp_path):
    opening.prepare(tmp_path / "data")
    registry = opening.open_registry(tmp_path / "data")
    with registry.database.read() as tx:
        before = tx.all("SELECT sql FROM sqlite_master ORDER BY name", {})
    opening.close(registry)

    opening.prepare(tmp_path / "data")

    registry = opening.open_registry(tmp_path / "data")
    with registry.database.read() as tx:
        assert tx.all("SELECT sql FROM sqlite_master ORDER BY name", {}) == before
    opening.close(registry)


@pytest.mark.parametrize("foreign", ["mlflow.db", "meta.yaml"])
def test_a_folder_of_mlflow_is_refused_and_left_alone(tmp_path, foreign):
    (tmp_path / foreign).write_text("x")

    with pytest.raises(Invalid, match="holds data of MLflow"):
        opening.prepare(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [foreign]


def test_migrations_are_numbered_each_by_itself():
    numbers = [number for number, _ in schema.migrations()]
    assert numbers[0] == 1
    assert numbers == sorted(set(numbers))
