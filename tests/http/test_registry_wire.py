"""The registry's calls as bytes on the wire: MLflow's shapes, codes and texts."""

import itertools

import pytest

MODELS = "/api/2.0/mlflow/registered-models"
VERSIONS = "/api/2.0/mlflow/model-versions"
_numbers = itertools.count()


@pytest.fixture
def name(wire):
    name = f"model-{next(_numbers)}"
    assert wire.post(f"{MODELS}/create", name=name).status == 200
    return name


def register(wire, name, **fields):
    return wire.post(f"{VERSIONS}/create", name=name, source="s3://bucket/model", **fields).json["model_version"]


def test_a_created_model_has_mlflows_shape(wire):
    answer = wire.post(f"{MODELS}/create", name="shape", tags=[{"key": "k", "value": "v"}], description="d")

    model = answer.json["registered_model"]
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert isinstance(model.pop("creation_timestamp"), int)
    assert isinstance(model.pop("last_updated_timestamp"), int)
    assert model == {"name": "shape", "tags": [{"key": "k", "value": "v"}], "description": "d"}


def test_a_duplicate_is_400_resource_already_exists(wire, name):
    answer = wire.post(f"{MODELS}/create", name=name)

    assert (answer.status, answer.json["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")


def test_a_missing_model_is_404(wire):
    answer = wire.get(f"{MODELS}/get", name="nobody")

    assert answer.status == 404
    assert answer.json == {
        "error_code": "RESOURCE_DOES_NOT_EXIST",
        "message": "Registered Model with name=nobody not found",
    }


def test_a_registered_version_is_ready_and_its_number_is_text(wire, name):
    version = register(wire, name, run_id="r" * 32)

    assert (version["version"], version["status"], version["current_stage"]) == ("1", "READY", "None")


def test_a_mutating_answer_names_its_change_and_the_events_carry_it(wire, name):
    register(wire, name)
    answer = wire.post(f"{VERSIONS}/transition-stage", name=name, version="1", stage="production")

    change = answer.headers["x-modelkeep-change-id"]
    found = wire.get("/api/2.0/modelkeep/events", model=name).json["events"]
    assert [event["kind"] for event in found if event["change_id"] == change] == ["stage.changed"]
    assert found[-1]["actor"] == "anonymous" and found[-1]["verified"] is False
    assert found[-1]["request_id"] == answer.headers["x-request-id"]


def test_setting_what_is_set_names_no_change(wire, name):
    register(wire, name)
    assert "x-modelkeep-change-id" in wire.post(f"{MODELS}/set-tag", name=name, key="k", value="v").headers
    assert "x-modelkeep-change-id" not in wire.post(f"{MODELS}/set-tag", name=name, key="k", value="v").headers


def test_an_alias_answers_and_a_missing_one_is_an_invalid_value(wire, name):
    register(wire, name)
    assert wire.post(f"{MODELS}/alias", name=name, alias="champion", version="1").json == {}

    assert wire.get(f"{MODELS}/alias", name=name, alias="champion").json["model_version"]["aliases"] == ["champion"]
    missing = wire.get(f"{MODELS}/alias", name=name, alias="nobody")
    assert (missing.status, missing.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert wire.delete(f"{MODELS}/alias", name=name, alias="champion").json == {}


def test_an_empty_search_is_an_empty_object(wire):
    assert wire.get(f"{VERSIONS}/search", filter="name='nobody'").json == {}


def test_the_articles_clean_up_filter_works(wire, name):
    for _ in range(3):
        register(wire, name)
    wire.post(f"{VERSIONS}/transition-stage", name=name, version="2", stage="Archived")

    found = wire.get(f"{VERSIONS}/search", filter=f"name='{name}' and current_stage='Archived'").json

    assert [version["version"] for version in found["model_versions"]] == ["2"]


def test_pages_cover_everything_once(wire, name):
    for _ in range(7):
        register(wire, name)
    seen, token = [], None
    while True:
        query = {"filter": f"name='{name}'", "max_results": 3} | ({"page_token": token} if token else {})
        page = wire.get(f"{VERSIONS}/search", **query).json
        seen += [version["version"] for version in page["model_versions"]]
        token = page.get("next_page_token")
        if token is None:
            break
    assert sorted(seen, key=int) == [str(number) for number in range(1, 8)]


def test_get_latest_versions_answers_post_and_get(wire, name):
    register(wire, name)
    path = f"{MODELS}/get-latest-versions"

    posted = wire.post(path, name=name, stages=["None"]).json
    assert posted == wire.get(path, name=name, stages=["None"]).json
    assert posted["model_versions"][0]["version"] == "1"
    assert wire.post(path, name=name, stages="None").status == 400


def test_a_delete_may_have_its_fields_in_the_query(wire, name):
    assert wire.send("DELETE", f"{MODELS}/delete?name={name}").status == 200
    assert wire.get(f"{MODELS}/get", name=name).status == 404


def test_a_delete_with_two_different_names_is_refused(wire, name):
    answer = wire.send("DELETE", f"{MODELS}/delete?name=other", b'{"name": "%s"}' % name.encode())

    assert answer.status == 400
    assert wire.get(f"{MODELS}/get", name=name).status == 200


def test_restore_brings_a_model_back(wire, name):
    wire.delete(f"{MODELS}/delete", name=name)

    assert wire.post("/api/2.0/modelkeep/models/restore", name=name).status == 200
    assert wire.get(f"{MODELS}/get", name=name).status == 200


def test_an_idempotency_key_makes_a_repeated_create_one(wire, name):
    body = b'{"name": "%s", "source": "s3://b/m"}' % name.encode()
    headers = {"Idempotency-Key": f"key-{name}"}
    first = wire.send("POST", f"{VERSIONS}/create", body, headers)
    second = wire.send("POST", f"{VERSIONS}/create", body, headers)
    other = wire.send("POST", f"{VERSIONS}/create", body.replace(b"s3://b/m", b"s3://b/n"), headers)

    assert first.json == second.json
    assert (other.status, other.json["error_code"]) == (409, "RESOURCE_CONFLICT")
    assert register(wire, name)["version"] == "2"


def test_without_a_key_an_equal_create_is_another_version(wire, name):
    assert [register(wire, name)["version"] for _ in range(2)] == ["1", "2"]


@pytest.mark.parametrize("prefix", ["/api/2.0", "/ajax-api/2.0"])
def test_the_browsers_prefix_answers_too(wire, name, prefix):
    assert wire.get(f"{prefix}/mlflow/registered-models/get", name=name).status == 200


def test_a_content_type_other_than_json_is_refused(wire):
    for headers, says in (({"Content-Type": "text/plain"}, "must be one of"), ({"Content-Type": ""}, "must be one of")):
        answer = wire.send("POST", f"{MODELS}/create", b'{"name": "typed"}', headers)
        assert answer.status == 400 and says in answer.json["message"]
    assert (
        wire.send(
            "POST", f"{MODELS}/create", b'{"name": "t"}', {"Content-Type": "application/json; charset=utf-8"}
        ).status
        == 200
    )


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow/nothing",
        "/api/2.0/preview/mlflow/registered-models/get",
        "/api/2.0/mlflow/traces/search",
        "/api/3.0/mlflow/traces",
        "/api/2.0/preview/scim/v2/Me",
        "/nothing/at/all",
        "/api/2.0/mlflow/registered-models/get/",
    ],
)
def test_an_unknown_path_is_a_json_404(wire, path):
    for method in ("GET", "POST"):
        answer = wire.send(method, path, b"{}" if method == "POST" else None)
        assert (answer.status, answer.json["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_a_wrong_method_is_405_and_says_which_work(wire):
    answer = wire.post(f"{MODELS}/search", filter="")

    assert answer.status == 405
    assert "use GET" in answer.json["message"]
    assert answer.headers["allow"] == "GET"


def test_events_can_be_waited_for(wire, server, name):
    import threading

    from tests.support.wire import Wire

    last = wire.get("/api/2.0/modelkeep/events", model=name).json["events"][-1]["position"]
    found = {}

    def wait():
        found["answer"] = Wire(server.url).get("/api/2.0/modelkeep/events", model=name, after=last, wait=20)

    waiting = threading.Thread(target=wait)
    waiting.start()
    wire.post(f"{MODELS}/set-tag", name=name, key="k", value="v")
    waiting.join(120)

    assert [event["kind"] for event in found["answer"].json["events"]] == ["model.tag_set"]


def test_a_workspace_is_refused_without_a_5xx(wire, name):
    answer = wire.send("GET", f"{MODELS}/get?name={name}", headers={"X-MLFLOW-WORKSPACE": "team"})

    assert (answer.status, answer.json["error_code"]) == (400, "FEATURE_DISABLED")
