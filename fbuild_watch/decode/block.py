"""Panics in the text of a board: lines in, a Crash at the end of each. Pure, bounded.

A report begins with a line that nothing else prints (`Guru Meditation Error`, `abort() was called`,
`Exception (28):` ...), goes on with registers, a backtrace or stack memory, and ends with
`Rebooting...`, with the next boot, with a line that is no part of it, or with silence (`idle`).

Sources of the forms: ESP-IDF, "Fatal Errors" and "Watchdogs"; the ESP8266 Arduino core, "Exception
causes" and "Stack dump"; Zephyr, "Fatal Errors"; Mbed OS, "Error handling"; CmBacktrace's README.

Rules
- Numbers in ordinary lines are left alone: an address counts where a report has it in its place.
- What is kept of a report is bounded; a report without an end is given up after STRAY lines, and
  ended after MOST_LINES whatever they say.
- It runs beside the console: no pattern here takes more than linear time, whatever a line holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from fbuild_watch.decode import meaning
from fbuild_watch.decode.crash import Crash, Stack

STRAY = 40
"""Lines that are no part of a report, before it is given up or, where it has a trace, ended."""
MOST_FRAMES = 128
MOST_WORDS = 16384
"""64 KB of stack: more than any task of these chips has."""
MOST_LINES = 6000
"""That much stack in lines of four words, and half as many for everything else."""

_HINT = re.compile(
    r"Guru Meditation|abort\(\) was|assert|Backtrace:|task_wdt|rror: Core|stack |xception ?\("
    r"|WDT reset|ESP_ERROR_CHECK|CORRUPT HEAP|Panic |ault|FAULT|addr2line|Stack smashing"
)
"""A line with none of these begins no report: what nearly every line costs."""

_HEX = r"0x[0-9a-fA-F]{8}"
_PAIR = re.compile(rf"({_HEX}):{_HEX}")
_REGISTER = re.compile(rf"\b([A-Z][A-Z0-9/]{{1,8}}) *: ({_HEX})(?![\w:])")
_ESP8266_REGISTER = re.compile(rf"\b(epc1|excvaddr|depc|epc2|epc3)=({_HEX})")
_RISCV_STACK = re.compile(rf"([0-9a-f]{{8}}): ((?:{_HEX} ?)+)\Z")
_ESP8266_STACK = re.compile(r"([0-9a-f]{8}):  ((?:[0-9a-f]{8} ?)+) *<?\Z")
_ARM_REGISTER = re.compile(
    r"(?i)(?:^|[\s(/,;:])(pc|lr|r15|r14|r15/pc|r14/lr|mmfar|bfar)\b\)?(?:\s*\[[^\]]*\])?\s*[:=]+\s*"
    r"(?:0x)?([0-9a-f]{8})\b"
)
_IN_PARENTHESES = r"[^()]{0,99}(?:\([^()]{0,99}\)[^()]{0,99})?"
"""May have a pair of its own."""
_SHA = re.compile(r"ELF file SHA256:\s*([0-9a-fA-F]{8,64})")
_END = re.compile(
    r"Rebooting\.\.\.|CPU halted\.|Entering gdb stub|-- MbedOS Error Info --|Halting system"
)
_BOOT = re.compile(r"\brst:0x|\brst cause:|^ESP-ROM:|^ets [A-Z][a-z]{2} ")
_FORWARD = re.compile(
    r"task_wdt:|register dump|^Stack memory|^>>>stack|^ctx:|^sp: |CUT HERE|Print CPU|^Backtrace|tskIDLE"
    r"|Debug exception|Setting breakpoint|^Memory dump|Tasks currently|^User exception"
)
"""Lines of a report that say nothing more, but that it goes on."""


@dataclass(slots=True)
class _Report:
    """What was seen of one report."""

    title: str = ""
    is_fatal: bool = True
    is_arm: bool = False
    frames: list[int] = field(default_factory=list)
    returns: list[int] = field(default_factory=list)
    registers: dict[str, int] = field(default_factory=dict)
    start: int = 0
    words: list[int] = field(default_factory=list)
    sha: str = ""
    notes: list[str] = field(default_factory=list)
    lines: int = 0
    strays: int = 0
    stack_ended: bool = False

    @property
    def has_trace(self) -> bool:
        """Whether all that is to be decoded has come, as far as can be told."""
        return bool(self.frames) or self.stack_ended or (self.is_arm and "PC" in self.registers)

    def note(self, text: str) -> None:
        """Remember a line, once, and not without end."""
        if text and text not in self.notes and len(self.notes) < 16:
            self.notes.append(text)

    def crash(self) -> Crash | None:
        """The report as a value; None: it has no address."""
        stack = Stack(self.start, tuple(self.words)) if self.words else None
        has_pc = any(name in self.registers for name in ("MEPC", "PC", "EPC1"))
        if not (self.frames or self.returns or has_pc):
            return None
        self.note(meaning.access(self.registers))
        return Crash(
            self.title or "backtrace", tuple(self.frames), tuple(self.returns),
            dict(self.registers), stack, self.sha, tuple(self.notes), self.is_fatal,
        )  # fmt: skip


class Reports:
    """The report that is being received."""

    def __init__(self) -> None:
        """Nothing received yet."""
        self._report: _Report | None = None

    @property
    def is_open(self) -> bool:
        """Whether a report has begun and not ended."""
        return self._report is not None

    def feed(self, line: str) -> list[Crash]:
        """Take a line, without its ending and colours; give the reports that it ends."""
        if self._report is None and not _HINT.search(line):
            return []
        line = line[:4096].rstrip()
        ended = self._end_before(line)
        if self._report is not None and _END.search(line):
            return [*ended, *self.finish()]
        opened = self._open(line)
        if self._report is None:
            return ended
        self._report.lines += 1
        if self._report.lines > MOST_LINES:
            return [*ended, *self.finish()]
        if self._take(self._report, line) or opened:
            self._report.strays = 0
            return ended
        return ended + self._stray(self._report, line)

    def finish(self) -> list[Crash]:
        """The report ends here: there is silence, or the port has gone."""
        report, self._report = self._report, None
        crash = report.crash() if report else None
        return [crash] if crash else []

    def _end_before(self, line: str) -> list[Crash]:
        """A boot, or another panic, ends what was before."""
        if self._report is None:
            return []
        again = self._report.has_trace and line.startswith(_BEGINS_ANEW)
        return self.finish() if again or _BOOT.search(line) else []

    def _open(self, line: str) -> bool:
        for pattern, meet in _OPENERS:
            if match := pattern.search(line):
                self._report = self._report or _Report()
                meet(self._report, match)
                return True
        return False

    def _take(self, report: _Report, line: str) -> bool:
        """Whether the line is a part of the report."""
        if match := _SHA.search(line):
            report.sha = "" if set(match[1]) == {"0"} else match[1].lower()
            return True
        known = any(take(report, line) for take in _TAKERS)
        return known or bool(_FORWARD.search(line))

    def _stray(self, report: _Report, line: str) -> list[Crash]:
        if report.words:
            report.stack_ended = True
        if line.strip():
            report.strays += 1
        over = report.strays > STRAY or (report.has_trace and report.strays > 1)
        return self.finish() if over else []


# --- what begins a report --------------------------------------------------------------------


def _guru(report: _Report, match: re.Match[str]) -> None:
    report.title = match[1]


def _reason(report: _Report, match: re.Match[str]) -> None:
    report.title = match[1].strip()


def _abort(report: _Report, match: re.Match[str]) -> None:
    report.title = report.title or "abort()"
    report.is_fatal = True
    report.returns = [int(match[1], 16)]


def _keep_words(report: _Report, match: re.Match[str]) -> None:
    """The line itself is the best title; what comes after it (abort, Guru) is how it was done."""
    report.title = match[0].strip(" *!\t")


def _error_check(report: _Report, match: re.Match[str]) -> None:
    report.title = f"ESP_ERROR_CHECK failed: {match[2] or match[1]}"
    report.returns = [int(match[3], 16)]


def _task_watchdog(report: _Report, match: re.Match[str]) -> None:
    if not report.title:
        report.title, report.is_fatal = "task watchdog", False


def _starved(report: _Report, match: re.Match[str]) -> None:
    report.note(f"not fed by {match[1]}" + (f" on CPU {match[2]}" if match[2] else ""))


def _running(report: _Report, match: re.Match[str]) -> None:
    report.note(f"CPU {match[1]} was running {match[2]}")


def _exception(report: _Report, match: re.Match[str]) -> None:
    report.title = meaning.exception(int(match[1]))
    report.registers["EXCCAUSE"] = int(match[1])


def _backtrace(report: _Report, match: re.Match[str]) -> None:
    if not report.title:
        report.is_fatal = False


def _arm(report: _Report, match: re.Match[str]) -> None:
    report.is_arm = True
    report.title = report.title or match[0].strip(" *[]+:")


def _run_addr2line(report: _Report, match: re.Match[str]) -> None:
    report.title = report.title or "fault"
    more = [int(word, 16) for word in match[1].split()]
    report.returns = [*report.returns, *more][:MOST_FRAMES]


_OPENERS: tuple[tuple[re.Pattern[str], Callable[[_Report, re.Match[str]], None]], ...] = tuple(
    (re.compile(pattern), meet)
    for pattern, meet in (
        (rf"Guru Meditation Error: Core +\d+ panic'ed \(({_IN_PARENTHESES})\)", _guru),
        (r"Debug exception reason: (.+)", _reason),
        (rf"abort\(\) was called at PC ({_HEX})", _abort),
        (r"assert failed: .+", _keep_words),
        (r'assertion ".*" failed: file .+', _keep_words),
        (rf"ESP_ERROR_CHECK failed: esp_err_t (\S+) (?:\((\w+)\) )?at ({_HEX})", _error_check),
        (r"\*\*\*ERROR\*\*\* A stack overflow in task .+", _keep_words),
        (r"Stack smashing protect failure!", _keep_words),
        (r"CORRUPT HEAP: .+", _keep_words),
        (r"task_wdt: +- (.+?)(?: \(CPU (\S+)\))?\Z", _starved),
        (r"task_wdt: CPU (\d): (.+)", _running),
        (r"task_wdt: Task watchdog got triggered", _task_watchdog),
        (r"^(?:Fatal e|E)xception ?\((\d{1,2})\):", _exception),
        (r"^(?:Soft|Hardware) (?:WDT|wdt) reset", _keep_words),
        (r"^Panic \S+:\d+ .+", _keep_words),
        (rf"Backtrace: ?(?={_HEX}:{_HEX})", _backtrace),
        (
            r"(?i)(?:\bhard|\bmem ?manage|\bbus|\busage|\bmpu|\bsecure) ?fault(?! handler:)"
            r"|MbedOS Fault Handler|ZEPHYR FATAL ERROR",
            _arm,
        ),
        (r"addr2line -e \S+ (?:-\S+ )*((?:[0-9a-fA-F]{8} ?)+)", _run_addr2line),
    )
)
_BEGINS_ANEW = (
    "Guru Meditation", "abort() was called", "assert failed", "Exception (", "Fatal exception",
)  # fmt: skip


# --- what goes on with it --------------------------------------------------------------------


def _take_backtrace(report: _Report, line: str) -> bool:
    pairs = _PAIR.findall(line) if "Backtrace:" in line else []
    if pairs:
        report.frames = [int(pair, 16) for pair in pairs[:MOST_FRAMES]]
        if "CORRUPTED" in line:
            report.note("the board says that the backtrace is corrupted")
    return bool(pairs)


def _take_registers(report: _Report, line: str) -> bool:
    found = _REGISTER.findall(line)
    found += [(name.upper(), value) for name, value in _ESP8266_REGISTER.findall(line)]
    if len(report.registers) < 128:
        report.registers.update((name, int(value, 16)) for name, value in found)
    return bool(found)


def _take_stack(report: _Report, line: str) -> bool:
    match = _RISCV_STACK.match(line) or _ESP8266_STACK.match(line)
    if match is None or report.stack_ended:
        return False
    start, words = int(match[1], 16), [int(word, 16) for word in match[2].split()]
    if not report.words:
        report.start = start
    if start == report.start + 4 * len(report.words) and len(report.words) < MOST_WORDS:
        report.words += words
    return True


def _take_stack_end(report: _Report, line: str) -> bool:
    if line.startswith("<<<stack<<<"):
        report.stack_ended = True
        return True
    return False


def _take_arm(report: _Report, line: str) -> bool:
    found = _ARM_REGISTER.findall(line) if report.is_arm else []
    for name, value in found:
        kind = name.lower()
        if "pc" in kind or "r15" in kind:
            report.registers["PC"] = int(value, 16)
        elif "lr" in kind or "r14" in kind:
            report.returns = [int(value, 16)]
    return bool(found)


_TAKERS = (_take_backtrace, _take_stack, _take_stack_end, _take_registers, _take_arm)
