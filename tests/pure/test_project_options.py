"""What an environment gets from its options: types, folders, flags, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fbuild_watch.errors import InvalidProject
from fbuild_watch.model import Environment
from fbuild_watch.project import load


def read(folder: Path, text: str, **variables: str) -> Environment:
    (folder / "platformio.ini").write_text(text)
    return load(folder, None, variables)


def refusal(folder: Path, text: str) -> InvalidProject:
    with pytest.raises(InvalidProject) as failure:
        read(folder, text)
    return failure.value


FULL = """\
[platformio]
src_dir = firmware
include_dir = ${platformio.src_dir}/inc
data_dir = ../web
boards_dir = x

[env:a]
platform = espressif32 @ 6.5.0
board = esp32dev
framework = arduino, espidf
platform_packages = one @ 1, two
build_flags = -D NAME=1 -I "$PROJECT_DIR/my inc" -DENV=\\"$PIOENV\\" -DCOST=5$$
    -Wl,-Map,${BUILD_DIR}/x.map
build_unflags = -Os
build_src_flags = -Wall
build_src_filter = +<*> -<${PIOENV}/> , nonsense
lib_deps = one, two@^2
lib_ignore = three
lib_extra_dirs = ../libs, ~/more
lib_ldf_mode = chain+
lib_compat_mode = strict
lib_archive = no
board_build.f_cpu = 1L
board_build.partitions = big.csv
board_upload.maximum_size = 5
custom_own = 1
    2
