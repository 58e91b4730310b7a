"""The folder of the lock: which file system it lies on, as Linux tells it."""

from __future__ import annotations

import pytest

from fbuild_watch.control.runtime import file_system

MOUNTS = [
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "90 22 0:45 / /home rw - nfs4 server:/home rw,vers=4.2",
    "91 90 0:46 / /home/me/with\\040space rw - tmpfs tmpfs rw",
    "92 22 0:47 / /run/user/1000 rw,nosuid shared:2 master:1 - tmpfs tmpfs rw",
    "93 22 0:48 / /mnt/c rw - 9p drvfs rw",
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/tmp/x", "ext4"),
        ("/home", "nfs4"),
        ("/home/me", "nfs4"),
        ("/homestead", "ext4"),
        ("/home/me/with space/run", "tmpfs"),
        ("/run/user/1000/fbuild", "tmpfs"),
        ("/mnt/c/Users/me", "9p"),
    ],
)
def test_the_longest_mount_that_holds_the_path_decides(path: str, kind: str) -> None:
    assert file_system(path, MOUNTS) == kind


def test_nothing_is_claimed_without_a_table() -> None:
    assert file_system("/home", []) is None
