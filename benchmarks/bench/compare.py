"""What moved between two runs."""

from collections.abc import Sequence

from benchmarks.bench.case import Row

STILL = 0.1
"""A change of a median below this share is the machine's mood."""


def moved(old: Sequence[Row], new: Sequence[Row]) -> str:
    """A table of the rows that both have: our seconds then and now, and the ratios to the peer."""
    before = {_key(row): row for row in old}
    lines = ["| kernel | way | seconds then | now | change | ratio then | now |", "| --- | --- |" + " ---: |" * 5]
    for row in new:
        earlier = before.get(_key(row))
        for way in ("forward", "backward"):
            then, now = (_seconds(one, way) for one in (earlier or {}, row))
            if then is None or now is None or earlier is None:
                continue
            change = now / then - 1
            said = "–" if abs(change) < STILL else f"{change:+.0%}"
            ratios = " | ".join(_ratio(one, way) for one in (earlier, row))
            lines.append(f"| {row['kernel']} | {way} | {then:.3g} | {now:.3g} | {said} | {ratios} |")
    missing = [row["kernel"] for row in new if _key(row) not in before]
    return "\n".join([*lines, *(f"{name} is new." for name in dict.fromkeys(missing))])


def _key(row: Row) -> tuple[object, ...]:
    return tuple(row.get(name) for name in ("kernel", "samples", "batch", "width"))


def _seconds(row: Row, way: str) -> float | None:
    return ((row.get(f"{way}_seconds") or {}).get("ddspfx") or {}).get("median")


def _ratio(row: Row, way: str) -> str:
    return "–" if row.get(way) is None else f"{row[way]:.3g}×"
