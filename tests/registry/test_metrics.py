import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.metrics import Metric
from modelkeep.registry import batches, logged_models, metrics, runs

LARGEST = 1.7976931348623157e308


@pytest.fixture
def run(actor, registry):
    return runs.create(actor, registry, 0).id


def log(actor, registry, run, *points):
    """Log (value, timestamp, step) of the metric `loss`."""
    batches.log(actor, registry, run, metrics=[Metric("loss", *point) for point in points])


def newest(actor, registry, run):
    return [(m.key, m.value, m.timestamp, m.step) for m in runs.get(actor, registry, run).metrics]


def history(actor, registry, run, key="loss", **fields):
    return [(m.value, m.timestamp, m.step) for m in metrics.history(actor, registry, run, None, key, **fields).items]


def test_a_point_is_logged(actor, registry, run):
    metrics.log(actor, registry, run, key="loss", value=0.1 + 0.2, timestamp=5, step=3)
    metrics.log(actor, registry, run_uuid=run, key="acc", value=1, timestamp=5)

    assert newest(actor, registry, run) == [("acc", 1.0, 5, 0), ("loss", 0.1 + 0.2, 5, 3)]


def test_nan_is_kept_and_infinity_becomes_the_largest_number(actor, registry, run):
    for step, value in enumerate([math.nan, math.inf, -math.inf]):
        metrics.log(actor, registry, run, key="loss", value=value, timestamp=0, step=step)

    values = [value for value, _, _ in history(actor, registry, run)]
    assert math.isnan(values[0])
    assert values[1:] == [LARGEST, -LARGEST]


def test_the_same_point_again_changes_nothing(actor, registry, run):
    for _ in range(2):
        log(actor, registry, run, (1.0, 5, 1), (1.0, 5, 1), (math.nan, 5, 1))

    assert len(history(actor, registry, run)) == 2


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(1.0, 9, 1), (2.0, 1, 2)], (2.0, 1, 2)),
        ([(2.0, 1, 2), (1.0, 9, 1)], (2.0, 1, 2)),
        ([(5.0, 1, 1), (1.0, 2, 1)], (1.0, 2, 1)),
        ([(5.0, 1, 1), (7.0, 1, 1), (6.0, 1, 1)], (7.0, 1, 1)),
        ([(1.0, 1, -3), (2.0, 1, -5)], (1.0, 1, -3)),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_the_newest_point_has_the_highest_step_then_time_then_value(actor, registry, run, points, expected, together):
    if together:
        log(actor, registry, run, *points)
    else:
        for point in points:
            log(actor, registry, run, point)

    assert newest(actor, registry, run) == [("loss", *expected)]


@pytest.mark.parametrize(
    "value",
    [
        0.1 + 0.2,
        1 / 3,
        5e-324,
        2.2250738585072009e-308,
        1e22,
        1e23,
        2.0**53 + 2,
        123456789.123456789,
        LARGEST,
        -LARGEST,
    ],
)
@pytest.mark.parametrize("count", [1, 7])
def test_a_value_comes_back_to_the_last_bit(actor, registry, run, value, count):
    log(actor, registry, run, *((value, 1, step) for step in range(count)))

    assert newest(actor, registry, run) == [("loss", value, 1, count - 1)]
    assert {value for value, _, _ in history(actor, registry, run)} == {value}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_every_double_comes_back_from_a_batch(actor, registry, values):
    run = runs.create(actor, registry, 0).id
    batches.log(actor, registry, run, metrics=[Metric(f"m{at:02}", value, 1) for at, value in enumerate(values)])

    assert [value for _, value, _, _ in newest(actor, registry, run)] == values


def test_times_and_steps_of_a_batch_keep_all_of_their_64_bits(actor, registry, run):
    points = [(1.0, 2**63 - 1, -(2**63) + 1), (1.0, 2**53 + 1, 2**53 + 1), (1.0, 2**63 - 2, 2**63 - 1)]
    log(actor, registry, run, *points)

    assert sorted(history(actor, registry, run)) == sorted(points)
    assert newest(actor, registry, run) == [("loss", *points[2])]


def test_keys_of_a_batch_may_be_of_any_script(actor, registry, run):
    keys = ["loss", "vérité/äöü", "損失 𠮷", "потеря: 1", "a b.c-d_e"]
    batches.log(actor, registry, run, metrics=[Metric(key, float(at), 1) for at, key in enumerate(keys)])

    assert {key: value for key, value, _, _ in newest(actor, registry, run)} == dict(zip(keys, range(5), strict=True))


