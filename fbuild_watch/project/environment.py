"""One environment of a platformio.ini, with its types.

Not here: how its text is found (config.py), what a board is (boards.py, arduino.py), and projects
without a platformio.ini (sketch.py, foreign.py).

Rules
- An option that is not known here is left alone (remarks.py says likely slips).
- Nothing is guessed: a value that cannot be what it should be is InvalidProject, with its line.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from fbuild_watch.errors import InvalidProject, UnknownEnvironment
from fbuild_watch.model import Environment
from fbuild_watch.project import foreign, manifest, reaching, remarks
from fbuild_watch.project.config import Config
from fbuild_watch.project.flag_words import FlagWords
from fbuild_watch.project.memory import below, is_dir
from fbuild_watch.system import surroundings

_ROM_BAUD = 115200
"""The rate of a board of ours that no option names; PlatformIO's default is its own 9600."""

_RESET_HINT = f"one of {', '.join(reaching.METHODS)}, or steps such as D0|R1|W0.1|D1|R0|W0.05|D0"
_MAC_HINT = "such as 7c:df:a1:00:00:01; fbuild ports --probe says it"

_RULE = re.compile(r"[+-]<[^>]+>")


def environments(project_dir: Path) -> list[str]:
    """The names of all environments, in the order of the file."""
    return Config(project_dir, surroundings.environ()).environments()


def load(project_dir: Path, name: str | None, environ: Mapping[str, str]) -> Environment:
    """Read one environment; None: the first of default_envs, else the first of the file.

    `project_dir` is absolute. Raises InvalidProject (with file and line) and UnknownEnvironment.
    """
    config = Config(project_dir, environ)
    _check_names(config)
    taken = name or _default(config)
    if taken not in config.environments():
        raise UnknownEnvironment(taken, config.environments(), str(config.path))
    found = _Reader(config, project_dir, taken).read()
    if name:
        return found
    return replace(found, warnings=(*found.warnings, *remarks.others(config, taken)))


def _check_names(config: Config) -> None:
    """An environment's name becomes a folder's name: keep PlatformIO's alphabet."""
    for name in config.environments():
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            section = config.document[config.section(name)]
            raise InvalidProject(
                f"[env:{name}] is no name for an environment",
                path=section.path,
                line=section.line,
                hint="use letters, digits, - and _",
            )


def _default(config: Config) -> str:
    for name in config.items("platformio", "default_envs"):
        return name
    names = config.environments()
    if not names:
        hint = "add a section such as [env:main] with board = vendor:arch:board"
        raise InvalidProject("there is no [env:NAME]", path=str(config.path), hint=hint)
    return names[0]


