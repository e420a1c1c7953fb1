"""Python objects and functions that predict, both ways."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

import modelkeep.models
import modelkeep.pyfunc
from modelkeep.domain.errors import Invalid
from modelkeep.flavors import examples, mlmodels
from modelkeep.flavors.errors import MissingPackage, NotAModel, SchemaMismatch, Untrusted

FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})


@pytest.fixture(autouse=True)
def mlflows_own_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Scaled(modelkeep.pyfunc.PythonModel):
    """A model with a file and a param."""

    def load_context(self, context):
        self.factor = float(Path(context.artifacts["factor"]).read_text())

    def predict(self, context, model_input, params=None):
        return model_input["a"] * self.factor + (params or {}).get("add", 0)


def summed(model_input):
    return model_input.sum(axis=1)


def lengths(model_input: list[str]) -> list[int]:
    return [len(each) for each in model_input]


class Counting:
    """An object that is nobody's PythonModel."""

    def predict(self, model_input):
        return len(model_input)


def test_a_python_model_goes_to_mlflow_and_comes_back(tmp_path):
    (tmp_path / "factor.txt").write_text("10")
    modelkeep.pyfunc.save_model(
        tmp_path / "model",
        Scaled(),
        artifacts={"factor": str(tmp_path / "factor.txt")},
        signature=modelkeep.models.infer_signature(FRAME, FRAME["a"], {"add": 1}),
    )

    for loaded in (
        modelkeep.pyfunc.load_model(tmp_path / "model", trust=True),
        mlflow.pyfunc.load_model(str(tmp_path / "model")),
    ):
        assert loaded.predict(FRAME).tolist() == [11, 21]
        assert loaded.predict(FRAME, params={"add": 5}).tolist() == [15, 25]


@pytest.mark.parametrize(
    ("model", "data", "expected"),
    [
        (summed, FRAME, [4, 6]),
        (lambda data: data["b"], FRAME, [3, 4]),
        (lengths, ["ab", "c"], [2, 1]),
        (Counting(), FRAME, 2),
    ],
    ids=["function", "lambda", "hints", "object"],
)
def test_anything_that_predicts_goes_both_ways(model, data, expected, tmp_path):
    modelkeep.pyfunc.save_model(tmp_path / "ours", model, input_example=data)
    found = [
        modelkeep.pyfunc.load_model(tmp_path / "ours", trust=True).predict(data),
        mlflow.pyfunc.load_model(str(tmp_path / "ours")).predict(data),
    ]
    if not isinstance(model, Counting):
        mlflow.pyfunc.save_model(
            tmp_path / "theirs", python_model=model, input_example=data, pip_requirements=["pandas"]
        )
        found.append(modelkeep.pyfunc.load_model(tmp_path / "theirs", trust=True).predict(data))

    for each in found:
        assert np.array_equal(each, expected)


