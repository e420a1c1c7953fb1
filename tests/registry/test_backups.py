"""Backups and what is restored from them, on real files."""

import errno
import hashlib
import json
import os
import stat
from pathlib import Path

import apsw
import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Conflict, Gone, Invalid, NotFound, PermissionDenied, Unavailable
from modelkeep.registry import artifacts, backups, events, models, opening, tokens
from modelkeep.storage import schema

CONTENTS = {f"files/{number}": f"content {number}".encode() * 100 for number in range(5)}


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


DIGESTS = {path: digest_of(content) for path, content in CONTENTS.items()}


def store(actor, registry, path, content):
    upload = registry.blobs.begin(len(content))
    upload.write(content)
    return artifacts.store(actor, registry, path, upload)


@pytest.fixture
def database():
    """None: what is backed up here is SQLite's file; a PostgreSQL server has backups of its own."""
    return None


@pytest.fixture
def filled(actor, registry):
    """A registry with a model and five files."""
    models.create(actor, registry, "churn")
    for path, content in CONTENTS.items():
        store(actor, registry, path, content)
    return registry


@pytest.fixture
def data(filled):
    return filled.folder


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "backup"


@pytest.fixture
def elsewhere(tmp_path):
    return tmp_path / "elsewhere" / "data"


def blob(folder, path):
    return folder / "blobs" / DIGESTS[path][:2] / DIGESTS[path][2:]


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def tree(folder):
    """Every path below a folder with what it holds."""
    return {path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def snapshot_folders(folder):
    return sorted((folder / "snapshots").iterdir())


def contents_of(actor, folder):
    """The models and files of a data folder, read the way a server reads them."""
    opening.prepare(folder)
    registry = opening.open_registry(folder)
    try:
        found = {}
        for path in CONTENTS:
            with registry.blobs.open(artifacts.find(actor, registry, path).digest) as file:
                found[path] = file.read()
        return models.get(actor, registry, "churn").name, found
    finally:
        opening.close(registry)


def test_a_restored_registry_has_every_row_and_every_byte(actor, data, folder, elsewhere):
    snapshot, copy = backups.make(actor, data, folder)

    restored, copied, made = backups.restore(actor, folder, elsewhere)

    assert (snapshot.files, copy.copied_files, copy.whole) == (5, 5, True)
    assert (restored, copied.copied_files, made) == (snapshot, 5, True)
    assert contents_of(actor, elsewhere) == ("churn", CONTENTS)


def test_a_backup_names_the_newest_event_in_it(actor, filled, folder):
    snapshot, _ = backups.make(actor, filled.folder, folder)

    assert snapshot.position == events.last_position(actor, filled)
    assert backups.list_all(actor, folder) == [snapshot]
    assert snapshot_folders(folder)[0].name.startswith(f"{snapshot.position}-")


def test_a_backup_leaves_the_data_folder_as_it_was(actor, data, folder):
    before = tree(data)

    backups.make(actor, data, folder)

    assert tree(data).keys() == before.keys()
    assert {path: content for path, content in tree(data).items() if path.suffix != ".db-shm"} == {
        path: content for path, content in before.items() if path.suffix != ".db-shm"
    }


def test_only_files_that_are_new_are_copied(actor, filled, folder):
    backups.make(actor, filled.folder, folder)
    before = {path: blob(folder, path).stat().st_ino for path in CONTENTS}
    for number in range(3):
        store(actor, filled, f"more/{number}", b"more" * number)

    _, copy = backups.make(actor, filled.folder, folder)

    assert (copy.copied_files, copy.copied_bytes, copy.present_files) == (3, 12, 5)
    assert {path: blob(folder, path).stat().st_ino for path in CONTENTS} == before


def test_a_file_that_nothing_refers_to_is_left_out(actor, filled, folder, elsewhere):
    artifacts.delete(actor, filled, "files/0")

    _, copy = backups.make(actor, filled.folder, folder)
    backups.restore(actor, folder, elsewhere)

    assert copy.copied_files == 4
    assert not blob(folder, "files/0").exists()
    connection = apsw.Connection(str(elsewhere / "modelkeep.db"))
    assert connection.execute("SELECT count(*) FROM blobs").fetchall() == [(4,)]
    connection.close()


def test_a_file_of_a_pinned_version_is_in_the_backup_though_no_path_points_at_it(actor, filled, folder):
    with filled.database.write() as tx:
        tx.run("INSERT INTO manifests VALUES (1, 'd', 1, 1, 1)", {})
        tx.run(
            "INSERT INTO manifest_files VALUES (1, 'f', :digest, :size)",
            {"digest": DIGESTS["files/0"], "size": len(CONTENTS["files/0"])},
        )
    artifacts.delete(actor, filled, "files/0")

    _, copy = backups.make(actor, filled.folder, folder)

    assert copy.copied_files == 5


def test_an_earlier_snapshot_can_be_named_by_its_position(actor, filled, folder, elsewhere):
    first, _ = backups.make(actor, filled.folder, folder)
    models.delete(actor, filled, "churn")
    second, _ = backups.make(actor, filled.folder, folder)
    assert second.position > first.position

    restored, _, _ = backups.restore(actor, folder, elsewhere, position=first.position)

    assert restored == first
    assert contents_of(actor, elsewhere) == ("churn", CONTENTS)


def test_a_position_without_a_snapshot_is_not_found(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)

    with pytest.raises(NotFound, match="no snapshot at position 77"):
        backups.restore(actor, folder, elsewhere, position=77)


def test_a_flipped_bit_in_the_registry_is_told_by_digest_and_the_rest_is_backed_up(actor, data, folder):
    flip(blob(data, "files/1"))

    snapshot, copy = backups.make(actor, data, folder)

    assert copy.damaged == snapshot.damaged == [DIGESTS["files/1"]]
    assert (copy.missing, copy.copied_files) == ([], 4)
    assert not blob(folder, "files/1").exists()


def test_a_file_that_is_missing_from_the_registry_is_told_by_digest(actor, data, folder):
    blob(data, "files/1").unlink()
    blob(data, "files/2").write_bytes(b"short")

    snapshot, copy = backups.make(actor, data, folder)

    assert (copy.missing, copy.damaged) == ([DIGESTS["files/1"]], [DIGESTS["files/2"]])
    assert backups.list_all(actor, folder) == [snapshot]


def test_a_file_damaged_in_the_registry_after_a_backup_is_whole_in_the_next(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)
    flip(blob(data, "files/1"))

    _, copy = backups.make(actor, data, folder)
    backups.restore(actor, folder, elsewhere)

    assert copy.whole
    assert contents_of(actor, elsewhere) == ("churn", CONTENTS)


def test_a_flipped_bit_in_the_backup_is_told_by_digest_and_nothing_is_restored(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)
    flip(blob(folder, "files/1"))
    blob(folder, "files/2").unlink()

    _, copy, made = backups.restore(actor, folder, elsewhere)

    assert (copy.damaged, copy.missing, made) == ([DIGESTS["files/1"]], [DIGESTS["files/2"]], False)
    assert os.listdir(elsewhere.parent) == []


def test_with_leave_the_rest_is_restored(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)
    flip(blob(folder, "files/1"))

    _, copy, made = backups.restore(actor, folder, elsewhere, allow_missing=True)

    assert (copy.damaged, copy.copied_files, made) == ([DIGESTS["files/1"]], 4, True)
    assert not blob(elsewhere, "files/1").exists()
    assert blob(elsewhere, "files/2").read_bytes() == CONTENTS["files/2"]


def test_verifying_mends_what_is_damaged_in_the_backup(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)
    flip(blob(folder, "files/1"))
    assert backups.make(actor, data, folder)[1].copied_files == 0

    _, copy = backups.make(actor, data, folder, verify=True)
    backups.restore(actor, folder, elsewhere)

    assert (copy.copied_files, copy.present_files) == (1, 4)
    assert contents_of(actor, elsewhere) == ("churn", CONTENTS)


def test_a_file_that_is_cut_short_in_the_backup_is_copied_again(actor, data, folder):
    backups.make(actor, data, folder)
    os.truncate(blob(folder, "files/1"), 10)

    _, copy = backups.make(actor, data, folder)

    assert copy.copied_files == 1
    assert blob(folder, "files/1").read_bytes() == CONTENTS["files/1"]


def test_a_quarantined_file_whose_bytes_are_good_in_the_backup_is_served_again(actor, filled, folder, elsewhere):
    backups.make(actor, filled.folder, folder)
    with filled.database.write() as tx:
        tx.run("UPDATE blobs SET quarantined_timestamp = 1", {})
    blob(folder, "files/1").unlink()
    blob(filled.folder, "files/1").unlink()
    backups.make(actor, filled.folder, folder)

    backups.restore(actor, folder, elsewhere, allow_missing=True)

    connection = apsw.Connection(str(elsewhere / "modelkeep.db"))
    found = connection.execute("SELECT digest FROM blobs WHERE quarantined_timestamp IS NOT NULL").fetchall()
    connection.close()
    assert found == [(DIGESTS["files/1"],)]


def test_a_restored_file_shares_nothing_with_the_backup(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)
    backups.restore(actor, folder, elsewhere)

    for path in CONTENTS:
        assert blob(elsewhere, path).stat().st_nlink == blob(folder, path).stat().st_nlink == 1


def test_a_damaged_database_in_the_backup_is_refused(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)
    flip(snapshot_folders(folder)[0] / "modelkeep.db")

    with pytest.raises(Gone, match=r"database of the snapshot .* is damaged"):
        backups.restore(actor, folder, elsewhere)

    assert os.listdir(elsewhere.parent) == []


def test_a_database_that_is_damaged_in_the_registry_gives_no_snapshot(actor, tmp_path, folder):
    data = tmp_path / "data"
    opening.prepare(data)
    size = (data / "modelkeep.db").stat().st_size
    with open(data / "modelkeep.db", "r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 4096)

    with pytest.raises(Gone, match="is damaged"):
        backups.make(actor, data, folder)

    assert backups.list_all(actor, folder) == []


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"format": "x"}', b"\xff", b'{"format": 1}'])
def test_a_description_that_cannot_be_read_is_told(actor, data, folder, content):
    backups.make(actor, data, folder)
    (snapshot_folders(folder)[0] / "snapshot.json").write_bytes(content)

    with pytest.raises(Gone, match=r"snapshot\.json cannot be read"):
        backups.list_all(actor, folder)


def describe(folder, **changes):
    file = snapshot_folders(folder)[0] / "snapshot.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_snapshot_of_a_newer_schema_is_refused(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)
    describe(folder, schema=9999, version="99.0")

    with pytest.raises(Invalid, match=r"has schema 9999.* Install Modelkeep 99\.0 or a newer one"):
        backups.restore(actor, folder, elsewhere)


def test_a_snapshot_of_a_newer_format_is_refused(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)
    describe(folder, format=2)

    with pytest.raises(Invalid, match="made by a newer Modelkeep"):
        backups.restore(actor, folder, elsewhere)


def test_an_older_schema_is_backed_up_as_it_is_and_upgraded_when_it_is_next_opened(actor, tmp_path, folder, elsewhere):
    data = tmp_path / "data"
    data.mkdir()
    connection = apsw.Connection(str(data / "modelkeep.db"))
    connection.execute(schema.migrations()[0][1])
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}; PRAGMA user_version = 1").fetchall()
    connection.execute("INSERT INTO blobs VALUES (?, 5, 1)", (digest_of(b"hello"),))
    connection.execute("INSERT INTO artifacts VALUES ('p', ?, 5, 1)", (digest_of(b"hello"),))
    connection.close()
    shard = data / "blobs" / digest_of(b"hello")[:2]
    shard.mkdir(parents=True)
    (shard / digest_of(b"hello")[2:]).write_bytes(b"hello")

    snapshot, _ = backups.make(actor, data, folder)
    backups.restore(actor, folder, elsewhere)
    opening.prepare(elsewhere)

    assert snapshot.schema == 1
    connection = apsw.Connection(str(data / "modelkeep.db"))
    assert connection.pragma("user_version") == 1
    connection.close()
    registry = opening.open_registry(elsewhere)
    assert artifacts.find(actor, registry, "p").digest == digest_of(b"hello")
    opening.close(registry)


