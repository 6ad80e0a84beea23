"""One look for every picture: size, colours, type, and the PNG bytes. Drawn without a screen and without pyplot's
global state.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, RED = "#1f5fa8", "#d9822b", "#9aa0a6", "#b3322e"
_DPI = 110


def blank(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    """A white figure of so many inches with one pair of axes, laid out so that no label is cut off."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=_DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.title.set_fontweight("bold")
    return figure, axes


def png(figure: Figure) -> bytes:
    """The figure as PNG; equal figures give equal bytes (no date, no version in the file)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def shorten(name: str, longest: int = 40) -> str:
    """A name that fits beside an axis."""
    return name if len(name) <= longest else name[: longest - 1] + "…"
