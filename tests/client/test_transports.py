"""Every call of the table gives the same over HTTP and in process: the same reply, or the same error."""

import getpass
import hashlib
import io
import re

import msgspec
import pytest

from modelkeep.api.table import CALLS
from modelkeep.client.calls import of_verb
from modelkeep.client.embedded import EmbeddedTransport
from modelkeep.client.http import HttpTransport
from modelkeep.domain.errors import Invalid, ModelkeepError
from tests.support.servers import start_server

TEXT = b"weights"
DIGEST = hashlib.sha256(TEXT).hexdigest()

# Calls in the order in which they make sense: verb, arguments. A value `<name>` stands for what an earlier call returned.
GATE = {
    "policy": "gate",
    "models": ["ch*"],
    "targets": ["@champion"],
    "rules": [{"metric": "auc", "at_least": 0.5}],
    "follow": {"rollback": "previous of champion"},
}
SCRIPT = [
    ("models.create", {"name": "churn", "tags": [{"key": "a", "value": "b"}], "description": "Zoë's"}),
    ("models.create", {"name": "churn"}),
    ("models.create", {"name": "a/b"}),
    ("models.create", {}),
    ("models.create", {"name": 5}),
    ("models.create", {"name": "old"}),
    ("models.update", {"name": "churn", "description": "new"}),
    ("models.rename", {"name": "old", "new_name": "older"}),
    ("models.delete", {"name": "older"}),
    ("models.restore", {"name": "older"}),
    ("models.set_tag", {"name": "churn", "key": "t", "value": "1"}),
    ("models.delete_tag", {"name": "churn", "key": "t"}),
    ("experiments.create", {"name": "first", "tags": [{"key": "a", "value": "b"}]}),
    ("experiments.create", {"name": "second"}),
    ("experiments.get", {"experiment_id": "1"}),
    ("experiments.get", {"experiment_id": "99"}),
    ("experiments.get", {"experiment_id": "abc"}),
    ("experiments.get_by_name", {"experiment_name": "first"}),
    ("experiments.get_by_name", {"experiment_name": "none"}),
    ("experiments.update", {"experiment_id": "2", "new_name": "third"}),
    ("experiments.delete", {"experiment_id": "2"}),
    ("experiments.restore", {"experiment_id": "2"}),
    ("experiments.set_tag", {"experiment_id": "1", "key": "k", "value": "v"}),
    ("experiments.delete_tag", {"experiment_id": "1", "key": "k"}),
    ("experiments.search", {"max_results": 2, "view_type": 3, "order_by": ["name ASC"]}),
    ("experiments.search", {"max_results": 0}),
    ("runs.create", {"experiment_id": "1", "run_name": "r", "start_time": 5, "tags": [{"key": "a", "value": "b"}]}),
    ("runs.create", {"experiment_id": "1", "run_name": "gone", "user_id": "ann"}),
    ("runs.delete", {"run_id": "<gone>"}),
    ("runs.restore", {"run_id": "<gone>"}),
    ("runs.set_tag", {"run_id": "<r>", "key": "k", "value": "v"}),
    ("runs.delete_tag", {"run_id": "<r>", "key": "k"}),
    ("runs.delete_tag", {"run_id": "<r>", "key": "k"}),
    ("params.log", {"run_id": "<r>", "key": "depth", "value": "3"}),
    ("params.log", {"run_id": "<r>", "key": "depth", "value": "4"}),
    ("metrics.log", {"run_id": "<r>", "key": "auc", "value": 0.5, "timestamp": 1, "step": 1}),
    ("metrics.log", {"run_id": "<r>", "key": "auc", "value": float("nan"), "timestamp": 2, "step": 2}),
    ("metrics.log", {"run_id": "<r>", "key": "auc", "value": float("-inf"), "timestamp": 3, "step": 3}),
    ("metrics.log", {"run_id": "<r>", "key": "auc", "value": "much", "timestamp": 3}),
    ("metrics.log", {"run_id": "<r>", "key": "auc", "timestamp": 3}),
    (
        "batches.log",
        {
            "run_id": "<r>",
            "metrics": [{"key": "f1", "value": 1.0, "timestamp": 1, "step": 0}],
            "params": [{"key": "p", "value": "q"}],
            "tags": [{"key": "t", "value": "u"}],
        },
    ),
    ("batches.log", {"run_id": "<r>", "metrics": [{"key": "f1", "value": "x", "timestamp": 1}]}),
    ("metrics.history", {"run_id": "<r>", "metric_key": "auc", "max_results": 2}),
    ("metrics.histories", {"run_id": ["<r>"], "metric_key": "auc"}),
    ("metrics.sample", {"run_ids": ["<r>"], "metric_key": "auc", "max_results": 10}),
    (
        "datasets.log_inputs",
        {
            "run_id": "<r>",
            "datasets": [
                {
                    "dataset": {"name": "d", "digest": "abc", "source_type": "local", "source": "{}"},
                    "tags": [{"key": "mlflow.data.context", "value": "training"}],
                }
            ],
        },
    ),
    ("datasets.search", {"experiment_ids": ["1"]}),
    ("logged_models.create", {"experiment_id": "1", "name": "tree", "source_run_id": "<r>"}),
    ("logged_models.set_tags", {"model_id": "<tree>", "tags": [{"key": "a/b", "value": "c"}, {"key": "d", "value": "e"}]}),
    ("logged_models.delete_tag", {"model_id": "<tree>", "tag_key": "a/b"}),
    ("logged_models.delete_tag", {"model_id": "<tree>", "tag_key": "none"}),
    ("logged_models.log_params", {"model_id": "<tree>", "params": [{"key": "p", "value": "q"}]}),
    ("logged_models.finalize", {"model_id": "<tree>", "status": "LOGGED_MODEL_READY"}),
    ("logged_models.get", {"model_id": "<tree>", "allow_deleted": True}),
    ("logged_models.get", {"model_id": ""}),
    ("logged_models.search", {"experiment_ids": ["1"], "order_by": [{"field_name": "name", "ascending": False}]}),
    ("runs.log_outputs", {"run_id": "<r>", "models": [{"model_id": "<tree>", "step": 1}]}),
    ("runs.log_model", {"run_id": "<r>", "model_json": '{"artifact_path": "m", "run_id": "<r>"}'}),
    ("uploads.link", {"files": [{"path": "1/<r>/artifacts/model/w", "digest": DIGEST, "size": len(TEXT)}]}),
    ("uploads.link", {"files": []}),
    ("send", {"path": "1/<r>/artifacts/model/weights.bin"}),
    ("send", {"path": "../escape"}),
    ("uploads.link", {"files": [{"path": "1/<r>/artifacts/model/copy.bin", "digest": DIGEST, "size": len(TEXT)}]}),
    ("fetch", {"path": "1/<r>/artifacts/model/copy.bin"}),
    ("fetch", {"path": "1/<r>/artifacts/model"}),
    ("fetch", {"path": "1/<r>/artifacts/nothing"}),
    ("uploads.create", {"path": "1/<r>/artifacts/big.bin", "size": 0, "digest": hashlib.sha256(b"").hexdigest()}),
    ("uploads.get", {"upload_id": "<upload>"}),
    ("uploads.complete", {"upload_id": "<upload>"}),
    ("uploads.create", {"path": "1/<r>/artifacts/other.bin"}),
    ("uploads.abort", {"upload_id": "<upload>"}),
    ("uploads.get", {"upload_id": "<upload>"}),
    ("artifacts.list", {"path": "1/<r>/artifacts"}),
    ("artifacts.list_of_run", {"run_id": "<r>", "path": "model"}),
    ("artifacts.list_of_logged_model", {"model_id": "<tree>"}),
    ("artifacts.presign_upload", {"run_id": "<r>", "path": "x"}),
    ("artifacts.presign_download", {"run_id": "<r>", "path": "x"}),
    ("parts.create", {"folder": "1/<r>/artifacts", "path": "/home/ann/parts.bin", "num_parts": 1}),
    ("parts.complete", {"folder": "1/<r>/artifacts", "path": "parts.bin", "upload_id": "<upload>", "parts": []}),
    ("parts.abort", {"folder": "1/<r>/artifacts", "path": "parts.bin", "upload_id": "<upload>"}),
    ("runs.get", {"run_id": "<r>"}),
    ("runs.get", {}),
    ("runs.update", {"run_id": "<r>", "status": "FINISHED", "end_time": 9, "run_name": "renamed"}),
    ("runs.update", {"run_id": "<r>", "status": 99}),
    ("runs.search", {"experiment_ids": ["1"], "filter": "metrics.f1 >= 1", "run_view_type": 1, "max_results": 10}),
    ("runs.search", {"experiment_ids": ["1"], "filter": "nonsense"}),
    ("versions.register", {"name": "churn", "source": "runs:/<r>/model", "run_id": "<r>", "tags": [{"key": "a", "value": "b"}]}),
    ("versions.register", {"name": "churn", "source": "s3://bucket/model"}),
    ("versions.register", {"name": "churn", "source": "/etc/passwd"}),
    ("versions.register", {"name": "none", "source": "s3://bucket/model"}),
    ("versions.get", {"name": "churn", "version": "1"}),
    ("versions.get", {"name": "churn", "version": "x"}),
    ("versions.get", {"name": "churn"}),
    ("versions.update", {"name": "churn", "version": "1", "description": "good"}),
    ("versions.set_tag", {"name": "churn", "version": "1", "key": "k", "value": "v"}),
    ("versions.delete_tag", {"name": "churn", "version": "1", "key": "k"}),
    ("versions.download_location", {"name": "churn", "version": "1"}),
    ("manifests.get", {"name": "churn", "version": "1"}),
    ("manifests.files", {"name": "churn", "version": "1", "max_results": 1}),
    ("manifests.pin", {"name": "churn", "version": "2"}),
    (
        "evidence.add",
        {
            "name": "churn",
            "version": "1",
            "kind": "validation",
            "passed": True,
            "tool": "t",
            "dataset_name": "d",
            "values": {"auc": 0.5, "rocAuc": 1, "Zoë": 2.5},
            "environment": {"pythonVersion": "3"},
            "details": {"someThing": [1, None, {"x": True}]},
        },
    ),
    ("evidence.add", {"name": "churn", "version": "1", "kind": "validation", "values": {"auc": float("nan")}}),
    ("evidence.add", {"name": "churn", "version": "1", "kind": "validation", "values": {"auc": True}}),
    ("evidence.add", {"name": "churn", "version": "1", "kind": "validation", "values": "much"}),
    ("evidence.add", {"name": "churn", "version": "1", "kind": "validation", "passed": "perhaps"}),
    ("evidence.add", {"name": "churn", "version": "2", "kind": "validation"}),
    ("evidence.add", {"name": "churn", "version": "1"}),
    ("evidence.page", {"name": "churn", "version": "1", "max_results": 1}),
    ("evidence.page", {"name": "churn", "version": "1", "kind": "run"}),
    ("evidence.page", {"digest": "abc"}),
    ("fetch", {"path": "registered-versions/1/1/weights.bin"}),
    ("send", {"path": "registered-versions/1/1/weights.bin"}),
    ("promotions.transition", {"name": "churn", "version": "1", "stage": "Production", "archive_existing_versions": True}),
    ("promotions.transition", {"name": "churn", "version": "1", "stage": "Nowhere"}),
    ("aliases.point", {"name": "churn", "alias": "champion", "version": "1"}),
    ("aliases.point", {"name": "churn", "alias": "v1", "version": "1"}),
    ("aliases.get", {"name": "churn", "alias": "champion"}),
    ("versions.latest", {"name": "churn", "stages": ["Production"]}),
    ("versions.search", {"filter": "name='churn'", "max_results": 1, "order_by": ["version_number ASC"]}),
    ("versions.search", {"filter": "name="}),
    ("models.get", {"name": "churn"}),
    ("models.search", {"filter": "name LIKE 'ch%'"}),
    ("aliases.delete", {"name": "churn", "alias": "champion"}),
    ("aliases.get", {"name": "churn", "alias": "champion"}),
    ("versions.delete", {"name": "churn", "version": "2"}),
    ("versions.restore", {"name": "churn", "version": "2"}),
    ("stages.get", {}),
    ("stages.configure", {"stages": ["None", "Staging", "Canary", "Production", "Archived"], "transitions": {"Canary": ["Production", "Archived"]}}),
    ("stages.configure", {"stages": ["Canary"]}),
    ("stages.configure", {"stages": "Canary"}),
    ("stages.get", {}),
    ("policies.lint", {"document": GATE}),
    ("policies.lint", {"document": {**GATE, "rules": [{"metric": "auc", "at_least": None}]}}),
    ("policies.lint", {"document": "gate"}),
    ("policies.lint", {}),
    ("backtests.run", {"document": GATE, "limit": 10}),
    ("backtests.run", {"document": GATE, "limit": 0}),
    ("policies.apply", {"document": GATE}),
    ("policies.apply", {"document": {**GATE, "rules": []}}),
    ("policies.get", {"policy": "gate"}),
    ("policies.get", {"policy": "gate", "revision": 2}),
    ("policies.all_applied", {}),
    ("policies.history", {"policy": "gate"}),
    ("policies.standing", {"name": "churn"}),
    ("promotions.explain", {"name": "churn", "version": "2", "target": "@champion"}),
    ("promotions.explain", {"name": "churn", "version": "1", "target": "production"}),
    ("promotions.explain", {"name": "churn", "version": "1", "target": "champion"}),
    ("promotions.promote", {"name": "churn", "version": "2", "target": "@champion", "reason": "try"}),
    ("promotions.promote", {"name": "churn", "version": "1", "target": "@champion", "expected_version": "0", "reason": "first"}),
    ("promotions.promote", {"name": "churn", "version": "1", "target": "Canary", "expected_version": "7"}),
    ("promotions.promote", {"name": "churn", "version": "1", "target": "canary", "archive_existing_versions": False}),
    ("promotions.promote", {"name": "churn", "version": 2, "target": "Staging"}),
    ("promotions.promote_all", {"moves": [{"name": "churn", "version": "2", "target": "Canary"}, {"name": "churn", "version": "1", "target": "Production"}]}),
    ("promotions.promote_all", {"moves": [{"name": "churn", "version": "2", "target": "@champion"}, {"name": "churn"}]}),
    ("promotions.promote_all", {"moves": []}),
    ("promotions.promote_all", {"moves": "all"}),
    ("rollbacks.rollback", {"name": "churn", "target": "Canary", "expected_version": "2", "reason": "incident"}),
    ("rollbacks.rollback", {"name": "churn", "target": "@champion"}),
    ("rollbacks.rollback", {"name": "churn", "target": "canary", "expected_version": "9"}),
    ("history.page", {"name": "churn", "target": "Canary"}),
    ("history.page", {"name": "churn", "target": "Canary", "max_results": 1}),
    ("history.page", {"name": "churn", "target": "Canary", "page_token": "x"}),
    ("history.at", {"name": "churn", "target": "@champion", "timestamp": 9_000_000_000_000}),
    ("history.at", {"name": "churn", "target": "@champion", "position": 1}),
    ("history.at", {"name": "churn", "target": "@champion"}),
    ("history.diff", {"name": "churn", "from_position": 1}),
    ("history.diff", {"name": "churn"}),
    ("history.open_overrides", {"name": "churn"}),
    # In process nobody has proved who they are, so all else is refused there.
    ("history.close_override", {"position": 3}),
    ("policies.retire", {"policy": "gate"}),
    ("policies.retire", {"policy": "gate"}),
    ("logged_models.delete", {"model_id": "<tree>"}),
    ("tokens.create", {"user": "ann", "role": "writer"}),
    ("tokens.create", {"user": "ann", "role": "king"}),
    ("tokens.list_all", {}),
    ("tokens.revoke", {"token_id": "<token>"}),
    ("callers.describe", {}),
    (
        "imports.bring_experiments",
        {"origin": "there", "experiments": [{"id": "7", "name": "brought", "creation_time": 1, "fingerprint": "x"}]},
    ),
    ("imports.bring_experiments", {"origin": "there", "experiments": [{"id": "8", "name": "first"}]}),
    ("imports.bring_experiments", {"experiments": []}),
    (
        "run_imports.bring_runs",
        {
            "origin": "there",
            "runs": [
                {
                    "id": "f" * 32,
                    "experiment_id": "7",
                    "name": "brought",
                    "status": "FINISHED",
                    "start_time": 1,
                    "end_time": 2,
                    "params": [{"key": "depth", "value": "3"}],
                    "metrics": [{"key": "auc", "timestamps": [1, 2], "steps": [0, 1], "values": [0.5, 0.75]}],
                }
            ],
        },
    ),
    (
        "run_imports.bring_metrics",
        {
            "origin": "there",
            "run_id": "f" * 32,
            "metrics": [{"key": "auc", "timestamps": [3], "steps": [2], "values": [0.875]}],
        },
    ),
    ("run_imports.bring_logged_models", {"origin": "there", "logged_models": [{"id": "m-" + "e" * 32, "experiment_id": "7", "name": "t"}]}),
    (
        "imports.bring_models",
        {
            "origin": "there",
            "models": [
                {
                    "name": "brought",
                    "creation_timestamp": 1,
                    "versions": [{"number": 3, "source": "s3://b/m", "current_stage": "Production"}],
                    "aliases": [{"alias": "champion", "version": 3}],
                }
            ],
        },
    ),
    ("imports.files", {"origin": "there", "files": [{"id": "f" * 32, "fingerprint": "y"}]}),
    ("imports.known", {"origin": "there", "kind": "run"}),
    ("imports.known", {"origin": "there", "kind": "planet"}),
    ("send", {"path": "removed/file"}),
    ("remove", {"path": "removed/file"}),
    ("fetch", {"path": "removed/file"}),
    ("remove", {"path": "removed/file"}),
    ("remove", {"path": "registered-versions/1/1/file"}),
    ("remove", {"path": "../file"}),
    ("blobs.usage", {"limit": 5}),
    ("events.page", {"after": 0, "limit": 1000}),
    ("events.page", {"after": 0, "kinds": ["version", "alias.moved"], "model": "churn"}),
    ("events.page", {"after": 0, "actor_name": "no-such-user"}),
    ("events.page", {"after": -1}),
    ("events.page", {"wait": 100.0}),
]  # fmt: skip


