"""Every outcome as one value, and the JSON that programs read."""

from __future__ import annotations

import json

import pytest

from fbuild_watch import results
from fbuild_watch.errors import CompileFailed, FbuildError, UploadFailed, VerifyFailed
from fbuild_watch.model import (
    Device,
    EraseReport,
    FlashReport,
    Range,
    RegionCheck,
    RegionReport,
    UploadReport,
    VerifyReport,
)

DEVICE = Device("ESP32-C3", "7c:df:a1:00:00:01", 4 << 20)
WRITTEN = RegionReport("app", 0x10000, 5000, "written", 2)
SAME, OTHER = RegionCheck("a", 0, 1, "same"), RegionCheck("b", 4096, 2, "different")


def test_a_flash_is_proven_by_digests() -> None:
    result = results.of_report(FlashReport("/dev/x", DEVICE, (WRITTEN,), {"checked": 0.5}))
    result = results.with_phases(result, {"compiled": 1.0, "checked": 9.0})
    assert (result.success, result.exit_code, result.code) == (True, 0, "")
    assert results.as_json(result) == {
        "ok": True, "proof": "device-digest", "chip": "ESP32-C3", "mac": DEVICE.mac,
        "port": "/dev/x", "phases": {"compiled": 1.0, "checked": 0.5},
        "regions": [{"name": "app", "offset": 0x10000, "size": 5000, "state": "written",
                     "sectors_written": 2}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("regions", "code", "exit_code"),
    [((SAME,), "", 0), ((SAME, OTHER), "flash-differs", 57)],
)
def test_a_verify_that_found_a_difference_is_a_failure_with_its_regions(
    regions: tuple[RegionCheck, ...], code: str, exit_code: int
) -> None:
    result = results.of_report(VerifyReport("/dev/x", DEVICE, regions, {}))
    assert (result.code, result.exit_code, result.success) == (code, exit_code, not code)
    assert (result.regions, result.device) == (regions, DEVICE)
    assert result.proof == (None if code else "device-digest")
    assert ("1 of 2 regions: b" in result.message) is bool(code)


def test_an_erase_has_its_ranges() -> None:
    result = results.of_report(EraseReport("/dev/x", DEVICE, (Range("nvs", 4096, 8192),), {}))
    assert results.as_json(result)["regions"] == [{"name": "nvs", "offset": 4096, "size": 8192}]


@pytest.mark.parametrize("proof", ["tool-verified", "tool-exit"])
def test_a_tool_proves_no_region(proof: str) -> None:
    report = UploadReport("/dev/x", "avrdude", proof, {"written": 1.0}, "out", "err")  # type: ignore[arg-type]
    result = results.of_report(report)
    assert (result.proof, result.regions, result.device) == (proof, (), None)
    assert ("read back what it wrote" in result.message) is (proof == "tool-verified")
    assert (result.stdout, result.stderr) == ("out", "err")


@pytest.mark.parametrize(
    ("error", "stderr"),
    [
        (CompileFailed(["a.cpp"], "a.cpp:1: error"), "a.cpp:1: error"),
        (UploadFailed("/dev/x", "avrdude", 1, "o", "avrdude: no sync"), "avrdude: no sync"),
        (VerifyFailed("/dev/x", "app", 0), ""),
    ],
)
def test_an_error_is_a_result_that_programs_can_branch_on(error: FbuildError, stderr: str) -> None:
    result = results.of_error(error, port="/dev/x")
    assert (result.success, result.code, result.exit_code) == (False, error.code, error.exit_code)
    assert result.stderr == stderr
    said = json.loads(json.dumps(results.as_json(result)))
    assert said["error"] == {"code": error.code, "message": str(error), "hint": error.hint}
    assert (said["ok"], said["proof"], said["chip"], said["mac"]) == (False, None, None, None)
