"""The options that PlatformIO knows, and what may stand in each. Data.

Source: PlatformIO's documentation, "platformio.ini (Project Configuration File)"; a test holds this
table against the installed PlatformIO. Options of commands that fbuild does not have (check, debug,
test) are here so that they are known, not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "int", "bit", "flag", "folder"]


@dataclass(frozen=True, slots=True)
class Known:
    """What may stand in an option."""

    kind: Kind = "text"
    many: bool = False
    """A list: one item a line, or on one line with `, ` between them."""
    choices: tuple[str, ...] = ()
    default: str | int | bool | tuple[str, ...] | None = None
    variable: str = ""
    """The environment variable that overrides it, or that is added to a list."""
    old_names: tuple[str, ...] = ()


def _folder(name: str, default: str | None = None) -> Known:
    return Known(kind="folder", default=default, variable=f"PLATFORMIO_{name.upper()}")


_TEXT, _LIST, _FLAG, _BIT = Known(), Known(many=True), Known("flag", default=False), Known("bit")

_PLATFORMIO: dict[str, Known] = {
    "name": _TEXT,
    "description": _TEXT,
    "default_envs": Known(
        many=True, variable="PLATFORMIO_DEFAULT_ENVS", old_names=("env_default",)
    ),
    "extra_configs": _LIST,
    "core_dir": Known("folder", default="~/.platformio", variable="PLATFORMIO_CORE_DIR",
                      old_names=("home_dir",)),
    "globallib_dir": _folder("globallib_dir", "${platformio.core_dir}/lib"),
    "platforms_dir": _folder("platforms_dir", "${platformio.core_dir}/platforms"),
    "packages_dir": _folder("packages_dir", "${platformio.core_dir}/packages"),
    "cache_dir": _folder("cache_dir", "${platformio.core_dir}/.cache"),
    "build_cache_dir": _folder("build_cache_dir"),
    "workspace_dir": _folder("workspace_dir", "${PROJECT_DIR}/.pio"),
    "build_dir": _folder("build_dir", "${platformio.workspace_dir}/build"),
    "libdeps_dir": _folder("libdeps_dir", "${platformio.workspace_dir}/libdeps"),
    **{
        f"{name}_dir": _folder(f"{name}_dir", f"${{PROJECT_DIR}}/{name}")
        for name in ("include", "src", "lib", "data", "test", "boards", "monitor", "shared")
    },
}  # fmt: skip

_ENV: dict[str, Known] = {
    # platform
    "platform": _TEXT,
    "platform_packages": _LIST,
    "board": _TEXT,
    "framework": _LIST,
    "board_build.mcu": Known(old_names=("board_mcu",)),
    "board_build.f_cpu": Known(old_names=("board_f_cpu",)),
    "board_build.f_flash": Known(old_names=("board_f_flash",)),
    "board_build.flash_mode": Known(old_names=("board_flash_mode",)),
    # build
    "build_type": Known(choices=("release", "test", "debug"), default="release"),
    "build_flags": Known(many=True, variable="PLATFORMIO_BUILD_FLAGS"),
    "build_src_flags": Known(
        many=True, variable="PLATFORMIO_BUILD_SRC_FLAGS", old_names=("src_build_flags",)
    ),
    "build_unflags": Known(many=True, variable="PLATFORMIO_BUILD_UNFLAGS"),
    "build_src_filter": Known(
        many=True,
        default="+<*> -<.git/> -<.svn/>",
        variable="PLATFORMIO_BUILD_SRC_FILTER",
        old_names=("src_filter",),
    ),
    "targets": _LIST,
    # upload
    "upload_port": Known(variable="PLATFORMIO_UPLOAD_PORT"),
    "upload_protocol": _TEXT,
    "upload_speed": Known("int"),
    "upload_flags": Known(many=True, variable="PLATFORMIO_UPLOAD_FLAGS"),
    "upload_resetmethod": _TEXT,
    "upload_command": _TEXT,
    # monitor
    "monitor_port": _TEXT,
    "monitor_speed": Known("int", default=9600, old_names=("monitor_baud",)),
    "monitor_parity": Known(choices=("N", "E", "O", "S", "M"), default="N"),
    "monitor_filters": _LIST,
    "monitor_rts": _BIT,
    "monitor_dtr": _BIT,
    "monitor_eol": Known(choices=("CR", "LF", "CRLF"), default="CRLF"),
    "monitor_raw": _FLAG,
    "monitor_echo": _FLAG,
    "monitor_encoding": Known(default="UTF-8"),
    # libraries
    "lib_deps": Known(many=True, old_names=("lib_use", "lib_force", "lib_install")),
    "lib_ignore": _LIST,
    "lib_extra_dirs": Known(many=True, variable="PLATFORMIO_LIB_EXTRA_DIRS"),
    "lib_ldf_mode": Known(choices=("off", "chain", "deep", "chain+", "deep+"), default="chain"),
    "lib_compat_mode": Known(choices=("off", "soft", "strict"), default="soft"),
    "lib_archive": Known("flag", default=True),
    # check
    "check_tool": Known(many=True, choices=("cppcheck", "clangtidy"), default=("cppcheck",)),
    "check_src_filters": Known(many=True, old_names=("check_patterns",)),
    "check_flags": _LIST,
    "check_severity": Known(
        many=True, choices=("low", "medium", "high"), default=("low", "medium", "high")
    ),
    "check_skip_packages": _FLAG,
    # test
    "test_framework": Known(choices=("doctest", "googletest", "unity", "custom"), default="unity"),
    "test_filter": _LIST,
    "test_ignore": _LIST,
    "test_port": _TEXT,
    "test_speed": Known("int", default=115200),
    "test_build_src": Known("flag", default=False, old_names=("test_build_project_src",)),
    "test_testing_command": _LIST,
    # debug
    "debug_tool": _TEXT,
    "debug_build_flags": Known(many=True, default=("-Og", "-g2", "-ggdb2")),
    "debug_init_break": Known(default="tbreak main"),
    "debug_init_cmds": _LIST,
    "debug_extra_cmds": _LIST,
    "debug_load_cmds": Known(many=True, default=("load",), old_names=("debug_load_cmd",)),
    "debug_load_mode": Known(choices=("always", "modified", "manual"), default="always"),
    "debug_server": _LIST,
    "debug_port": _TEXT,
    "debug_speed": _TEXT,
    "debug_svd_path": _TEXT,
    "debug_server_ready_pattern": _TEXT,
    "debug_test": _TEXT,
    # advanced
    "extends": _LIST,
    "extra_scripts": Known(
        many=True, variable="PLATFORMIO_EXTRA_SCRIPTS", old_names=("extra_script",)
    ),
}

KNOWN = {"platformio": _PLATFORMIO, "env": _ENV}
"""Scope -> name -> what may stand there."""

OWN_PREFIXES = ("custom_", "board_")
"""Options of an environment that begin so are the project's own to name."""

_NEW_NAMES = {
    (scope, old): name
    for scope, table in KNOWN.items()
    for name, known in table.items()
    for old in known.old_names
}


def scope_of(section: str) -> str:
    """`env` for [env] and every [env:NAME]; other sections are named after themselves."""
    return section.partition(":")[0]


def new_name(scope: str, name: str) -> str:
    """What an option is called today."""
    return _NEW_NAMES.get((scope, name), name)


def find(section: str, name: str) -> tuple[str, Known] | None:
    """The option's name of today and what may stand in it; None where PlatformIO knows it not."""
    scope = scope_of(section)
    name = new_name(scope, name)
    known = KNOWN.get(scope, {}).get(name)
    return (name, known) if known else None
