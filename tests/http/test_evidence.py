"""Evidence as bytes on the wire."""

import itertools
import json

import pytest

MODELS = "/api/2.0/mlflow/registered-models"
VERSIONS = "/api/2.0/mlflow/model-versions"
RUNS = "/api/2.0/mlflow/runs"
ADD = "/api/2.0/modelkeep/evidence/add"
LIST = "/api/2.0/modelkeep/evidence/list"
_numbers = itertools.count()


@pytest.fixture
def name(wire):
    """A model whose version 1 is pinned to the file of a run that has measured an AUC of 0.5."""
    name = f"judged-{next(_numbers)}"
    run = wire.post(f"{RUNS}/create", experiment_id="0").json["run"]["info"]
    folder = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    path = f"/api/2.0/mlflow-artifacts/artifacts/{folder}/model/MLmodel"
    assert wire.send("PUT", path, name.encode()).status == 200
    assert wire.post(f"{RUNS}/log-metric", run_id=run["run_id"], key="auc", value=0.5, timestamp=1).status == 200
    assert wire.post(f"{MODELS}/create", name=name).status == 200
    source = f"runs:/{run['run_id']}/model"
    assert wire.post(f"{VERSIONS}/create", name=name, source=source, run_id=run["run_id"]).status == 200
    return name


def test_evidence_is_added_and_listed_newest_first(wire, name):
    answer = wire.post(ADD, name=name, version="1", kind="scan", passed=True, values={"findings": 0})

    added = answer.json["evidence"]
    assert answer.status == 200
    assert added.keys() == {
        "evidence_id", "digest", "kind", "source", "producer", "verified", "creation_timestamp", "passed", "values",
    }  # fmt: skip
    assert (added["kind"], added["source"], added["values"], added["verified"]) == (
        "scan",
        "api",
        {"findings": 0.0},
        False,
    )
    first = wire.get(LIST, name=name, version="1", max_results=1).json
    assert first["evidence"] == [added]
    second = wire.get(LIST, digest=added["digest"], max_results=1, page_token=first["next_page_token"]).json
    assert [(each["kind"], each["source"], each["values"]) for each in second["evidence"]] == [
        ("run", "run", {"auc": 0.5})
    ]
    assert "next_page_token" not in second


def test_keys_of_the_callers_own_keep_their_spelling(wire, name):
    body = {
        "name": name, "version": "1", "kind": "scan", "datasetName": "holdOut", "values": {"rocAuc": 1, "roc_auc": 2},
        "environment": {"pythonVersion": "3"}, "details": {"someThing": [{"innerThing": 1}]},
    }  # fmt: skip

    added = wire.send("POST", ADD, json.dumps(body).encode()).json["evidence"]

    assert added["dataset_name"] == "holdOut"
    assert added["values"] == {"rocAuc": 1.0, "roc_auc": 2.0}
    assert added["environment"] == {"pythonVersion": "3"}
    assert added["details"] == {"someThing": [{"innerThing": 1}]}


def test_a_repeated_key_adds_evidence_once(wire, name):
    body = json.dumps({"name": name, "version": "1", "kind": "scan"}).encode()
    first, second = (wire.send("POST", ADD, body, {"Idempotency-Key": f"key-{name}"}) for _ in range(2))

    assert first.json == second.json
    assert len(wire.get(LIST, name=name, version="1", kind="scan").json["evidence"]) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"values": {"auc": NaN}}', "finite numbers only"),
        (b'{"values": {"auc": -Infinity}}', "finite numbers only"),
        (b'{"values": {"auc": 1e999}}', "finite numbers only"),
        (b'{"values": {"auc": 1' + b"0" * 400 + b"}}", "finite numbers only"),
        (b'{"values": {"auc": true}}', "must be a number"),
        (b'{"values": {"auc": "0.5"}}', "must be a number"),
        (b'{"values": {"auc": null}}', "must be a number"),
        (b'{"values": {"a/../b": 1}}', "Invalid value"),
        (b'{"values": [0.5]}', "values"),
        (b'{"values": 0.5}', "values"),
        (b'{"passed": "perhaps"}', "passed"),
        (b'{"kind": "run"}', "the registry itself takes"),
        (b'{"kind": 7}', "kind"),
        (b'{"digest": "abc"}', "not both"),
        (b'{"environment": {"a": 1}}', "must be text"),
        (b'{"details": ' + b'{"x":' * 50 + b"1" + b"}" * 50 + b"}", "nested"),
        (b'{"details": ' + b'{"x":' * 5000 + b"1" + b"}" * 5000 + b"}", "nested"),
        (b'{"details": {"x": "\\ud800"}}', ""),
        (b'{"details": {"x": "' + b"y" * 1_048_576 + b'"}}', "1,048,576 are allowed"),
    ],
)  # fmt: skip
def test_bad_evidence_is_400_with_a_sentence(wire, name, body, said):
    start = json.dumps({"name": name, "version": "1"} | ({} if b'"kind"' in body else {"kind": "scan"})).encode()

    answer = wire.send("POST", ADD, start[:-1] + b", " + body[1:])

    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), answer.body[:200]
    assert said in answer.json["message"]
    assert wire.get(LIST, name=name, version="1", kind="scan").json == {}


def test_what_is_not_there_is_404_and_what_has_no_bytes_409(wire, name):
    wire.post(f"{VERSIONS}/create", name=name, source="s3://bucket/model")

    assert wire.post(ADD, name=name, version="9", kind="scan").status == 404
    assert wire.post(ADD, digest="a" * 64, kind="scan").status == 404
    answer = wire.post(ADD, name=name, version="2", kind="scan")
    assert (answer.status, answer.json["error_code"]) == (409, "RESOURCE_CONFLICT")
    assert wire.get(LIST, name=name, version="2").json == {}
    assert wire.get(LIST, name=name, version="9").status == 404
    assert wire.get(LIST).status == 400
