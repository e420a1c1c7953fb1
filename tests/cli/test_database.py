"""`--database`: which addresses are taken, and that a password is told to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from modelkeep import config
from modelkeep.cli.main import main
from modelkeep.domain.errors import Invalid

SECRET = "sesame-17"


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://ann@db:5432/registry",
        "postgres://ann@db:5432/registry",
        "postgresql+psycopg2://ann@db:5432/registry",
        "postgresql+psycopg://ann@db:5432/registry",
        "  postgresql://ann@db:5432/registry\n",
    ],
)
def test_every_way_to_write_a_postgresql_address_is_taken(given: str) -> None:
    assert config.load({"database": given}, {}).database == "postgresql://ann@db:5432/registry"


def test_it_comes_from_the_environment_or_the_settings_file_too(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('database = "postgresql://file/a"\n')
    assert config.load({}, {}, str(file)).database == "postgresql://file/a"
    variable = {"MODELKEEP_DATABASE": "postgresql://variable/a"}
    assert config.load({}, variable, str(file)).database == "postgresql://variable/a"
    assert config.load({"database": ""}, variable, str(file)).database == ""


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (f"mysql://ann:{SECRET}@db/registry", "begins with 'mysql'"),
        (f"mysql+pymysql://ann:{SECRET}@db/registry", "begins with 'mysql'"),
        (f"http://ann:{SECRET}@db/registry", "begins with 'http'"),
        ("sqlite:///registry.db", "SQLite needs no --database"),
        (f"some/{SECRET}", "must be the address of a PostgreSQL database"),
        (f"host=db dbname=registry password={SECRET}", "must be the address of a PostgreSQL database"),
        (f"{SECRET} ://db", "must be the address of a PostgreSQL database"),
    ],
)
def test_any_other_address_is_refused_without_repeating_it(given: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as caught:
        config.load({"database": given}, {})
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (f"postgresql://ann:{SECRET}@db:5432/registry", "postgresql://ann@db:5432/registry"),
        (f"postgresql://ann:{SECRET}@[::1]/registry?sslmode=require", "postgresql://ann@[::1]/registry"),
        (f"postgresql://db/registry?user=ann&password={SECRET}", "postgresql://db/registry"),
        (f"postgresql://ann:a:{SECRET}@one:1,two:2/registry", "postgresql://ann@one:1,two:2/registry"),
    ],
)
def test_what_is_shown_of_an_address_has_no_password(given: str, shown: str) -> None:
    settings = config.load({"database": given}, {})
    assert config.server_of(settings.database) == shown
    assert SECRET not in repr(settings)


@pytest.mark.parametrize("command", [["backup", "elsewhere"], ["restore", "elsewhere"]])
def test_backup_and_restore_say_how_it_is_done_with_a_database_server(command: list[str]) -> None:
    result = CliRunner().invoke(main, command, env={"MODELKEEP_DATABASE": f"postgresql://ann:{SECRET}@db/registry"})
    assert result.exit_code == 1
    assert "docs/postgresql.md" in result.output and "pg_" in result.output
    assert SECRET not in result.output
