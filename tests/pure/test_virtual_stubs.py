from __future__ import annotations

import base64
import json
import subprocess
import sys

from fbuild_watch.virtual.stubs import StubImage, installed_stubs, parse_stub


def test_a_stub_is_its_entry_and_its_segments() -> None:
    text = base64.b64encode(b"code").decode()
    data = base64.b64encode(b"data").decode()
    fields = {"entry": 5, "text": text, "text_start": 1, "data": data, "data_start": 2}
    assert parse_stub(json.dumps(fields)) == StubImage(5, {1: b"code", 2: b"data"})
    bare = {"entry": 5, "text": text, "text_start": 1}
    assert parse_stub(json.dumps(bare)) == StubImage(5, {1: b"code"})


def test_the_installed_esptool_has_both_stubs_of_the_c3() -> None:
    first, second = installed_stubs("esp32c3")
    assert first != second
    for stub in (first, second):
        assert len(stub.segments) == 2
        assert any(a <= stub.entry < a + len(data) for a, data in stub.segments.items())


def test_a_chip_that_esptool_does_not_know_has_none() -> None:
    assert installed_stubs("z80") == ()


def test_reading_them_does_not_import_esptool() -> None:
    code = (
        "import sys; from fbuild_watch.virtual.stubs import installed_stubs;"
        "installed_stubs('esp32c3'); sys.exit('esptool' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
