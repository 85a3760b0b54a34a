"""How pictures are made: one style, colours by name, SVG that takes the page's own colours, light or dark."""

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np

FULL, HALF, NARROW = 1_080, 530, 350
"""Widths in CSS pixels: over the page, half of it, on a telephone."""
FONT = 12.0
DOT = 72.0
"""CSS pixels an inch, so that a point is a pixel."""

INKS = {
    "ink": ("#0a0101", "#22252b"),
    "soft": ("#0a0102", "#6a6f78"),
    "line": ("#0a0103", "#d9dbe0"),
    "paper": ("#0a0104", "#ffffff"),
    "dry": ("#0a0105", "#7a8088"),
    "wet": ("#0a0106", "#e69f00"),
    "model": ("#0a0107", "#0072b2"),
    "linear": ("#0a0108", "#009e73"),
    "rest": ("#0a0109", "#c4500a"),
    "shade": ("#0a010a", "#eef0f4"),
}
"""By name: the mark that stands for a colour in an SVG until the page fills in its own, and the colour on paper.

Okabe and Ito (2008), "Color universal design": told apart with every kind of colour vision.
"""

Draw = Callable[[Any, Any], None]
"""Draws into a matplotlib figure with the colours of a palette."""


class Palette:
    """Colours by name, `palette.wet`: marks to be filled in by the page, or real colours."""

    def __init__(self, marks: bool):
        self._place = 0 if marks else 1

    def __getattr__(self, name: str) -> str:
        if name not in INKS:
            raise AttributeError(name)
        return INKS[name][self._place]


def svg(name: str, draw: Draw, width: int, height: int) -> str:
    """The picture as SVG to stand inside a page, its colours `var(--name)`, its ids its own."""
    figure, palette = blank(width, height, marks=True)
    import matplotlib as mpl

    with mpl.rc_context(_style(palette, name)):
        draw(figure, palette)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue(), name)


def png(draw: Draw, width: int, height: int, scale: float = 2.0) -> bytes:
    """The picture as PNG on white, `scale` dots a pixel."""
    figure, palette = blank(width, height, marks=False)
    import matplotlib as mpl

    with mpl.rc_context(_style(palette, "png")):
        draw(figure, palette)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=scale * DOT, facecolor=palette.paper)
    return buffer.getvalue()


def blank(width: int, height: int, *, marks: bool) -> tuple[Any, Palette]:
    """An empty figure of a size in pixels, and its colours."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / DOT, height / DOT), dpi=DOT, layout="constrained"), Palette(marks)


def panel(figure: Any, palette: Palette, place: Any, title: str = "", **options: Any) -> Any:
    """Axes with nothing but what is read: two thin lines, a faint grid, a title at the left."""
    axes = figure.add_subplot(place, **options)
    axes.set_axisbelow(True)
    axes.grid(True, color=palette.line, linewidth=0.7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(palette.line)
    axes.tick_params(color=palette.line, labelcolor=palette.soft, length=3)
    if title:
        axes.set_title(title, loc="left", color=palette.ink, fontsize=FONT, fontweight="bold", pad=7)
    return axes


def hertz(axes: Any, which: str = "x") -> None:
    """A logarithmic axis from 20 Hz to 20 kHz with its decades written as people say them."""
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(_fixed([20, 100, 1_000, 10_000, 20_000]))
    axis.set_major_formatter(lambda f, _: f"{f / 1000:g}k" if f >= 1_000 else f"{f:g}")
    axis.set_minor_locator(_fixed([]))


def _fixed(values: list[float]) -> Any:
    from matplotlib.ticker import FixedLocator

    return FixedLocator(values)


def _style(palette: Palette, salt: str) -> dict[str, Any]:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "font.size": FONT - 1,
        "axes.labelsize": FONT - 1,
        "axes.labelcolor": palette.soft,
        "axes.facecolor": "none",
        "text.color": palette.ink,
        "legend.frameon": False,
        "legend.fontsize": FONT - 1,
        "lines.linewidth": 1.6,
        "lines.solid_capstyle": "round",
        "path.simplify_threshold": 0.3,
    }


def _inline(text: str, name: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = text.replace('xlink:href="data:', 'href="data:')
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", text, count=1)
    text = re.sub(r'(<svg [^>]*?)height="[^"]*"', r"\1", text, count=1)
    for ink, (mark, _) in INKS.items():
        text = text.replace(mark, f"var(--{ink})")
    return text


def peaks(x: Any, columns: int) -> tuple[Any, Any]:
    """Lowest and highest value in each of at most `columns` equal stretches of (samples,)."""
    x = np.asarray(x)
    length = max(1, x.size // columns)
    rows = x[: x.size // length * length].reshape(-1, length)
    return rows.min(axis=1), rows.max(axis=1)