def test_mlflows_python_model_is_loaded(tmp_path):
    class Theirs(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["a"] + context.model_config["add"]

    mlflow.pyfunc.save_model(
        tmp_path / "model", python_model=Theirs(), model_config={"add": 1}, pip_requirements=["pandas"]
    )

    loaded = modelkeep.pyfunc.load_model(tmp_path / "model", trust=True)
    assert loaded.predict(FRAME).tolist() == [2, 3]
    changed = modelkeep.pyfunc.load_model(tmp_path / "model", model_config={"add": 5}, trust=True)
    assert changed.predict(FRAME).tolist() == [6, 7]


def test_a_pickle_is_run_by_nobody_who_did_not_ask_for_it(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

        def predict(self, model_input):
            return model_input

    modelkeep.pyfunc.save_model(tmp_path / "model", Trap())

    with pytest.raises(
        Untrusted, match=r"'python_model.pkl' is a pickle, and loading one runs the code it names \(.*\)"
    ):
        modelkeep.pyfunc.load_model(tmp_path / "model")
    assert not (tmp_path / "sprung").exists()


def test_the_file_needs_no_modelkeep_where_mlflow_loads_it(tmp_path):
    modelkeep.pyfunc.save_model(tmp_path / "model", lambda data: len(data))

    assert "modelkeep" not in (tmp_path / "model" / "requirements.txt").read_text()
    code = (
        "import sys, pickle; sys.modules['modelkeep'] = None\n"
        f"model = pickle.load(open({str(tmp_path / 'model' / 'python_model.pkl')!r}, 'rb')); print(model.predict([1, 2, 3]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "3"


def test_a_loader_that_is_not_known_is_imported_only_when_it_is_trusted(tmp_path, monkeypatch):
    (tmp_path / "loader_of_mine.py").write_text(
        "class Model:\n    def predict(self, data):\n        return 'mine'\ndef _load_pyfunc(path):\n    return Model()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "model").mkdir()
    described = mlmodels.MLmodel({"python_function": {"loader_module": "loader_of_mine"}})
    mlmodels.write(described, tmp_path / "model")

    with pytest.raises(Untrusted, match="loaded by the module 'loader_of_mine', which is none of"):
        modelkeep.pyfunc.load_model(tmp_path / "model")
    assert "loader_of_mine" not in sys.modules
    assert modelkeep.pyfunc.load_model(tmp_path / "model", trust=True).predict([1]) == "mine"


PROGRAM = """
import mlflow, pathlib

pathlib.Path({ran!r}).write_text("ran")

class Adder(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.more = context.model_config["more"]

    def predict(self, context, model_input, params=None):
        return model_input["a"] + self.more

mlflow.models.set_model(Adder())
"""


def test_a_program_is_run_only_when_it_is_trusted(tmp_path):
    ran, source = tmp_path / "ran", tmp_path / "adder.py"
    source.write_text(PROGRAM.format(ran=str(ran)))
    mlflow.pyfunc.save_model(
        tmp_path / "model", python_model=str(source), model_config={"more": 5}, pip_requirements=["pandas"]
    )
    source.unlink()
    ran.unlink()

    with pytest.raises(Untrusted, match=r"is the Python program 'adder\.py', and loading it runs it.*trust=True"):
        modelkeep.pyfunc.load_model(tmp_path / "model")
    assert not ran.exists()

    assert (
        modelkeep.pyfunc.load_model(tmp_path / "model", trust=True).predict(FRAME).tolist() == (FRAME["a"] + 5).tolist()
    )
    assert ran.exists()


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("x = 1\n", "gives no model to mlflow.models.set_model"),
        ("1 / 0\n", "ended with ZeroDivisionError"),
        ("import no_such_package\n", "needs the package 'no_such_package'"),
        ("def (\n", "ended with SyntaxError"),
    ],
)
def test_a_program_that_is_no_model_says_why(tmp_path, program, says):
    (tmp_path / "adder.py").write_text(program)
    settings = {"loader_module": "mlflow.pyfunc.loaders.code_model", "model_code_path": "/where/it/was/adder.py"}
    mlmodels.write(mlmodels.MLmodel({"python_function": settings}), tmp_path)

    with pytest.raises((NotAModel, MissingPackage), match=says):
        modelkeep.pyfunc.load_model(tmp_path, trust=True)


def test_a_program_elsewhere_on_the_disk_is_not_run(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "adder.py").write_text("1 / 0\n")
    settings = {"loader_module": "mlflow.pyfunc.loaders.code_model", "model_code_path": str(tmp_path / "adder.py")}
    mlmodels.write(mlmodels.MLmodel({"python_function": settings}), tmp_path / "model")

    with pytest.raises(NotAModel, match=r"'adder\.py'"):
        modelkeep.pyfunc.load_model(tmp_path / "model", trust=True)


def test_a_package_that_is_not_installed_is_named(tmp_path):
    modelkeep.pyfunc.save_model(tmp_path / "model", summed)
    (tmp_path / "model" / "python_model.pkl").write_bytes(b"cno_such_package\nModel\n.")

    with pytest.raises(MissingPackage, match="needs the package 'no_such_package'"):
        modelkeep.pyfunc.load_model(tmp_path / "model", trust=True)


def test_data_that_is_not_the_signatures_is_refused(tmp_path):
    modelkeep.pyfunc.save_model(tmp_path / "model", summed, input_example=FRAME)
    loaded = modelkeep.pyfunc.load_model(tmp_path / "model", trust=True)

    assert loaded.predict({"b": [3], "a": [1], "c": ["x"]}).tolist() == [4]
    with pytest.raises(SchemaMismatch, match="lacks 'b'"):
        loaded.predict(FRAME[["a"]])


@pytest.mark.parametrize(
    ("given", "message"),
    [(Counting, "is a class. Give an object"), (1, "A int does not predict"), (None, "does not predict")],
)
def test_what_does_not_predict_is_an_error(given, message, tmp_path):
    with pytest.raises(Invalid, match=message):
        modelkeep.pyfunc.save_model(tmp_path / "model", given)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("uri", ["/no/such/folder", "s3://models/1", "file:///no/such/folder"])
def test_an_address_of_nothing_is_an_error(uri):
    with pytest.raises(Invalid, match=r"There is no folder|is not an address of a model"):
        modelkeep.pyfunc.load_model(uri)
    assert issubclass(NotAModel, Invalid)


EXAMPLES = {
    "frame": pd.DataFrame({"a": [1.5, 2.0], "b": ["x", "y"]}),
    "array": np.arange(6.0).reshape(2, 3),
    "arrays": {"left": np.zeros((2, 2)), "right": np.ones(2)},
    "dict": {"a": [1, 2], "b": "x"},
    "list": ["a", "b"],
    "pair": (["a"], {"top": 3}),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_written_as_mlflow_writes_it(name, tmp_path):
    class Answering(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return ["a"]

    example = EXAMPLES[name]
    parameters = {"python_model": Answering(), "input_example": example}
    modelkeep.pyfunc.save_model(tmp_path / "ours", **parameters)
    mlflow.pyfunc.save_model(tmp_path / "theirs", pip_requirements=["pandas"], **parameters)

    ours, theirs = mlmodels.read(tmp_path / "ours"), mlmodels.read(tmp_path / "theirs")
    assert ours.saved_input_example_info == theirs.saved_input_example_info
    assert ours.signature.inputs == theirs.signature.inputs
    for file in ("input_example.json", "serving_input_example.json"):
        assert (tmp_path / "ours" / file).read_text() == (tmp_path / "theirs" / file).read_text()
    for model, folder in ((ours, "ours"), (theirs, "theirs")):
        assert repr(examples.read(model, tmp_path / folder)) == repr(example)
    assert repr(mlflow.models.Model.load(str(tmp_path / "ours")).load_input_example(str(tmp_path / "ours"))) == repr(
        examples.split(example)[0]
    )


def test_an_example_with_a_missing_number_is_json(tmp_path):
    example = pd.DataFrame({"a": [1.5, None]})
    modelkeep.pyfunc.save_model(tmp_path / "model", summed, input_example=example)

    assert '"data": [[1.5], [null]]' in (tmp_path / "model" / "input_example.json").read_text()
    assert examples.read(mlmodels.read(tmp_path / "model"), tmp_path / "model").equals(example)
