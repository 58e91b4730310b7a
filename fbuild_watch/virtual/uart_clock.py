"""How a chip divides a clock down to UART0's rate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UartClock:
    """UART0's clock and its divider registers."""

    hz: int
    clkdiv: int
    """Address of the divider: its whole part in the low bits."""
    whole: int
    """Mask of the whole part."""
    sixteenths: bool = True
    """Whether bits 20 to 23 hold sixteenths."""
    clk_conf: int | None = None
    """Address of a divider in front of it, bits 12 to 19, plus one; None: there is none."""

    def divider_of(self, baud: int) -> int:
        """Return the divider for a rate."""
        if not self.sixteenths:
            return round(self.hz / baud) & self.whole
        sixteenths = round(self.hz * 16 / baud)
        return sixteenths >> 4 & self.whole | (sixteenths & 0xF) << 20

    def baud_of(self, divider: int, clock: int = 0) -> int:
        """Return the rate that a divider and CLK_CONF make; a divider below 1 counts as 1."""
        fraction = divider >> 20 & 0xF if self.sixteenths else 0
        sixteenths = (divider & self.whole) << 4 | fraction
        return round(self.hz * 16 / max(sixteenths, 16) / ((clock >> 12 & 0xFF) + 1))
