"""What a fit in a folder was asked for, so that resuming cannot mix it with another."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ddspfx.fit.checkpoint import fingerprint
from ddspfx.fit.devices import decided, writes
from ddspfx.fit.run import NAME
from ddspfx.fit.settings import Settings
from ddspfx.fit.takes import Take
from ddspfx.fit.trainer import FILE as CHECKPOINT
from ddspfx.fit.trainer import FREE
from ddspfx.storage import write_atomically

FILE = "plan.json"


def planned(takes: Sequence[Take], names: Sequence[str], settings: Settings) -> dict[str, Any]:
    """What must be the same when a fit is resumed; the time may grow, and the devices change."""
    asked = settings.model_dump(exclude_unset=True, exclude=set(FREE))
    return {"pairs": fingerprint(takes), "models": list(names), "settings": asked}


def begun(folder: Path | None, plan: dict[str, Any], resume: bool) -> bool:
    """`begin` by the process that writes; the others wait for its answer."""
    return bool(decided(folder is not None and writes() and begin(folder, plan, resume)))


def begin(folder: Path, plan: dict[str, Any], resume: bool) -> bool:
    """Whether there is something to resume. When not, the plan is written and what an earlier fit left removed.

    What a killed process was writing, under a name of its own, goes in any case.

    Raises ValueError when the folder was begun with another plan.
    """
    path = folder / FILE
    for stray in (*folder.rglob(".*.part"), *folder.rglob(".*.????????.flac")):
        stray.unlink()
    if resume and path.is_file():
        try:
            old = json.loads(path.read_text())
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is damaged ({error}): fit again without resume") from None
        changed = [name for name in plan if old.get(name) != plan[name]]
        if changed:
            raise ValueError(f"{folder} was begun with other {', '.join(changed)}: give the same, or do not resume")
        return True
    for left in (folder / "candidates").glob("*/*"):
        if left.name in (NAME, CHECKPOINT):
            left.unlink()
    write_atomically(path, json.dumps(plan, indent=1).encode())
    return False
