"""`modelkeep.validate` over models that scikit-learn made."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, make_scorer, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import modelkeep
import modelkeep.data
import modelkeep.pyfunc
import modelkeep.sklearn
from modelkeep.exceptions import Conflict, Invalid, NotFound, PermissionDenied
from tests.flavors import models
from tests.support.servers import start_server
from tests.validation.conftest import TEST, TRAIN, Register, X, Y

FAST = {"calls": 3, "rows": 10, "warm_up": 0}


@pytest.fixture
def good() -> RandomForestClassifier:
    return RandomForestClassifier(20, random_state=1).fit(X[TRAIN], Y[TRAIN])


def test_the_articles_validation_is_measured_and_recorded(register: Register, client, good, name):
    address = register(good, X)

    report = modelkeep.validate(
        address, X[TEST], Y[TEST],
        checks={
            "auc": {"scorer": "roc_auc", "at_least": 0.85},
            "avg_latency_ms": {"at_most": 10_000},
            "prediction_mean": {"expected": 0.77, "tolerance": 0.1},
        },
        dataset="holdout",
    )  # fmt: skip

    predicted = good.predict(X[TEST])
    assert report["passed"] is report.passed is True
    assert report["errors"] == []
    assert report["metrics"]["auc"] == roc_auc_score(Y[TEST], good.predict_proba(X[TEST])[:, 1])
    assert report["metrics"]["prediction_mean"] == predicted.mean()
    assert {"avg_latency_ms", "p50_latency_ms", "p99_latency_ms"} <= report["metrics"].keys()
    assert report.details["latency"] == {"calls": 100, "rows": 10, "warm_up": 10}
    assert report.details["answers"] == {"auc": "predict_proba"}
    assert report.details.keys() == {"latency", "answers"}
    (recorded,) = client.list_evidence(name, 1, kind="validation")
    assert recorded.evidence_id == report.evidence_id
    assert recorded.digest == report.digest == client.get_model_version_manifest(name, 1).digest
    assert (recorded.passed, recorded.values) == (True, report.metrics)
    assert (recorded.dataset_name, recorded.dataset_digest) == ("holdout", report.dataset_digest)
    assert recorded.tool.startswith("modelkeep ")
    assert recorded.environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert recorded.environment["scikit-learn"] and recorded.environment["platform"]
    assert recorded.details["rows"] == len(Y[TEST])
    assert recorded.details["checks"][0] == {
        "name": "auc", "value": report.metrics["auc"], "bound": "at least 0.85", "passed": True,
    }  # fmt: skip


def test_what_is_wrong_is_said_for_every_check(register: Register, client, good, name):
    address = register(good, X)

    report = modelkeep.validate(
        address, X[TEST], Y[TEST], latency=FAST,
        checks=["roc_auc >= 0.9999999", "avg_latency_ms <= 0.000001", "prediction_mean = 0.15 +- 0.05", "accuracy >= 0.1"],
    )  # fmt: skip

    assert report["passed"] is False
    assert [error.split()[0] for error in report["errors"]] == ["roc_auc", "avg_latency_ms", "prediction_mean"]
    assert "it must be 0.15 ± 0.05" in report.errors[2]
    assert [each.passed for each in report.checks] == [False, False, False, True]
    (recorded,) = client.list_evidence(name, 1, kind="validation")
    assert (recorded.passed, recorded.details["errors"]) == (False, report.errors)
    assert "FAILED" in str(report)


def test_without_checks_it_measures_what_fits_and_judges_nothing(register: Register, client, good, name):
    report = modelkeep.validate(register(good, X), X[TEST], Y[TEST], latency=FAST)

    assert {
        "accuracy", "f1", "precision", "recall", "roc_auc", "average_precision", "log_loss", "brier", "prediction_mean",
        "avg_latency_ms", "missing_columns", "wrong_types",
    } <= report.metrics.keys()  # fmt: skip
    assert "psi" not in report.metrics  # there is no champion
    assert report.passed and not report.is_judged
    assert client.list_evidence(name, 1, kind="validation")[0].passed is None
    probabilities = good.predict_proba(X[TEST])
    assert report.metrics["log_loss"] == pytest.approx(log_loss(Y[TEST], probabilities))
    assert report.metrics["brier"] == pytest.approx(((probabilities[:, 1] - Y[TEST]) ** 2).mean())
    assert report.metrics["average_precision"] == pytest.approx(average_precision_score(Y[TEST], probabilities[:, 1]))


def test_nothing_is_recorded_when_that_was_not_asked_for(register: Register, client, good, name):
    report = modelkeep.validate(register(good), X[TEST], Y[TEST], latency=False, record=False)

    assert report.evidence_id is None
    assert "avg_latency_ms" not in report.metrics
    assert client.list_evidence(name, 1, kind="validation") == []


def labels_only() -> VotingClassifier:
    """A classifier with neither predict_proba nor decision_function."""
    return VotingClassifier([("tree", DecisionTreeClassifier(max_depth=3))], voting="hard").fit(X[TRAIN], Y[TRAIN])


# Scores ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", ["roc_auc", "average_precision", "log_loss", "brier", "neg_log_loss"])
def test_measures_of_scores_are_refused_on_bare_labels(register: Register, client, name, measure):
    address = register(labels_only())

    report = modelkeep.validate(address, X[TEST], Y[TEST], checks={measure: None, "accuracy": None}, latency=False)

    assert not report.passed
    assert report.errors[0].startswith(f"'{measure}' needs scores, and the model gives labels only")
    assert measure not in report.metrics
    assert report.metrics["accuracy"] > 0.5
    assert client.list_evidence(name, 1, kind="validation")[0].passed is False


def test_the_functions_of_scikit_learn_that_need_scores_are_given_them(register: Register, good):
    bare = register(labels_only())
    address = register(good, X)

    checks = {"auc": roc_auc_score, "loss": {"function": log_loss, "at_most": 1.0}}
    report = modelkeep.validate(address, X[TEST], Y[TEST], checks=checks, latency=False)
    assert report.metrics["auc"] == roc_auc_score(Y[TEST], good.predict_proba(X[TEST])[:, 1])
    assert report.details["answers"] == {"auc": "predict_proba", "loss": "predict_proba"}
    assert report.metrics["loss"] == pytest.approx(log_loss(Y[TEST], good.predict_proba(X[TEST])))
    refused = modelkeep.validate(bare, X[TEST], Y[TEST], checks=checks, latency=False)
    assert [error.split(",")[0] for error in refused.errors] == ["'auc' needs scores", "'loss' needs scores"]


def test_a_decision_function_is_told_as_one_and_gives_no_probabilities(register: Register):
    model = make_pipeline(StandardScaler(), LinearSVC()).fit(X[TRAIN], Y[TRAIN])

    report = modelkeep.validate(register(model, X), X[TEST], Y[TEST], checks=["roc_auc", "log_loss"], latency=False)

    assert report.details["answers"] == {"roc_auc": "decision_function"}
    assert report.metrics["roc_auc"] == roc_auc_score(Y[TEST], model.decision_function(X[TEST]))
    assert len(report.errors) == 1
    assert "'log_loss'" in report.errors[0] and "predict_proba" in report.errors[0]


def test_functions_are_given_predictions_or_scores_or_the_estimator(register: Register, good):
    checks = {
        "agreement": lambda truth, predicted: (truth == predicted).mean(),
        "sharpness": {"function": lambda truth, scores: np.abs(scores - 0.5).mean(), "on": "scores", "at_least": 0.1},
        "cost": make_scorer(lambda truth, predicted: -5.0 * (truth > predicted).mean()),
        "broken": lambda truth, predicted: 1 / 0,
        "nothing": lambda truth, predicted: "much",
    }

    report = modelkeep.validate(register(good, X), X[TEST], Y[TEST], checks=checks, latency=False)

    predicted, scores = good.predict(X[TEST]), good.predict_proba(X[TEST])[:, 1]
    assert report.metrics["agreement"] == (Y[TEST] == predicted).mean()
    assert report.metrics["sharpness"] == np.abs(scores - 0.5).mean()
    assert report.metrics["cost"] == -5.0 * (Y[TEST] > predicted).mean()
    assert report.errors == [
        "'broken' could not be measured: ZeroDivisionError: division by zero",
        "'nothing' gave 'much', which is no number.",
    ]


def test_a_pyfunc_that_answers_with_probabilities_has_scores(register: Register, good):
    def predict(model_input):
        return good.predict_proba(model_input)[:, 1]

    address = register(predict, module=_Functions)
    checks = {"roc_auc": None, "accuracy": None}

    report = modelkeep.validate(address, X[TEST], Y[TEST], checks=checks, latency=False, trust=True)

    assert report.metrics["roc_auc"] == roc_auc_score(Y[TEST], predict(X[TEST]))
    assert report.metrics["accuracy"] == ((predict(X[TEST]) >= 0.5) == Y[TEST]).mean()
    assert report.details["answers"] == {"roc_auc": "predict", "accuracy": "predict"}
    with pytest.raises(modelkeep.exceptions.ModelkeepError, match="trust"):
        modelkeep.validate(address, X[TEST], Y[TEST])


def test_a_pyfunc_that_answers_with_labels_has_none(register: Register, good):
    address = register(lambda model_input: good.predict(model_input), module=_Functions)

    report = modelkeep.validate(address, X[TEST], Y[TEST], checks=["roc_auc", "accuracy"], latency=False, trust=True)

    assert report.errors[0].startswith("'roc_auc' needs scores")
    assert report.metrics["accuracy"] == (good.predict(X[TEST]) == Y[TEST]).mean()


class _Functions:
    """`modelkeep.pyfunc` with the arguments of the other modules."""

    @staticmethod
    def log_model(model, name, registered_model_name):
        return modelkeep.pyfunc.log_model(
            name=name, python_model=model, registered_model_name=registered_model_name, pip_requirements=[]
        )


# Other models ------------------------------------------------------------------------------------------------------


def test_a_regression_is_measured_as_one(register: Register):
    target = X["worst area"] * 2 + 1
    model = LinearRegression().fit(X[TRAIN], target[TRAIN])

    report = modelkeep.validate(register(model, X), X[TEST], target[TEST], latency=False)

    assert report.metrics["r2"] == pytest.approx(1.0)
    assert report.metrics["mean_absolute_error"] == pytest.approx(0.0, abs=1e-6)
    assert report.metrics["root_mean_squared_error"] >= 0
    assert "accuracy" not in report.metrics
    assert report.metrics["prediction_mean"] == pytest.approx(target[TEST].mean())


def test_labels_that_are_texts_have_a_mean_of_the_second_one(register: Register):
    words = np.where(Y, "benign", "malignant")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[TRAIN], words[TRAIN])

    report = modelkeep.validate(register(model, X), X[TEST], words[TEST], latency=False)

    assert report.metrics["prediction_mean"] == (model.predict(X[TEST]) == "malignant").mean()
    assert report.metrics["roc_auc"] == roc_auc_score(words[TEST] == "malignant", model.predict_proba(X[TEST])[:, 1])
    assert "f1" not in report.metrics  # which of the two is the positive one?


def test_a_model_of_more_classes_has_no_mean(register: Register):
    classes = np.array(["low", "middle", "high"])[np.digitize(X["worst area"], [600, 900])]
    model = RandomForestClassifier(10, random_state=1).fit(X[TRAIN], classes[TRAIN])
    address = register(model, X)

    report = modelkeep.validate(address, X[TEST], classes[TEST], checks=["accuracy", "roc_auc_ovr"], latency=False)
    assert report.passed
    assert "prediction_mean" not in report.metrics
    judged = modelkeep.validate(
        address, X[TEST], classes[TEST], checks=["prediction_mean <= 1", "roc_auc"], latency=False
    )
    assert "have no mean" in judged.errors[1]
    assert "'roc_auc' could not be measured" in judged.errors[0]


@pytest.mark.parametrize("kind", models.MODELS)
def test_every_kind_of_model_can_be_validated(kind, tmp_path):
    model, data = models.make(kind)
    modelkeep.sklearn.save_model(model, tmp_path / "model")
    truth = np.roll(np.asarray(model.predict(data)), 1, axis=0)
    registry = modelkeep.connect(str(tmp_path / "data"))

    report = modelkeep.validate(
        tmp_path / "model", data, truth, client=registry, record=False, latency={"calls": 1, "rows": 3, "warm_up": 0},
        trust=True,
    )  # fmt: skip

    assert report.errors == []
    if truth.ndim == 1:
        assert "accuracy" in report.metrics or "r2" in report.metrics
    if not isinstance(data, list):
        assert report.metrics["missing_columns"] == 1.0
        assert report.metrics["wrong_types"] >= 0.5
    registry.transport.close()


@pytest.mark.parametrize("latency", [None, False])
def test_a_model_that_fails_is_told_in_a_sentence(register: Register, latency):
    def fail(model_input):
        raise RuntimeError("out of\ncoffee")

    address = register(fail, module=_Functions)
    with pytest.raises(Invalid, match="could not predict for this data: RuntimeError: out of coffee"):
        modelkeep.validate(address, X, Y, trust=True, latency=latency)


def test_a_model_without_true_values_is_measured_as_far_as_possible(register: Register, good):
    address = register(good, X)

    assert {"prediction_mean", "wrong_types"} <= modelkeep.validate(address, X[TEST], latency=False).metrics.keys()
    clusters = register(KMeans(2, n_init=1, random_state=1).fit(X[TRAIN]), X)
    assert modelkeep.validate(clusters, X[TEST], latency=FAST).passed
    with pytest.raises(Invalid, match="Give them as y"):
        modelkeep.validate(address, X[TEST], checks=["accuracy >= 0.5"])


# The champion ------------------------------------------------------------------------------------------------------


def test_predictions_are_compared_with_those_of_the_champion(register: Register, client, good, name):
    register(good, X)
    client.set_registered_model_alias(name, "champion", 1)
    other = RandomForestClassifier(20, random_state=2).fit(X[TRAIN], Y[TRAIN])
    upside_down = RandomForestClassifier(20, random_state=1).fit(X[TRAIN], 1 - Y[TRAIN])
    near, far = register(other, X), register(upside_down, X)

    close = modelkeep.validate(near, X[TEST], Y[TEST], checks=["psi <= 0.3", "ks <= 0.2"], latency=False)
    wide = modelkeep.validate(far, X[TEST], Y[TEST], checks=["psi <= 0.3", "ks <= 0.2"], latency=False)

    assert close.passed, close.errors
    assert close.details["champion"] == f"models:/{name}/1"
    assert close.details["answers"] == {"psi": "probabilities", "ks": "probabilities"}
    assert [error.split()[0] for error in wide.errors] == ["psi", "ks"]
    same = modelkeep.validate(near, X[TEST], Y[TEST], checks=["psi", "ks"], champion=near, latency=False)
    assert (same.metrics["psi"], same.metrics["ks"]) == (0.0, 0.0)
    ours, theirs = other.predict_proba(X[TEST])[:, 1], good.predict_proba(X[TEST])[:, 1]
    assert close.metrics["ks"] == pytest.approx(
        max(abs((ours <= at).mean() - (theirs <= at).mean()) for at in np.concatenate([ours, theirs]))
    )


def test_without_a_champion_that_is_said_and_nothing_fails(register: Register, client, good, name):
    address = register(good, X)

    report = modelkeep.validate(address, X[TEST], Y[TEST], checks=["psi <= 0.1"], latency=False)
    assert report.passed
    assert report.checks[0].passed is None
    assert "There is no champion" in report.notes[0]
    with pytest.raises(NotFound):
        modelkeep.validate(address, X[TEST], Y[TEST], champion=f"models:/{name}@champion")

    client.transition_model_version_stage(name, 1, "Production")
    found = modelkeep.validate(register(good, X), X[TEST], Y[TEST], checks=["psi <= 0.1"], latency=False)
    assert found.details["champion"] == f"models:/{name}/1"
    assert found.metrics["psi"] == 0.0


def test_a_champion_that_cannot_answer_is_an_error_when_it_was_to_be_compared_with(
    register: Register, client, name, good
):
    fewer = X[["mean radius"]]
    register(RandomForestClassifier(5).fit(fewer[TRAIN], Y[TRAIN]))
    client.set_registered_model_alias(name, "champion", 1)
    address = register(good, X)

    asked = modelkeep.validate(address, X[TEST], Y[TEST], checks=["psi <= 0.1"], latency=False)
    assert len(asked.errors) == 1 and "could not be asked" in asked.errors[0]
    measured = modelkeep.validate(address, X[TEST], Y[TEST], latency=False)
    assert measured.passed and "could not be asked" in measured.notes[0]


def test_labels_are_compared_by_how_often_they_come(register: Register, client, name):
    classes = np.array(["low", "middle", "high"])[np.digitize(X["worst area"], [600, 900])]
    register(RandomForestClassifier(5, random_state=1).fit(X[TRAIN], classes[TRAIN]), X)
    client.set_registered_model_alias(name, "champion", 1)
    address = register(RandomForestClassifier(5, random_state=1).fit(X[TRAIN], np.roll(classes, 100)[TRAIN]), X)

    report = modelkeep.validate(address, X[TEST], classes[TEST], checks=["psi", "ks"], latency=False)

    assert report.metrics["psi"] > 0
    assert report.details["answers"]["psi"] == "labels"
    assert "Use 'psi'" in report.errors[0]


# Robustness --------------------------------------------------------------------------------------------------------


def test_a_model_that_says_what_is_wrong_is_robust(register: Register, good):
    report = modelkeep.validate(
        register(good, X), X[TEST], Y[TEST], checks={"missing_columns": True, "wrong_types": True}, latency=False
    )

    assert report.passed, report.errors
    assert report.details["missing_columns"] == {"answered": 0, "refused": 4, "faults": {}}
    assert report.details["wrong_types"] == {"answered": 0, "refused": 4, "faults": {}}


@pytest.mark.parametrize("as_frame", [True, False])
def test_so_is_one_without_a_signature(register: Register, as_frame):
    data = X if as_frame else X.to_numpy()
    model = HistGradientBoostingClassifier(max_iter=5).fit(data[TRAIN], Y[TRAIN])

    report = modelkeep.validate(
        register(model), data[TEST], Y[TEST], checks=["missing_columns", "wrong_types"], latency=False
    )

    assert report.passed, report.errors
    assert report.metrics["missing_columns"] == report.metrics["wrong_types"] == 1.0


def test_a_model_that_fails_otherwise_is_not(register: Register):
    def careless(model_input):
        try:
            return np.asarray(model_input["mean radius"]) * np.asarray(model_input["worst area"])
        except KeyError:
            return np.full(len(model_input), np.nan)
        except TypeError:
            raise RuntimeError("oops") from None

    report = modelkeep.validate(
        register(careless, module=_Functions), X[TEST], checks=["missing_columns >= 0.9", "wrong_types"], latency=False,
        trust=True,
    )  # fmt: skip

    assert report.metrics["missing_columns"] == 0.5
    assert report.details["missing_columns"]["faults"] == {
        "mean radius": "it predicted what is not a number",
        "worst area": "it predicted what is not a number",
    }
    assert report.details["wrong_types"]["faults"]["mean radius"] == "RuntimeError: oops"
    assert len(report.errors) == 2
    assert "said what is wrong for 2 columns" in report.errors[0]


def test_predictions_that_are_no_numbers_are_an_error(register: Register):
    def gaps(model_input):
        return np.where(np.asarray(model_input["worst area"]) > 500, np.nan, 1.0)

    report = modelkeep.validate(register(gaps, module=_Functions), X[TEST], Y[TEST] * 1.5, latency=False, trust=True)

    assert not report.passed
    assert "predictions are not finite numbers" in report.errors[0]


# Data --------------------------------------------------------------------------------------------------------------


def test_the_digest_is_that_of_the_data_set_as_it_is_logged(register: Register, good):
    address = register(good, X)
    whole = X.assign(target=Y)
    logged = modelkeep.data.from_pandas(whole, targets="target", name="cancer")

    by_column = modelkeep.validate(address, whole, "target", checks=["accuracy"], latency=False)
    apart = modelkeep.validate(address, X, Y, checks=["accuracy"], latency=False)
    given = modelkeep.validate(address, X, Y, checks=["accuracy"], latency=False, dataset=logged)

    assert by_column.dataset_digest == apart.dataset_digest == given.dataset_digest == logged.digest
    assert (given.dataset_name, apart.dataset_name) == ("cancer", "dataset")
    assert by_column.metrics == apart.metrics
    arrays = modelkeep.data.from_numpy(X.to_numpy(), targets=Y.to_numpy())
    from_arrays = modelkeep.validate(address, X.to_numpy(), Y.to_numpy(), checks=["accuracy"], latency=False)
    assert from_arrays.dataset_digest == arrays.digest


@pytest.mark.parametrize(
    ("features", "truth", "said"),
    [
        (X[:0], Y[:0], "no rows"),
        (X[:10], Y[:9], "10 rows and y has 9"),
        (X[:2], pd.Series([1.0, np.nan]), "1 of the 2 values of y are missing"),
        (X[:2], "nothing", "no column 'nothing'"),
        (X[:2].to_numpy(), "target", "no columns with names"),
        (7, None, "no rows"),
        ({"a": [1]}, None, "DataFrame or an array"),
    ],
)
def test_data_that_does_not_fit_together_is_refused(register: Register, good, features, truth, said):
    with pytest.raises(Invalid, match=said):
        modelkeep.validate(register(good, X), features, truth)


def test_data_that_does_not_fit_the_model_is_refused(register: Register, client, good, name):
    with pytest.raises(Invalid, match="lacks"):
        modelkeep.validate(register(good, X), X[["mean radius"]], Y)
    assert client.list_evidence(name, 1, kind="validation") == []


# The registry ------------------------------------------------------------------------------------------------------


def test_a_version_is_named_by_alias_and_the_registry_by_its_address(
    register: Register, uri, client, good, name, tmp_path
):
    register(good, X)
    client.set_registered_model_alias(name, "challenger", 1)
    modelkeep.set_tracking_uri(str(tmp_path / "another"))

    by_uri = modelkeep.validate(f"models:/{name}@challenger", X[TEST], Y[TEST], uri=uri, latency=False)
    by_client = modelkeep.validate(f"models:/{name}/latest", X[TEST], Y[TEST], client=client, latency=False)

    assert by_uri.model_uri == by_client.model_uri == f"models:/{name}/1"
    assert len(client.list_evidence(name, 1, kind="validation")) == 2
    with pytest.raises(NotFound):
        modelkeep.validate(f"models:/{name}@nobody", X, Y, client=client)
    with pytest.raises(Invalid, match="either"):
        modelkeep.validate(f"models:/{name}/1", X, Y, client=client, uri=uri)


def test_what_is_no_version_is_validated_without_a_record(client, good, tmp_path):
    modelkeep.sklearn.save_model(good, tmp_path / "model")

    with pytest.raises(Invalid, match="record=False"):
        modelkeep.validate(tmp_path / "model", X[TEST], Y[TEST], client=client)
    report = modelkeep.validate(tmp_path / "model", X[TEST], Y[TEST], client=client, record=False, latency=False)
    assert report.metrics["accuracy"] > 0.8
    assert (report.digest, report.evidence_id) == (None, None)


def test_a_version_without_files_is_refused_before_anything_is_loaded(client, name):
    client.create_registered_model(name)
    client.create_model_version(name, "s3://bucket/model")

    with pytest.raises(Conflict, match="not pinned"):
        modelkeep.validate(f"models:/{name}/1", X, Y, client=client)


def test_a_reader_is_refused_before_anything_is_measured(tmp_path, good, monkeypatch):
    data = tmp_path / "data"
    local = modelkeep.connect(str(data))
    modelkeep.set_tracking_uri(str(data))
    with modelkeep.start_run():
        modelkeep.sklearn.log_model(good, name="model", registered_model_name="churn")
    tokens = {role: local.call("tokens.create", user=role, role=role).token.secret for role in ("reader", "writer")}
    local.transport.close()
    with start_server(data, "--auth") as server:
        monkeypatch.setenv("MODELKEEP_TOKEN", tokens["reader"])
        reader = modelkeep.connect(server.url)
        with pytest.raises(PermissionDenied, match="was not begun"):
            modelkeep.validate("models:/churn/1", X[TEST].to_numpy(), Y[TEST], client=reader)
        assert modelkeep.validate(
            "models:/churn/1", X[TEST], Y[TEST], client=reader, record=False, latency=False
        ).passed
        reader.transport.close()
        monkeypatch.setenv("MODELKEEP_TOKEN", tokens["writer"])
        writer = modelkeep.connect(f"{server.url}/")
        modelkeep.validate("models:/churn/1", X[TEST], Y[TEST], client=writer, latency=False)
        (recorded,) = writer.list_evidence("churn", 1, kind="validation")
        assert (recorded.producer, recorded.verified) == ("writer", True)
        writer.transport.close()
