"""The loop on a board of another family: saved, uploaded by avrdude, and the console back."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.real import avr_kit
from tests.real.program import environment, fbuild

SKETCH = """
#include <Arduino.h>
void setup() { Serial.begin(57600); }
void loop() { Serial.println("hello from a nano"); delay(100); }
"""


async def test_a_save_is_uploaded_and_heard(tmp_path: Path) -> None:
    avr_kit.need_tools()
    project = tmp_path / "nano"
    (project / "src").mkdir(parents=True)
    main = project / "src" / "main.cpp"
    main.write_text(SKETCH)
    ini = "[env:nano]\nboard = nanoatmega328\nmonitor_speed = 57600\n"
    (project / "platformio.ini").write_text(ini)
    with avr_kit.served(avr_kit.compiled_board(tmp_path)) as port:
        arguments = ("watch", str(project), "--port", port)
        async with fbuild(*arguments, env=environment(tmp_path)) as watch:
            await watch.see(r"^-- avrdude uploaded build \w+ and read back, in")
            await watch.see(r"^hello from a nano$")
            main.write_text(SKETCH.replace("hello", "hello again"))
            await watch.see(r"^-- avrdude uploaded build \w+ and read back, in")
            await watch.see(r"^hello again from a nano$")
            main.touch()
            await watch.see(r"^hello again from a nano$")
            watch.signal(signal.SIGTERM)
            assert await watch.ended() == 0
            assert watch.text.count("-- avrdude uploaded") == 2
