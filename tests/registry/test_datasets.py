import pytest

from modelkeep.domain.datasets import Dataset, DatasetInput, ModelInput
from modelkeep.domain.errors import Invalid, NotFound, PermissionDenied
from modelkeep.domain.tags import Tag
from modelkeep.registry import datasets, experiments, runs


@pytest.fixture
def run(actor, registry):
    return runs.create(actor, registry, 0).id


def read(name="iris", digest="1", context=None, **fields):
    tags = [Tag("mlflow.data.context", context)] if context else []
    return DatasetInput(Dataset(name, digest, "local", "{}", **fields), tags)


def names(actor, registry, run):
    return [(each.dataset.name, each.dataset.digest) for each in runs.get(actor, registry, run).dataset_inputs]


def test_what_a_run_read_is_found_with_it(actor, registry, run):
    first = read(context="training", schema="{}", profile="{}")
    second = read("iris", "2")

    datasets.log_inputs(actor, registry, run, [first, second], [ModelInput("m-1")])

    found = runs.get(actor, registry, run)
    assert found.dataset_inputs == [first, second]
    assert found.model_inputs == ["m-1"]


def test_reading_the_same_again_changes_nothing(actor, registry, run):
    datasets.log_inputs(actor, registry, run, [read(context="training")], [ModelInput("m-1")])

    datasets.log_inputs(actor, registry, run, [read(context="other", schema="new"), read()], [ModelInput("m-1")])

    found = runs.get(actor, registry, run)
    assert found.dataset_inputs == [read(context="training")]
    assert found.model_inputs == ["m-1"]


def test_a_data_set_is_kept_once_for_an_experiment(actor, registry, run):
    other = runs.create(actor, registry, 0).id
    elsewhere = runs.create(actor, registry, experiments.create(actor, registry, "elsewhere").id).id
    for each in (run, other, elsewhere):
        datasets.log_inputs(actor, registry, each, [read(context="training")])

    assert [(s.experiment_id, s.name, s.digest, s.context) for s in datasets.search(actor, registry, ["0", "1"])] == [
        (0, "iris", "1", "training"),
        (1, "iris", "1", "training"),
    ]


def test_a_search_lists_each_context_of_a_data_set(actor, registry, run):
    datasets.log_inputs(actor, registry, run, [read(context="training"), read("b")])
    datasets.log_inputs(actor, registry, runs.create(actor, registry, 0).id, [read(context="test")])

    assert [(s.name, s.context) for s in datasets.search(actor, registry, ["0"])] == [
        ("b", None),
        ("iris", "test"),
        ("iris", "training"),
    ]


def test_runs_are_found_by_what_they_read(actor, registry, run):
    datasets.log_inputs(actor, registry, run, [read(context="training")])
    runs.create(actor, registry, 0)

    found = runs.search(actor, registry, ["0"], "dataset.name = 'iris' and dataset.context = 'training'").items
    assert [each.id for each in found] == [run]


@pytest.mark.parametrize(
    "wrong",
    [
        DatasetInput(None),
        read(name=None),
        read(name=""),
        read(name="x" * 501),
        read(digest=None),
        read(digest="x" * 37),
        DatasetInput(Dataset("a", "1", None, "{}")),
        DatasetInput(Dataset("a", "1", "local", None)),
        DatasetInput(Dataset("a", "1", "local", "x" * 65_536)),
        read(schema="x" * 1_048_576),
        read(profile=5),
        DatasetInput(Dataset("a", "1", "local", "{}"), [Tag("x" * 256, "1")]),
        DatasetInput(Dataset("a", "1", "local", "{}"), [Tag("x", "1" * 501)]),
        DatasetInput(Dataset("a", "1", "local", "{}"), [Tag(None, "1")]),
    ],
)
def test_a_wrong_data_set_is_refused_and_nothing_is_kept(actor, registry, run, wrong):
    with pytest.raises(Invalid):
        datasets.log_inputs(actor, registry, run, [read(), wrong], [ModelInput("m-1")])

    assert names(actor, registry, run) == []


def test_inputs_need_a_live_run(actor, registry, run):
    with pytest.raises(NotFound):
        datasets.log_inputs(actor, registry, "nope", [read()])
    with pytest.raises(Invalid, match="run_id"):
        datasets.log_inputs(actor, registry, "no/pe", [read()])
    runs.delete(actor, registry, run)
    with pytest.raises(Invalid, match="'active' state"):
        datasets.log_inputs(actor, registry, run, [read()])


@pytest.mark.parametrize("ids", [None, [], ["x"], ["0"] * 21])
def test_a_search_needs_1_to_20_experiments(actor, registry, ids):
    with pytest.raises(Invalid):
        datasets.search(actor, registry, ids)


def test_a_reader_cannot_log_inputs(reader, registry, run):
    with pytest.raises(PermissionDenied):
        datasets.log_inputs(reader, registry, run, [read()])