def test_nan_in_a_batch_counts_as_zero_and_stays_nan(actor, registry, run):
    log(actor, registry, run, (math.nan, 1, 1), (-1.0, 1, 1), (-math.inf, 1, 0))

    [(_, value, _, _)] = newest(actor, registry, run)
    assert math.isnan(value)
    assert [value for value, _, _ in history(actor, registry, run)][:2] == [-LARGEST, -1.0]


@pytest.mark.parametrize("count", [1, 2, 511, 512, 513, 999, 1000])
def test_a_batch_of_any_size_is_kept_whole(actor, registry, run, count):
    for start in (0, 1):  # the second batch meets the first
        batches.log(actor, registry, run, metrics=[Metric(f"m{at}", at + 0.5, 1, start) for at in range(count)])
        log(actor, registry, run, *((at + 0.5, at, at) for at in range(start, start + count)))

    found = {key: (value, step) for key, value, _, step in newest(actor, registry, run)}
    assert found.pop("loss") == (count + 0.5, count)
    assert found == {f"m{at}": (at + 0.5, 1) for at in range(count)}
    assert [step for _, _, step in history(actor, registry, run)] == list(range(count + 1))


@pytest.mark.parametrize(
    "fields",
    [
        {"key": None},
        {"key": ""},
        {"key": "/a"},
        {"key": "a" * 251},
        {"key": 5},
        {"key": ["a"]},
        {"value": None},
        {"value": "much"},
        {"value": True},
        {"value": 10**400},
        {"timestamp": None},
        {"timestamp": -1},
        {"timestamp": 1.5},
        {"timestamp": 2**63},
        {"step": 2**63},
        {"step": -(2**63) - 1},
        {"step": "first"},
    ],
)
def test_a_wrong_point_is_refused(actor, registry, run, fields):
    point = {"key": "loss", "value": 1.0, "timestamp": 5, "step": 1} | fields

    with pytest.raises(Invalid):
        metrics.log(actor, registry, run, **point)
    with pytest.raises(Invalid, match=r"metrics\[1\]\."):
        batches.log(actor, registry, run, metrics=[Metric("ok", 1.0, 1), Metric(**point)])

    assert newest(actor, registry, run) == []


def test_a_point_needs_a_run(actor, registry):
    with pytest.raises(NotFound):
        metrics.log(actor, registry, "nope", key="loss", value=1.0, timestamp=1)


def test_a_point_is_kept_for_the_logged_model_it_measures(actor, registry, run):
    model = logged_models.create(actor, registry, 0).id

    metrics.log(
        actor, registry, run, key="acc", value=0.9, timestamp=5, model_id=model, dataset_name="d", dataset_digest="1"
    )

    assert logged_models.get(actor, registry, model).metrics == [Metric("acc", 0.9, 5, 0, run, model, "d", "1")]
    assert newest(actor, registry, run) == [("acc", 0.9, 5, 0)]


# Looking back ---------------------------------------------------------------------------------------------------


def test_a_history_is_whole_and_ordered_by_time_step_and_value(actor, registry, run):
    points = [(3.0, 2, 1), (1.0, 1, 2), (2.0, 1, 1), (1.0, 1, 1)]
    log(actor, registry, run, *points)
    metrics.log(actor, registry, run, key="other", value=1.0, timestamp=1)

    assert history(actor, registry, run) == [(1.0, 1, 1), (2.0, 1, 1), (1.0, 1, 2), (3.0, 2, 1)]


def test_an_unknown_run_or_metric_has_no_history(actor, registry, run):
    assert history(actor, registry, run) == []
    assert history(actor, registry, "nope") == []


def test_pages_show_each_point_once_while_points_are_added(actor, registry, run):
    log(actor, registry, run, *((float(step), 1, step) for step in range(10)))
    seen, token = [], None
    while True:
        page = metrics.history(actor, registry, run, None, "loss", page_token=token, max_results=3)
        seen += [metric.step for metric in page.items]
        token = page.next_page_token
        if token is None:
            break
        log(actor, registry, run, (0.0, 0, -len(seen)))  # sorts before everything seen

    assert seen == list(range(10))


def test_the_last_page_has_no_token(actor, registry, run):
    log(actor, registry, run, (1.0, 1, 1), (2.0, 2, 2))

    assert metrics.history(actor, registry, run, None, "loss", max_results=2).next_page_token is None


