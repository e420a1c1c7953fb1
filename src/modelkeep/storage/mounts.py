"""Which file system a folder lies on: a database with locks and a WAL belongs on a disk of its own host."""

from __future__ import annotations

from pathlib import Path

NETWORK_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "gfs2", "ocfs2", "beegfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.ceph-fuse"}
)


def network_type(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """The type of the network file system a folder lies on, or None; None too where `mounts` cannot be read.

    Args:
        folder: an absolute path.
        mounts: the list of mounts, in the format of fstab(5).
    """
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    found, longest = None, -1
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        place = Path(fields[1].replace("\\040", " "))
        if (folder == place or place in folder.parents) and len(place.parts) >= longest:
            found, longest = fields[2], len(place.parts)
    return found if found in NETWORK_TYPES else None
