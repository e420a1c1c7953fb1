"""The local blob store, on a real folder."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelkeep.blobs import local
from modelkeep.blobs.local import LocalBlobs
from modelkeep.domain.errors import Invalid, NotFound, OutOfSpace, Unavailable


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


def keep(blobs: LocalBlobs, *chunks: bytes, length: int | None = None) -> str:
    upload = blobs.begin(length)
    try:
        for chunk in chunks:
            upload.write(chunk)
        digest, size = upload.finish()
        upload.keep()
    finally:
        upload.abort()
    assert size == sum(map(len, chunks))
    return digest


def files(blobs: LocalBlobs) -> list[str]:
    return sorted(str(path.relative_to(blobs.folder)) for path in blobs.folder.rglob("*") if not path.is_dir())


def test_a_blob_is_named_by_its_sha256(blobs: LocalBlobs) -> None:
    digest = keep(blobs, b"hel", b"lo")

    assert digest == hashlib.sha256(b"hello").hexdigest()
    assert files(blobs) == [f"{digest[:2]}/{digest[2:]}"]
    with blobs.open(digest) as file:
        assert file.read() == b"hello"
    assert blobs.size(digest) == 5


def test_an_empty_blob_is_kept(blobs: LocalBlobs) -> None:
    digest = keep(blobs, length=0)

    assert blobs.size(digest) == 0


def test_a_preallocated_blob_has_only_its_bytes(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "ALLOCATE_BYTES", 1000)
    monkeypatch.setattr(local, "WRITE_BACK_BYTES", 300)
    chunks = [os.urandom(256) for _ in range(17)]

    digest = keep(blobs, *chunks, length=17 * 256)

    assert blobs.path(digest).read_bytes() == b"".join(chunks)


def test_the_same_bytes_are_stored_once(blobs: LocalBlobs) -> None:
    first = keep(blobs, b"same")

    assert keep(blobs, b"same") == first
    assert files(blobs) == [f"{first[:2]}/{first[2:]}"]


def test_a_damaged_file_of_the_right_size_is_replaced_by_the_whole_one(blobs: LocalBlobs) -> None:
    digest = keep(blobs, b"whole")
    blobs.path(digest).write_bytes(b"whale")

    keep(blobs, b"whole")

    assert blobs.path(digest).read_bytes() == b"whole"


def test_a_file_cut_short_is_replaced_by_the_whole_one(blobs: LocalBlobs) -> None:
    digest = keep(blobs, b"whole")
    blobs.path(digest).write_bytes(b"who")

    keep(blobs, b"whole")

    assert blobs.path(digest).read_bytes() == b"whole"


def test_an_aborted_upload_leaves_nothing(blobs: LocalBlobs) -> None:
    upload = blobs.begin(100)
    upload.write(b"half")

    upload.abort()
    upload.abort()

    assert files(blobs) == []


def test_an_upload_is_not_in_the_store_before_it_is_kept(blobs: LocalBlobs) -> None:
    upload = blobs.begin()
    upload.write(b"hello")
    digest, _ = upload.finish()

    assert blobs.size(digest) is None
    upload.keep()
    assert blobs.size(digest) == 5


@pytest.mark.parametrize("sent", [b"ab", b"abcd"])
def test_a_wrong_length_is_refused(blobs: LocalBlobs, sent: bytes) -> None:
    with pytest.raises(Invalid, match="announced"):
        keep(blobs, sent, length=3)

    assert files(blobs) == []


def test_files_are_for_the_owner_alone(blobs: LocalBlobs) -> None:
    old = os.umask(0)
    try:
        digest = keep(blobs, b"secret")
        store = LocalBlobs(blobs.folder.parent / "other")
    finally:
        os.umask(old)

    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(blobs.path(digest)) == 0o600
    assert mode(blobs.path(digest).parent) == 0o700
    assert mode(store.folder) == 0o700
    assert mode(store.folder / "incoming") == 0o700


@pytest.mark.parametrize("digest", ["", "..", "a" * 63, "A" * 64, "../" + "a" * 61, "a" * 64 + "\n"])
def test_what_is_no_digest_is_refused(blobs: LocalBlobs, digest: str) -> None:
    with pytest.raises(Invalid, match="not a SHA-256 digest"):
        blobs.open(digest)


def test_missing_bytes_are_not_found(blobs: LocalBlobs) -> None:
    with pytest.raises(NotFound, match="missing from the store"):
        blobs.open("0" * 64)


def test_a_planted_link_is_not_read(blobs: LocalBlobs, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"hello")
    digest = keep(blobs, b"hello")
    blobs.path(digest).unlink()
    blobs.path(digest).symlink_to(tmp_path / "outside")

    with pytest.raises(NotFound):
        blobs.open(digest)


def test_a_planted_link_is_replaced_and_not_followed(blobs: LocalBlobs, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"other")
    digest = keep(blobs, b"hello")
    blobs.path(digest).unlink()
    blobs.path(digest).symlink_to(tmp_path / "outside")

    keep(blobs, b"hello")

    assert blobs.path(digest).read_bytes() == b"hello"
    assert not blobs.path(digest).is_symlink()
    assert (tmp_path / "outside").read_bytes() == b"other"


def test_a_planted_folder_link_is_not_followed(blobs: LocalBlobs, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"hello").hexdigest()
    (tmp_path / "outside").mkdir()
    (blobs.folder / digest[:2]).symlink_to(tmp_path / "outside")

    with pytest.raises(Unavailable):
        keep(blobs, b"hello")

    assert list((tmp_path / "outside").iterdir()) == []
    with pytest.raises(NotFound):
        blobs.open(digest)


def test_what_a_killed_process_left_is_swept_at_the_next_start(blobs: LocalBlobs) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from modelkeep.blobs.local import LocalBlobs\n"
        "LocalBlobs(Path(sys.argv[1])).begin().write(b'half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(blobs.folder)], check=False)
    assert len(files(blobs)) == 1

    LocalBlobs(blobs.folder)

    assert files(blobs) == []


def test_a_starting_process_leaves_live_uploads_alone(blobs: LocalBlobs) -> None:
    upload = blobs.begin()
    upload.write(b"hello")

    LocalBlobs(blobs.folder)

    digest, _ = upload.finish()
    upload.keep()
    assert blobs.size(digest) == 5


def test_a_start_says_nothing_of_uploads_that_end_meanwhile(
    blobs: LocalBlobs, caplog: pytest.LogCaptureFixture
) -> None:
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            for upload in [blobs.begin() for _ in range(20)]:
                upload.abort()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            LocalBlobs(blobs.folder).close()
    finally:
        over.set()
        writer.join()

    assert caplog.messages == []


def test_a_link_left_in_the_incoming_folder_does_not_stop_a_start(blobs: LocalBlobs, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"other")
    (blobs.folder / "incoming" / "link").symlink_to(tmp_path / "outside")

    LocalBlobs(blobs.folder)

    assert (tmp_path / "outside").read_bytes() == b"other"


def test_many_uploads_of_the_same_bytes_at_once_keep_one(blobs: LocalBlobs) -> None:
    content = os.urandom(100_000)
    barrier = threading.Barrier(8)
    digests: list[str] = []

    def run() -> None:
        barrier.wait()
        digests.append(keep(blobs, content))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(digests)) == 1 and len(digests) == 8
    assert files(blobs) == [f"{digests[0][:2]}/{digests[0][2:]}"]
    assert blobs.path(digests[0]).read_bytes() == content


def test_more_than_the_disk_holds_is_refused_before_it_is_sent(blobs: LocalBlobs) -> None:
    with pytest.raises(OutOfSpace, match="full"):
        blobs.begin(2**60)

    assert files(blobs) == []


CALLS_THAT_FAIL = ["write", "fsync", "rename", "posix_fallocate", "mkdir"]


@pytest.mark.parametrize("call", CALLS_THAT_FAIL)
@pytest.mark.parametrize(
    ("code", "expected"), [(errno.ENOSPC, OutOfSpace), (errno.EDQUOT, OutOfSpace), (errno.EIO, Unavailable)]
)
def test_a_failing_disk_is_said_and_leaves_nothing(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch, call: str, code: int, expected: type[Exception]
) -> None:
    def fail(*args: object, **named: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(expected):
            keep(blobs, b"hello", length=5)

    assert files(blobs) == []


def test_no_blob_is_kept_after_a_folder_failed_to_sync(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def fail_for_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    keep(blobs, b"hello")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail_for_folders)
        with pytest.raises(Unavailable):
            keep(blobs, b"hello")

    with pytest.raises(Unavailable, match="until the server is restarted"):
        blobs.begin()


def test_everything_is_synced_before_a_blob_counts_as_kept(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, rename, mkdir = os.fsync, os.rename, os.mkdir

    def name_of(descriptor: int) -> str:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        return "file" if path.parent.name == "incoming" else path.name

    monkeypatch.setattr(os, "fsync", lambda fd: (done.append(f"sync {name_of(fd)}"), fsync(fd))[1])
    monkeypatch.setattr(os, "rename", lambda *a, **k: (done.append("rename"), rename(*a, **k))[1])
    monkeypatch.setattr(os, "mkdir", lambda *a, **k: (done.append("mkdir"), mkdir(*a, **k))[1])
    digest = keep(blobs, b"hello")

    assert done == ["sync file", "mkdir", "sync blobs", "rename", f"sync {digest[:2]}"]


@pytest.mark.parametrize("place", ["", "incoming"])
def test_a_link_in_place_of_a_folder_of_the_store_is_refused_and_nothing_behind_it_is_touched(
    tmp_path: Path, place: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "theirs").write_text("kept")
    link = tmp_path / "blobs" / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)

    with pytest.raises(Invalid, match="follows no links"):
        LocalBlobs(tmp_path / "blobs")

    assert (outside / "theirs").read_text() == "kept"
    assert list(outside.iterdir()) == [outside / "theirs"]
