"""A registry of an earlier schema keeps everything when a newer Modelkeep opens it."""

import json

import apsw
import psycopg
import pytest

from modelkeep.domain.actors import Actor
from modelkeep.registry import blobs, metrics, opening, rollbacks, runs, versions
from modelkeep.storage import postgres_schema, schema
from modelkeep.storage.sqlite import FILE_NAME

ACTOR = Actor("ann", "admin", True, "embedded")


@pytest.fixture
def older(tmp_path):
    """Makes a data folder with the schema of a number, and lets rows be written to it."""

    def make(number, rows):
        folder = tmp_path / "data"
        folder.mkdir(mode=0o700)
        connection = apsw.Connection(str(folder / FILE_NAME))
        for step, script in schema.migrations():
            if step <= number:
                connection.execute(script)
        for table, row in rows:
            connection.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {number}")
        connection.close()
        return folder

    return make


def test_points_of_metrics_survive_being_given_a_series(older):
    runs_before = [
        ("runs", (run_id, 0, run_id, None, "RUNNING", 1, None, f"mlflow-artifacts:/0/{run_id}", "active", None))
        for run_id in ("a" * 32, "b" * 32)
    ]
    points = [
        ("a" * 32, key, 1000 + step, step, 0.0 if step == 3 else step / 7, int(step == 3))
        for key in ("auc", "loss")
        for step in range(5)
    ]
    points.append(("b" * 32, "auc", 1, 0, 0.5, 0))
    latest = [("a" * 32, key, 4 / 7, 1004, 4, 0) for key in ("auc", "loss")] + [("b" * 32, "auc", 0.5, 1, 0, 0)]
    folder = older(
        1,
        [
            ("experiments", (0, "Default", "mlflow-artifacts:/0", "active", 1, 1)),
            *runs_before,
            *(("metrics", point) for point in points),
            *(("latest_metrics", row) for row in latest),
        ],
    )

    opening.prepare(folder)

    registry = opening.open_registry(folder)
    history = metrics.history(ACTOR, registry, "a" * 32, metric_key="loss").items
    assert [(point.timestamp, point.step) for point in history] == [(1000 + step, step) for step in range(5)]
    assert [point.value for point in history if point.step != 3] == [0.0, 1 / 7, 2 / 7, 4 / 7]
    assert history[3].value != history[3].value
    assert {metric.key: metric.value for metric in runs.get(ACTOR, registry, "a" * 32).metrics} == {
        "auc": 4 / 7,
        "loss": 4 / 7,
    }
    metrics.log(ACTOR, registry, "b" * 32, key="auc", value=0.75, timestamp=2)
    assert [point.value for point in metrics.history(ACTOR, registry, "b" * 32, metric_key="auc").items] == [0.5, 0.75]
    opening.close(registry)


# Since schema 5 a blob said which manifest was the first to hold it, until schema 12.
@pytest.mark.parametrize(("number", "pinned_by"), [(4, []), (11, [[1], [2], [None]])])
def test_files_of_pinned_versions_stay_in_use(older, number, pinned_by):
    blobs_before = [(digest * 64, 1, 1, None, 7, None) for digest in "abc"]
    blobs_before = [(*row, *by) for row, by in zip(blobs_before, pinned_by or [[]] * 3, strict=True)]
    folder = older(
        number,
        [
            ("experiments", (0, "Default", "mlflow-artifacts:/0", "active", 1, 1)),
            *(("blobs", row) for row in blobs_before),
            ("manifests", (1, "d", 1, 1, 1)),
            ("manifests", (2, "e", 2, 2, 1)),
            ("manifest_files", (2, "x", "a" * 64, 1)),
            ("manifest_files", (2, "y", "b" * 64, 1)),
            ("manifest_files", (1, "x", "a" * 64, 1)),
        ],
    )

    opening.prepare(folder)

    registry = opening.open_registry(folder)
    blobs.collect(ACTOR, registry, grace_milliseconds=0)
    with registry.database.read() as tx:
        kept = tx.all("SELECT * FROM blobs ORDER BY digest", {})
        files = tx.all("SELECT manifest_id, path, digest, size FROM manifest_files ORDER BY 1, 2", {})
    assert kept == [("a" * 64, 1, 1, None, None, None), ("b" * 64, 1, 1, None, None, None)]
    assert files == [(1, "x", "a" * 64, 1), (2, "x", "a" * 64, 1), (2, "y", "b" * 64, 1)]
    opening.close(registry)


def test_files_of_pinned_versions_stay_in_use_on_postgresql(empty_database, tmp_path):
    location = (tmp_path / "data" / "blobs").as_uri()
    postgres_schema.migrate(empty_database, location, [step for step in postgres_schema.migrations() if step[0] <= 11])
    with psycopg.connect(empty_database) as connection:
        connection.execute(
            "INSERT INTO blobs (digest, size, creation_timestamp, condemned_timestamp, pinned_by) "
            "VALUES (%s, 1, 1, 7, 1), (%s, 1, 1, 7, NULL)",
            ["a" * 64, "b" * 64],
        )
        connection.execute("INSERT INTO manifests (digest, files, size, creation_timestamp) VALUES ('d', 1, 1, 1)")
        connection.execute("INSERT INTO manifest_files VALUES (1, 'x', %s, 1)", ["a" * 64])

    opening.prepare(tmp_path / "data", database=empty_database)

    registry = opening.open_registry(tmp_path / "data", database=empty_database)
    blobs.collect(ACTOR, registry, grace_milliseconds=0)
    with registry.database.read() as tx:
        kept = tx.all("SELECT * FROM blobs", {})
    opening.close(registry)
    assert kept == [("a" * 64, 1, 1, None, None, None)]


