"""The loop: passes through the training part, validations, refinements, and the checkpoint between them."""

import contextlib
import contextvars
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import optax

from ddspfx.block import AbstractBlock
from ddspfx.fit import checkpoint
from ddspfx.fit.batch import Material, draw
from ddspfx.fit.devices import agreed, decided, writes
from ddspfx.fit.judge import error_to_signal
from ddspfx.fit.latents import Latents, knob_columns
from ddspfx.fit.least_squares import least_squares
from ddspfx.fit.level import levels_followed
from ddspfx.fit.parts import profiled
from ddspfx.fit.profile import STEPS, phase
from ddspfx.fit.progress import Progress
from ddspfx.fit.refine import refined
from ddspfx.fit.settings import Settings
from ddspfx.fit.solve import solved
from ddspfx.fit.step import Learner, Steps, default_optimiser
from ddspfx.fit.takes import Take
from ddspfx.types import Audio, Scalar

RETRIES = 8
"""Times that a fit which met NaN starts again from its best, each time at half the learning rate."""
EXPLORED = 0.2
"""Share of the passes that several random starts run side by side before the best goes on alone."""
TOLERATED = 1.05
"""Validation error relative to that before, up to which the numbers of least squares are kept."""
FREE = ("devices", "minutes", "passes")
"""Settings that may change when a fit is resumed."""
FILE = "checkpoint.safetensors"


class Best(eqx.Module):
    """The best model so far, with the latents it was judged with."""

    model: Any
    latents: Any


