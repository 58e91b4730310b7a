"""Libraries in all their layouts, and which of them a project's includes bring in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fbuild_watch.model import PACKAGE_RECORD, Environment, Installed
from fbuild_watch.project import catalogue, finding, includes, libraries, needs, precompiled
from fbuild_watch.project.catalogue import Place
from fbuild_watch.project.libraries import Library


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def library(root: Path, files: Mapping[str, str]) -> Library:
    found = libraries.read(write(root, files), Place.PROJECT)
    assert found is not None
    return found


def files(found: Library) -> list[str]:
    return [str(path.relative_to(found.folder)) for path in found.files()]


PROPERTIES = "name=My Lib\nversion=1.2\n"


# --- layouts -------------------------------------------------------------------------------


def test_the_recursive_layout(tmp_path: Path) -> None:
    found = library(tmp_path / "lib", {
        "library.properties": f"{PROPERTIES}architectures=avr, sam\ndepends=Other Lib (>=1.0), X\n"
        "dot_a_linkage=true\nnonsense line\n",
        "src/my.h": "", "src/my.cpp": "", "src/deep/er/x.c": "", "src/utility/u.c": "",
        "root.cpp": "", "examples/e.cpp": "",
    })  # fmt: skip
    assert files(found) == ["src/deep/er/x.c", "src/my.cpp", "src/utility/u.c"]
    assert found.includes == (tmp_path / "lib" / "src",)
    assert found.private == ()
    assert found.manifest.architectures == ("avr", "sam")
    assert found.manifest.depends == ()
    assert found.manifest.archive
    assert found.words == f"My Lib 1.2 ({tmp_path / 'lib'})"
    assert found.offers("my.h")
    assert not found.offers("deep/er/none.h")


def test_the_flat_layout(tmp_path: Path) -> None:
    found = library(tmp_path / "lib", {
        "library.properties": f"{PROPERTIES}architectures=*\n",
        "my.h": "", "my.cpp": "", "utility/u.c": "", "utility/deep/no.c": "", "other/no.c": "",
    })  # fmt: skip
    assert files(found) == ["my.cpp", "utility/u.c"]
    assert (found.includes, found.private) == (
        (tmp_path / "lib",), (tmp_path / "lib" / "utility",))  # fmt: skip
    assert found.manifest.architectures == ()


def test_a_library_json_says_where_everything_is(tmp_path: Path) -> None:
    manifest = {
        "name": "json", "version": "3", "platforms": ["atmelavr", "espressif32"], "headers": "a.h",
        "frameworks": "arduino, espidf", "dependencies": {"owner/Dep": "^1"},
        "build": {"srcDir": "code", "includeDir": "api", "flags": ["-DX=1", "-Ivendor -lfoo", "'-DN=\"a b\"' $Y"],
                  "srcFilter": ["+<*>", "-<skip/*.c>"], "libArchive": True, "extraScript": "x.py"},
    }  # fmt: skip
    found = library(tmp_path / "lib", {
        "library.json": json.dumps(manifest), "library.properties": PROPERTIES,
        "api/a.h": "", "api/b.h": "", "code/x.c": "", "code/skip/y.c": "", "other.c": "",
    })  # fmt: skip
    assert files(found) == ["code/x.c"]
    lib = tmp_path / "lib"
    assert found.includes == (lib / "api", lib / "code", lib / "vendor")
    assert found.manifest.flags == ("-DX=1", "-Ivendor", "-lfoo", '-DN="a b"', "$Y")
    assert (found.manifest.architectures, found.manifest.depends) == (("avr", "esp32"), ("Dep",))
    assert (found.offers("a.h"), found.offers("b.h")) == (True, True)
    assert "build.extraScript is not run" in found.manifest.unsupported[0]
    assert "build.flags: $Y has a variable" in found.manifest.unsupported[1]


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    bare = library(tmp_path / "bare", {"x.h": "", "x.c": "", "examples/e.c": "", "sub/s.c": ""})
    assert files(bare) == ["sub/s.c", "x.c"]
    split = library(tmp_path / "split", {"include/y.h": "", "src/y.c": "", "test/t.c": ""})
    assert files(split) == ["src/y.c"]
    assert split.includes == (tmp_path / "split" / "include", tmp_path / "split" / "src")


def test_a_library_json_over_an_arduino_library(tmp_path: Path) -> None:
    """Without sources of its own choice it is built as Arduino does."""
    flat = library(tmp_path / "flat", {
        "library.json": "{}", "library.properties": "", "x.h": "", "x.c": "", "utility/u.c": "",
        "extras/no.c": "",
    })  # fmt: skip
    assert files(flat) == ["x.c", "utility/u.c"]
    with_src = library(tmp_path / "src", {
        "library.json": "{}", "library.properties": "", "no.c": "", "Src/x.h": "", "Src/d/x.c": "",
    })  # fmt: skip
    assert files(with_src) == ["Src/d/x.c"]
    keywords = library(tmp_path / "old", {"keywords.txt": "", "x.h": "", "x.c": "", "d/no.c": ""})
    assert files(keywords) == ["x.c"]


def test_an_installed_library_is_called_as_it_was_asked_for(tmp_path: Path) -> None:
    """Its folder is a version, and it may have no manifest: `Name = https://...`."""
    bare = library(tmp_path / "Name/url-0123", {PACKAGE_RECORD: "{}", "x.h": ""})
    assert (bare.name, bare.called) == ("Name", "Name")
    named = library(tmp_path / "Two_Words/1.0", {
        PACKAGE_RECORD: "{}", "library.properties": "name=Two Words\n", "x.h": "",
    })  # fmt: skip
    assert (named.name, named.called) == ("Two Words", "Two_Words")


def test_what_is_no_library(tmp_path: Path) -> None:
    assert libraries.read(tmp_path / "nothing", Place.PROJECT) is None
    assert libraries.read(write(tmp_path / "empty", {"notes.txt": ""}), Place.PROJECT) is None
    marked = library(tmp_path / "marked", {"library.json": '\ufeff{"name": "M"}', "x.h": ""})
    assert (marked.name, marked.manifest.unsupported) == ("M", ())
    strange = '{"build": {"srcDir": "\\u0000", "includeDir": 5, "flags": ["\\u0000"]}}'
    nul = library(tmp_path / "nul", {"library.json": strange, "x.h": "", "x.c": ""})
    assert (files(nul), nul.manifest.flags) == (["x.c"], ())
    broken = library(tmp_path / "broken", {"library.json": "{", "x.h": "", "x.c": ""})
    assert files(broken) == ["x.c"]
    assert "is not JSON" in broken.manifest.unsupported[0]


def test_precompiled(tmp_path: Path) -> None:
    text = f"{PROPERTIES}precompiled=%s\nldflags=-lm\n"
    content = {"src/p.h": "", "src/p.cpp": "", "src/cortex-m4/libalgo.a": "", "src/cortex-m4/x": ""}
    full = library(tmp_path / "full", {"library.properties": text % "full", **content})
    place = tmp_path / "full" / "src" / "cortex-m4"
    assert precompiled.link_words(full, "cortex-m4") == [f"-L{place}", "-lm", "-lalgo"]
    assert precompiled.replaces_sources(full, "cortex-m4")
    assert not precompiled.replaces_sources(full, "atmega328p")
    assert precompiled.link_words(full, "atmega328p") == []
    floats = precompiled.place("cortex-m4", ("cc", "-mfloat-abi=hard", "-mfpu=fpv4", "-c"))
    assert floats == "cortex-m4/fpv4-hard"
    assert precompiled.link_words(full, floats) == precompiled.link_words(full, "cortex-m4")
    write(place, {"fpv4-hard/libfast.a": ""})
    assert precompiled.link_words(full, floats) == [f"-L{place}/fpv4-hard", "-lm", "-lfast"]
    with_sources = library(tmp_path / "with", {"library.properties": text % "true", **content})
    assert not precompiled.replaces_sources(with_sources, "cortex-m4")


# --- which are needed ----------------------------------------------------------------------


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("ARDUINO_DIRECTORIES_USER", str(tmp_path / "sketchbook"))
    root = tmp_path / "project"
    return Environment("e", root, root / "src", root / ".fbuild/build/e", "v:avr:b",
                       lib_dir=root / "lib")  # fmt: skip


def found(environment: Environment, *, mode: str = "chain", strict: bool = False) -> list[str]:
    """The folders of the libraries that the project needs, by the names below the test's."""
    platform = environment.project_dir.parent / "platform"
    reach = catalogue.within_reach(environment, [], [platform])
    rules = finding.Rules(mode, "avr", strict, {"ARDUINO_ARCH_AVR": "1"})
    finder = finding.Finder(reach, [environment.src_dir], [platform / "core"], rules)
    sources = sorted(environment.src_dir.glob("*.cpp"))
    root = environment.project_dir.parent
    return [str(path.folder.relative_to(root)) for path in finder.run(sources, {})]