# Disks -------------------------------------------------------------------------------------------------------------


class Disk:
    """Watches what is synced, and fails the n-th sync; the files are real."""

    def __init__(self, monkeypatch, failing=None):
        self.synced = set()
        self.count = 0
        self.failing = failing
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, descriptor):
        self.count += 1
        if self.count == self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._fsync(descriptor)
        self.synced.add(os.fstat(descriptor).st_ino)

    def unsynced(self, *tops):
        return [path for top in tops for path in (top, *top.rglob("*")) if path.lstat().st_ino not in self.synced]


# The lock is empty, what is incoming counts for nothing, and the folder of snapshots is synced after the rename.
NOTHING_TO_LOSE = {backups.LOCK_NAME, "incoming", "snapshots"}


def _everything_is_synced_before_the_name(monkeypatch, disk, name, top):
    """Check it at the moment of the rename that gives a finished folder its name."""
    seen = []
    rename = os.rename

    def check(source, target, **more):
        if os.path.basename(target).startswith(name):
            seen.append([path for path in disk.unsynced(top(source)) if path.name not in NOTHING_TO_LOSE])
        rename(source, target, **more)

    monkeypatch.setattr(os, "rename", check)
    return seen


def test_a_snapshot_gets_its_name_when_everything_in_the_backup_is_synced(actor, data, folder, monkeypatch):
    disk = Disk(monkeypatch)
    seen = _everything_is_synced_before_the_name(monkeypatch, disk, "2-", lambda source: folder)

    snapshot, _ = backups.make(actor, data, folder)

    assert snapshot.position == 2
    assert seen == [[]]
    assert (folder / "snapshots").stat().st_ino in disk.synced


