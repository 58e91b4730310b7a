"""Properties and recipes: expansion and splitting as the Arduino specification has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.errors import InvalidProject
from fbuild_watch.project import properties, recipe
from fbuild_watch.project.recipe import Recipes


def test_property_files() -> None:
    text = (
        "\ufeff# note\n a.b = 1 \r\na.cmd=x\na.cmd.windows=w\na.cmd.linux=l\nflags=-DA=1 # kept\n\n"
    )
    assert properties.parse(text, "p", "linux") == {
        "a.b": "1", "a.cmd": "l", "a.cmd.windows": "w", "flags": "-DA=1 # kept",
    }  # fmt: skip
    assert properties.below({"a.b.c": "1", "a.bb": "2"}, "a.b") == {"c": "1"}


@pytest.mark.parametrize("text", ["x=1\nnonsense\n", "x=1\n=2\n"])
def test_a_bad_property_line_is_named(text: str) -> None:
    with pytest.raises(InvalidProject, match="p:2: "):
        properties.parse(text, "p", "linux")


def test_expansion() -> None:
    values = {"a": "{b}{b}", "b": "x", "pick": "b", "of.x": "deep"}
    assert properties.expand("{a} {none} {{pick}} {of.{b}}", values, "p") == "xx {none} x deep"


@pytest.mark.parametrize(
    "values", [{"a": "{a}"}, {"a": "{b}", "b": "{a}"}, {"a": "{a}{a}"}, {"a": "x {b}", "b": "{a}"}]
)
def test_a_property_that_needs_itself_is_an_error(values: dict[str, str]) -> None:
    with pytest.raises(InvalidProject, match="p: these properties refer to themselves: a"):
        properties.expand("{a}", values, "p")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"/a b/cc" -c  x', ["/a b/cc", "-c", "x"]),
        ("""'-DNAME="x y"' -DOTHER="z\"""", ['-DNAME="x y"', '-DOTHER="z"']),
        ('""  " " x', ["x"]),
        ('-I"a b"', ['-I"a', 'b"']),
        ('"a"b c"', ['a"b c']),
        ("", []),
    ],
)
def test_quotes_count_only_at_the_ends_of_words(text: str, words: list[str]) -> None:
    assert recipe.split(text) == words


def recipes(pattern: str, **more: str) -> Recipes:
    return Recipes({"recipe.x.pattern": pattern, **more}, "platform.txt")


def test_values_fill_the_words_that_name_them() -> None:
    made = recipes('"{cc}" {flags} {none} {includes} "-I{dir}" {dir}/x "{objects}"',
                   cc="cc", flags="-a 'b c'")  # fmt: skip
    argv = made.argv("recipe.x", dir="/p q", includes=["-I1", "-I 2"], objects=['"', "b c"])
    assert argv == ("cc", "-a", "b c", "-I1", "-I 2", "-I/p q", "/p q/x", '"', "b c")


def test_the_program_of_a_recipe_shows_what_is_undefined() -> None:
    assert recipes('"{path}cc" -c', path="/a b/").program("recipe.x") == ("/a b/cc", True)
    assert recipes('"{tool.path}/cc" -c').program("recipe.x") == ("{tool.path}/cc", False)
    braces = recipes("{path}/cc", path=recipe.protect("/{x}"))
    assert braces.program("recipe.x") == ("/{x}/cc", True)


def test_broken_recipes_are_named() -> None:
    with pytest.raises(InvalidProject, match=r"no recipe\.y\.pattern"):
        recipes("x").argv("recipe.y")
    with pytest.raises(InvalidProject, match=r"recipe\.x\.pattern: .*never closed"):
        recipes("cc 'open").argv("recipe.x")


values = st.text(st.sampled_from("ab \t'\"{}\\$;|&"), min_size=1, max_size=8)


@given(value=values, items=st.lists(values, max_size=3))
def test_no_value_can_break_out_of_its_word(value: str, items: list[str]) -> None:
    made = recipes('cc "{one}" {one} -x{one} {many}', a="hidden", b="hidden")
    expected = ("cc", value, value, f"-x{value}", *items)
    assert made.argv("recipe.x", one=value, many=items) == expected
    flags = recipes("cc {flags} end", flags=" ".join(recipe.protect(item) for item in items))
    assert flags.argv("recipe.x") == ("cc", *items, "end")
