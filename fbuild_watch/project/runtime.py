"""The properties that the builder itself defines, and what the project lays over a board's.

Source: the Arduino platform specification, "Global predefined properties", and arduino-cli.

Rules
- The user's sources get the compiler's default warnings (`compiler.warning_flags.default`): a
  platform's first choice is often to silence all, which would silence the user's own -Wall too.
- `extra.time.*` is SOURCE_DATE_EPOCH, else 0: a build is the same whenever it is made.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fbuild_watch.model import Environment, Installed
from fbuild_watch.project import arduino, boards, repairs, toolchain
from fbuild_watch.project import properties as props
from fbuild_watch.project import userflags as user_flags
from fbuild_watch.project.hardware import hardware
from fbuild_watch.project.memory import is_dir
from fbuild_watch.project.recipe import protect
from fbuild_watch.project.userflags import Flags
from fbuild_watch.system import surroundings

PROJECT_NAME = "firmware"
ARCHIVE = "core.a"
_OF_ARDUINO = ("memory_type", "partitions", "flash_mode", "flash_freq", "flash_size")
"""Properties that PlatformIO has below `build.arduino` too."""
_BORROWED = ("build.core", "build.variant", "upload.tool", "upload.tool.default",
             "upload.tool.serial")  # fmt: skip
"""What a board may have of another platform, as vendor:name."""
_QUAD = ("qio", "qout")
_IDE_VERSION = "10819"
"""What cores expect in ARDUINO: the last of the 1.8 line, as other builders say."""


def board_name(environment: Environment, installed: Installed) -> str:
    """The full name of the board. Raises UnknownBoard."""
    where = hardware(environment.project_dir, installed)
    core = environment.board_build.get("core", "")
    return boards.full_name(environment.board, where, environment.arduino_board, core)


def board(environment: Environment, installed: Installed) -> arduino.Board:
    """The board of an environment, with what the project sets. Raises UnknownBoard."""
    where = hardware(environment.project_dir, installed)
    found = arduino.find(board_name(environment, installed), where, boards.COMMON)
    return replace(found, overrides=_overrides(environment, found))


def lenders(environment: Environment, installed: Installed) -> tuple[str, ...]:
    """The platforms that the board's own borrows from and that are not here, as vendor:arch.

    None where the board itself is not known yet. Raises UnknownBoard as `board_name` does.
    """
    where = hardware(environment.project_dir, installed)
    name = arduino.BoardName.parse(board_name(environment, installed))
    if name is None or where.platform(name.vendor, name.arch) is None:
        return ()
    own = board(environment, installed).own
    named = (own.get(key, "").rpartition(":")[0] for key in _BORROWED)
    vendors = dict.fromkeys(vendor for vendor in named if vendor)
    return tuple(f"{vendor}:{name.arch}" for vendor in vendors
                 if where.platform(vendor, name.arch) is None)  # fmt: skip


def _overrides(environment: Environment, board: arduino.Board) -> dict[str, str]:
    """board_build.* and board_upload.* under Arduino's names, where PlatformIO has others."""
    build = {f"build.{key}": value for key, value in environment.board_build.items()}
    upload = {f"upload.{key}": value for key, value in environment.board_upload.items()}
    if "upload.flash_size" in upload:
        build["build.flash_size"] = upload["upload.flash_size"]
    if "build.f_flash" in build:
        hertz = build["build.f_flash"].rstrip("L")
        build["build.flash_freq"] = f"{hertz.removesuffix('000000')}m"
    for name in _OF_ARDUINO:
        if f"build.arduino.{name}" in build:
            build[f"build.{name}"] = build[f"build.arduino.{name}"]
    if not _is_core(build.get("build.core", ""), board):
        del build["build.core"]
    return {**build, **_boot_mode(build, board), **upload}


def warnings(environment: Environment, board: arduino.Board) -> tuple[str, ...]:
    """What the project sets and the board cannot have."""
    core = environment.board_build.get("core", "")
    if core in boards.CORES or _is_core(core, board):
        return ()
    return (f"board_build.core = {core} is no core of {board.name}: it is not heeded",)


def _is_core(name: str, board: arduino.Board) -> bool:
    """Whether `build.core` can be that; PlatformIO has names there that are none (`MiniCore`)."""
    return not name or ":" in name or is_dir(board.platform_dir / "cores" / name)


def _boot_mode(build: dict[str, str], board: arduino.Board) -> dict[str, str]:
    """Of a board whose bootloader sets the flash mode, what ROM reads says DIO for QIO, as in its menu."""
    mode = build.get("build.flash_mode", "")
    if "build.boot" not in board.own or mode not in _QUAD:
        return {}
    return {"build.boot": mode, "build.flash_mode": "dio"}


def properties(
    environment: Environment, board: arduino.Board, installed: Installed
) -> dict[str, str]:
    """What is laid over all properties of the board."""
    values: dict[str, str | Path] = {
        "_id": board.name.board,
        "archive_file": ARCHIVE,
        "archive_file_path": environment.build_dir / ARCHIVE,
        "build.arch": board.name.arch.upper(),
        "build.board.platform.path": board.platform_dir,
        "build.fqbn": str(board.name),
        "build.library_discovery_phase": "0",
        "build.path": environment.build_dir,
        "build.project_path": environment.project_dir,  # ours: Arduino has no projects
        "build.project_name": PROJECT_NAME,
        "build.source.path": environment.src_dir,
        "ide_version": _IDE_VERSION,
        "runtime.hardware.path": board.platform_dir.parent,
        "runtime.ide.path": board.platform_dir.parent,
        "runtime.ide.version": _IDE_VERSION,
        "runtime.os": props.system(),
        "runtime.platform.path": board.platform_dir,
        "software": "ARDUINO",
    }
    fixed = {key: protect(value) for key, value in values.items()}
    return {**fixed, **_times(), **toolchain.tools(installed.tools, board.platform)}


def _times() -> dict[str, str]:
    epoch = surroundings.environ().get("SOURCE_DATE_EPOCH", "0")
    return {f"extra.time.{name}": epoch for name in ("utc", "local")} | {
        "extra.time.zone": "0", "extra.time.dst": "0",
    }  # fmt: skip


def with_flags(properties: dict[str, str], flags: Flags) -> dict[str, str]:
    """The folders of the project's build_flags, where the specification lets a user add flags.

    The other flags stand behind the whole command (userflags.py).
    """
    extra = {"c": flags.c, "cpp": flags.cpp, "S": flags.asm}
    added = {}
    for kind, words in extra.items():
        key = f"compiler.{kind}.extra_flags"
        added[key] = (
            f"{properties.get(key, '')} {' '.join(map(protect, user_flags.folders(words)))}"
        )
    return {**_chosen(properties), **properties, **added, **_warnings(properties)}


def _warnings(properties: dict[str, str]) -> dict[str, str]:
    default = properties.get("compiler.warning_flags.default")
    return {} if default is None else {"compiler.warning_flags": default}


def _chosen(properties: dict[str, str]) -> dict[str, str]:
    """What arduino-cli sets where a platform leaves it open."""
    release = properties.get("compiler.optimization_flags.release")
    return {} if release is None else {"compiler.optimization_flags": release}


def core_words(board: arduino.Board) -> str:
    """Which core is built, its version and place."""
    version = board.platform.get("version", "")
    named = f"{board.name.vendor}:{board.name.arch}"
    mended = "".join(f"; {repair.defect}" for repair in repairs.of(board.platform))
    return " ".join(filter(None, (named, version, f"({board.platform_dir}){mended}")))
