"""Data sets are described as MLflow's client describes them."""

import warnings

import numpy
import pandas
import pytest

import modelkeep.data
from modelkeep.exceptions import Invalid

FRAMES = {
    "numbers and texts": pandas.DataFrame({"b": [1, 2, 3], "a": ["x", "y", "z"], "c": [1.5, None, 2]}),
    "every type": pandas.DataFrame(
        {
            "mixed": [1, "x", None],
            "time": pandas.to_datetime(["2020-01-01"] * 3),
            "flag": [True, False, True],
            "gap": ["q", None, "z"],
            "small": numpy.array([1, 2, 3], dtype="int8"),
        }
    ),
    "typed": pandas.DataFrame({"time": pandas.to_datetime(["2020-01-01"]), "flag": [True], "f": numpy.float32([1])}),
    "many rows": pandas.DataFrame({"x": range(20_000)}),
    "numbered columns": pandas.DataFrame({1: [1], "z": [2]}),
}
ARRAYS = {
    "a matrix": (numpy.arange(12).reshape(3, 4), None),
    "with targets": (numpy.arange(12.0).reshape(3, 4), numpy.array([1, 2, 3])),
    "by name": ({"q": numpy.zeros((2, 2)), "a": numpy.ones(3)}, None),
    "texts": (numpy.array(["a", "b"]), None),
}


@pytest.fixture(scope="module")
def theirs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.data

        yield mlflow.data


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("source", [None, "data.csv", "s3://bucket/x.csv", "https://host/x.csv"])
@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_is_described_as_mlflow_does(theirs, name, source):
    frame = FRAMES[name]
    assert modelkeep.data.from_pandas(frame, source).to_dict() == theirs.from_pandas(frame, source).to_dict()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_described_as_mlflow_does(theirs, name):
    features, targets = ARRAYS[name]
    ours = modelkeep.data.from_numpy(features, "x.npy", targets=targets)
    assert ours.to_dict() == theirs.from_numpy(features, "x.npy", targets=targets).to_dict()


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(Invalid, match="targets column 'y'"):
        modelkeep.data.from_pandas(pandas.DataFrame({"x": [1]}), targets="y")
