"""Tables of results: one Markdown file a benchmark, with the command, the date and the versions."""

import datetime
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def cell(value: Any) -> str:
    """A number with four digits, anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same keys as a Markdown table."""
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([cell(row[head]) for head in heads] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_table(name: str, about: str | None, rows: Sequence[Mapping[str, Any]], command: str) -> Path:
    """Writes `results/NAME.md`: what was measured, the table, and how to measure it again."""
    versions = ", ".join(f"{package} {version(package)}" for package in ("jax", "equinox", "numpy", "scipy"))
    made = (
        f"`{command}` on {datetime.date.today()}, Python {platform.python_version()}, {versions}, {platform.machine()}"
    )
    path = RESULTS / f"{name}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"# {name}\n\n{(about or '').strip()}\n\n{markdown(rows)}\n\n{made}\n")
    print(f"wrote {path}")
    return path
