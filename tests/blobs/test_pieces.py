"""The files of open uploads, on a real folder."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from modelkeep.blobs import local, pieces
from modelkeep.blobs.local import LocalBlobs
from modelkeep.domain.errors import Conflict, NotFound, OutOfSpace, Unavailable

ID = "a" * 32


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


def write(blobs: LocalBlobs, start: int, content: bytes) -> str:
    piece = pieces.write_part(blobs, ID, start, len(content))
    try:
        piece.write(content)
        return piece.finish()[0]
    finally:
        piece.abort()


def take(blobs: LocalBlobs, size: int) -> str:
    whole = pieces.whole(blobs, ID, size)
    assert whole is not None
    try:
        whole.read()
        digest, _ = whole.finish()
        whole.keep()
        return digest
    finally:
        whole.abort()


def test_parts_in_any_order_become_a_blob(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "ALLOCATE_BYTES", 100)
    monkeypatch.setattr(local, "WRITE_BACK_BYTES", 300)
    monkeypatch.setattr(pieces, "READ_BYTES", 700)
    content = os.urandom(2500)

    for start in (2000, 0, 1000):
        part = content[start : start + 1000]
        assert write(blobs, start, part) == hashlib.sha256(part).hexdigest()
    digest = take(blobs, len(content))

    assert digest == hashlib.sha256(content).hexdigest()
    assert blobs.path(digest).read_bytes() == content
    assert pieces.names(blobs) == []


def test_what_lies_beyond_the_end_is_cut_off(blobs: LocalBlobs) -> None:
    write(blobs, 0, b"x" * 1000)

    assert take(blobs, 10) == hashlib.sha256(b"x" * 10).hexdigest()


def test_a_range_has_one_writer_and_others_have_theirs(blobs: LocalBlobs) -> None:
    first = pieces.write_part(blobs, ID, 0, 1000)

    with pytest.raises(Conflict, match="another request"):
        pieces.write_part(blobs, ID, 500, 1000)
    with pytest.raises(Conflict):
        pieces.append(blobs, ID, 0, None)
    with pytest.raises(Conflict):
        pieces.whole(blobs, ID, 1000)
    pieces.write_part(blobs, ID, 1000, 1000).abort()
    first.abort()
    pieces.write_part(blobs, ID, 500, 1000).abort()


def test_a_range_is_locked_against_other_processes(blobs: LocalBlobs) -> None:
    script = (
        "import sys; from pathlib import Path; from modelkeep.blobs import pieces; "
        "from modelkeep.blobs.local import LocalBlobs\n"
        "pieces.append(LocalBlobs(Path(sys.argv[1])), 'a' * 32, 0, None)"
    )
    piece = pieces.write_part(blobs, ID, 0, 1000)

    run = subprocess.run([sys.executable, "-c", script, str(blobs.folder)], capture_output=True, text=True)

    assert "Conflict" in run.stderr
    piece.abort()


def test_a_blob_is_never_written_by_its_uploads_name(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    write(blobs, 0, b"first")
    opened = pieces._open_or_create
    kept: list[str] = []

    def open_then_complete(store: LocalBlobs, name: str) -> int:
        descriptor = opened(store, name)
        monkeypatch.setattr(pieces, "_open_or_create", opened)
        kept.append(take(blobs, 5))
        return descriptor

    monkeypatch.setattr(pieces, "_open_or_create", open_then_complete)
    write(blobs, 0, b"other")

    assert blobs.path(kept[0]).read_bytes() == b"first"


def test_bytes_are_appended_behind_those_that_count(blobs: LocalBlobs) -> None:
    for start, content in ((0, b"hello wor"), (5, b", world")):
        tail = pieces.append(blobs, ID, start, None)
        tail.write(content)
        assert tail.settle() == start + len(content)
        tail.abort()

    assert take(blobs, 12) == hashlib.sha256(b"hello, world").hexdigest()


def append(blobs: LocalBlobs, start: int, content: bytes) -> None:
    tail = pieces.append(blobs, ID, start, len(content))
    tail.write(content)
    tail.settle()
    tail.remember()
    tail.abort()


def test_what_was_hashed_when_it_came_is_not_read_again(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    append(blobs, 0, b"hello")
    append(blobs, 5, b", world")

    monkeypatch.delattr(os, "preadv")

    assert take(blobs, 12) == hashlib.sha256(b"hello, world").hexdigest()


def test_a_chunk_that_was_not_written_is_not_taken_for_hashed(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    tail = pieces.append(blobs, ID, 0, None)
    tail.write(b"hello")

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", fail)
        with pytest.raises(OutOfSpace):
            tail.write(b" world")
    assert tail.settle() == 5
    tail.remember()
    tail.abort()

    assert take(blobs, 5) == hashlib.sha256(b"hello").hexdigest()


def test_what_another_process_wrote_is_read(blobs: LocalBlobs) -> None:
    other = LocalBlobs(blobs.folder)
    append(blobs, 0, b"hello")
    append(other, 5, b", wor")
    append(blobs, 10, b"ld")

    assert take(blobs, 12) == hashlib.sha256(b"hello, world").hexdigest()


def test_what_was_written_over_is_not_taken_for_what_was_hashed(blobs: LocalBlobs) -> None:
    append(blobs, 0, b"hello")
    tail = pieces.append(blobs, ID, 5, None)
    tail.write(b" wrong")
    tail.settle()
    tail.abort()  # its offset was not recorded, so the next one begins where it did
    append(blobs, 5, b" world")

    assert take(blobs, 11) == hashlib.sha256(b"hello world").hexdigest()


def test_nothing_is_appended_behind_bytes_that_are_not_there(blobs: LocalBlobs) -> None:
    with pytest.raises(NotFound, match="are gone"):
        pieces.append(blobs, ID, 5, None)


def test_a_file_that_is_not_there_or_too_short_is_not_taken(blobs: LocalBlobs) -> None:
    assert pieces.whole(blobs, ID, 5) is None
    write(blobs, 0, b"four")
    assert pieces.whole(blobs, ID, 5) is None


def test_after_a_failed_sync_no_later_one_counts(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    tail = pieces.append(blobs, ID, 0, None)
    tail.write(b"hello")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(Unavailable):
            tail.settle()

    with pytest.raises(Unavailable):
        tail.settle()
    tail.abort()


@pytest.mark.parametrize("call", ["write", "fsync", "posix_fallocate", "lseek", "mkdir"])
@pytest.mark.parametrize(("code", "expected"), [(errno.ENOSPC, OutOfSpace), (errno.EIO, Unavailable)])
def test_a_failing_disk_is_said_and_the_range_is_free_again(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch, call: str, code: int, expected: type[Exception]
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(expected):
            write(blobs, 0, b"hello")

    write(blobs, 0, b"hello")
    assert take(blobs, 5) == hashlib.sha256(b"hello").hexdigest()


@pytest.mark.parametrize("call", ["ftruncate", "preadv", "fsync", "rename"])
def test_a_disk_that_fails_while_a_file_is_taken_leaves_it(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    write(blobs, 0, b"hello")
    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(Unavailable):
            take(blobs, 5)

    assert take(blobs, 5) == hashlib.sha256(b"hello").hexdigest()


def test_files_are_for_the_owner_alone_and_no_link_is_followed(blobs: LocalBlobs, tmp_path: Path) -> None:
    write(blobs, 0, b"hello")
    file = blobs.folder / "open" / ID
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700

    (tmp_path / "outside").write_bytes(b"other")
    file.unlink()
    file.symlink_to(tmp_path / "outside")
    with pytest.raises(Unavailable):
        write(blobs, 0, b"hello")
    assert (tmp_path / "outside").read_bytes() == b"other"


@pytest.mark.parametrize("name", ["", "..", "../x", "A" * 32, "a" * 31])
def test_what_is_no_name_of_an_upload_is_not_found(blobs: LocalBlobs, name: str) -> None:
    with pytest.raises(NotFound):
        pieces.append(blobs, name, 0, None)
    with pytest.raises(NotFound):
        pieces.drop(blobs, name)
