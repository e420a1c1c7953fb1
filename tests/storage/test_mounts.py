from pathlib import Path

import pytest

from modelkeep.storage.mounts import network_type

MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/export /mnt/team nfs4 rw 0 0
/dev/vdb /mnt/team/local ext4 rw 0 0
user@host: /home/ann/my\\040files fuse.sshfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/var/lib/modelkeep", None),
        ("/mnt/team/registry", "nfs4"),
        ("/mnt/team", "nfs4"),
        ("/mnt/team/local/registry", None),
        ("/mnt/teammate", None),
        ("/home/ann/my files/x", "fuse.sshfs"),
    ],
)
def test_the_innermost_mount_decides(tmp_path, folder, expected):
    (tmp_path / "mounts").write_text(MOUNTS)

    assert network_type(Path(folder), tmp_path / "mounts") == expected


def test_a_machine_without_a_list_of_mounts_is_given_the_benefit_of_the_doubt(tmp_path):
    assert network_type(tmp_path, tmp_path / "absent") is None