def test_a_restored_folder_gets_its_name_when_everything_in_it_is_synced(actor, data, folder, elsewhere, monkeypatch):
    backups.make(actor, data, folder)
    disk = Disk(monkeypatch)
    seen = _everything_is_synced_before_the_name(monkeypatch, disk, "data", Path)

    backups.restore(actor, folder, elsewhere)

    assert seen == [[]]
    assert elsewhere.parent.stat().st_ino in disk.synced


def test_a_sync_that_fails_ends_a_backup_and_the_next_one_is_whole(actor, data, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        disk = Disk(patch)
        backups.make(actor, data, tmp_path / "counting")
    for failing in range(1, disk.count + 1):
        folder = tmp_path / f"backup-{failing}"
        with monkeypatch.context() as patch, pytest.raises(Unavailable):
            Disk(patch, failing)
            backups.make(actor, data, folder)

        backups.make(actor, data, folder)
        for snapshot in backups.list_all(actor, folder):
            assert backups.restore(actor, folder, tmp_path / f"{failing}-{snapshot.name}")[2]


def test_a_sync_that_fails_ends_a_restore_and_leaves_nothing_half_made(actor, data, folder, tmp_path, monkeypatch):
    backups.make(actor, data, folder)
    with monkeypatch.context() as patch:
        disk = Disk(patch)
        backups.restore(actor, folder, tmp_path / "counting" / "data")
    for failing in range(1, disk.count + 1):
        target = tmp_path / f"restored-{failing}" / "data"
        with monkeypatch.context() as patch, pytest.raises(Unavailable):
            Disk(patch, failing)
            backups.restore(actor, folder, target)

        assert not target.exists() or contents_of(actor, target) == ("churn", CONTENTS)
        assert set(os.listdir(target.parent)) <= {"data"}


# Folders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", [".", "backup", "blobs/backup", ".."])
def test_a_backup_into_or_around_the_data_folder_is_refused(actor, data, below):
    before = tree(data)

    with pytest.raises(Invalid, match="must not lie in one another"):
        backups.make(actor, data, data / below)

    assert tree(data).keys() == before.keys()


def test_a_backup_into_a_file_or_a_folder_with_something_else_is_refused(actor, data, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("x")

    with pytest.raises(Invalid, match="is a file"):
        backups.make(actor, data, tmp_path / "file")
    with pytest.raises(Invalid, match="holds something that is no backup"):
        backups.make(actor, data, tmp_path / "home")

    assert os.listdir(tmp_path / "home") == ["letter"]


def test_a_backup_of_a_folder_without_a_registry_is_refused(actor, tmp_path, folder):
    with pytest.raises(Invalid, match="There is no registry"):
        backups.make(actor, tmp_path / "nothing", folder)

    assert not (tmp_path / "nothing").exists()
    assert not folder.exists()


def test_a_second_backup_into_a_folder_at_the_same_time_is_refused(actor, data, folder):
    refused = []

    def meanwhile(copy):
        with pytest.raises(Conflict, match=r"Another backup into .* is running"):
            backups.make(actor, data, folder)
        refused.append(copy)

    backups.make(actor, data, folder, progress=meanwhile)

    assert len(refused) == 5
    assert len(backups.list_all(actor, folder)) == 1


def test_a_restore_into_a_folder_that_is_not_empty_is_refused(actor, data, folder, tmp_path):
    backups.make(actor, data, folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("x")

    for target in (tmp_path / "full", data):
        before = tree(target).keys()
        with pytest.raises(Invalid, match="is not empty, and a restore overwrites nothing"):
            backups.restore(actor, folder, target)
        assert tree(target).keys() == before
    with pytest.raises(Invalid, match="is a file"):
        backups.restore(actor, folder, tmp_path / "full" / "letter")
    with pytest.raises(Invalid, match="must not lie in one another"):
        backups.restore(actor, folder, folder / "data")


def test_an_empty_folder_is_restored_into(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)
    elsewhere.mkdir(parents=True)

    backups.restore(actor, folder, elsewhere)

    assert contents_of(actor, elsewhere) == ("churn", CONTENTS)


def test_a_restore_from_what_is_no_backup_is_refused(actor, data, tmp_path, elsewhere):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")

    for folder in (tmp_path / "empty", tmp_path / "file", tmp_path / "nothing", data):
        with pytest.raises(Invalid, match="is no backup"):
            backups.restore(actor, folder, elsewhere)
    assert not elsewhere.parent.exists()


def test_only_the_owner_may_look_into_a_backup_or_a_restored_folder(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)
    backups.restore(actor, folder, elsewhere)

    for top in (folder, elsewhere):
        for path in (top, *top.rglob("*")):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_backup_holds_no_secret(actor, filled, folder):
    secret = tokens.create(actor, filled, "bob", "writer").secret

    backups.make(actor, filled.folder, folder)

    assert all(secret.encode() not in (content or b"") for content in tree(folder).values())


def test_what_a_killed_backup_left_is_no_snapshot_and_goes_with_the_next(actor, data, folder):
    backups.make(actor, data, folder)
    half = folder / "snapshots" / ".unfinished-0123456789abcdef"
    half.mkdir()
    (half / "modelkeep.db").write_bytes(b"half")

    assert len(backups.list_all(actor, folder)) == 1
    backups.make(actor, data, folder)

    assert not half.exists()
    assert len(backups.list_all(actor, folder)) == 2


def test_what_a_killed_restore_left_goes_with_the_next(actor, data, folder, elsewhere):
    backups.make(actor, data, folder)
    half = elsewhere.parent / ".data.unfinished-0123456789abcdef"
    half.mkdir(parents=True)
    (half / "modelkeep.db").write_bytes(b"half")

    backups.restore(actor, folder, elsewhere)

    assert os.listdir(elsewhere.parent) == ["data"]


@pytest.mark.parametrize("name", ["blobs", "snapshots", "blobs/incoming", "modelkeep-backup.lock"])
def test_a_link_in_place_of_a_part_of_the_backup_is_refused_and_not_followed(actor, data, folder, tmp_path, name):
    backups.make(actor, data, folder)
    victim = tmp_path / "victim"
    (folder / name).rename(victim)
    (folder / name).symlink_to(victim)
    before = tree(victim) if victim.is_dir() else victim.read_bytes()

    with pytest.raises(Invalid, match=r"symbolic link|cannot be opened"):
        backups.make(actor, data, folder)

    assert (tree(victim) if victim.is_dir() else victim.read_bytes()) == before


def test_links_among_the_files_of_a_backup_are_not_followed(actor, data, folder, tmp_path, elsewhere):
    backups.make(actor, data, folder)
    victim = tmp_path / "victim"
    blob(folder, "files/1").rename(victim)
    blob(folder, "files/1").symlink_to(victim)
    shard = blob(folder, "files/2").parent
    shard.rename(tmp_path / "shard")
    shard.symlink_to(tmp_path / "shard")

    _, copy, made = backups.restore(actor, folder, elsewhere)

    assert not made
    assert {DIGESTS["files/1"], DIGESTS["files/2"]} <= set(copy.missing)


def test_a_link_in_place_of_a_file_is_replaced_by_the_next_backup(actor, data, folder, tmp_path):
    backups.make(actor, data, folder)
    victim = tmp_path / "victim"
    victim.write_bytes(CONTENTS["files/1"])
    blob(folder, "files/1").unlink()
    blob(folder, "files/1").symlink_to(victim)

    backups.make(actor, data, folder)

    assert not blob(folder, "files/1").is_symlink()
    assert blob(folder, "files/1").read_bytes() == CONTENTS["files/1"]


@pytest.mark.parametrize("name", ["modelkeep.db", "snapshot.json"])
def test_a_link_in_a_snapshot_is_not_followed(actor, data, folder, tmp_path, elsewhere, name):
    backups.make(actor, data, folder)
    file = snapshot_folders(folder)[0] / name
    file.rename(tmp_path / "victim")
    file.symlink_to(tmp_path / "victim")

    with pytest.raises(Gone, match="damaged"):
        backups.restore(actor, folder, elsewhere)


def test_a_planted_folder_of_a_link_is_not_a_snapshot(actor, data, folder, tmp_path):
    backups.make(actor, data, folder)
    snapshot_folders(folder)[0].rename(tmp_path / "moved")
    (folder / "snapshots" / "1-20260101T000000000Z").symlink_to(tmp_path / "moved")

    assert backups.list_all(actor, folder) == []


def test_names_with_signs_of_an_address_are_names(actor, data, tmp_path):
    folder, target = tmp_path / "a?b#c%41 'd'", tmp_path / "e?f#g%42"
    backups.make(actor, data, folder)
    backups.restore(actor, folder, target)

    assert contents_of(actor, target) == ("churn", CONTENTS)
    assert {Path(path).name for path in os.listdir(tmp_path)} == {"data", folder.name, target.name}


@pytest.mark.parametrize("role", ["reader", "writer", "approver"])
def test_only_an_administrator_backs_up_and_restores(data, folder, elsewhere, role):
    nobody = Actor("eve", role, True, "http")

    for attempt in (
        lambda: backups.make(nobody, data, folder),
        lambda: backups.list_all(nobody, folder),
        lambda: backups.restore(nobody, folder, elsewhere),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    assert not folder.exists()
