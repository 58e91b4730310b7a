"""Reports and errors as one value, `OperationResult`, and that value as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from fbuild_watch.errors import FbuildError, FlashDiffers
from fbuild_watch.model import (
    Device,
    EraseReport,
    FlashReport,
    OperationResult,
    Proof,
    UploadReport,
    VerifyReport,
)

Report = FlashReport | UploadReport | VerifyReport | EraseReport

_DIGEST: Proof = "device-digest"


def of_report(report: Report) -> OperationResult:
    """What was done. A verify that found differences is a failure that has its regions."""
    match report:
        case FlashReport():
            result = _done(report, f"proven on {report.port}")
            return replace(result, regions=report.regions, device=report.device, proof=_DIGEST)
        case UploadReport():
            return _of_upload(report)
        case EraseReport():
            result = _done(report, f"erased on {report.port}")
            return replace(result, regions=report.ranges, device=report.device, proof=_DIGEST)
        case VerifyReport():
            return _of_verify(report)


def of_error(
    error: FbuildError, *, port: str | None = None, device: Device | None = None
) -> OperationResult:
    """What went wrong. A compiler's words, or a tool's, are in `stderr`."""
    fields = error.fields()
    return OperationResult(
        success=False,
        message=str(error),
        exit_code=error.exit_code,
        code=error.code,
        hint=error.hint,
        port=port,
        device=device,
        stdout=fields.get("stdout", ""),
        stderr=fields.get("diagnostics", fields.get("stderr", "")),
    )


def as_json(result: OperationResult) -> dict[str, Any]:
    """The object that `--json` prints (docs/json.md)."""
    device = result.device
    said: dict[str, Any] = {
        "ok": result.success,
        "chip": device.chip if device else None,
        "mac": device.mac if device else None,
        "port": result.port,
        "proof": result.proof,
        "regions": [asdict(region) for region in result.regions],
        "phases": dict(result.phases),
    }
    if result.code:
        said["error"] = {"code": result.code, "message": result.message, "hint": result.hint}
    return said


def with_phases(result: OperationResult, before: Mapping[str, float]) -> OperationResult:
    """The same, with the phases of what went before it."""
    return replace(result, phases={**before, **result.phases})


def _done(report: Report, message: str) -> OperationResult:
    return OperationResult(True, message, port=report.port, phases=report.phases)


def _of_upload(report: UploadReport) -> OperationResult:
    """A tool gives no digests: no regions, and a proof that is the tool's word."""
    verified = report.proof == "tool-verified"
    how = "read back what it wrote" if verified else "ended well; nothing was read back"
    result = _done(report, f"uploaded to {report.port}: {report.tool} {how}")
    return replace(result, proof=report.proof, stdout=report.stdout, stderr=report.stderr)


def _of_verify(report: VerifyReport) -> OperationResult:
    done = replace(
        _done(report, f"{report.port} holds the image"),
        regions=report.regions,
        device=report.device,
        proof=_DIGEST,
    )
    if not report.different:
        return done
    error = FlashDiffers(report.port, [r.name for r in report.different], len(report.regions))
    failed = of_error(error, port=report.port, device=report.device)
    return replace(failed, regions=report.regions, phases=report.phases)