def test_a_folder_that_is_upgraded_has_the_schema_of_a_new_one(older, tmp_path):
    upgraded = older(1, [])
    opening.prepare(upgraded)
    opening.prepare(tmp_path / "new")

    assert _schema(upgraded) == _schema(tmp_path / "new")


def _schema(folder):
    connection = apsw.Connection(str(folder / FILE_NAME))
    try:
        return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    finally:
        connection.close()


def test_tags_and_aliases_learn_the_last_update_of_their_version(older):
    model = (1, "churn", None, None, 1, 1, 3, None)
    version = ("None", "READY", None, "s3://models", None, None, None, None, None, None, 5)
    folder = older(
        4,
        [
            ("models", model),
            ("versions", (1, 1, *version, 7, None, None, None)),
            ("versions", (1, 2, *version, 8, None, None, None)),
            ("version_tags", (1, 1, "team", "growth")),
            ("version_tags", (1, 2, "team", "growth")),
            ("aliases", (1, "champion", 2)),
        ],
    )

    opening.prepare(folder)

    registry = opening.open_registry(folder)
    assert [each.number for each in versions.search(ACTOR, registry, "tags.team = 'growth'").items] == [2, 1]
    assert [each.number for each in versions.search(ACTOR, registry, "alias = 'champion'").items] == [2]
    with registry.database.read() as tx:
        assert tx.all("SELECT last_updated_timestamp FROM version_tags ORDER BY number", {}) == [(7,), (8,)]
        assert tx.all("SELECT last_updated_timestamp FROM aliases", {}) == [(8,)]
    opening.close(registry)


def test_what_entered_each_target_is_known_from_the_events_before(older):
    folder = older(9, [("events", event) for event in _events()])

    opening.prepare(folder)

    connection = apsw.Connection(str(folder / FILE_NAME))
    found = connection.execute(MOVES).fetchall()
    connection.close()
    assert found == EXPECTED_MOVES


def _events():
    """Rows of events as a registry of schema 9 recorded them."""
    return [
        (position, 1000 + position, "ann", 1, "http", kind, 1, model_id, "c", None, json.dumps(payload))
        for position, (kind, model_id, payload) in enumerate(HAPPENED, 1)
    ]


def _stage(version, before, after):
    return (
        "stage.changed",
        1,
        {"model": "churn", "version": version, "from": before, "to": after, "cause": "transition"},
    )


def _alias(before, after, alias="champion"):
    return ("alias.moved", 1, {"model": "churn", "alias": alias, "from": before, "to": after, "cause": "alias set"})


HAPPENED = [
    ("model.created", 1, {"model": "churn"}),
    _stage(1, "None", "Production"),
    _alias(None, 1),
    _stage(1, "Production", "Archived"),
    _stage(2, "None", "Production"),
    _alias(1, None),
    ("run.created", None, {"run_id": "x"}),
    _alias(None, 2),
    ("version.deleted", 1, {"model": "churn", "version": 2, "stage": "Production"}),
    ("version.deleted", 1, {"model": "churn", "version": 3, "stage": "None"}),
    _alias(2, 1, "über-alles"),
]
MOVES = "SELECT model_id, target, position, number, below, recorded_timestamp FROM moves ORDER BY position"
# Below each the last one before it by which a version entered the same target.
EXPECTED_MOVES = [
    (1, "Production", 2, 1, 0, 1002),
    (1, "@champion", 3, 1, 0, 1003),
    (1, "Archived", 4, 1, 0, 1004),
    (1, "Production", 5, 2, 2, 1005),
    (1, "@champion", 6, None, 3, 1006),
    (1, "@champion", 8, 2, 3, 1008),
    (1, "", 9, 2, 0, 1009),
    (1, "@über-alles", 11, 1, 0, 1011),
]


def test_the_moves_of_the_past_are_the_same_on_postgresql(empty_database, tmp_path):
    earlier = [step for step in postgres_schema.migrations() if step[0] <= 9]
    location = (tmp_path / "blobs").as_uri()
    postgres_schema.migrate(empty_database, location, earlier)
    with psycopg.connect(empty_database) as connection:
        columns = (
            "position, recorded_timestamp, actor, verified, via, kind, schema, model_id, change_id, request_id, payload"
        )
        marks = ", ".join(["%s"] * 11)
        connection.cursor().executemany(f"INSERT INTO events ({columns}) VALUES ({marks})", _events())

    postgres_schema.migrate(empty_database, location, postgres_schema.migrations())

    with psycopg.connect(empty_database) as connection:
        assert connection.execute(MOVES).fetchall() == EXPECTED_MOVES


def test_a_rollback_returns_to_what_was_promoted_before_the_upgrade(older):
    folder = older(9, [("events", event) for event in _events()[:6]])
    connection = apsw.Connection(str(folder / FILE_NAME))
    connection.execute(
        "INSERT INTO models (id, name, creation_timestamp, last_updated_timestamp, next_version) VALUES (1, 'churn', 1, 1, 3)"
    )
    connection.execute(
        "INSERT INTO versions (model_id, number, current_stage, status, source, creation_timestamp, last_updated_timestamp) "
        "VALUES (1, 1, 'Archived', 'READY', 's3://b/1', 1, 1), (1, 2, 'Production', 'READY', 's3://b/2', 1, 1)"
    )
    connection.close()
    opening.prepare(folder)

    registry = opening.open_registry(folder)
    assert rollbacks.rollback(ACTOR, registry, "churn", "Production").number == 1
    assert rollbacks.rollback(ACTOR, registry, "churn", "@champion").number == 1
    opening.close(registry)