HOW_IT_WAS_REACHED = {
    "actor",
    "ended_by",
    "via",
    "verified",
    "change_id",
    "producer",
    "secret",
    "token_id",
    "next_page_token",
    "sentence",
}
# In process no request has an id, and nobody has proved who they are.
ABSENT = {"request_id", "user_id"}


class Player:
    """Plays the script on one registry and keeps what it got, with what differs between any two registries left out."""

    def __init__(self, transport, file):
        self.transport = transport
        self.file = file
        self.known = {}

    def play(self):
        return [(verb, self.step(verb, arguments)) for verb, arguments in SCRIPT]

    def step(self, verb, arguments):
        filled = self.fill(arguments)
        try:
            if verb == "send":
                return self.transport.send(filled["path"], self.file, DIGEST, len(TEXT), lambda count: None)
            if verb == "fetch":
                to = io.BytesIO()
                return self.transport.fetch(filled["path"], to, lambda count: None), to.getvalue()
            if verb == "remove":
                return self.transport.remove(filled["path"])
            reply = msgspec.to_builtins(self.transport.call(verb, filled))
        except ModelkeepError as error:
            return type(error).__name__, error.error_code, self.mask(error.message)
        self.remember(verb, reply)
        return self.mask(reply)

    def fill(self, value):
        if isinstance(value, dict):
            return {key: self.fill(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        if isinstance(value, str):
            return re.sub(r"<(\w+)>", lambda match: self.known[match[1]], value)
        return value

    def remember(self, verb, reply):
        if verb == "runs.create":
            self.known[reply["run"]["info"]["run_name"]] = reply["run"]["info"]["run_id"]
        elif verb == "logged_models.create":
            self.known["tree"] = reply["model"]["info"]["model_id"]
        elif verb in ("uploads.create", "parts.create"):
            self.known["upload"] = reply["upload_id"]
        elif verb == "tokens.create":
            self.known["token"] = reply["token"]["token_id"]

    def mask(self, value, key=""):
        if isinstance(value, dict):
            return {name: self.mask(each, name) for name, each in value.items() if name not in ABSENT and each != []}
        if isinstance(value, list):
            return [self.mask(each, key) for each in value]
        if isinstance(value, int) and ("time" in key or key in ("expires", "since", "until")) and value > 1_000_000:
            return "a time"
        if key in HOW_IT_WAS_REACHED:
            return key
        if isinstance(value, str):
            if key == "url":
                return re.sub(r"^http://[^/]*", "", re.sub(r"[0-9a-f]{32,}|expires=\d+", "…", value))
            return re.sub(r"\b(m-)?[0-9a-f]{32}\b|\btk_\w+|\bsecond token \w+", "an id", value)
        return value


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transports")
    file = folder / "weights.bin"
    file.write_bytes(TEXT)
    # In process one is an administrator; over HTTP only a token makes one.
    tokens = {}
    for name in ("embedded", "server"):
        transport = EmbeddedTransport(folder / name)
        tokens[name] = transport.call("tokens.create", {"user": getpass.getuser(), "role": "admin"}).token.secret
        transport.close()
    embedded = EmbeddedTransport(folder / "embedded")
    with start_server(folder / "server", "--auth") as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELKEEP_TOKEN", tokens["server"])
        over_http = HttpTransport(server.url)
        yield Player(embedded, file).play(), Player(over_http, file).play()
        over_http.close()
    embedded.close()


@pytest.mark.parametrize("number", range(len(SCRIPT)), ids=[f"{n}-{verb}" for n, (verb, _) in enumerate(SCRIPT)])
def test_both_transports_give_the_same(played, number):
    embedded, over_http = played
    assert embedded[number] == over_http[number]


def test_the_script_has_every_call_of_the_table():
    assert {verb for verb, _ in SCRIPT} - {"send", "fetch", "remove"} == {call.verb for call in CALLS}


def test_a_call_is_found_by_its_verb_without_the_table():
    first = {call.verb: call for call in reversed(CALLS)}
    assert {verb: of_verb(verb) for verb in first} == first


@pytest.mark.parametrize("verb", ["models.fly", "nothing.get", "table.CALLS", "arguments.complete", "", "..", "a/b.c"])
def test_a_call_that_is_not_there_is_refused(verb):
    with pytest.raises(Invalid, match=re.escape(f"There is no call '{verb}'")):
        of_verb(verb)
