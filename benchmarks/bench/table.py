"""The table as people read it: what was asked, what was measured, and what is missing."""

from collections.abc import Sequence

from benchmarks.bench.case import Row

TITLE = "Kernels beside their peers"
HEADS = (
    "kernel", "peer", "forward asked", "measured", "forward + backward asked", "measured", "error asked", "measured",
    "slope asked", "measured", "time", "limit", "limit, backward",
)  # fmt: skip


def markdown(rows: Sequence[Row], title: str) -> str:
    """The page: machine and command, the table, the gaps."""
    about = rows[0]["about"] if rows else {}
    gpu = any("gpu_forward" in row for row in rows)
    heads = [*HEADS, *(("GPU forward", "GPU forward + backward") if gpu else ())]
    lines = [f"# {title}", "", *head(about), ""]
    lines += ["| " + " | ".join(heads) + " |", "| --- | --- |" + " ---: |" * (len(heads) - 2)]
    lines += ["| " + " | ".join([*_cells(row), *(_gpu(row) if gpu else ())]) + " |" for row in rows]
    return "\n".join([*lines, "", *_reading(rows), *_faults(rows)]) + "\n"


def head(about: Row) -> list[str]:
    """What was measured where, with what."""
    if not about:
        return ["Nothing was measured."]
    versions = ", ".join(f"{name} {value}" for name, value in about["versions"].items() if value)
    return [
        f"`{about['command']}`, {about['date']}. {about['processor']}, one core of {about['cores']} "
        f"({'pinned' if about['pinned_to'] is not None else 'not pinned'}), {about['system']}, {versions}. "
        f"The core copies {about['copy_gb_s']:.1f} GB/s and multiplies matrices at {about['product_gflop_s']:.0f} "
        f"GFLOP/s; an empty jitted call takes {about['empty_call_us']:.1f} µs. Seconds are those that the process "
        "spent on its core, which on an idle machine is the wall clock's time."
    ]


def _cells(row: Row) -> list[str]:
    at_most = row.get("backward_at_most")
    seconds = (row.get("forward_seconds") or {}).get("ddspfx", {}).get("median")
    return [
        row["kernel"],
        row["peer"] if row["peer"] != "none" else "none" + (" (missing)" if row.get("gaps") else ""),
        _asked(row["forward_asked"]),
        _ratio(row, "forward"),
        _asked(row["backward_asked"], "≤" if at_most else "≥"),
        _ratio(row, "backward"),
        _small(row["error_asked"], "≤ "),
        _small(row["error"]) + ("" if row.get("correct", True) else " **wrong**"),
        _small(row.get("slope_error_asked"), "≤ "),
        _small(row.get("slope_error")),
        "–" if seconds is None else _time(seconds),
        _times(row.get("limit")),
        _times(row.get("backward_limit")),
    ]


def _gpu(row: Row) -> list[str]:
    return [_times(row.get("gpu_forward")), _times(row.get("gpu_backward"))]


def _asked(value: float | None, sign: str = "≥") -> str:
    return "–" if value is None else f"{sign} {value:g}×"


def _ratio(row: Row, way: str) -> str:
    """The median and its quartiles, bold where it falls short."""
    value, asked, spread = row.get(way), row.get(f"{way}_asked"), row.get(f"{way}_spread")
    if value is None:
        return "–" if asked is None else "**not measured**"
    text = f"**{value:.3g}×**" if is_short(row, way) else f"{value:.3g}×"
    own = way == "backward" and row.get("backward_at_most")
    return text if own or not spread else f"{text} ({spread[0]:.3g}–{spread[1]:.3g})"


def is_short(row: Row, way: str) -> bool:
    """Whether a ratio does not reach what was asked."""
    value, asked = row.get(way), row.get(f"{way}_asked")
    if value is None or asked is None:
        return False
    return bool(value > asked) if way == "backward" and row.get("backward_at_most") else bool(value < asked)


def _others(row: Row) -> str:
    """The peers that are not in the table's ratio, with theirs."""
    said = []
    for name in row.get("forward_seconds") or ():
        ratios = []
        for way in ("forward", "backward"):
            times = row.get(f"{way}_seconds") or {}
            if name in times and "ddspfx" in times and name not in ("ddspfx", row.get(f"{way}_peer")):
                ratios.append(f"{times[name]['median'] / times['ddspfx']['median']:.3g}×")
        said += [f"{name} {' / '.join(ratios)}"] if ratios else []
    return "; ".join(said)


def _shortfalls(row: Row) -> list[str]:
    lines = []
    for way in ("forward", "backward"):
        if is_short(row, way):
            value, asked = row[way], row[f"{way}_asked"]
            share = f"{abs(1 - value / asked):.0%}"
            why = f" {row['shortfall']}" if row.get("shortfall") else ""
            lines.append(f"- {row['kernel']}: {way} {value:.3g}×, asked {asked:g}×, off by {share}.{why}")
    return lines


def _small(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{sign}{value:.1e}"


def _time(seconds: float) -> str:
    return f"{1e6 * seconds:.0f} µs" if seconds < 1e-3 else f"{1e3 * seconds:.3g} ms"


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}×"


def _reading(rows: Sequence[Row]) -> list[str]:
    shares = [row["core_share"] for row in rows if "core_share" in row]
    busy = f" It had its core for {min(shares):.0%} to {max(shares):.0%} of the time." if shares else ""
    return [
        "Ratios are the fastest peer's time over ours, the median of the rounds (quartiles); a bold one falls short. "
        "Errors are the largest difference from a float64 reference as a share of its largest value. *Limit* is our "
        "time over the least that this core needs for the bytes and operations that cannot be avoided. 10 s × 8 at "
        "44.1 kHz, float32, unless the name says otherwise." + busy,
        "",
    ]


def _faults(rows: Sequence[Row]) -> list[str]:
    lines = [f"- {row['kernel']}: {row['note']}." for row in rows if row.get("note")]
    lines += [f"- {row['kernel']}: other peers: {others}." for row in rows if (others := _others(row))]
    lines += [f"- {row['kernel']}: gap: {name} {why}." for row in rows for name, why in (row.get("gaps") or {}).items()]
    lines += [line for row in rows for line in _shortfalls(row)]
    lines += [f"- {row['kernel']}: wrong: {', '.join(row['wrong'])}." for row in rows if row.get("wrong")]
    return list(dict.fromkeys(lines))
