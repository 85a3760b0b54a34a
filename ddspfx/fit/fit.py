"""`fit`: a model and recordings in, a fitted model with its story out."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import optax

from ddspfx.block import AbstractBlock
from ddspfx.data.pair import Pair
from ddspfx.fit.batch import fitting, spans
from ddspfx.fit.confidence import confidence
from ddspfx.fit.devices import writes
from ddspfx.fit.judge import error_to_signal
from ddspfx.fit.latents import Latents, stack, unstack
from ddspfx.fit.level import even, level_path
from ddspfx.fit.noise import with_noise_of
from ddspfx.fit.profile import phase
from ddspfx.fit.progress import Progress, Silent
from ddspfx.fit.run import Run
from ddspfx.fit.settings import Settings
from ddspfx.fit.takes import Take, centred, check_alike, delay_path, demodulated, line_of, prepare, still
from ddspfx.fit.trainer import Trainer, explored
from ddspfx.listing import get
from ddspfx.losses.combine import combine
from ddspfx.source.trajectory import Trajectory
from ddspfx.types import Audio, RandomKey, Scalar

Made = AbstractBlock | Callable[[RandomKey], AbstractBlock]


def fit(
    model: Made,
    pairs: Pair | Sequence[Pair] | Sequence[Take],
    *,
    held_out: Pair | Sequence[Pair] | Sequence[Take] = (),
    out: str | Path | None = None,
    resume: bool = False,
    settings: Settings | None = None,
    loss: Callable[[Audio, Audio], Scalar] | None = None,
    optimiser: optax.GradientTransformation | None = None,
    latents: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Run:
    """Fits a model to recordings, together with what the device did to time.

    `model` is a block, or a function of a key that makes one (several random starts need the function).
    `pairs` are aligned, and tracked when the model has a `VariableDelay`; prepared takes are used as they are.
    Validation is the end of each recording, or the pairs in `held_out`, whole, where there are any.
    `latents` gives, by slot path, what belongs to each recording (a `Trajectory`, or a list of them); left out,
    the tracked delay goes to the model's first delay line, and a level to its first `Level`. What happens to the
    delay is `time`: "joint" moves it on with the model, "tracked" keeps it, "demodulated" takes it out of the targets
    (a delay line then stands still, or may be missing), "none" leaves it alone. `changes` are settings by name
    (`passes=100`, `freeze=["tone.*"]`): see `Settings`. `loss` takes (signals, samples) of prediction and target and
    replaces the one named in the settings; `optimiser` is any optax one, its learning rate its own.

    With `out` the fit writes checkpoints there and, at the end, the run; `resume` goes on from the checkpoint and
    ends with the same numbers. Raises ValueError for pairs, paths and settings that do not fit together, and
    FloatingPointError when the loss stays NaN.
    """
    progress = progress or Silent()
    settings = (settings or Settings()).with_changes(**changes)
    models = _made(model, settings)
    kept = _listed(held_out)
    takes, bound = _takes(models[0], [*_listed(pairs), *kept], settings, latents, progress)
    parts = spans(takes, settings.validation, len(kept))
    settings = fitting(settings, parts[0])
    late = models[0].latency(takes[0].sample_rate)
    if settings.passes and 2 * late > settings.segment:
        progress.say(
            f"the model is {late:.0f} samples late and a segment is {settings.segment}, so that gradients hardly reach "
            "what comes first: take a longer segment, or a delay line with a shortest delay nearer to 0"
        )
    folder = None if out is None else Path(out)
    chosen = loss or combine(settings.loss, takes[0].sample_rate)

    def trainer(model: AbstractBlock) -> Trainer:
        return Trainer(model, bound, takes, parts, settings, chosen, progress, optimiser, folder)

    start = models[0] if len(models) == 1 else explored(models, trainer, progress)
    work = trainer(start)
    best = work.run(resume)
    fitted: AbstractBlock = best.model
    with phase("validation"):
        if settings.match_noise:
            fitted = with_noise_of(fitted, best.latents, takes, parts[0], settings.freeze)
        sure = _sure_of(fitted, best.latents, takes, parts[0], settings)
        run = _run(fitted, best.latents, takes, parts, settings, work.history, sure)
    if folder is not None and writes():
        run.save(folder)
    return run


def _listed(pairs: Any) -> list[Any]:
    return [pairs] if isinstance(pairs, Pair | Take) else list(pairs)


def _made(model: Made, settings: Settings) -> list[AbstractBlock]:
    if isinstance(model, AbstractBlock):
        if settings.starts > 1:
            raise ValueError(f"starts is {settings.starts}, but the model is one block: give a function of a key")
        return [model]
    keys = jax.random.split(jax.random.key(settings.seed), settings.starts)
    return [model(key) for key in keys]


def _takes(
    model: AbstractBlock, pairs: Any, settings: Settings, latents: Mapping[str, Any] | None, progress: Progress
) -> tuple[list[Take], Latents]:
    """The takes ready for the model, and its latents stacked."""
    path = delay_path(model) if settings.time != "none" and latents is None else None
    tracked = path is not None or settings.time == "demodulated"
    takes = [pair if isinstance(pair, Take) else prepare(pair, tracked=tracked, say=progress.say) for pair in pairs]
    check_alike(takes)
    if settings.time == "demodulated":
        takes = [demodulated(take) for take in takes]
    if latents is not None:
        return takes, _given(model, latents, len(takes))
    found: Latents = {}
    if path is not None and settings.time == "demodulated":
        found[path] = stack([still(take, line_of(model, path)) for take in takes])
    elif path is not None and all(take.trajectory is not None for take in takes):
        takes = [centred(take, line_of(model, path)) for take in takes]
        found[path] = stack([take.trajectory for take in takes])
    if (level := level_path(model)) is not None:
        found[level] = stack([even(take) for take in takes])
    return takes, found


def _given(model: AbstractBlock, latents: Mapping[str, Any], count: int) -> Latents:
    rows = {path: list(node) if isinstance(node, list | tuple) else [node] * count for path, node in latents.items()}
    for path, nodes in rows.items():
        get(model, path)
        if len(nodes) != count:
            raise ValueError(f"latents[{path!r}] has {len(nodes)} entries, but there are {count} recordings")
    return {path: stack(nodes) for path, nodes in rows.items()}


def _run(
    model: AbstractBlock,
    latents: Latents,
    takes: Sequence[Take],
    parts: tuple[list[tuple[int, int]], list[tuple[int, int]]],
    settings: Settings,
    history: list[dict[str, float]],
    sure: list[dict[str, Any]],
) -> Run:
    training, later = parts
    figures: dict[str, Any] = {"esr_training": error_to_signal(model, latents, takes, training)}
    if any(start < stop for start, stop in later):
        figures["esr_validation"] = error_to_signal(model, latents, takes, later)
    figures["parameters"] = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))
    rate = takes[0].sample_rate
    recordings = [
        {
            "name": take.name,
            "latency_s": float(take.alignment.latency),
            "speed": float(take.alignment.speed),
            "polarity": int(take.alignment.polarity),
            "trained_s": [edge / rate for edge in part],
            "validated_s": [edge / rate for edge in late],
            "controls": dict(take.controls),
        }
        for take, part, late in zip(takes, training, later, strict=True)
    ]
    delay = delay_path(model)
    rows = {path: [unstack(latents, place)[path] for place in range(len(takes))] for path in latents}
    rows = {path: list(map(_sure, row, takes)) if path == delay else row for path, row in rows.items()}
    return Run(model, rate, settings, rows, recordings, history, figures, confidence=sure)


def _sure_of(
    model: AbstractBlock, latents: Latents, takes: Sequence[Take], parts: list[tuple[int, int]], settings: Settings
) -> list[dict[str, Any]]:
    """How sure each number of a slot is, where that is asked for; what is frozen or solved is known."""
    if not settings.confidence:
        return []
    known = [*settings.freeze, *(f"{path}.*" for path in settings.solve)]
    found = confidence(model, takes, latents, parts, freeze=known, seconds=settings.confidence)
    return [one.as_json() for one in found]


def _sure(row: Any, take: Take) -> Any:
    """A trajectory with the deviation that its tracking stated, since a fit moves knots but does not say how far."""
    tracked = take.trajectory
    if not isinstance(row, Trajectory) or tracked is None or tracked.spread is None:
        return row
    times = (np.arange(row.knots.shape[-1]) - 1) / row.rate
    spread = np.broadcast_to(tracked.deviation(times), row.knots.shape)
    return Trajectory(row.base, row.knots, row.sample_rate, row.rate, spread)