def test_chain_follows_headers_and_the_sources_beside_them(
    environment: Environment, tmp_path: Path
) -> None:
    write(tmp_path, {
        "project/src/main.cpp": '#include "own.h"\n#include <core.h>\n#include <none.h>\n',
        "project/src/own.h": "#include <one.h>\n",
        "platform/core/core.h": "#include <from_core.h>\n",
        "platform/libraries/FromCore/from_core.h": "",
        "project/lib/One/one.h": '#include "more.h"\n',
        "project/lib/One/more.h": "", "project/lib/One/more.cpp": "#include <two.h>\n",
        "project/lib/One/apart.cpp": "#include <apart.h>\n",
        "project/lib/Two/two.h": "", "project/lib/Deep/deep_only.h": "",
        "project/lib/Apart/apart.h": "", "project/lib/Apart/far.cpp": "#include <deep_only.h>\n",
        "project/lib/Unused/unused.h": "",
    })  # fmt: skip
    chain = {
        "platform/libraries/FromCore",
        *(f"project/lib/{name}" for name in ("One", "Two", "Apart")),
    }
    assert set(found(environment)) == chain
    assert set(found(environment, mode="deep")) == {*chain, "project/lib/Deep"}


def test_a_header_of_the_project_or_core_needs_no_library(
    environment: Environment, tmp_path: Path
) -> None:
    write(tmp_path, {
        "project/src/main.cpp": '#include "mine.h"\n#include <core.h>\n#include "lib/sub.h"\n',
        "project/src/mine.h": "", "platform/core/core.h": "",
        "project/lib/A/mine.h": "", "project/lib/B/core.h": "",
        "project/lib/C/lib/sub.h": "", "project/lib/D/lib/other.h": "",
    })  # fmt: skip
    assert found(environment) == ["project/lib/C"]


