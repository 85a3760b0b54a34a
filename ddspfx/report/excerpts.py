"""What is heard on the page: a few unseen seconds, dry, wet and as the model plays them."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ddspfx.audio import read_audio, write_audio
from ddspfx.data.pair import Pair
from ddspfx.fit.run import Run
from ddspfx.fit.scoring import Scored, score_pair
from ddspfx.fit.takes import Take, prepare
from ddspfx.report.effects import effects_of
from ddspfx.report.variants import each_alone, variants
from ddspfx.storage import write_atomically

FOLDER = "audio"
NAME = "excerpts.json"
LONGEST_S = 12.0
LEAD_S = 1.0
"""Seconds played before an excerpt, so that filters and cells have settled."""
ORDER = ("dry", "wet", "full", "model", "still", "restored", "take", "linear")
FULL_SCALE = 0.999

Signal = Float[np.ndarray, "channels samples"]


@dataclasses.dataclass(frozen=True, eq=False)
class Excerpts:
    """What `write_excerpts` left: signals by name, (channels, samples), their rate, and what is known of them."""

    signals: dict[str, Signal]
    sample_rate: int
    notes: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Their common length."""
        return float(self.signals["wet"].shape[1] / self.sample_rate)


def write_excerpts(
    run: Run, scored: Scored | Pair | Sequence[Pair | Take], folder: str | Path, linear: Signal | None = None
) -> None:
    """Writes FOLDER/audio/{dry,wet,model,...}.flac, at most 12 s, and excerpts.json, which says what they are.

    Beside the quiet model's prediction, `model`, there are the `variants` that differ from it, and the dry through
    each of the model's effects alone.
    `scored` is a scored pair, of which the scored seconds are taken, or the pairs of the fit: see `excerpts_of`.
    `linear` (channels, samples) is another rendering of the same take. When something lies above full scale all
    are made quieter alike. Raises ValueError when `linear` has another shape than the take, OSError when the
    folder cannot be written.
    """
    if not isinstance(scored, Scored):
        excerpts_of(run, scored, folder)
        return
    _write(run, scored, Path(folder), linear, offset=0, unseen=True)


def excerpts_of(run: Run, pairs: Pair | Sequence[Pair | Take], folder: str | Path) -> None:
    """Excerpts of the first pair's validation part; of its end, marked as seen, when there was none.

    The delay is tracked there anew, the model's parameters stay. Raises ValueError when `pairs` is empty.
    """
    given = [pairs] if isinstance(pairs, Pair | Take) else list(pairs)
    if not given:
        raise ValueError("pairs is empty: give at least one pair of dry and wet")
    take = given[0] if isinstance(given[0], Take) else prepare(given[0], tracked=False)
    start, stop, unseen = _late_part(run, take)
    lead = min(start, round(LEAD_S * take.sample_rate))
    part = dataclasses.replace(
        take,
        dry=take.dry[:, start - lead : stop],
        wet=take.wet[:, start - lead : stop],
        covered=(lead, lead + stop - start),
        trajectory=None,
    )
    _write(run, score_pair(run, part), Path(folder), None, offset=start - lead, unseen=unseen)


def read_excerpts(folder: str | Path) -> Excerpts | None:
    """What `write_excerpts` left in a run folder; None when there is nothing. Raises ValueError when it is damaged."""
    place = Path(folder) / FOLDER
    if not (place / NAME).is_file():
        return None
    try:
        notes = json.loads((place / NAME).read_text())
        names = [*ORDER, *(effect["name"] for effect in notes.get("effects", ()))]
        read = {name: read_audio(place / f"{name}.flac") for name in names if name in notes["files"]}
        signals = {name: x for name, (x, _) in read.items()}
        alike = len({(x.shape, rate) for x, rate in read.values()}) == 1
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, OSError) as error:
        raise ValueError(f"{place / NAME} is damaged ({error}): write the excerpts again") from error
    if not alike or not {"dry", "wet", "model"} <= signals.keys():
        raise ValueError(f"{place} holds files that do not belong together: write the excerpts again")
    return Excerpts(signals, read["wet"][1], notes)


def _late_part(run: Run, take: Take) -> tuple[int, int, bool]:
    """First and last sample of what the fit did not train on, at most 12 s, and whether there was such a part."""
    inside, rate = take.inside, take.sample_rate
    late = [round(edge * rate) for edge in run.recordings[0]["validated_s"]] if run.recordings else []
    start, stop = max([inside[0], *late[:1]]), min([inside[1], *late[1:]])
    unseen = bool(late) and stop - start > rate // 2
    if not unseen:
        start, stop = inside[0] + 3 * (inside[1] - inside[0]) // 4, inside[1]
    return start, min(stop, start + round(LONGEST_S * rate)), unseen


def _write(run: Run, scored: Scored, folder: Path, linear: Signal | None, offset: int, unseen: bool) -> None:
    take, rate = scored.take, scored.take.sample_rate
    heard = {"dry": take.dry, "wet": take.wet, "model": np.asarray(scored.prediction)}
    if linear is not None:
        heard["linear"] = np.asarray(linear)
    for name, x in heard.items():
        if x.shape != take.wet.shape:
            raise ValueError(f"{name} has shape {x.shape}, but must have the take's, {take.wet.shape}")
    start, stop = take.inside
    stop = min(stop, start + round(LONGEST_S * rate))
    parts = {name: np.asarray(x[:, start:stop], np.float32) for name, x in heard.items()}
    parts |= {name: np.asarray(x, np.float32) for name, x in variants(run.model, scored, (start, stop)).items()}
    effects = effects_of(run.model, take.dry.shape[0])
    parts |= {name: np.asarray(x, np.float32) for name, x in each_alone(run.model, effects, scored, (start, stop))}
    gain = min(1.0, FULL_SCALE / max(float(np.max(np.abs(x))) for x in parts.values()))
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    (place / NAME).unlink(missing_ok=True)
    for name, x in parts.items():
        write_audio(place / f"{name}.flac", gain * x, rate)
    notes = {
        "recording": take.name,
        "from_s": (offset + start) / rate,
        "to_s": (offset + stop) / rate,
        "unseen": unseen,
        "tracked": scored.trajectory is not None,
        "gain": gain,
        "files": list(parts),
        "effects": [{"name": each.name, "label": each.label, "says": each.says} for each in effects],
        "score": _figures(scored, offset / rate),
    }
    write_atomically(place / NAME, json.dumps(notes, indent=1).encode())


def _figures(scored: Scored, offset: float) -> dict[str, float]:
    figures = {name: float(value) for name, value in scored.score._asdict().items()}
    return {
        **figures,
        "scored_from_s": figures["scored_from_s"] + offset,
        "scored_to_s": figures["scored_to_s"] + offset,
    }
