"""A thread that an event loop hands its work to."""

import threading

import pytest

from modelkeep.http.handing import Hand


@pytest.fixture
def hand():
    hand = Hand("test-hand")
    yield hand
    hand.close()


def test_work_is_done_in_order_in_one_other_thread(hand):
    done = []
    for number in range(100):
        hand.give(lambda number=number: done.append((number, threading.current_thread().name)))
    hand.give(lambda: None)  # begun: all before it are done
    assert done == [(number, "test-hand") for number in range(100)]


def test_it_returns_when_the_work_has_begun_and_not_when_it_is_done(hand):
    released, done = threading.Event(), threading.Event()

    def work():
        assert released.wait(30)
        done.set()

    hand.give(work)
    assert not done.is_set()
    released.set()
    assert done.wait(30)


def test_closing_waits_for_the_work_and_ends_the_thread():
    hand, released, done = Hand("closing"), threading.Event(), []
    hand.give(lambda: (released.wait(30), done.append(True)))
    threading.Timer(0.05, released.set).start()
    hand.close()
    assert done == [True]
    assert "closing" not in {thread.name for thread in threading.enumerate()}


def test_work_that_fails_does_not_end_the_thread(hand, caplog):
    done = []
    hand.give(lambda: 1 / 0)
    hand.give(lambda: done.append(True))
    hand.give(lambda: None)
    assert done == [True]
    assert "handed to a thread failed" in caplog.text