def test_a_header_that_is_included_by_its_place_brings_its_library(
    environment: Environment, tmp_path: Path
) -> None:
    write(tmp_path, {
        "project/src/main.cpp": '#include "../lib/A/src/deep/a.h"\n#include "../src/own.h"\n',
        "project/src/own.h": "",
        "project/lib/A/src/deep/a.h": '#include "../b.h"\n', "project/lib/A/src/b.h": "#include <c.h>\n",
        "project/lib/C/c.h": "", "project/lib/AB/x.h": "",
    })  # fmt: skip
    assert set(found(environment)) == {"project/lib/A", "project/lib/C"}


def test_a_folder_of_a_library_among_the_flags_brings_it(
    environment: Environment, tmp_path: Path
) -> None:
    write(tmp_path, {
        "project/src/main.cpp": "#include <a.h>\n#include <own.h>\n", "project/more/own.h": "",
        "project/lib/A/src/a.h": "", "project/lib/A/src/a.cpp": "", "project/lib/B/a.h": "",
    })  # fmt: skip
    flags = ("c++", "-I", "x/../more", "-Ilib/A/src")
    need = needs.find(
        environment, Installed(), needs.sketch(environment), flags, (), (), "avr", "m"
    )
    assert [library.name for library in need.libraries] == ["A"]


def test_a_flat_library_s_utility_is_its_own(environment: Environment, tmp_path: Path) -> None:
    write(tmp_path, {
        "project/src/main.cpp": "#include <flat.h>\n#include <shared.h>\n",
        "project/lib/Flat/library.properties": "", "project/lib/Flat/flat.h": "",
        "project/lib/Flat/flat.cpp": "#include <inner.h>\n",
        "project/lib/Flat/utility/inner.h": "", "project/lib/Flat/utility/shared.h": "",
        "project/lib/Other/inner.h": "", "project/lib/Shared/shared.h": "",
    })  # fmt: skip
    assert set(found(environment)) == {"project/lib/Flat", "project/lib/Shared"}


