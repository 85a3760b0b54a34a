"""The signal chain drawn: a box a block, in the order of the signal, its first parameters and how sure they are."""

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

from ddspfx.block import AbstractBlock
from ddspfx.blocks.chain import AbstractNamed
from ddspfx.blocks.turned import Turned
from ddspfx.control import Control, Switch
from ddspfx.listing import SlotInfo, slots
from ddspfx.report.effects import core, family
from ddspfx.report.figure import FULL, NARROW

INKS = {"tone": "model", "bend": "rest", "time": "still", "noise": "dry", "stereo": "linear"}
"""By family: the page's colour on the box's edge."""
SHOWN = 4
"""Parameters in a box; the table has them all."""
GAP, PAD, LINE, HEAD = 26, 10, 16, 40
WIDE, SMALL = 5, 2
"""Boxes in a row, in a wide window and on a telephone."""
LETTERS = 6.3
"""Pixels a letter of the small print, at most; what is longer is cut."""


class Box(NamedTuple):
    """A block: its name, its kind, the family it belongs to, and its parameters in words."""

    name: str
    kind: str
    family: str
    lines: tuple[str, ...]


def chain_picture(model: AbstractBlock, confidence: Sequence[dict[str, Any]] = ()) -> str:
    """The chain as SVG for a wide and for a narrow window; nothing for a model that is no chain of named blocks."""
    found = boxes(model, confidence)
    if len(found) < 2:
        return ""
    wide, small = _drawn(found, min(WIDE, len(found)), FULL), _drawn(found, SMALL, NARROW)
    return f'<div class="wide">{wide}</div><div class="narrow">{small}</div>'


def boxes(model: AbstractBlock, confidence: Sequence[dict[str, Any]] = ()) -> list[Box]:
    """What is drawn. `confidence` has rows as `Run.confidence`: those numbers come first, each with its deviation."""
    chain, start = (model.model, "model.") if isinstance(model, Turned) else (model, "")
    if not isinstance(chain, AbstractNamed):
        return []
    sure = {row["path"]: row for row in confidence}
    turned = {slot.path: slot.value for slot in slots(core(model))}
    listed = [slot._replace(value=turned.get(slot.path, slot.value)) for slot in slots(chain)]
    found = []
    for name, block in zip(chain.names, chain.blocks, strict=True):
        own = [slot for slot in listed if slot.path.startswith(f"{name}.") and slot.path.count(".") <= _depth(block)]
        own.sort(key=lambda slot: start + slot.path not in sure)
        lines = [_line(slot, sure.get(start + slot.path)) for slot in own]
        more = [f"and {len(lines) - SHOWN + 1} more"] if len(lines) > SHOWN else []
        kept = lines[: SHOWN - len(more)] + more
        found.append(Box(name, type(block).__name__, family(block), tuple(kept)))
    return found


def fitted_knobs(model: AbstractBlock, confidence: Sequence[dict[str, Any]] = ()) -> str:
    """The knobs that were fitted, in words; nothing for a model without such."""
    sure = {row["path"]: row for row in confidence}
    knobs = model.knobs if isinstance(model, Turned) else {}
    return ", ".join(
        f"{name} {float(knob.value):.3g} {knob.range.unit}".rstrip() + _doubt(sure.get(f"knobs.{name}"))
        for name, knob in knobs.items()
    )


def _depth(block: AbstractBlock) -> int:
    """Points in the path of a slot that is shown: those of blocks inside too, not those of sources."""
    return 2 if isinstance(block, AbstractNamed) else 1


def _line(slot: SlotInfo, row: dict[str, Any] | None) -> str:
    name, filling = slot.path.split(".", 1)[1], slot.filling
    if slot.value is None:
        return f"{name} ← {slot.text}"
    knob = f" ← {filling.name}" if isinstance(filling, Control | Switch) else ""
    return f"{name} {_number(slot)}{_doubt(row)}{knob}"


def _number(slot: SlotInfo) -> str:
    """The value with its unit, small times in ms or µs."""
    if not isinstance(slot.value, float):  # one a channel or a band
        return f"{slot.text} {slot.range.unit}".rstrip()
    value, unit = slot.value, slot.range.unit
    if unit == "s" and 0 < abs(value) < 0.1:
        value, unit = (1e3 * value, "ms") if abs(value) >= 1e-3 else (1e6 * value, "µs")
    shown = f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.3g}"
    return f"{shown} {unit}".rstrip()


def _doubt(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    return f" ± {row['deviation']:.2g}" if row["determined"] and row["deviation"] is not None else " ± ?"


def _drawn(found: Sequence[Box], columns: int, width: int) -> str:
    """Rows of boxes, an arrow from each to the next; what ends a row goes on at the start of the one below."""
    across = (width - (columns + 1) * GAP) / columns
    parts, top = [], 2.0
    for start in range(0, len(found), columns):
        row = found[start : start + columns]
        tall = HEAD + LINE * max(len(box.lines) for box in row) + PAD
        middle = top + HEAD / 2 + 2
        for place, box in enumerate(row):
            left = GAP + place * (across + GAP)
            parts.append(_arrow(left - GAP, left, middle))
            parts.append(_box(box, left, top, across, tall))
        parts.append(_arrow(GAP + len(row) * (across + GAP) - GAP, GAP + len(row) * (across + GAP), middle))
        top += tall + GAP
    words = html.escape("The signal chain: " + ", ".join(box.name for box in found), quote=True)
    return f'<svg viewBox="0 0 {width} {top - GAP + 2:.0f}" role="img" aria-label="{words}">{"".join(parts)}</svg>'


def _box(box: Box, left: float, top: float, across: float, tall: float) -> str:
    ink = f"var(--{INKS[box.family]})"
    texts = [_text(box.name, left + PAD, top + 19, "ink", 13, 600), _text(box.kind, left + PAD, top + 34, "soft", 11)]
    room = int((across - 1.5 * PAD) / LETTERS)
    for place, line in enumerate(box.lines):
        cut = line if len(line) <= room else line[: room - 1] + "…"
        texts.append(_text(cut, left + PAD, top + HEAD + LINE * (place + 0.8), "ink", 11.5))
    frame = (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{across:.1f}" height="{tall:.1f}" rx="7" fill="var(--shade)" '
        f'stroke="var(--line)"/><rect x="{left:.1f}" y="{top + 7:.1f}" width="3.5" height="{tall - 14:.1f}" '
        f'fill="{ink}"/>'
    )
    full = html.escape("; ".join((f"{box.name}, {box.kind}", *box.lines)))
    return f"<g><title>{full}</title>{frame}{''.join(texts)}</g>"


def _text(words: str, x: float, y: float, ink: str, size: float, weight: int = 400) -> str:
    style = f'fill="var(--{ink})" font-size="{size}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{html.escape(words)}</text>'


def _arrow(start: float, end: float, y: float) -> str:
    head = f"M{end - 7:.1f} {y - 4:.1f}L{end - 1:.1f} {y:.1f}L{end - 7:.1f} {y + 4:.1f}"
    return f'<path d="M{start + 2:.1f} {y:.1f}H{end - 2:.1f}{head}" fill="none" stroke="var(--soft)"/>'