upload_protocol = esptool
upload_speed = 921600
monitor_speed = 57600
monitor_echo = yes
"""


def test_every_option_has_its_place(tmp_path: Path) -> None:
    env = read(tmp_path, FULL)
    assert env.src_dir == tmp_path / "firmware"
    assert env.include_dir == tmp_path / "firmware" / "inc"
    assert env.data_dir == tmp_path.parent / "web"
    assert env.lib_dir == tmp_path / "lib"
    assert env.lib_extra_dirs == (tmp_path.parent / "libs", Path("~/more").expanduser())
    assert (env.platform, env.board, env.framework) == (
        "espressif32 @ 6.5.0", "esp32dev", ("arduino", "espidf"),
    )  # fmt: skip
    assert env.platform_packages == ()
    assert sum("is of PlatformIO's registry" in words for words in env.unsupported) == 2
    assert env.build_flags == (
        "-DNAME=1", f"-I{tmp_path}/my inc", '-DENV="a"', "-DCOST=5$",
        f"-Wl,-Map,{env.build_dir}/x.map",
    )  # fmt: skip
    assert (env.build_unflags, env.build_src_flags) == (("-Os",), ("-Wall",))
    assert env.src_filter == ("+<*>", "-<a/>")
    assert (env.lib_deps, env.lib_ignore) == (("one", "two@^2"), ("three",))
    assert (env.lib_ldf_mode, env.lib_compat_mode, env.lib_archive) == ("chain+", "strict", False)
    assert env.board_build == {"f_cpu": "1L", "partitions": "big.csv"}
    assert env.board_upload == {"maximum_size": "5"}
    assert env.custom == {"own": "1\n2"}
    assert (env.upload, env.upload_speed) == ({"protocol": "esptool"}, 921600)
    assert (env.monitor, env.monitor_speed) == ({"echo": "True"}, 57600)
    assert env.read_from == (tmp_path / "platformio.ini",)
    assert env.warnings == ()


def test_a_dollar_in_the_projects_own_path_names_no_variable(tmp_path: Path) -> None:
    own = tmp_path / "$x ${BOARD}"
    own.mkdir()
    env = read(own, "[env:a]\nboard = b\nbuild_flags = '-I${PROJECT_DIR}/$BOARD'\n")
    assert (env.src_dir, env.build_flags) == (own / "src", (f"-I{own}/b",))
    assert env.unsupported == ()


def test_extra_files_are_read_from_and_override(tmp_path: Path) -> None:
    (tmp_path / "ini").mkdir()
    (tmp_path / "ini" / "b.ini").write_text("[env:a]\nboard = b\nmonitor_speed = x\n")
    (tmp_path / "ini" / "a.ini").write_text("[env:a]\nboard = a\n[env:more]\nboard = m\n")
    text = "[platformio]\nextra_configs = ini/*.ini, none.ini\n[env:a]\nboard = 0\n"
    wrong = refusal(tmp_path, text)
    assert (wrong.path, wrong.line) == (str(tmp_path / "ini" / "b.ini"), 3)
    (tmp_path / "ini" / "b.ini").write_text("[env:a]\nboard = b\n")
    env = read(tmp_path, text)
    assert env.board == "b"
    assert [path.name for path in env.read_from] == ["platformio.ini", "a.ini", "b.ini"]


def test_extra_configs_beside_the_project_have_plain_paths(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    shared = tmp_path / "shared" / "a.ini"
    shared.write_text("[env:a]\nmonitor_speed = 57600\n")
    own = tmp_path / "own"
    own.mkdir()
    env = read(own, "[platformio]\nextra_configs = ../shared/*.ini\n[env:a]\nboard = x\n")
    assert env.monitor_speed == 57600
    assert env.read_from == (own / "platformio.ini", shared)
    assert env.read_in == (tmp_path / "shared",)


@pytest.mark.parametrize("pattern", ["../shared/*.ini", "../shared/none.ini", "../shared/a*/b.ini"])
def test_where_extra_configs_may_come_to_be_is_known(tmp_path: Path, pattern: str) -> None:
    own = tmp_path / "own"
    own.mkdir()
    env = read(own, f"[platformio]\nextra_configs = {pattern}\n[env:a]\nboard = x\n")
    assert env.read_in == (tmp_path / "shared",)


@pytest.mark.parametrize(
    ("options", "baud"), [("", 115200), ("platform = x\n", 9600), ("monitor_baud = 1\n", 1)]
)
def test_the_default_rate_is_platformios_where_the_project_is(
    tmp_path: Path, options: str, baud: int
) -> None:
    assert read(tmp_path, f"[env:a]\nboard = b\n{options}").monitor_speed == baud


@pytest.mark.parametrize(
    ("named", "variables"),
    [("build_dir = /ram/out", {}), ("", {"PLATFORMIO_BUILD_DIR": "/ram/out"})],
)
def test_outputs_lie_in_a_folder_of_ours_in_the_named_build_dir(
    tmp_path: Path, named: str, variables: dict[str, str]
) -> None:
    env = read(tmp_path, f"[platformio]\n{named}\n[env:a]\nboard = b\n", **variables)
    assert env.build_dir == Path("/ram/out/.fbuild/a")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[env:a]\nboard = x\nextends = b\n[b]\nextends = a, c\n[c]\nextends = b\n", 7, "extends"),
        ("[env:a]\nboard = ${this.board}\n", 2, "refers to itself"),
        ("[env:a]\nboard = ${b.c}\n", 2, "there is no [b]"),
        ("[env:a]\nboard = x\nlib_deps = ${b.c}\n[b]\n", 3, "[b] has no c"),
        ("[env:a]\nboard = x\nlib_deps = ${env:a.upload_port}\n", 3, "has no upload_port"),
        ("[b]\nx = ${this.__env__}\n[env:a]\nboard = ${b.x}\n", 2, "no environment"),
        ("[env:a]\nboard = x\nbuild_flags =\n  -DX=%d\n", 3, "written %%"),
        ("[env:a]\nboard = %(none)s\n", 2, "names no option"),
        ("[env:a]\nboard = x\nlib_ldf_mode = deepest\n", 3, "deep+"),
        ("[env:a]\nboard = x\nlib_archive = maybe\n", 3, "yes or no"),
        ("[env:a]\nboard = x\nmonitor_dtr = 3\n", 3, "0 or 1"),
        ("[env:a]\nboard = x\nframework = espidf\n", 3, "custom_fbuild_build"),
        ("[env:a]\ncustom_fbuild_build = make\n", 1, "custom_fbuild_regions"),
        ("[env:a]\ncustom_fbuild_build = make '\ncustom_fbuild_regions = 0=a\n", 2, "quotation"),
        ("[env:a]\ncustom_fbuild_build = make\ncustom_fbuild_regions = a.bin\n", 3, "OFFSET=FILE"),
        ("[env:a]\ncustom_fbuild_build = make\ncustom_fbuild_regions = a.json, 0=b\n", 3, "beside"),
    ],
)
def test_errors_have_their_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    wrong = refusal(tmp_path, text)
    assert words in f"{wrong} {wrong.hint}"
    assert wrong.line == line


def test_a_value_from_the_environment_is_named_as_such(tmp_path: Path) -> None:
    text = "[env:a]\nboard = x\nlib_extra_dirs = a\n"
    env = read(tmp_path, text, PLATFORMIO_LIB_EXTRA_DIRS="b, c")
    assert [path.name for path in env.lib_extra_dirs] == ["a", "b, c"]
    assert read(tmp_path, text, PLATFORMIO_UPLOAD_PORT="/dev/x").upload_port == "/dev/x"


# --- what is said --------------------------------------------------------------------------


def test_a_slip_is_said_with_the_near_name_and_others_are_left_alone(tmp_path: Path) -> None:
    env = read(
        tmp_path,
        "[platformio]\ndefault_env = a\n[env]\nbuild_flag = -O2\n[env:a]\nboard = x\n"
        "extends = comon\nmonitor_baud = 1\ncustom_build_flag = 1\nboard_bulid.x = 1\n"
        "entirely_other = 1\n[common]\n",
    )
    ini = tmp_path / "platformio.ini"
    assert env.warnings == (
        f"{ini}:2: default_env is no option; did you mean default_envs?",
        f"{ini}:7: extends names [comon], which is not there; did you mean [common]?",
        f"{ini}:8: monitor_baud is an old name of monitor_speed",
        f"{ini}:4: build_flag is no option; did you mean build_flags?",
    )


def test_what_is_not_done_is_named(tmp_path: Path) -> None:
    env = read(
        tmp_path,
        "[env:a]\nboard = x\nextra_scripts = pre:a.py\nbuild_type = debug\n"
        "build_flags = -DA !python flags.py\n  !git describe\n  $UNKNOWN/x\n"
        "upload_command = x\nmonitor_parity = N\nmonitor_filters =\ntest_filter = x\n",
    )
    ini = tmp_path / "platformio.ini"
    assert env.build_flags == ("-DA", "!python", "flags.py", "$UNKNOWN/x")
    assert env.unsupported == (
        f"{ini}:3: extra_scripts is not supported: Python scripts for PlatformIO's builder are not run",
        f"{ini}:4: build_type is not supported: "
        "the flags of PlatformIO's debug and test builds are not added",
        f"{ini}:8: upload_command is not supported: fbuild writes the board itself",
        f"{ini}:5: build_flags: the command 'git describe' is not run for its flags",
        f"{ini}:5: build_flags: $UNKNOWN is known to PlatformIO's builder only",
    )


def test_filters_that_the_console_has_not_are_named_once(tmp_path: Path) -> None:
    text = "[env:a]\nboard = x\nmonitor_dtr = 0\nmonitor_filters = {}\n"
    assert read(tmp_path, text.format("colorize, time, log2file")).unsupported == ()
    (said,) = read(tmp_path, text.format("time, debug, my_filter")).unsupported
    ini = tmp_path / "platformio.ini"
    assert said.startswith(f"{ini}:4: monitor_filters: debug, my_filter not supported")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("toolchain-atmelavr@1.70300.0", True), ("platformio/tool-esptoolpy @ ~1.40501.0", True),
        ("framework-arduino-avr", True), ("esp32:esp32@^3", False), ("esp32:esp32", False),
        ("mygcc @ https://example.org/gcc.tar.xz", False), ("me/x@file:///x.zip", False),
    ],
)  # fmt: skip
def test_a_package_of_platformios_registry_is_said_and_left_out(
    tmp_path: Path, entry: str, said: bool
) -> None:
    env = read(tmp_path, f"[env:a]\nboard = x\nplatform_packages = {entry}\n")
    assert env.platform_packages == (() if said else (entry,))
    assert [entry in text for text in env.unsupported] == [True] * said


@pytest.mark.parametrize(
    ("platform", "said"),
    [
        ("espressif32", False), ("arduino:avr", False), ("arduino:avr@1.8.6", False),
        ("espressif32@6.5.0", True), ("https://example.org/platform.zip", True),
        ("https://example.org/p.git#v1", True),
    ],
)  # fmt: skip
def test_a_pinned_platform_that_pins_no_core_is_said(
    tmp_path: Path, platform: str, said: bool
) -> None:
    env = read(tmp_path, f"[env:a]\nboard = x\nplatform = {platform}\n")
    assert [f"platform = {platform} pins no core" in text for text in env.unsupported] == [
        True
    ] * said