def test_conditions_count_in_the_plus_modes_only(environment: Environment, tmp_path: Path) -> None:
    write(tmp_path, {
        "project/src/main.cpp": "#if defined(ARDUINO_ARCH_AVR)\n#include <a.h>\n"
        "#elif defined(MAYBE)\n#include <b.h>\n#endif\n#ifdef MAYBE\n#include <c.h>\n#endif\n",
        "project/lib/A/a.h": "", "project/lib/B/b.h": "", "project/lib/C/c.h": "",
    })  # fmt: skip
    assert set(found(environment)) == {f"project/lib/{name}" for name in "ABC"}
    assert set(found(environment, mode="chain+")) == {f"project/lib/{name}" for name in "AC"}


@pytest.mark.parametrize(
    ("offers", "chosen"),
    [
        ({"project/lib/Any": "", "sketchbook/libraries/x": ""}, "project/lib/Any"),
        ({"sketchbook/libraries/x": "", "platform/libraries/y": "architectures=avr\n"},
         "platform/libraries/y"),
        ({"sketchbook/libraries/Other": "", "platform/libraries/x": ""}, "platform/libraries/x"),
        ({"sketchbook/libraries/x": "", "platform/libraries/x": ""}, "sketchbook/libraries/x"),
        ({"sketchbook/libraries/a-x": "", "sketchbook/libraries/x-master": ""},
         "sketchbook/libraries/x-master"),
        ({"sketchbook/libraries/x": "architectures=sam\n", "sketchbook/libraries/far": ""},
         "sketchbook/libraries/far"),
    ],
)  # fmt: skip
def test_which_library_answers_a_header(
    environment: Environment, tmp_path: Path, offers: dict[str, str], chosen: str
) -> None:
    write(tmp_path, {"project/src/main.cpp": "#include <x.h>\n"})
    for folder, text in offers.items():
        write(tmp_path / folder, {"library.properties": text, "x.h": ""})
    assert found(environment) == [chosen]


def test_a_foreign_library_is_a_last_resort(environment: Environment, tmp_path: Path) -> None:
    foreign = {"library.properties": "architectures=esp32\n"}
    write(tmp_path / "project/lib/Sure", {**foreign, "sure.h": ""})
    write(tmp_path / "project/lib/Perhaps", {**foreign, "perhaps.h": ""})
    write(tmp_path, {
        "project/src/main.cpp": "#ifndef GUARD\n#include <sure.h>\n#endif\n"
        "#ifdef ESP32\n#include <perhaps.h>\n#endif\n",
    })  # fmt: skip
    assert found(environment) == ["project/lib/Sure"]
    assert found(environment, strict=True) == []


def test_dependencies_and_circles(environment: Environment, tmp_path: Path) -> None:
    write(tmp_path, {
        "project/src/main.cpp": "#include <a.h>\n",
        "project/lib/A/library.json": '{"dependencies": [{"name": "B-lib"}, "me/Nowhere"]}',
        "project/lib/A/a.h": "#include <a.h>\n",
        "project/lib/B/library.json": '{"name": "B Lib", "dependencies": {"me/A": "^1"}}',
        "project/lib/B/b.h": "#include <a.h>\n",
    })  # fmt: skip
    assert found(environment) == ["project/lib/A", "project/lib/B"]


def test_what_library_properties_names_is_for_includes_to_ask(
    environment: Environment, tmp_path: Path
) -> None:
    write(tmp_path, {
        "project/src/main.cpp": "#include <a.h>\n", "project/lib/A/a.h": "#include <b.h>\n",
        "project/lib/A/library.properties": "name=A\ndepends=B, ForItsExamples\n",
        "project/lib/B/b.h": "", "project/lib/ForItsExamples/e.h": "",
    })  # fmt: skip
    assert found(environment) == ["project/lib/A", "project/lib/B"]


@pytest.mark.parametrize(
    ("mode", "also"),
    [("deep", ["C"]), ("deep+", []), ("chain", ["C"]), ("chain+", []), ("off", []), ("", ["C"])],
)
def test_a_library_may_have_a_mode_of_its_own(
    environment: Environment, tmp_path: Path, mode: str, also: list[str]
) -> None:
    write(tmp_path, {
        "project/src/main.cpp": "#include <b.h>\n", "project/lib/B/b.h": "",
        "project/lib/B/library.json": json.dumps({"build": {"libLDFMode": mode}}),
        "project/lib/B/apart.c": "#ifdef ARDUINO_ARCH_SAM\n#include <c.h>\n#endif\n",
        "project/lib/C/c.h": "",
    })  # fmt: skip
    assert found(environment) == [f"project/lib/{name}" for name in ["B", *also]]


