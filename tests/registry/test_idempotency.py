import pytest

from modelkeep.domain.errors import Conflict, Invalid
from modelkeep.registry import idempotency, models


def test_a_repeated_key_does_the_work_once(actor, registry):
    calls = []

    def work():
        calls.append(1)
        return models.create(actor, registry, "churn").name.encode()

    first = idempotency.once(actor, registry, "key", "same", work)
    second = idempotency.once(actor, registry, "key", "same", work)

    assert (first, second, len(calls)) == (b"churn", b"churn", 1)


def test_a_key_used_for_another_request_is_a_conflict(actor, registry):
    idempotency.once(actor, registry, "key", "one", lambda: b"1")

    with pytest.raises(Conflict):
        idempotency.once(actor, registry, "key", "two", lambda: b"2")


def test_a_failed_attempt_keeps_nothing_of_the_key(actor, registry):
    with pytest.raises(Invalid):
        idempotency.once(actor, registry, "key", "same", lambda: models.create(actor, registry, "a/b"))

    assert idempotency.once(actor, registry, "key", "same", lambda: b"done") == b"done"


def test_a_key_is_forgotten_after_a_day(actor, registry):
    idempotency.once(actor, registry, "key", "one", lambda: b"1")
    later = registry.clock() + idempotency.KEPT_MILLISECONDS + 1
    registry.clock = lambda: later

    assert idempotency.once(actor, registry, "key", "two", lambda: b"2") == b"2"
