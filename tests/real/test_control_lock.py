"""The lock, what is said beside it, and the folder of both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fbuild_watch.control import info, lock
from fbuild_watch.control.runtime import runtime_dir
from fbuild_watch.errors import LockHeld, RuntimeFolderUnsafe

HOLD = """
import sys, time
from pathlib import Path
from fbuild_watch.control import lock
with lock.hold(Path("/a/project")):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FBUILD_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


def test_held_and_free_again(folder: Path) -> None:
    assert lock.holder() is None
    with lock.hold(Path("/a/project")) as held:
        held.publish(endpoint="unix:/x", projects=("/a/project", "/b"))
        found = lock.holder()
        assert found is not None
        assert (found.pid, found.endpoint) == (os.getpid(), "unix:/x")
        assert found.projects == ("/a/project", "/b")
        before = (folder / lock.NAME).stat()
        with pytest.raises(LockHeld) as refused, lock.hold(Path("/c")):
            pass
        assert refused.value.pid == os.getpid()
        assert (folder / lock.NAME).stat().st_ino == before.st_ino
    assert lock.holder() is None
    assert [path.name for path in folder.iterdir()] == [lock.NAME]


def test_death_of_any_kind_frees_it_and_what_is_left_is_not_believed(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        found = lock.holder()
        assert found is not None
        assert found.pid == child.pid
        child.send_signal(signal.SIGKILL)
    assert (folder / info.NAME).exists()
    assert info.read(folder) is None
    (folder / f"{info.NAME}.{child.pid}").touch()  # killed while it wrote
    with lock.hold(Path("/b")):
        assert sorted(path.name for path in folder.iterdir()) == [info.NAME, lock.NAME]


def test_a_recycled_pid_is_not_the_owner(folder: Path) -> None:
    with lock.hold(Path("/a")):
        said = json.loads((folder / info.NAME).read_text())
    said["process_started"] -= 1
    (folder / info.NAME).write_text(json.dumps(said))
    assert info.read(folder) is None


def test_a_reader_in_the_way_as_on_windows_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []
    really = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if len(refused) < 3:
            refused.append(target)
            raise PermissionError
        return really(self, target)

    with lock.hold() as held:
        monkeypatch.setattr(Path, "replace", replace)
        held.publish(endpoint="unix:/x", projects=())
        found = info.read(folder)
        assert found is not None
        assert found.endpoint == "unix:/x"
        assert len(refused) == 3
        monkeypatch.undo()


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"pid": 1}', '{"pid": "x"}', "\0"])
def test_half_a_file_is_no_information(folder: Path, text: str) -> None:
    runtime_dir()
    (folder / info.NAME).write_text(text)
    assert info.read(folder) is None


def test_a_newer_version_may_say_more(folder: Path) -> None:
    with lock.hold(Path("/a")):
        said = json.loads((folder / info.NAME).read_text()) | {"something": "new"}
        (folder / info.NAME).write_text(json.dumps(said))
        assert info.read(folder) is not None


# --- the folder ----------------------------------------------------------------------------


def test_the_folder_is_made_for_the_user_alone(folder: Path) -> None:
    assert runtime_dir() == folder
    assert folder.stat().st_mode & 0o777 == 0o700


def test_an_empty_folder_of_the_users_is_closed_to_others(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    runtime_dir()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_with_other_things_in_it_is_left_alone_and_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "letters").touch()
    with pytest.raises(RuntimeFolderUnsafe, match="0755"):
        runtime_dir()
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_link_or_a_file_in_its_place_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RuntimeFolderUnsafe, match="no folder"):
        runtime_dir()
    folder.unlink()
    folder.touch()
    with pytest.raises(RuntimeFolderUnsafe):
        runtime_dir()


def test_a_folder_that_everybody_may_replace_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FBUILD_RUNTIME_DIR", str(tmp_path / "open" / "run"))
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(RuntimeFolderUnsafe, match="everybody"):
        runtime_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("given", ["run", "."])
def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """As in /tmp, where somebody has made our predictable folder, or the one above it, before us."""
    shared = tmp_path / "tmp"
    (shared / "runtime-0" / "run").mkdir(parents=True, mode=0o700)
    shared.chmod(0o1777)
    os.chown(shared / "runtime-0" / given, 65534, 65534)
    monkeypatch.setenv("FBUILD_RUNTIME_DIR", str(shared / "runtime-0" / "run"))
    with pytest.raises(RuntimeFolderUnsafe, match="belongs to uid 65534"):
        runtime_dir()
