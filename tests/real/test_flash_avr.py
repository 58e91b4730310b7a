"""AVR for real: avrdude, by the core's own recipe, against an ATmega328P with its bootloader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from fbuild_watch import image
from fbuild_watch.board import tool_upload
from fbuild_watch.errors import UploadFailed
from fbuild_watch.flash import Listener, Progress
from fbuild_watch.model import BuildPlan, Environment, FlashSettings, Step
from fbuild_watch.serial import open_port
from tests.real import avr_kit
from tests.real.program import environment, run

BAUD = 57600


async def said(port: str, text: str) -> None:
    """Wait until the firmware says `text`: its bootloader gives up first."""
    opened = await open_port(port, BAUD)
    try:
        heard = b""
        with trio.fail_after(20):
            while f"{text}\r\n".encode() not in heard:
                heard += await opened.receive_some()
    finally:
        await opened.aclose()


async def test_a_build_is_uploaded_verified_and_runs(avr_port: str, tmp_path: Path) -> None:
    seen: list[Progress] = []
    for text in ("hello from AVR", "hello again"):
        avr_kit.firmware(tmp_path, text)
        recipe = avr_kit.core_recipe(tmp_path)
        report = await tool_upload.upload(recipe, avr_port, Listener(progress=seen.append))
        assert (report.tool, report.proof) == ("avrdude", "tool-verified")
        assert "bytes of flash verified" in report.stderr
        await said(avr_port, text)
    assert {now.step for now in seen if now.total} == {"being written", "being verified"}


async def test_without_verification_only_the_exit_code_is_said(
    avr_port: str, tmp_path: Path
) -> None:
    avr_kit.firmware(tmp_path, "unverified")
    recipe = avr_kit.core_recipe(tmp_path, verify=False)
    assert (await tool_upload.upload(recipe, avr_port, Listener())).proof == "tool-exit"
    await said(avr_port, "unverified")


async def test_flash_says_honestly_what_proves_it(avr_port: str, tmp_path: Path) -> None:
    """A build that is there, through the command: the JSON, a failure, and words for people."""
    build = tmp_path / ".fbuild" / "build" / "uno"
    build.mkdir(parents=True)
    (tmp_path / "platformio.ini").write_text("[env:uno]\nboard = arduino:avr:uno\n")
    hex_file = avr_kit.firmware(build, "flashed by the command")
    plan = BuildPlan(
        environment=Environment("uno", tmp_path, tmp_path / "src", build, "arduino:avr:uno"),
        chip=None, prebuild=(), units=(), archives=(), link=Step("link", ()),
        elf=build / "firmware.elf", flash=FlashSettings(), artifacts=(hex_file,),
        upload=avr_kit.core_recipe(build),
    )  # fmt: skip
    made = image.make(plan)
    assert (made.regions, made.upload) == ((), plan.upload)
    assert image.load_built(build) == made
    command = ("flash", str(tmp_path), "--no-build", "--port", avr_port)
    code, out, words = await run(*command, "--json", env=environment(tmp_path))
    assert code == 0, words
    said_by_json = json.loads(out)
    assert set(said_by_json.pop("phases")) == {"written"}
    assert said_by_json == {
        "ok": True, "proof": "tool-verified", "chip": None, "mac": None, "port": avr_port,
        "regions": [],
    }  # fmt: skip
    await said(avr_port, "flashed by the command")
    code, out, words = await run(*command, env=environment(tmp_path))
    assert (code, out) == (0, "")
    assert "avrdude read back what it wrote" in words
    code, out, words = await run("verify", *command[1:], env=environment(tmp_path))
    assert (code, out) == (79, "")
    assert "are written by avrdude, which gives no digests" in words
    hex_file.write_text("no hex")
    code, out, words = await run(*command, env=environment(tmp_path))
    assert (code, out) == (76, "")
    assert "avrdude could not upload" in words
    assert "firmware.hex" in words


async def test_a_project_is_built_uploaded_and_talked_to(
    avr_port: str, env: dict[str, str], tmp_path: Path
) -> None:
    """The core's own recipes from the first source to the upload."""
    project = avr_kit.nano(tmp_path / "nano")
    code, out, words = await run("flash", str(project), "--port", avr_port, "--json", env=env)
    assert code == 0, words
    assert json.loads(out)["proof"] == "tool-verified"
    expect = ("--expect", "^hello from a nano$", "--timeout", "20")
    code, _, words = await run("console", str(project), "--port", avr_port, *expect, env=env)
    assert code == 0, words


async def test_what_avrdude_refuses_is_said_in_its_words(avr_port: str, tmp_path: Path) -> None:
    (tmp_path / "firmware.hex").write_text("no hex\n")
    with pytest.raises(UploadFailed) as failure:
        await tool_upload.upload(avr_kit.core_recipe(tmp_path), avr_port, Listener())
    assert failure.value.tool == "avrdude"
    assert "rror" in str(failure.value)
    assert "firmware.hex" in failure.value.stderr
