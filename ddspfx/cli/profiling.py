"""`--profile`: where the time of a run went, as a file beside the run and as a table."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ddspfx.fit.profile import Profile

NAME = "profile.json"


@contextlib.contextmanager
def watched(profile: Profile | None) -> Iterator[None]:
    """The profile, where there is one, open for what the library does meanwhile."""
    with contextlib.nullcontext() if profile is None else profile.listening():
        yield


def told(profile: Profile | None, folder: Path) -> dict[str, Any]:
    """What is shown of it, written into the run's folder too; nothing where there is none."""
    if profile is None:
        return {}
    from ddspfx.storage import write_atomically

    figures = profile.figures()
    write_atomically(folder / NAME, json.dumps(figures, indent=1).encode())
    return {"profile": figures}


def table(figures: Mapping[str, Any]) -> str:
    """Seconds and share of every phase, and how they were found."""
    total = figures["total"]
    rows = [f"{'phase':<12}{'seconds':>9}{'share':>8}"]
    rows += [f"{name:<12}{spent:>9.2f}{spent / total:>8.1%}" for name, spent in figures["seconds"].items()]
    rows += [f"{'total':<12}{total:>9.2f}", f"{figures['compiled_behind']:.2f} s more were compiled behind other work."]
    for step in figures["steps"]:
        shown = ", ".join(f"{name} {1e3 * spent:.2f} ms" for name, spent in step.items())
        rows.append(f"A step's parts, compiled apart and run after the fit: {shown}; the steps' time is shared out so.")
    return "\n".join(rows)
