import pytest

from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.registry import aliases, events, models, versions

NAME = "churn"


@pytest.fixture(autouse=True)
def two_versions(actor, registry):
    models.create(actor, registry, NAME)
    versions.register(actor, registry, NAME, "s3://bucket/1")
    versions.register(actor, registry, NAME, "s3://bucket/2")


def moves(actor, registry):
    return [
        (e.payload["alias"], e.payload["from"], e.payload["to"]) for e in events.page(actor, registry, kinds=["alias"])
    ]


def test_an_alias_points_and_moves(actor, registry):
    aliases.point(actor, registry, NAME, "champion", "1")
    assert aliases.get(actor, registry, NAME, "champion").number == 1

    aliases.point(actor, registry, NAME, "champion", "2")

    assert aliases.get(actor, registry, NAME, "champion").number == 2
    assert versions.get(actor, registry, NAME, 1).aliases == []
    assert versions.get(actor, registry, NAME, 2).aliases == ["champion"]
    assert moves(actor, registry) == [("champion", None, 1), ("champion", 1, 2)]


def test_pointing_where_it_points_already_records_nothing(actor, registry):
    aliases.point(actor, registry, NAME, "champion", 1)
    aliases.point(actor, registry, NAME, "champion", 1)

    assert moves(actor, registry) == [("champion", None, 1)]


def test_a_missing_alias_is_an_invalid_value_as_in_mlflow(actor, registry):
    with pytest.raises(Invalid, match=r"Registered model alias nobody not found\."):
        aliases.get(actor, registry, NAME, "nobody")


def test_deleting_an_alias_twice_is_no_error(actor, registry):
    aliases.point(actor, registry, NAME, "champion", 1)
    aliases.delete(actor, registry, NAME, "champion")
    aliases.delete(actor, registry, NAME, "champion")

    assert moves(actor, registry) == [("champion", None, 1), ("champion", 1, None)]


def test_latest_is_the_highest_live_number(actor, registry):
    versions.delete(actor, registry, NAME, 2)

    assert aliases.get(actor, registry, NAME, "Latest").number == 1


@pytest.mark.parametrize(
    "alias", [None, "", "latest", "LATEST", "v1", "V12", "v\u0663", "a b", "a/b", "champion\n", "x" * 256, "a@b", 3]
)
def test_a_bad_or_reserved_alias_is_refused(actor, registry, alias):
    with pytest.raises(Invalid):
        aliases.point(actor, registry, NAME, alias, 1)


@pytest.mark.parametrize("alias", ["1", "-", "v", "v1a", "Champ", "größe"])
def test_an_odd_but_legal_alias_works(actor, registry, alias):
    aliases.point(actor, registry, NAME, alias, 1)

    assert aliases.get(actor, registry, NAME, alias).number == 1


def test_an_alias_of_a_missing_or_deleted_version_is_not_found(actor, registry):
    versions.delete(actor, registry, NAME, 2)

    for version in (2, 9):
        with pytest.raises(NotFound):
            aliases.point(actor, registry, NAME, "champion", version)
