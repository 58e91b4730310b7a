"""The folder of the user's running process: where it is, and that nobody else could have made it.

FBUILD_RUNTIME_DIR, else XDG_RUNTIME_DIR/fbuild, else what platformdirs says, which may lie below
/tmp under a name that anybody can guess. So the folder must be the user's own and closed to others
(0700), and so must every folder on the way to it that lies where everybody may write: whoever owns
a folder may replace what is in it. Windows has no such bits; there the folder lies in the profile.
"""

from __future__ import annotations

import os
import stat
import sys
import warnings
from pathlib import Path

from fbuild_watch.errors import RuntimeFolderUnsafe

PREFIX = "fbuild."
"""What our own files in the folder are called."""

_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "drvfs", "afs", "fuse.sshfs", "fuse.glusterfs")
)


def runtime_dir() -> Path:
    """The folder, made on first use for the user alone. Raises RuntimeFolderUnsafe."""
    folder = _chosen()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RuntimeFolderUnsafe(str(folder), f"it cannot be made ({error.strerror})") from error
    if sys.platform != "win32":
        _tighten(folder)
        check(folder)
    return folder


def _chosen() -> Path:
    if own := os.environ.get("FBUILD_RUNTIME_DIR"):
        return Path(own).absolute()
    if xdg := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(xdg) / "fbuild"
    import platformdirs

    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is not set, as in a container
        warnings.simplefilter("ignore")
        return Path(platformdirs.user_runtime_dir("fbuild", appauthor=False))


def _tighten(folder: Path) -> None:
    """Close an empty folder that the user has made for us: `mkdir` leaves it open to readers."""
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if ours and found.st_mode & 0o077 and _only_ours(folder):
        folder.chmod(0o700)


def _only_ours(folder: Path) -> bool:
    return all(entry.name.startswith(PREFIX) for entry in folder.iterdir())


def check(folder: Path) -> None:
    """Raise RuntimeFolderUnsafe unless only this user decides what is in `folder`."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise RuntimeFolderUnsafe(str(folder), "it is no folder")
    if found.st_uid != os.geteuid():
        raise RuntimeFolderUnsafe(str(folder), f"it belongs to uid {found.st_uid}")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise RuntimeFolderUnsafe(str(folder), f"others may use it (its mode is {mode:04o})")
    real = folder.resolve()
    for parent in real.parents:
        _check_parent(folder, parent)


def _check_parent(folder: Path, parent: Path) -> None:
    found = parent.stat()
    anybody = found.st_mode & stat.S_IWOTH
    if anybody and not found.st_mode & stat.S_ISVTX:
        raise RuntimeFolderUnsafe(str(folder), f"everybody may replace what is in {parent}")
    above = parent.parent.stat()
    if above.st_mode & stat.S_IWOTH and found.st_uid not in (0, os.geteuid()):
        raise RuntimeFolderUnsafe(str(folder), f"{parent} belongs to uid {found.st_uid}")


def network_file_system(folder: Path) -> str | None:
    """The type of the network file system that `folder` lies on; None: a local one, or unknown.

    There a lock is the server's affair: `flock` may hold on this machine only, or outlive a crash.
    """
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = file_system(str(folder.resolve()), lines)
    return found if found in _NETWORK else None


def file_system(path: str, mountinfo: list[str]) -> str | None:
    """The type of the file system of `path` by the lines of /proc/self/mountinfo. Pure."""
    best, kind = "", None
    for line in mountinfo:
        fields, _, rest = line.partition(" - ")
        where = fields.split(" ")[4].encode().decode("unicode_escape")
        below = path == where or path.startswith(where.rstrip("/") + "/")
        if below and len(where) >= len(best):
            best, kind = where, rest.split(" ")[0]
    return kind
