from pathlib import Path

import pytest

from genwright_storage.mounts import file_system, is_remote

TABLE = """\
22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:28 / /home rw,relatime shared:2 - nfs4 server:/home rw,vers=4.2
31 30 0:29 / /home/me/fast\\040disk rw - xfs /dev/sdb rw
32 22 0:30 / /mnt/a rw - ext4 /dev/sdc rw
33 32 0:31 / /mnt/a rw master:3 - cifs //server/a rw
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    (tmp_path / "mountinfo").write_text(TABLE)
    return tmp_path / "mountinfo"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/store", "ext4"),
        ("/home/me/store", "nfs4"),
        ("/homes/store", "ext4"),
        ("/home/me/fast disk/store", "xfs"),
        ("/mnt/a/b/c/store", "cifs"),
    ],
)
def test_the_deepest_and_latest_mount_counts(path: str, kind: str, mounts: Path) -> None:
    assert file_system(Path(path), mounts) == kind


def test_where_the_system_tells_nothing_nothing_is_known(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "nothing") is None
    assert not is_remote(None)


def test_this_machine_tells(tmp_path: Path) -> None:
    assert not is_remote(file_system(tmp_path / "store"))


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.s3fs", "lustre"])
def test_a_network_file_system_is_told(kind: str) -> None:
    assert is_remote(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "apfs", "fuse.ext4"])
def test_a_local_file_system_is_told(kind: str) -> None:
    assert not is_remote(kind)
