"""Tabs of a sketch to one source: their order, their lines, and the prototypes that are missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fbuild_watch.project import prototypes, sketch

MAIN = "void setup() {}\nvoid loop() {}\n"


def folder(tmp_path: Path, **tabs: str) -> Path:
    place = tmp_path / "robot"
    place.mkdir()
    for name, text in tabs.items():
        (place / f"{name}.ino").write_text(text)
    return place


def texts(source: str) -> list[str]:
    """The prototypes that a sketch lacks."""
    return [insertion.text for insertion in prototypes.missing(source.encode())]


def joined(place: Path) -> str:
    return sketch.joined(sketch.tabs(place), place / "out").content.decode()


@pytest.mark.parametrize(
    ("tabs", "order"),
    [
        ({"a": "", "robot": "", "z": MAIN}, ["robot", "a", "z"]),
        ({"a": "", "Z": "", "z": MAIN}, ["z", "Z", "a"]),
        ({"b": "", "a": ""}, ["a", "b"]),
    ],
)
def test_the_main_tab_is_first_then_by_name(
    tmp_path: Path, tabs: dict[str, str], order: list[str]
) -> None:
    assert [tab.path.stem for tab in sketch.tabs(folder(tmp_path, **tabs))] == order


def test_a_folder_without_tabs_is_no_sketch(tmp_path: Path) -> None:
    assert sketch.tabs(tmp_path) == []
    assert sketch.tabs(tmp_path / "nothing") == []


def places(source: str) -> dict[str, tuple[str, int]]:
    """For each line of a joined source: the tab and the line that a compiler would name."""
    found: dict[str, tuple[str, int]] = {}
    name, number = "", 0
    for line in source.splitlines():
        if match := re.fullmatch(r'#line (\d+) "(.*)"', line):
            number, name = int(match[1]), match[2]
            continue
        found[line] = (Path(name).name, number)
        number += 1
    return found


def test_every_line_keeps_its_place(tmp_path: Path) -> None:
    tabs = {
        "robot": "// top\nint x = twice(1);\r\nint other() { return 1; }",
        "b": "int b1;\nint b2;\n",
    }
    source = joined(folder(tmp_path, **tabs))
    assert source.startswith("#include <Arduino.h>\n")
    at = places(source)
    assert at["int x = twice(1);"] == ("robot.ino", 2)
    assert at["int other() { return 1; }"] == ("robot.ino", 3)
    assert at["int other();"] == ("robot.ino", 3)
    assert at["int b1;"] == ("b.ino", 1)
    assert at["int b2;"] == ("b.ino", 2)


def test_prototypes_stand_before_the_first_function_and_after_their_types(tmp_path: Path) -> None:
    text = "int a() { return b({}); }\nstruct Late { int x; };\nint b(Late late) { return 0; }\n"
    lines = [line for line in joined(folder(tmp_path, robot=text)).splitlines() if line[0] != "#"]
    assert lines == [
        "int a();", "int a() { return b({}); }", "struct Late { int x; };", "int b(Late late);",
        "int b(Late late) { return 0; }",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "late",
    ["typedef int (*Late)(int);", "typedef struct { int x; } Early, *Late;", "typedef int Late[3];",
     "typedef struct S Late;", "using Late = int;", "enum class Late { A };"],
)  # fmt: skip
def test_whatever_declares_a_type_comes_before_its_prototypes(late: str) -> None:
    text = f"void a() {{}}\n{late}\nvoid f(Late l) {{}}\n"
    (first, second) = prototypes.missing(text.encode())
    assert (first.at, second.at) == (0, text.index("void f"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("void IRAM_ATTR isr() { x(); }", ["void IRAM_ATTR isr();"]),
        ("static inline int f(int a = 3, const S &s = S{1}) { }",
         ["static inline int f(int a , const S &s );"]),
        ("S *h(int (*cb)(int), int arr[3]) { return 0; }", ["S *h(int (*cb)(int), int arr[3]);"]),
        ("unsigned long\n f(String a, // one\n   int b)\n{ }", ["unsigned long f(String a, int b);"]),
        ("std::vector<int> v(const std::map<int, String>& m) { return {}; }",
         ["std::vector<int> v(const std::map<int, String>& m);"]),
        ('extern "C" { void c(int a) { } }', ['extern "C" void c(int a);']),
        ("auto f(int a) -> int { return a; }", ["auto f(int a) -> int;"]),
        ("[[noreturn]] void die() { for(;;); }", ["[[noreturn]] void die();"]),
        ("int f(int a);\nint f( int a ) { return a; }", []),
        ("ISR(TIMER1_COMPA_vect) { x(); }", []),
        ("void S::method() {}", []),
        ("namespace n { void in() {} }", []),
        ("class C { void in() {} };", []),
        ("template <typename T = int, int N = 3>\nT g(T a) { return a; }",
         ["template <typename T , int N > T g(T a);"]),
        ("template <class T> T g(T a);\ntemplate <class T> T g(T a) { return a; }", []),
        ("template <class T> T g(T a = 1) { return a; }", []),
        ("template <> int g<int>(int a) { return a; }", []),
        ("template <class T> void A<T>::m(T a) { }", []),
        ("void (*pick(int n))(int) { return 0; }", ["void (*pick(int n))(int);"]),
        ("int (&f())[2] { static int a[2]; return a; }", ["int (&f())[2];"]),
        ("S operator+(const S &a, const S &b) { return a; }", []),
        ("int x = 3;", []),
        ("", []),
    ],
)  # fmt: skip
def test_which_prototypes_are_made(source: str, expected: list[str]) -> None:
    assert texts(source) == expected


@pytest.mark.parametrize(
    "use",
    ["Task t(500, &cb, true);", "Button b(cb);", "int x = cb(1), y;", "void (*f)(int) = cb;",
     "struct { int a; void (*f)(int); } menu[] = {{1, cb}};", "Timer t{cb};",
     "#if 1\nTimer t(cb);\n#endif"],
)  # fmt: skip
def test_a_prototype_stands_before_what_uses_its_function(use: str) -> None:
    text = f"int top;\n{use}\n#include <late.h>\nvoid other(Late l) {{}}\nvoid cb(int a) {{}}\n"
    other, cb = prototypes.missing(text.encode())
    assert other.at == text.index("void other")
    assert (cb.at, cb.text) == (text.index(use), "void cb(int a);")


def test_a_declaration_of_a_function_is_no_use_of_it() -> None:
    text = "int cb(int), *more(void);\nint x;\nint cb(int a) { return a; }\nint *more() { return 0; }\n"
    assert {found.at for found in prototypes.missing(text.encode())} == {
        text.index("int cb(int a)")
    }


def test_a_namespace_comes_before_the_prototypes_that_name_it() -> None:
    text = "void a() {}\nnamespace n { struct T {}; }\nn::T f() { return {}; }\n"
    (first, second) = prototypes.missing(text.encode())
    assert (first.at, second.at) == (0, text.index("n::T f"))


def test_a_function_under_conditions_is_declared_under_them() -> None:
    source = (
        "#ifdef A\n#if B > 1\nvoid one(Special s) {}\n#endif\n#elif defined(C)\n"
        "int two() { return 2; }\n#else\nint three() { return 3; }\n#endif\n"
    )
    assert texts(source) == [
        "#ifdef A\n#if B > 1\nvoid one(Special s);\n#endif\n#endif",
        "#ifdef A\n#elif defined(C)\nint two();\n#endif",
        "#ifdef A\n#elif defined(C)\n#else\nint three();\n#endif",
    ]


def test_a_broken_sketch_is_passed_on_for_the_compiler_to_say(tmp_path: Path) -> None:
    text = "void setup( {\n  int x = ;\n}\nvoid loop() { }}}\n"
    source = joined(folder(tmp_path, robot=text))
    assert [line for line in source.splitlines() if line in text.splitlines()] == text.splitlines()