def test_a_library_may_be_strict_for_itself(environment: Environment, tmp_path: Path) -> None:
    write(tmp_path, {"project/src/main.cpp": "#include <b.h>\n", "project/lib/B/b.h": ""})
    own = {"platforms": "espressif32", "build": {"libCompatMode": "strict"}}
    write(tmp_path, {"project/lib/B/library.json": json.dumps(own)})
    assert found(environment) == []
    own["build"] = {"libCompatMode": "soft"}
    write(tmp_path, {"project/lib/B/library.json": json.dumps(own) + " "})
    assert found(environment, strict=True) == ["project/lib/B"]


def test_a_library_takes_flags_away_from_its_own_sources(
    environment: Environment, tmp_path: Path
) -> None:
    manifest = {"build": {"unflags": "-Os -D X", "flags": "-I inner -O2"}}
    write(tmp_path, {"project/src/main.cpp": "#include <b.h>\n", "project/lib/B/b.h": "",
                     "project/lib/B/library.json": json.dumps(manifest)})  # fmt: skip
    need = needs.find(
        environment, Installed(), needs.sketch(environment), ("c++",), (), (), "a", "m"
    )
    (group,) = need.groups(())
    folder = tmp_path / "project" / "lib" / "B"
    assert group.unwanted == ("-Os", "-D", "X")
    assert group.flags.c == (f"-I{folder / 'inner'}", "-O2")
    assert need.includes == (folder, folder / "inner")


def test_a_header_that_two_libraries_have_is_for_each_its_own(
    tmp_path: Path, environment: Environment
) -> None:
    write(tmp_path, {
        "project/src/main.cpp": "#include <a.h>\n#include <b.h>\n",
        "project/lib/A/src/a.h": "", "project/lib/A/src/config.h": "",
        "project/lib/B/src/b.h": "", "project/lib/B/src/config.h": "#include <c.h>\n",
        "project/lib/B/src/deep/b.cpp": '#include "config.h"\n', "project/lib/C/c.h": "",
    })  # fmt: skip
    own, base = needs.sketch(environment), (tmp_path / "core",)
    need = needs.find(environment, Installed(), own, ("c++",), base, (), "a", "m")
    assert {library.name for library in need.libraries} == {"A", "B", "C"}
    for group in need.groups(base):
        first, *others = group.includes
        assert first.is_relative_to(group.root)
        assert others == [*base, *(path for path in need.includes if path != first)]


def test_ignored_and_unfit_libraries_are_not_there(
    tmp_path: Path, environment: Environment
) -> None:
    write(tmp_path, {
        "project/src/main.cpp": "#include <a.h>\n#include <b.h>\n#include <c.h>\n",
        "project/lib/A/a.h": "", "project/lib/B/b.h": "",
        "project/lib/B/library.properties": "name=By Name\n",
        "project/lib/C/c.h": "", "project/lib/C/library.json": '{"frameworks": ["espidf"]}',
    })  # fmt: skip
    ignoring = replace(environment, lib_ignore=("A", "By Name"))
    assert found(ignoring) == []
    assert found(replace(environment, lib_compat_mode="off")) == [
        "project/lib/A", "project/lib/B", "project/lib/C"]  # fmt: skip


def test_mode_off_takes_what_lib_deps_brought(tmp_path: Path, environment: Environment) -> None:
    write(tmp_path, {"project/src/main.cpp": "#include <near.h>\n", "project/lib/Near/near.h": "",
                     "deps/Far/far.h": ""})  # fmt: skip
    off = replace(environment, lib_ldf_mode="off")
    installed = Installed(libraries=(tmp_path / "deps" / "Far",))
    need = needs.find(off, installed, needs.sketch(off), ("c++",), (), (), "avr", "m328")
    assert [path.folder.name for path in need.libraries] == ["Far"]


def test_a_new_include_is_seen_at_once(tmp_path: Path, environment: Environment) -> None:
    """Also when the file is written twice within the clock's grain."""
    main = write(tmp_path, {"project/src/main.cpp": "#include <a.h>\n",
                            "project/lib/A/a.h": "", "project/lib/B/b.h": ""}) / "project/src/main.cpp"  # fmt: skip
    for name in "abab":
        main.write_text(f"#include <{name}.h>\n")
        assert [include.name for include in includes.of_file(str(main))] == [f"{name}.h"]
        assert found(environment) == [f"project/lib/{name.upper()}"]
