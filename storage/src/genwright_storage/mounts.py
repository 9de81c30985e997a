"""Which file system a path lies on. SQLite's locks and its shared memory need one of the machine itself."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["file_system", "is_remote"]

_MOUNTS = Path("/proc/self/mountinfo")
# Those that other machines write to as well. 9p and virtiofs share a folder of the host with a guest.
_REMOTE = re.compile(
    r"nfs\d?|cifs|smb\w*|afs|9p|virtiofs|ceph|glusterfs|lustre|gpfs|beegfs|ocfs2|gfs2|fuse\.(?!ext|ntfs).+"
)


def file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the type of the file system that a path, which need not exist, lies on; None where the system tells none.

    mounts: the table of mounts, as Linux writes it
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    target, depth, kind = path.resolve(), 0, None
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(_unescaped(before.split(" ")[4]))
        # Of two mounts on one place, the later one hides the other.
        if target.is_relative_to(point) and len(point.parts) >= depth:
            depth, kind = len(point.parts), after.split(" ")[0]
    return kind


def is_remote(kind: str | None) -> bool:
    """Whether a file system of this type lies on another machine, or may be written by one."""
    return kind is not None and _REMOTE.fullmatch(kind) is not None


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
