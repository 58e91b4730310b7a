"""The loop on a board of another family: saved, uploaded by avrdude, and the console back."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.real import avr_kit
from tests.real.program import fbuild


async def test_a_save_is_uploaded_and_heard(
    avr_port: str, env: dict[str, str], tmp_path: Path
) -> None:
    project = avr_kit.nano(tmp_path / "nano")
    main = project / "src" / "main.cpp"
    arguments = ("watch", str(project), "--port", avr_port)
    async with fbuild(*arguments, env=env) as watch:
        await watch.see(r"^-- avrdude uploaded build \w+ and read back, in")
        await watch.see(r"^hello from a nano$")
        main.write_text(avr_kit.SKETCH.replace("hello", "hello again"))
        await watch.see(r"^-- avrdude uploaded build \w+ and read back, in")
        await watch.see(r"^hello again from a nano$")
        main.touch()
        await watch.see(r"^hello again from a nano$")
        watch.signal(signal.SIGTERM)
        assert await watch.ended() == 0
        assert watch.text.count("-- avrdude uploaded") == 2
