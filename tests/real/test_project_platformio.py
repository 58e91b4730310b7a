"""Our reading of platformio.ini, held against PlatformIO's own ProjectConfig.

Both read the same folder: the same sections, names and values, or both refuse. Where we refuse
and PlatformIO goes on with nonsense, the case is listed and tested by itself.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from platformio.exception import UserSideException
from platformio.fs import match_src_files
from platformio.project.config import ProjectConfig
from platformio.project.options import ProjectOptions

from fbuild_watch.errors import InvalidProject
from fbuild_watch.project import options, sources
from fbuild_watch.project.config import Config

CORPUS = sorted((Path(__file__).parent / "platformio_corpus").iterdir())
SRC_FILTER = "+<*> -<.git/> -<.svn/>"
VARIABLES = {"WIFI_SSID": "my net", "EMPTY": "", "HOME": "/home/someone"}

Resolved = dict[str, dict[str, Any]]
"""Section -> option -> value, or the type of the refusal."""


@contextlib.contextmanager
def entered(folder: Path, environ: Mapping[str, str]) -> Iterator[None]:
    """PlatformIO takes the folder and the variables from its process."""
    before, here = dict(os.environ), Path.cwd()
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)


def theirs(folder: Path, environ: Mapping[str, str]) -> Resolved | None:
    """What PlatformIO makes of every environment; None where it refuses the file."""

    def value(config: ProjectConfig, section: str, name: str) -> Any:
        try:
            return config.get(section, name)
        except UserSideException:
            return InvalidProject

    with entered(folder, environ):
        try:
            config = ProjectConfig(str(folder / "platformio.ini"))
            sections = ["platformio", *(f"env:{name}" for name in config.envs())]
            return {
                section: {name: value(config, section, name) for name in _names(config, section)}
                for section in sections
            }
        except UserSideException:
            return None


def _names(config: ProjectConfig, section: str) -> list[str]:
    scope = options.scope_of(section)
    set_there = config.options(section)
    return [*set_there, *(name for name in options.KNOWN[scope] if name not in set_there)]


def ours(folder: Path, environ: Mapping[str, str]) -> Resolved | None:
    def value(config: Config, section: str, name: str) -> Any:
        try:
            return config.value(section, name)
        except InvalidProject:
            return InvalidProject

    try:
        config = Config(folder, environ)
        resolved = {}
        for section in ["platformio", *(config.section(name) for name in config.environments())]:
            scope = options.scope_of(section)
            set_there = config.names(section)
            rest = [name for name in options.KNOWN[scope] if name not in set_there]
            resolved[section] = {name: value(config, section, name) for name in (*set_there, *rest)}
    except InvalidProject:
        return None
    return resolved


IN_OUR_WORDS = {"name", "debug_svd_path"}
"""[platformio] name has the folder's name as its default; the path of an SVD file must exist."""


def flat(resolved: Resolved | None) -> dict[tuple[str, str], Any] | None:
    return resolved and {
        (section, name): value
        for section, values in resolved.items()
        for name, value in values.items()
        if name not in IN_OUR_WORDS
    }


def assert_same(folder: Path, environ: Mapping[str, str]) -> None:
    expected = flat(theirs(folder, environ))
    with entered(folder, environ):
        found = flat(ours(folder, environ))
    if expected is None or found is None:
        assert found == expected
        return
    assert list(found) == list(expected)
    for key, value in expected.items():
        if found[key] is InvalidProject and "None" in str(value):
            continue  # a reference to an option without a value: tested by itself
        assert (key, found[key]) == (key, value)


def test_our_table_of_options_is_platformios() -> None:
    known = {f"{scope}.{name}" for scope, table in options.KNOWN.items() for name in table}
    assert known == set(ProjectOptions)
    for scope, table in options.KNOWN.items():
        for name, ours_ in table.items():
            theirs_ = ProjectOptions[f"{scope}.{name}"]
            assert ours_.many == theirs_.multiple
            assert ours_.variable == (theirs_.sysenvvar or "")
            assert list(ours_.old_names) == list(theirs_.oldnames or [])
            assert list(ours_.choices) == list(getattr(theirs_.type, "choices", []))


@pytest.mark.parametrize("project", CORPUS, ids=lambda path: path.name)
def test_corpus(project: Path) -> None:
    assert_same(project, VARIABLES)


# --- which files a filter takes ------------------------------------------------------------

