"""What a process knows of the bytes it serves, on real files."""

from __future__ import annotations

import fcntl
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelkeep.blobs import verifying
from modelkeep.blobs.local import LocalBlobs
from modelkeep.blobs.verifying import identity
from modelkeep.domain.errors import Unavailable
from tests.blobs.test_local import keep
from tests.support.damage import flip


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[LocalBlobs]:
    blobs = LocalBlobs(tmp_path / "blobs")
    yield blobs
    blobs.close()


class Told:
    """Remembers what was said to be wrong."""

    def __init__(self, answer: bool = True):
        self.whys: list[str] = []
        self._answer = answer

    def __call__(self, why: str, file: io.FileIO | None) -> bool:
        self.whys.append(why)
        return self._answer


def settled(blobs: LocalBlobs, content: bytes) -> str:
    """Store bytes, and wait until every later write shows in their file's times."""
    digest = keep(blobs, content)
    with blobs.open(digest) as file:
        verifying.settle(file.fileno())
    return digest


def is_known(blobs: LocalBlobs, digest: str) -> bool:
    return blobs.verifier.is_known(digest, blobs.path(digest).stat())


def test_bytes_that_were_read_and_right_are_known(blobs: LocalBlobs) -> None:
    digest = settled(blobs, b"hello")

    right = blobs.verifier.check(digest, 5, Told()).result(60)

    assert right == identity(blobs.path(digest).stat())
    assert is_known(blobs, digest)


@pytest.mark.parametrize("restore_times", [False, True])
def test_a_changed_file_is_not_known(blobs: LocalBlobs, restore_times: bool) -> None:
    digest = settled(blobs, b"hello")
    blobs.verifier.check(digest, 5, Told()).result(60)

    flip(blobs.path(digest), restore_times=restore_times)

    assert not is_known(blobs, digest)


def test_knowledge_lasts_an_hour(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = settled(blobs, b"hello")
    blobs.verifier.check(digest, 5, Told()).result(60)

    monkeypatch.setattr(verifying, "KNOWN_SECONDS", 0.0)

    assert not is_known(blobs, digest)


def test_large_bytes_that_were_just_stored_are_known(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelkeep.blobs.local.SMALL_BYTES", 100)

    assert is_known(blobs, keep(blobs, b"x" * 101))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: flip(path, 3), "the bytes of its file are not those that were stored"),
        (lambda path: path.write_bytes(b"hell"), "its file has 4 bytes and not 5"),
        (lambda path: path.unlink(), "its file is missing"),
    ],
)
def test_what_is_wrong_is_told(blobs: LocalBlobs, damage, why: str) -> None:
    digest = keep(blobs, b"hello")
    damage(blobs.path(digest))
    told = Told()

    assert blobs.verifier.check(digest, 5, told).result(60) is None

    assert told.whys == [why]
    assert not blobs.path(digest).exists() or not is_known(blobs, digest)


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(blobs: LocalBlobs) -> None:
    digest = keep(blobs, b"hello")
    flip(blobs.path(digest))
    whys = []

    def replace(why: str, file: io.FileIO | None) -> bool:
        whys.append(why)
        keep(blobs, b"hello")
        return False

    assert blobs.verifier.check(digest, 5, replace).result(60) == identity(blobs.path(digest).stat())
    assert len(whys) == 1


def test_a_file_that_is_always_replaced_is_given_up(blobs: LocalBlobs) -> None:
    digest = keep(blobs, b"hello")
    flip(blobs.path(digest))

    with pytest.raises(Unavailable, match="replaced all the time"):
        blobs.verifier.check(digest, 5, Told(answer=False)).result(60)


def test_one_of_many_may_go_along_and_the_others_wait(blobs: LocalBlobs) -> None:
    digest = keep(blobs, b"hello")
    flip(blobs.path(digest))
    release = threading.Event()

    def wait(why: str, file: io.FileIO | None) -> bool:
        return release.wait(60)

    asked = [blobs.verifier.accompany(digest, 5, wait) for _ in range(5)]
    release.set()

    assert [alone for _, alone in asked] == [True, False, False, False, False]
    assert {future.result(60) for future, _ in asked} == {None}


def test_nobody_goes_along_with_what_was_wrong_before(blobs: LocalBlobs) -> None:
    digest = keep(blobs, b"hello")
    flip(blobs.path(digest))
    blobs.verifier.accompany(digest, 5, Told())[0].result(60)

    assert not blobs.verifier.accompany(digest, 5, Told())[1]


def test_nobody_goes_along_while_another_process_does(blobs: LocalBlobs) -> None:
    digest = keep(blobs, b"hello")
    with blobs.open(digest) as other:
        fcntl.flock(other.fileno(), fcntl.LOCK_EX)
        future, alone = blobs.verifier.accompany(digest, 5, Told())
        assert not alone
        assert not future.done()

    assert future.result(60) is not None


def test_closing_ends_what_is_being_read(blobs: LocalBlobs) -> None:
    digest = keep(blobs, b"hello")
    with blobs.open(digest) as other:
        fcntl.flock(other.fileno(), fcntl.LOCK_EX)
        future = blobs.verifier.check(digest, 5, Told())
        blobs.close()

    with pytest.raises(Unavailable, match="stopping"):
        future.result(60)
    with pytest.raises(Unavailable, match="stopping"):
        blobs.verifier.check(digest, 5, Told())


def test_what_is_known_is_bounded(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "KNOWN_MOST", 2)
    digests = [settled(blobs, b"%d" % number) for number in range(3)]
    for digest in digests:
        blobs.verifier.check(digest, 1, Told()).result(60)

    assert [is_known(blobs, digest) for digest in digests] == [False, True, True]


def test_a_damaged_file_is_set_aside_unless_another_took_its_place(blobs: LocalBlobs) -> None:
    digest = keep(blobs, b"hello")
    with blobs.open(digest) as first:
        keep(blobs, b"hello")
        assert not blobs.set_aside(digest, first)
    with blobs.open(digest) as second:
        assert blobs.set_aside(digest, second)

    assert not blobs.path(digest).exists()
    ((found, path),) = blobs.quarantined()
    assert found == digest
    assert path.read_bytes() == b"hello"
    assert os.stat(path.parent).st_mode & 0o777 == 0o700
