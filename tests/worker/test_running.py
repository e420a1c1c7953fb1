"""The background thread: who runs it, what it survives, how it ends."""

from __future__ import annotations

import threading
from pathlib import Path

from modelkeep.storage.sqlite import Database
from modelkeep.worker import running
from modelkeep.worker.running import Background, Chore


class Counted:
    """Work that counts itself."""

    def __init__(self) -> None:
        self.done = 0
        self.first = threading.Event()

    def __call__(self, stopping: threading.Event) -> None:
        self.done += 1
        self.first.set()


def test_a_chore_is_done_at_once_and_again_later() -> None:
    again = threading.Event()
    counted = Counted()

    def work(stopping: threading.Event) -> None:
        counted(stopping)
        if counted.done == 3:
            again.set()

    background = Background(lambda: True, [Chore("counting", work, 0.01)])

    assert again.wait(60)
    background.stop()


def test_a_chore_that_fails_keeps_no_other_from_being_done() -> None:
    def fail(stopping: threading.Event) -> None:
        raise OSError("the disk is full")

    counted = Counted()
    background = Background(lambda: True, [Chore("failing", fail, 1), Chore("counting", counted, 1)])

    assert counted.first.wait(60)
    background.stop()


def test_one_of_two_does_the_work_and_the_other_takes_over(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(running, "ELECTION_SECONDS", 0.01)
    first, second = Counted(), Counted()
    one, two = Database(tmp_path), Database(tmp_path)
    doing = Background(one.claim_chores, [Chore("counting", first, 100)])
    assert first.first.wait(60)
    waiting = Background(two.claim_chores, [Chore("counting", second, 100)])
    assert not second.first.wait(0.1)

    doing.stop()
    one.close()

    assert second.first.wait(60)
    waiting.stop()
    two.close()


def test_who_was_chosen_and_no_longer_is_leaves_off(monkeypatch) -> None:
    monkeypatch.setattr(running, "ELECTION_SECONDS", 0.01)
    chosen = iter([True, True, False])
    asked = threading.Event()
    counted = Counted()

    def is_chosen() -> bool:
        for answer in chosen:
            return answer
        asked.set()
        return False

    background = Background(is_chosen, [Chore("counting", counted, 0)])

    assert asked.wait(60)
    background.stop()
    assert counted.done == 2


def test_a_choice_that_fails_is_asked_for_again(monkeypatch) -> None:
    monkeypatch.setattr(running, "ELECTION_SECONDS", 0.01)
    failures = iter([OSError("the database is away")])

    def is_chosen() -> bool:
        for failure in failures:
            raise failure
        return True

    counted = Counted()
    background = Background(is_chosen, [Chore("counting", counted, 100)])

    assert counted.first.wait(60)
    background.stop()


def test_nothing_is_left_of_it_after_a_stop() -> None:
    def wait(stopping: threading.Event) -> None:
        stopping.wait()

    background = Background(lambda: True, [Chore("waiting", wait, 1)])
    background.stop()

    assert "modelkeep-background" not in [thread.name for thread in threading.enumerate()]