def test_a_token_belongs_to_its_run_and_metric(actor, registry, run):
    log(actor, registry, run, (1.0, 1, 1), (2.0, 2, 2))
    token = metrics.history(actor, registry, run, None, "loss", max_results=1).next_page_token

    for wrong in (("nope", "loss", token), (run, "other", token), (run, "loss", "bm9wZQ")):
        with pytest.raises(Invalid, match="page_token"):
            metrics.history(actor, registry, wrong[0], None, wrong[1], wrong[2], 1)


@pytest.mark.parametrize("size", [0, -1, "5", 1.5, 2**63])
def test_a_wrong_page_size_is_refused(actor, registry, run, size):
    with pytest.raises(Invalid, match="max_results"):
        metrics.history(actor, registry, run, None, "loss", max_results=size)


def test_the_largest_page_size_is_accepted(actor, registry, run):
    assert history(actor, registry, run, max_results=2**63 - 1) == []


def test_histories_go_run_by_run_up_to_a_limit(actor, registry, run):
    other = runs.create(actor, registry, 0).id
    for each in (run, other):
        log(actor, registry, each, (1.0, 1, 1), (2.0, 2, 2))

    found = metrics.histories(actor, registry, [other, run, run], "loss", 3)

    expected = [(each, step) for each in sorted([run, other]) for step in (1, 2)]
    assert [(metric.run_id, metric.step) for metric in found] == expected[:3]


@pytest.mark.parametrize("ids", [None, [], "abc", ["r"] * 101, [""], [5]])
def test_wrong_run_ids_are_refused(actor, registry, ids):
    with pytest.raises(Invalid, match="run_id"):
        metrics.histories(actor, registry, ids, "loss")
    with pytest.raises(Invalid, match="run_id"):
        metrics.sample(actor, registry, ids, "loss")


# Sampling -------------------------------------------------------------------------------------------------------


def sampled(actor, registry, run, **fields):
    return [metric.step for metric in metrics.sample(actor, registry, [run], "loss", **fields)]


def test_a_sample_of_few_points_has_them_all(actor, registry, run):
    log(actor, registry, run, *((float(step), 1, step) for step in range(5)))

    assert sampled(actor, registry, run) == [0, 1, 2, 3, 4]
    assert sampled(actor, registry, run, max_results=5) == [0, 1, 2, 3, 4]


def test_a_sample_is_spread_evenly_and_ends_with_the_last_point(actor, registry, run):
    log(actor, registry, run, *((float(step), 1, step) for step in range(100)))

    assert sampled(actor, registry, run, max_results=5) == [0, 20, 40, 60, 99]
    assert sampled(actor, registry, run, max_results=1) == [99]
    assert sampled(actor, registry, run, max_results=3, start_step=10, end_step=19) == [10, 14, 19]


def test_a_sample_is_bounded_where_all_points_share_a_step(actor, registry, run):
    log(actor, registry, run, *((float(time), time, 0) for time in range(1000)))

    assert len(sampled(actor, registry, run, max_results=10)) == 10


def test_samples_keep_the_order_of_the_runs(actor, registry, run):
    other = runs.create(actor, registry, 0).id
    for each in (run, other):
        log(actor, registry, each, (1.0, 1, 1))

    for order in ([run, other], [other, run]):
        assert [metric.run_id for metric in metrics.sample(actor, registry, order, "loss")] == order


@pytest.mark.parametrize(
    "fields",
    [
        {"max_results": 0},
        {"max_results": 2501},
        {"max_results": "5"},
        {"start_step": 1},
        {"end_step": 1},
        {"start_step": 2, "end_step": 1},
        {"start_step": "1", "end_step": "2"},
    ],
)
def test_a_wrong_sample_is_refused(actor, registry, run, fields):
    with pytest.raises(Invalid):
        metrics.sample(actor, registry, [run], "loss", **fields)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 60),
    size=st.integers(1, 70),
)
def test_a_sample_has_as_many_points_as_it_can_and_both_ends(actor, registry, count, size):
    run = runs.create(actor, registry, 0).id
    log(actor, registry, run, *((0.0, 1, step) for step in range(count)))

    steps = sampled(actor, registry, run, max_results=size)

    assert len(steps) == min(size, count)
    assert steps == sorted(set(steps))
    assert steps[-1] == count - 1
    assert size == 1 or steps[0] == 0
