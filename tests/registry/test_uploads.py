"""Uploads that outlast a request, without a server: whose they are, how long they live, and what linking may do."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from modelkeep.blobs import pieces
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Conflict, Invalid, ModelkeepError, NotFound, PermissionDenied, Unavailable
from modelkeep.domain.uploads import Link, OpenUpload, Part, sign
from modelkeep.registry import artifacts, opening, parts, uploads
from modelkeep.registry.handle import Registry
from modelkeep.registry.uploads import COMPLETED_MILLISECONDS, KEPT_MILLISECONDS

CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def other() -> Actor:
    return Actor("bob", "admin", True, "embedded")


def append(actor: Actor, registry: Registry, upload_id: str, offset: int, content: bytes) -> None:
    uploads.check_append(actor, registry, upload_id, offset, len(content))
    tail = pieces.append(registry.blobs, upload_id, offset, len(content))
    try:
        tail.write(content)
        uploads.record(actor, registry, upload_id, tail.settle())
    finally:
        tail.abort()


def keep(actor: Actor, registry: Registry, path: str, content: bytes = CONTENT) -> str:
    upload = registry.blobs.begin()
    upload.write(content)
    return artifacts.store(actor, registry, path, upload).digest


def later(registry: Registry, milliseconds: int) -> None:
    now = registry.clock() + milliseconds
    registry.clock = lambda: now


def is_sent_to(registry: Registry, upload: OpenUpload, number: int, expires_timestamp: int, signature: str) -> bool:
    return parts.identify(registry, upload.id, number, expires_timestamp, signature).id == upload.id


def test_an_upload_belongs_to_whoever_began_it(actor: Actor, other: Actor, registry: Registry) -> None:
    upload = uploads.create(actor, registry, "a.bin")
    in_parts = parts.create(actor, registry, "folder", "a.bin", 2)

    for work in (
        lambda: uploads.get(other, registry, upload.id),
        lambda: uploads.check_append(other, registry, upload.id, 0),
        lambda: uploads.record(other, registry, upload.id, 0),
        lambda: uploads.complete(other, registry, upload.id),
        lambda: uploads.abort(other, registry, upload.id),
        lambda: parts.complete(other, registry, "folder", "a.bin", in_parts.id, [Part(1, "x")]),
        lambda: parts.abort(other, registry, "folder", "a.bin", in_parts.id),
    ):
        with pytest.raises(PermissionDenied, match="begun by somebody else"):
            work()


def test_one_kind_of_upload_is_not_taken_for_the_other(actor: Actor, registry: Registry) -> None:
    upload = uploads.create(actor, registry, "folder/a.bin")
    in_parts = parts.create(actor, registry, "folder", "a.bin", 2)

    with pytest.raises(NotFound):
        uploads.get(actor, registry, in_parts.id)
    with pytest.raises(NotFound):
        parts.abort(actor, registry, "folder", "a.bin", upload.id)
    with pytest.raises(NotFound):
        parts.identify(registry, upload.id, 1, upload.expires_timestamp, "x")


def test_an_upload_that_stands_still_ends_and_its_bytes_go_when_the_next_begins(
    actor: Actor, registry: Registry
) -> None:
    upload = uploads.create(actor, registry, "a.bin")
    append(actor, registry, upload.id, 0, CONTENT)
    assert pieces.names(registry.blobs) == [upload.id]

    later(registry, KEPT_MILLISECONDS)

    with pytest.raises(NotFound, match="Begin again"):
        uploads.get(actor, registry, upload.id)
    uploads.create(actor, registry, "b.bin")
    assert pieces.names(registry.blobs) == []


def test_an_upload_lives_from_its_last_byte_on(actor: Actor, registry: Registry) -> None:
    later(registry, 0)  # time stands still
    upload = uploads.create(actor, registry, "a.bin")
    later(registry, KEPT_MILLISECONDS - 1)
    append(actor, registry, upload.id, 0, CONTENT)
    later(registry, KEPT_MILLISECONDS - 1)

    assert uploads.complete(actor, registry, upload.id).digest == DIGEST


def test_a_start_sweeps_what_is_over_and_leaves_what_is_not(
    actor: Actor, registry: Registry, database: str | None
) -> None:
    live = uploads.create(actor, registry, "live.bin")
    append(actor, registry, live.id, 0, CONTENT)
    (registry.blobs.folder / "open" / ("0" * 32)).write_bytes(b"of no upload")

    opening.prepare(registry.folder, database=database)

    assert pieces.names(registry.blobs) == [live.id]
    assert uploads.complete(actor, registry, live.id).digest == DIGEST


def test_the_address_of_a_part_ends_with_its_time(actor: Actor, registry: Registry) -> None:
    upload = parts.create(actor, registry, "folder", "a.bin", 2)
    expires = upload.expires_timestamp
    signature = sign(upload, 1, expires)
    assert is_sent_to(registry, upload, 1, expires, signature)

    later(registry, KEPT_MILLISECONDS)

    with pytest.raises(PermissionDenied, match="no longer valid"):
        is_sent_to(registry, upload, 1, expires, signature)


def test_a_signature_is_for_one_part_one_upload_and_one_time(actor: Actor, registry: Registry) -> None:
    upload = parts.create(actor, registry, "folder", "a.bin", 2)
    other = parts.create(actor, registry, "folder", "b.bin", 2)
    expires = upload.expires_timestamp
    forged = sign(replace(upload, secret=b"guessed"), 1, expires)

    for target, number, time, signature in (
        (upload, 2, expires, sign(upload, 1, expires)),
        (other, 1, expires, sign(upload, 1, expires)),
        (upload, 1, expires + 1, sign(upload, 1, expires)),
        (upload, 3, expires, sign(upload, 3, expires)),
        (upload, 1, expires, forged),
        (upload, 1, expires, ""),
        (upload, 1, expires, "ü"),
    ):
        with pytest.raises(PermissionDenied, match="not valid"):
            is_sent_to(registry, target, number, time, signature)


def test_only_so_many_uploads_are_open(actor: Actor, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "OPEN_LIMIT", 2)
    first = uploads.create(actor, registry, "a.bin")
    uploads.create(actor, registry, "b.bin")

    with pytest.raises(Conflict, match="are open already"):
        uploads.create(actor, registry, "c.bin")
    with pytest.raises(Conflict):
        parts.create(actor, registry, "folder", "c.bin", 1)

    uploads.complete(actor, registry, first.id)
    uploads.create(actor, registry, "c.bin")


def test_an_answer_to_a_repeated_completion_is_kept_for_an_hour(actor: Actor, registry: Registry) -> None:
    upload = uploads.create(actor, registry, "a.bin")
    append(actor, registry, upload.id, 0, CONTENT)
    first = uploads.complete(actor, registry, upload.id)

    assert uploads.complete(actor, registry, upload.id, DIGEST) == first
    with pytest.raises(Conflict, match=DIGEST):
        uploads.complete(actor, registry, upload.id, "0" * 64)
    later(registry, COMPLETED_MILLISECONDS)
    with pytest.raises(NotFound):
        uploads.complete(actor, registry, upload.id)


def test_a_completion_that_failed_after_its_bytes_were_kept_is_finished_by_the_next(
    actor: Actor, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploads.create(actor, registry, "a.bin")
    append(actor, registry, upload.id, 0, CONTENT)

    def fail(*arguments: object) -> None:
        raise Unavailable("The disk failed.")

    with monkeypatch.context() as patched:
        patched.setattr(artifacts, "commit", fail)
        with pytest.raises(Unavailable):
            uploads.complete(actor, registry, upload.id)

    with pytest.raises(Conflict, match="takes no more bytes"):
        uploads.check_append(actor, registry, upload.id, len(CONTENT), 1)
    assert uploads.complete(actor, registry, upload.id).digest == DIGEST
    assert artifacts.find(actor, registry, "a.bin").size == len(CONTENT)


def test_an_upload_whose_bytes_are_gone_is_not_completed_with_others(actor: Actor, registry: Registry) -> None:
    upload = uploads.create(actor, registry, "a.bin")
    append(actor, registry, upload.id, 0, CONTENT)
    pieces.drop(registry.blobs, upload.id)

    with pytest.raises(NotFound, match="are gone"):
        append(actor, registry, upload.id, len(CONTENT), b"more")
    with pytest.raises(NotFound):
        uploads.complete(actor, registry, upload.id)
    with pytest.raises(NotFound):
        artifacts.find(actor, registry, "a.bin")


def test_an_upload_that_is_aborted_while_it_is_completed_stays_away(
    actor: Actor, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploads.create(actor, registry, "a.bin")
    append(actor, registry, upload.id, 0, CONTENT)
    read = pieces.Whole.read

    def abort_meanwhile(whole: pieces.Whole) -> None:
        read(whole)
        uploads.abort(actor, registry, upload.id)

    monkeypatch.setattr(pieces.Whole, "read", abort_meanwhile)

    with pytest.raises(ModelkeepError):
        uploads.complete(actor, registry, upload.id)
    with pytest.raises(NotFound):
        artifacts.find(actor, registry, "a.bin")


def test_linking_needs_the_permission_to_write(reader: Actor, registry: Registry) -> None:
    with pytest.raises(PermissionDenied):
        uploads.link(reader, registry, [Link("a.bin", DIGEST, 1)])


def test_files_that_are_here_are_linked_and_the_others_told(actor: Actor, registry: Registry) -> None:
    keep(actor, registry, "first.bin")
    absent = "0" * 64

    done = uploads.link(
        actor,
        registry,
        [Link("second.bin", DIGEST, len(CONTENT)), Link("x.bin", absent, 1), Link("y.bin", absent, 1)],
    )

    assert (done.linked, done.missing) == (["second.bin"], [absent])
    assert artifacts.find(actor, registry, "second.bin").digest == DIGEST


@pytest.mark.parametrize(
    "wrong",
    [
        Link("../x.bin", DIGEST, len(CONTENT)),
        Link("first.bin/below", DIGEST, len(CONTENT)),
        Link("good.bin/below", DIGEST, len(CONTENT)),
        Link("x.bin", DIGEST, len(CONTENT) + 1),
        Link("x.bin", DIGEST, -1),
        Link("x.bin", DIGEST),
        Link("x.bin", DIGEST.upper(), len(CONTENT)),
        Link("x.bin", None, len(CONTENT)),
        Link(None, DIGEST, len(CONTENT)),
    ],
)
def test_one_wrong_file_stops_all_of_them(actor: Actor, registry: Registry, wrong: Link) -> None:
    keep(actor, registry, "first.bin")

    with pytest.raises(Invalid):
        uploads.link(actor, registry, [Link("good.bin", DIGEST, len(CONTENT)), wrong])

    with pytest.raises(NotFound):
        artifacts.find(actor, registry, "good.bin")


def test_damaged_bytes_and_those_that_are_not_there_are_missing(actor: Actor, registry: Registry) -> None:
    damaged, absent = keep(actor, registry, "damaged.bin", b"damaged"), keep(actor, registry, "absent.bin", b"absent")
    with registry.database.write() as tx:
        tx.run("UPDATE blobs SET quarantined_timestamp = 1 WHERE digest = :digest", {"digest": damaged})
    registry.blobs.path(absent).unlink()

    done = uploads.link(actor, registry, [Link("x.bin", damaged, 7), Link("y.bin", absent, 6)])

    assert (done.linked, done.missing) == ([], [damaged, absent])


def test_bytes_that_were_to_be_deleted_are_spared_when_they_are_linked(actor: Actor, registry: Registry) -> None:
    keep(actor, registry, "first.bin")
    with registry.database.write() as tx:
        tx.run("UPDATE blobs SET condemned_timestamp = 1", {})

    uploads.link(actor, registry, [Link("second.bin", DIGEST, len(CONTENT))])

    with registry.database.read() as tx:
        assert tx.one("SELECT condemned_timestamp FROM blobs", {}) == (None,)


def test_a_thousand_files_are_linked_in_a_call_and_no_more(actor: Actor, registry: Registry) -> None:
    keep(actor, registry, "first.bin")
    files = [Link(f"many/{number}", DIGEST, len(CONTENT)) for number in range(1001)]

    with pytest.raises(Invalid, match="1,001 files"):
        uploads.link(actor, registry, files)
    assert len(uploads.link(actor, registry, files[:1000]).linked) == 1000


def test_a_read_only_registry_takes_no_upload(actor: Actor, registry: Registry) -> None:
    upload = uploads.create(actor, registry, "a.bin")
    in_parts = parts.create(actor, registry, "folder", "a.bin", 1)
    registry.read_only = True

    for work in (
        lambda: uploads.create(actor, registry, "b.bin"),
        lambda: uploads.check_append(actor, registry, upload.id, 0),
        lambda: uploads.complete(actor, registry, upload.id),
        lambda: uploads.abort(actor, registry, upload.id),
        lambda: uploads.link(actor, registry, [Link("x.bin", DIGEST, 1)]),
        lambda: parts.create(actor, registry, "folder", "b.bin", 1),
        lambda: parts.place(actor, registry, in_parts.id, 1, 5),
        lambda: parts.complete(actor, registry, "folder", "a.bin", in_parts.id, [Part(1, "x")]),
        lambda: parts.abort(actor, registry, "folder", "a.bin", in_parts.id),
    ):
        with pytest.raises(PermissionDenied, match="read-only"):
            work()