class _Reader:
    """Reads one environment."""

    def __init__(self, config: Config, project_dir: Path, name: str) -> None:
        self._config = config
        self._project_dir = project_dir
        self._name = name
        self._section = config.section(name)
        self._names = config.names(self._section)
        self._build_dir = self._place_of_outputs()
        self._flags = FlagWords(self._variables(), str(project_dir))
        self._unsupported: list[str] = []

    def read(self) -> Environment:
        custom = self._below("custom_")
        board = self._manifest()
        self._check_command(custom)
        self._check_framework(custom)
        return Environment(
            name=self._name,
            project_dir=self._project_dir,
            build_dir=self._build_dir,
            src_dir=self._folder("src_dir"),
            include_dir=self._folder("include_dir"),
            lib_dir=self._folder("lib_dir"),
            data_dir=self._folder("data_dir"),
            lib_extra_dirs=(*self._more_folders("lib_extra_dirs"), *self._stores()),
            board=self._board(needed=foreign.COMMAND not in custom),
            arduino_board=manifest.arduino_board(board) if board else "",
            platform=self._text("platform") or "",
            platform_packages=self._platform_packages(),
            framework=self._items("framework"),
            build_flags=self._words("build_flags"),
            build_unflags=self._words("build_unflags"),
            build_src_flags=self._words("build_src_flags"),
            src_filter=self._source_rules(),
            lib_deps=self._items("lib_deps"),
            lib_ignore=self._items("lib_ignore"),
            lib_ldf_mode=self._text("lib_ldf_mode") or "",
            lib_compat_mode=self._text("lib_compat_mode") or "",
            lib_archive=bool(self._config.value(self._section, "lib_archive")),
            upload_port=self._text("upload_port"),
            upload_speed=self._baud("upload_speed"),
            reset=self._reset(board),
            mac=self._own("custom_fbuild_mac", reaching.mac, _MAC_HINT),
            monitor_port=self._text("monitor_port"),
            monitor_speed=self._monitor_speed(),
            board_build=self._below("board_build."),
            board_upload=self._below("board_upload."),
            monitor=self._below("monitor_", but=("port", "speed")),
            upload=self._below("upload_", but=("port", "speed")),
            custom=custom,
            read_from=tuple(self._config.files),
            read_in=tuple(dict.fromkeys(self._config.folders)),
            warnings=remarks.warnings(self._config, self._name),
            unsupported=(*remarks.unsupported(self._config, self._name), *self._unsupported),
        )

    # --- values ----------------------------------------------------------------------------

    def _text(self, name: str) -> str | None:
        return self._config.text(self._section, name)

    def _items(self, name: str) -> tuple[str, ...]:
        return tuple(self._config.items(self._section, name))

    def _platform_packages(self) -> tuple[str, ...]:
        """Those that a core of Arduino's, or a URL, can be had for (remarks.py names the others)."""
        entries = self._items("platform_packages")
        return tuple(entry for entry in entries if not remarks.is_of_registry(entry))

    def _below(self, prefix: str, but: tuple[str, ...] = ()) -> dict[str, str]:
        """The options whose names begin so, by the rest of their names."""
        names = (name for name in self._names if name.startswith(prefix))
        values = {name.removeprefix(prefix): self._as_text(name) for name in names}
        return {name: text for name, text in values.items() if name not in but}

    def _as_text(self, name: str) -> str:
        value = self._config.value(self._section, name)
        return "\n".join(value) if isinstance(value, list) else str(value)

    def _baud(self, name: str) -> int | None:
        """A rate in bits a second."""
        rate = self._config.value(self._section, name)
        if rate is None:
            return None
        if not isinstance(rate, int) or rate <= 0:
            hint = f"such as {name} = 115200"
            raise self._config.error(
                self._section, name, f"{name} = '{rate}' is not a baud rate", hint
            )
        return rate

    def _monitor_speed(self) -> int:
        """PlatformIO's default is for PlatformIO's projects: those name a platform."""
        name = "monitor_speed"
        if self._config.find(self._section, name) is None and not self._text("platform"):
            return _ROM_BAUD
        return self._baud(name) or _ROM_BAUD

    def _board(self, *, needed: bool) -> str:
        board = self._text("board")
        if board is None and needed:
            hint = f"add board = ... to [{self._section}]"
            stands = self._config.document[self._section]
            message = f"[{self._section}] has no board"
            raise InvalidProject(message, path=stands.path, line=stands.line, hint=hint)
        return board or ""

    def _manifest(self) -> Path | None:
        """The board's manifest: the project's own, else one that PlatformIO installed."""
        own = self._folder("boards_dir")
        installed = [folder / "boards" for folder in below(self._folder("platforms_dir"))]
        path = manifest.find(self._text("board") or "", (own, *sorted(installed)))
        if path is not None and path.parent == own:
            self._unsupported.append(f"{path}: no more than the board's name is taken from it")
        return path

    def _reset(self, board: Path | None) -> str:
        if (named := self._own("custom_fbuild_reset", reaching.reset, _RESET_HINT)) is not None:
            return named
        settings = manifest.resets(board) if board else {}
        settings |= self._below("board_upload.")
        return reaching.platformio_reset(reaching.words(self._items("upload_flags")), settings)

    def _own(self, name: str, read: Callable[[str], str], hint: str) -> str | None:
        """An option of ours; None where it is not set."""
        if (text := self._text(name)) is None:
            return None
        try:
            return read(text)
        except ValueError as error:
            raise self._config.error(self._section, name, f"{name}: {error}", hint) from error

    def _check_command(self, custom: Mapping[str, str]) -> None:
        """A build command of the project's own needs its images, and neither board nor framework."""
        if foreign.COMMAND not in custom:
            return
        for key, read in ((foreign.COMMAND, foreign.commands), (foreign.REGIONS, foreign.regions)):
            name = f"custom_{key}"
            try:
                read(custom.get(key, ""))
            except ValueError as error:
                hint = (
                    "such as custom_fbuild_build = make and custom_fbuild_regions = 0x10000=app.bin"
                )
                raise self._config.error(self._section, name, f"{name}: {error}", hint) from error

    def _check_framework(self, custom: Mapping[str, str]) -> None:
        frameworks = self._items("framework")
        if frameworks and "arduino" not in frameworks and foreign.COMMAND not in custom:
            raise self._config.error(
                self._section,
                "framework",
                f"framework = {', '.join(frameworks)} is not supported: only arduino is",
                "let the project's own tool build it: custom_fbuild_build = COMMAND and "
                "custom_fbuild_regions = OFFSET=FILE",
            )
        found = self._config.find(self._section, "framework")
        for name in frameworks:
            if found and name != "arduino" and foreign.COMMAND not in custom:
                self._unsupported.append(remarks.place(found, f"framework {name} is not built"))

    # --- flags -----------------------------------------------------------------------------

    def _words(self, name: str) -> tuple[str, ...]:
        """The words of a list of flags."""
        try:
            words = self._flags.split(self._items(name))
        except ValueError as error:
            message = f"{name} cannot be split into words ({error})"
            raise self._config.error(self._section, name, message) from error
        self._note_refused(name)
        return words

    def _source_rules(self) -> tuple[str, ...]:
        name = "build_src_filter"
        text = self._flags.expand(" ".join(self._items(name)))
        self._note_refused(name)
        return tuple(_RULE.findall(text))

    def _note_refused(self, name: str, section: str | None = None) -> None:
        """Take note of what the flags refused, as said of an option."""
        found = self._config.find(section or self._section, name)
        for words in dict.fromkeys(self._flags.refused):
            text = f"{name}: {words}"
            self._unsupported.append(remarks.place(found, text) if found else text)
        self._flags.refused.clear()

    def _variables(self) -> dict[str, str]:
        """The variables of PlatformIO's builder that mean something here."""
        folders = {
            f"PROJECT_{name}_DIR": str(self._config.folder(f"{name.lower()}_dir"))
            for name in ("SRC", "INCLUDE", "DATA", "TEST")
        }
        return {
            **folders,
            "PROJECTSRC_DIR": folders["PROJECT_SRC_DIR"],
            "PROJECTDATA_DIR": folders["PROJECT_DATA_DIR"],
            "PROJECT_DIR": str(self._project_dir),
            "PROJECT_BUILD_DIR": str(self._build_dir.parent),
            "BUILD_DIR": str(self._build_dir),
            "PIOENV": self._name,
            "PIOPLATFORM": self._text("platform") or "",
            "PIOFRAMEWORK": " ".join(self._items("framework")),
            "BOARD": self._text("board") or "",
            "PYTHONEXE": sys.executable,
            "UNIX_TIME": str(int(time.time())),
        }

    # --- folders ---------------------------------------------------------------------------

    def _place_of_outputs(self) -> Path:
        """A folder of our own in the build_dir that the project names, else in the project."""
        named = ("build_dir", "workspace_dir")
        if set(named) & set(self._config.names("platformio")):
            return self._config.folder("build_dir") / ".fbuild" / self._name
        return self._project_dir / ".fbuild" / "build" / self._name

    def _folder(self, name: str) -> Path:
        path = self._path(str(self._config.folder(name)))
        self._note_refused(name, "platformio")
        return path

    def _more_folders(self, name: str) -> tuple[Path, ...]:
        paths = tuple(self._path(item) for item in self._items(name))
        self._note_refused(name)
        return paths

    def _stores(self) -> tuple[Path, ...]:
        """Where PlatformIO has installed libraries: for this environment, and for all projects."""
        folders = (self._folder("libdeps_dir") / self._name, self._folder("globallib_dir"))
        return tuple(folder for folder in folders if is_dir(folder))

    def _path(self, text: str) -> Path:
        """A folder that the project names, from the project's folder on."""
        text = os.path.expanduser(self._flags.expand(text))  # noqa: PTH111
        return Path(os.path.abspath(self._project_dir / text))  # noqa: PTH100  (`..` goes)