TREE = ("src/main.cpp", "src/a.c", "src/a/x.c++", "src/a/deep/y.s", "src/b1/x.cc", "src/b2/x.S",
        "common/c.cpp", "common/deep/d.asm", "examples/one/main.cpp", "examples/two/main.cpp")  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name in TREE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    "rules",
    [
        "", "+<*>", "+<*> -<a/>", "+<*> -<./a.c>", "+<*.c*>", "+<**/x.*> -<b[!1]/*>", "+<a\\deep>",
        "+<*> +<../common/>", "-<*> +<../examples/one/*.cpp>", "+<../common/*.cpp> -<*>",
        "+<../examples/> -<../examples/two/>", "+<../src/a>", "+<../common/c.cpp>", "+<../none/>",
        "+<ROOT/common/deep>", "+<*> -<../src/a/x.c++>", "+<../c*/*.cpp>",
        "+<*> -<[a/>", "+<*> -<[z-a]*>", "+<[!]*>", "+<[ab]*/>",
        "+<..>", "+<../> -<../src/a/>",
    ],
)  # fmt: skip
def test_a_filter_takes_what_platformios_takes(tree: Path, rules: str) -> None:
    src = tree / "src"
    rules = rules.replace("ROOT", str(tree))
    expected = match_src_files(str(src), rules or SRC_FILTER, [key[1:] for key in sources.RECIPES])
    found = sources.filtered(src, [rules])
    assert sorted(os.path.relpath(path, src) for path in found) == expected
    watched = (src, *sources.outside(src, [rules]))
    assert all(any(path.is_relative_to(folder) for folder in watched) for path in found)


# --- generated files -----------------------------------------------------------------------

section_names = st.sampled_from(["env:a", "env:b", "env", "common", "base", "deep", "platformio"])
option_names = st.sampled_from(
    [
        "board", "platform", "framework", "build_flags", "build_unflags", "src_filter",
        "build_src_filter", "lib_deps", "lib_use", "monitor_speed", "monitor_baud", "upload_speed",
        "upload_port", "lib_ldf_mode", "lib_archive", "monitor_rts", "custom_x", "board_build.mcu",
        "board_mcu", "board_build.partitions", "src_dir", "default_envs", "own", "Own",
    ]
)  # fmt: skip
pieces = st.one_of(
    st.sampled_from(
        [
            "-DA=1", "uno", "9600", "chain", "yes", "No", "1", "a, b", "a,b", "one ; note",
            "# note", "%%", "100%", "%(own)s", "%(nothing)s", "$PROJECT_DIR", "${PROJECT_DIR}/x",
            "${PIOENV}", "${sysenv.WIFI_SSID}", "${sysenv.NONE}", "${this.__env__}",
            "${this.custom_x}", "$PROJECT_HASH", "${a(b).c}", "${.x}", "~/lib", "../up", "é",
        ]
    ),
    st.builds("${{{}.{}}}".format, section_names, option_names),
)  # fmt: skip
values = st.lists(st.lists(pieces, max_size=2).map(" ".join), min_size=1, max_size=3)


def written(name: str, lines: list[str], blank: bool) -> str:
    between = "\n\n    " if blank else "\n    "
    return f"{name} = {between.join(lines)}"


settings = st.dictionaries(
    option_names.map(str.lower), st.tuples(values, st.booleans()), max_size=5
)
downward = {"env:a": ["common", "base"], "env:b": ["env:a", "deep"], "env": ["deep"],
            "common": ["base", "deep"], "base": ["deep"]}  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file whose `extends` make no circle: in one PlatformIO never returns."""
    names = draw(st.lists(section_names, unique=True, max_size=6))
    text = []
    for name in names:
        text.append(f"[{name}]")
        bases = draw(st.lists(st.sampled_from(downward.get(name, ["none"])), max_size=2))
        if bases and name != "platformio":
            text.append(f"extends = {', '.join(bases)}")
        text += [written(key, *value) for key, value in draw(settings).items()]
    return "\n".join(text) + "\n"


variables = st.dictionaries(
    st.sampled_from(
        ["PLATFORMIO_BUILD_FLAGS", "PLATFORMIO_SRC_DIR", "PLATFORMIO_UPLOAD_PORT", "WIFI_SSID",
         "PLATFORMIO_SRC_FILTER", "PLATFORMIO_LIB_USE", "PLATFORMIO_DEFAULT_ENVS"]
    ),
    st.sampled_from(["", "one", "two, three", "${PROJECT_DIR}"]),
    max_size=3,
)  # fmt: skip


@given(files(), variables)
@example("[env:a]\nmonitor_baud = 1\nmonitor_speed = 2\n", {})
@example("[env:a]\nextends = common, base\n[common]\nboard = c\n[base]\nboard = b\n", {})
@example("[DEFAULT]\nown = 1\n[env:a]\ncustom_x = %(own)s\n", {})
def test_generated_files(text: str, environ: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        (folder / "platformio.ini").write_text(text, encoding="utf-8")
        event(f"{text.count('${')} references")
        assert_same(folder, {"HOME": "/home/someone", **environ})
