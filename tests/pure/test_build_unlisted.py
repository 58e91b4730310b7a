"""What no depfile says, found in texts: `__has_include`, the assembler's files, linker scripts."""

from __future__ import annotations

import pytest

from fbuild_watch.build import linkscript, search
from fbuild_watch.build.unlisted import Unlisted, in_preprocessed, preprocessing, scan


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('#if __has_include("a.h") || __has_include ( <sys/b.h> )', Unlisted(("a.h", "sys/b.h"))),
        ("#elif __has_include_next(<c.h>)", Unlisted(("c.h",))),
        ('#if __has_embed("d.bin")', Unlisted(("d.bin",))),
        ("#ifdef __has_include\n#endif", Unlisted()),
        ("#if defined(__has_include) && defined __has_include_next", Unlisted()),
        ("#if __has_include(CONFIG)", Unlisted(asks_anything=True)),
        ("#define HAS __has_include", Unlisted(asks_anything=True)),
        ("#define HAS(x) __has_include(x)", Unlisted(asks_anything=True)),
        ('asm(".data\\n.incbin \\"a.bin\\"\\n")', Unlisted(copied=("a.bin",))),
        ('asm(R"(.incbin "a b.bin")")', Unlisted(copied=("a b.bin",))),
        ('.include "x.inc"\n\t.incbin "y.bin", 4, 8', Unlisted(copied=("x.inc", "y.bin"))),
        ('asm(".incbin " "\\"a.bin\\"")', Unlisted(copied=(" ", "a.bin"))),
        (".incbin FILE", Unlisted(copies_anything=True)),
        ('asm(".incbin \\"" FILE "\\"\\n")', Unlisted(copies_anything=True)),
        ('asm(".incbin \\"folder/" FILE "\\"\\n")', Unlisted(copies_anything=True)),
        ("x.include(1); p->include; f().include; a[0].incbin", Unlisted()),
    ],
)
def test_unlisted_names_in_a_text(text: str, expected: Unlisted) -> None:
    assert scan(text.encode()) == expected


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        ('asm(".incbin" " \\"" "a" ".bin" "\\"\\n");', "m.c", ("a.bin",)),
        ('asm(R"x(.incbin "a.bin")x");', "m.cpp", ("a.bin",)),
        ('.incbin "a.bin"', "m.S", ("a.bin",)),
        ('asm(".incbin \\"\\\\name\\"");', "m.c", None),
        ('.incbin "\\name"', "m.S", None),
        ("int x;", "m.c", ()),
    ],
)
def test_what_the_preprocessor_leaves_for_the_assembler(
    text: str, source: str, expected: tuple[str, ...] | None
) -> None:
    assert in_preprocessed(text.encode(), source) == expected


def test_the_command_that_preprocesses_writes_nothing() -> None:
    argv = ("cc", "-Os", "-c", "-MMD", "-MF", "m.d", "-MT", "m.o", "m.c", "-o", "m.o", "-Ix")
    assert tuple(preprocessing(argv)) == ("cc", "-Os", "m.c", "-Ix", "-E", "-P")


@pytest.mark.parametrize(
    ("text", "files", "folders"),
    [
        ("INCLUDE memory.ld", ["memory.ld"], []),
        ('SECTIONS { INCLUDE "a b.ld"; } /* INCLUDE no.ld */', ["a b.ld"], []),
        ("INPUT(one.o, two.o -lfoo)", ["one.o", "two.o", "-lfoo"], []),
        ("GROUP ( /lib/libc.so.6 AS_NEEDED ( ld.so ) )", ["/lib/libc.so.6", "ld.so"], []),
        ('STARTUP(crt0.o)\nSEARCH_DIR("/opt/lib")', ["crt0.o"], ["/opt/lib"]),
        ("MEMORY { ram : ORIGIN = 0 } .text : { *(.text) }", [], []),
    ],
)
def test_names_in_a_linker_script(text: str, files: list[str], folders: list[str]) -> None:
    found = linkscript.read(text)
    assert list(found.files) == files
    assert list(found.folders) == folders


def test_folders_in_a_command_and_its_files_of_words() -> None:
    texts = {"flags": '-I"a b" @more', "more": "-iprefix /sdk/ -iwithprefixbefore one @flags"}

    def read(name: str) -> str:
        if name not in texts:
            raise FileNotFoundError(name)
        return texts[name]

    words = search.spelled_out(("cc", "@flags", "-isystem", "c", "@none", "m.c"), read)
    found = list(dict.fromkeys(search.folders(words)))
    assert found == ["a b", "/sdk/", "/sdk/one", "c"]
    assert list(search.in_variables(("CPATH=/x:/y", "LIBRARY_PATH=/z"))) == ["/x", "/y"]
