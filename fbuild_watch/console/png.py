"""The curves of `:plot` as a picture, by matplotlib, which is an extra: it is large, and few need it."""

from __future__ import annotations

from pathlib import Path

from fbuild_watch.console.samples import Samples
from fbuild_watch.errors import ExtraMissing

_POINTS = 4000


def write_png(samples: Samples, seconds: float, path: Path) -> None:
    """Write the last `seconds`. Raises ExtraMissing, OSError."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExtraMissing("a PNG needs matplotlib", "png") from error
    figure = Figure(figsize=(12, 6), layout="constrained")
    axes = figure.add_subplot()
    for name in samples.names:
        points = samples.curve(name, seconds, _POINTS)
        axes.plot([at for at, _ in points], [value for _, value in points], label=name)
    axes.set_xlabel("seconds")
    axes.grid(visible=True)
    axes.legend()
    figure.savefig(path, format="png")