class Trainer:
    """Fits one model to prepared takes; `run` takes it from the first pass, or from its checkpoint, to the last."""

    def __init__(
        self,
        model: AbstractBlock,
        latents: Latents,
        takes: Sequence[Take],
        parts: tuple[list[tuple[int, int]], list[tuple[int, int]]],
        settings: Settings,
        loss: Callable[[Audio, Audio], Scalar],
        progress: Progress,
        optimiser: optax.GradientTransformation | None = None,
        folder: Path | None = None,
    ):
        self.takes, self.settings, self.progress, self.folder = takes, settings, progress, folder
        self.training, self.later = parts
        rate = takes[0].sample_rate
        late = model.latency(rate)
        reach = settings.segment * settings.chunks + int(np.ceil(late)) + 1
        knobs = knob_columns(model, [take.controls for take in takes])
        material = Material.of(takes, late, settings.warm_up, reach, knobs)
        self.own = optimiser is None
        self.steps = Steps(model, latents, material, settings, loss, optimiser or default_optimiser(settings))
        self.learner = self.steps.begin(model, latents)
        self.best = Best(model, latents)
        self.notes: dict[str, Any] = {"pass": 0, "scale": 1.0, "esr": None, "waited": 0, "retries": 0, "elapsed": 0.0}
        self.history: list[dict[str, float]] = []
        self.pace: tuple[int, float] | None = None

    def run(self, resume: bool = False) -> Best:
        """All passes that are left; the best model and latents."""
        resumed = decided(resume and self.folder is not None and (self.folder / FILE).is_file())
        if resumed:
            self._restore()
        with self._compiling(), phase("validation"):
            if not resumed:
                self._begin()
        began = time.monotonic() - self.notes["elapsed"]
        while self.notes["pass"] < self.settings.passes and not self._tired():
            self._pass()
            self.notes["elapsed"] = decided(time.monotonic() - began)
            if self.settings.minutes is not None and self.notes["elapsed"] > 60 * self.settings.minutes:
                self.progress.say(f"the {self.settings.minutes:g} minutes are over after pass {self.notes['pass']}")
                break
        self._last_look()
        self._sharpened()
        profiled(self.steps, self.learner, draw(self.training, self.settings, 0))
        return self.best

    @contextlib.contextmanager
    def _compiling(self) -> Iterator[None]:
        """The step is compiled in a thread of its own meanwhile.

        Not where several devices share the work: their programs must come in the same order everywhere.
        """
        if self.notes["pass"] >= self.settings.passes or self.steps.devices.mesh is not None:
            yield
            return
        learner, kind = self.learner, jax.numpy.result_type(float)

        def rehearse() -> None:
            if jax.numpy.result_type(float) == kind:  # else x64 is on for the other thread alone, which then compiles
                self.steps.rehearse(learner, learner.model, draw(self.training, self.settings, 0))

        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(contextvars.copy_context().run, rehearse)
            yield
            with phase("compile"):
                done.result()

    def _begin(self) -> None:
        """The first look; a checkpoint that another fit left here must not be resumed from by a later call."""
        if self.folder is not None and writes():
            (self.folder / FILE).unlink(missing_ok=True)
        for _ in range(self.settings.alternations):
            self._refine()
        self._validate(float("nan"))
        if self.settings.least_squares:
            self._sharpen()
            self._validate(float("nan"))
            self.learner = Learner(self.best.model, self.best.latents, self.learner.optimiser)

    def _rate(self) -> float:
        done = self.notes["pass"] / self.settings.passes
        share = self.settings.final_rate + (1 - self.settings.final_rate) * (1 + np.cos(np.pi * done)) / 2
        return float(self.notes["scale"] * (self.settings.learning_rate * share if self.own else 1.0))

    def _pass(self) -> None:
        sequences = draw(self.training, self.settings, self.notes["pass"])
        with phase(STEPS):
            learner, loss = self.steps.run(self.learner, self.learner.model, sequences, self._rate())
        loss = float(loss)
        if not np.isfinite(loss):
            return self._recover()
        self.learner = learner
        self.notes["pass"] += 1
        with phase("validation"):
            if self.notes["pass"] % self.settings.refine_every == 0:
                self._refine()
            if self.notes["pass"] % self.settings.validate_every == 0:
                self._validate(loss)
                self._write()
        share = self.notes["pass"] / self.settings.passes
        self.progress.step(share, loss, self.notes["esr"] or float("nan"), self._left())

    def _left(self) -> float:
        """Seconds, by the pace since the first pass, which compiles; NaN after that one."""
        done, now = self.notes["pass"], time.monotonic()
        if self.pace is None:
            self.pace = (done, now)
            return float("nan")
        return float((now - self.pace[1]) / (done - self.pace[0]) * (self.settings.passes - done))

    def _recover(self) -> None:
        self.notes["retries"] += 1
        if self.notes["retries"] > RETRIES:
            raise FloatingPointError(
                f"the loss was not finite {RETRIES + 1} times: lower learning_rate, or look for NaN in the pairs"
            )
        self.notes["scale"] *= 0.5
        self.learner = self.steps.begin(self.best.model, self.best.latents)
        self.progress.say(
            f"pass {self.notes['pass']}: the loss was not finite; back to the best model, learning rate halved"
        )
        self.notes["pass"] += 1

    def _solve(self) -> None:
        """FIR taps in closed form: they need no gradient steps."""
        if self.settings.solve:
            model = self._renewed(self.learner.model, self.learner.latents)
            self.learner = agreed(Learner(model, self.learner.latents, self.learner.optimiser))

    def _refine(self) -> None:
        """The tracked delay and the level against what the model plays now."""
        if not self.learner.latents:
            return
        self._solve()
        latents = self.learner.latents
        if self.settings.time == "joint":
            latents = refined(self.learner.model, latents, self.takes)
        latents = levels_followed(self.learner.model, latents, self.takes)
        self.learner = agreed(Learner(self.learner.model, latents, self.learner.optimiser))

    def _validate(self, loss: float) -> None:
        self._solve()
        parts = self.later if any(start < stop for start, stop in self.later) else self.training
        esr = decided(error_to_signal(self.learner.model, self.learner.latents, self.takes, parts))
        self.history.append(
            {"pass": self.notes["pass"], "loss": loss, "esr": esr, "seconds": round(self.notes["elapsed"], 1)}
        )
        if self.notes["esr"] is None or esr < self.notes["esr"]:
            gain = self.notes["esr"] is None or esr < 0.995 * self.notes["esr"]
            self.notes["esr"], self.best = esr, Best(self.learner.model, self.learner.latents)
            self.notes["waited"] = 0 if gain else self.notes["waited"] + 1
        else:
            self.notes["waited"] += 1
        if self.notes["waited"] and self.notes["waited"] % self.settings.patience == 0:
            self.notes["scale"] *= 0.3

    def _tired(self) -> bool:
        return bool(self.notes["waited"] >= 2 * self.settings.patience)

    def _last_look(self) -> None:
        with phase("validation"):
            if self.history and self.history[-1]["pass"] != self.notes["pass"]:
                self._validate(float("nan"))
            self._write()

    def _sharpened(self) -> None:
        """The slots of the best model by least squares once more, kept unless unseen seconds speak against it.

        The whitened error hears what lies below the noise's loudest part, so that an equal ESR is no reason to refuse.
        """
        if not self.settings.least_squares or self.notes.get("sharpened"):
            return
        self.learner, before = Learner(self.best.model, self.best.latents, self.learner.optimiser), self.notes["esr"]
        self._sharpen()
        self.notes["sharpened"] = True
        self._validate(float("nan"))
        if self.history[-1]["esr"] <= TOLERATED * before:
            self.notes["esr"], self.best = self.history[-1]["esr"], Best(self.learner.model, self.learner.latents)
        self._write()

    def _sharpen(self) -> None:
        """The slots by least squares, from where the learner stands."""
        how = self.settings
        with phase("optimiser"):
            found = least_squares(
                self.learner.model,
                self.learner.latents,
                self.takes,
                self.training,
                rounds=how.least_squares,
                freeze=[*how.freeze, *(f"{path}.*" for path in how.solve)],
                timed=how.time == "joint",
                solve=how.solve,
                renewed=self._renewed if how.solve else None,
                say=self.progress.say,
            )
        self.learner = agreed(Learner(found.model, found.latents, self.learner.optimiser))

    def _renewed(self, model: Any, latents: Latents) -> Any:
        """The model with what is solved in closed form solved again."""
        how = self.settings
        for path in how.solve:
            model = solved(model, path, latents, self.takes, self.training, how.evenness, how.ridge)
        return model

    def _write(self) -> None:
        if self.folder is not None and writes():
            notes = {**self.notes, "history": self.history, "settings": self.settings.model_dump()}
            notes["pairs"] = checkpoint.fingerprint(self.takes)
            checkpoint.write(self.folder / FILE, (self.learner, self.best), notes)

    def _restore(self) -> None:
        assert self.folder is not None
        path = self.folder / FILE
        (self.learner, self.best), notes = checkpoint.read(path, (self.learner, self.best))
        old = {**Settings().model_dump(), **notes.pop("settings")}
        new = self.settings.model_dump()
        changed = sorted(name for name in new if old.get(name) != new[name] and name not in FREE)
        if changed:
            raise ValueError(f"{path} was made with another {', '.join(changed)}: resume with the same settings")
        if notes.pop("pairs") != checkpoint.fingerprint(self.takes):
            raise ValueError(f"{path} belongs to other pairs: give the same, or start the fit again without resume")
        self.history = notes.pop("history")
        self.notes = notes
        self.progress.say(f"resumed after pass {notes['pass']} of {self.settings.passes}")


def explored(
    models: Sequence[AbstractBlock], trainer: Callable[[AbstractBlock], Trainer], progress: Progress
) -> AbstractBlock:
    """The best of several starts after a share of the passes, all of them run in one compiled program."""
    first = trainer(models[0])
    settings, steps = first.settings, first.steps
    many = Steps(
        models[0],
        first.learner.latents,
        steps.material,
        settings,
        steps.loss,
        steps.optimiser,
        len(models),
    )
    rows = [steps.begin(model, first.learner.latents) for model in models]
    learner = jax.tree.map(lambda *leaves: jax.numpy.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0], *rows)
    for number in range(max(1, round(EXPLORED * settings.passes))):
        learner, _ = many.run(learner, models[0], draw(first.training, settings, number), settings.learning_rate)
    singles = [jax.tree.map(lambda a, i=i: a[i] if eqx.is_array(a) else a, learner.model) for i in range(len(models))]
    scores = [error_to_signal(m, first.learner.latents, first.takes, first.later) for m in singles]
    chosen = int(decided(float(np.argmin(scores))))
    progress.say(f"of {len(models)} starts the {chosen + 1}. goes on: ESR {', '.join(f'{s:.4f}' for s in scores)}")
    best: AbstractBlock = singles[chosen]
    return best
