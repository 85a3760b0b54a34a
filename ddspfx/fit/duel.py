"""The loop of an adversarial fit: excerpts, a step of either side, and the checkpoint between them."""

import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float
from pydantic import BaseModel, ConfigDict, Field

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.fit import checkpoint
from ddspfx.fit.critics import SIZES, critics, hinge, persuasion
from ddspfx.fit.progress import Progress
from ddspfx.fit.settings import Settings
from ddspfx.fit.statistics import apart, band_levels, quantiles
from ddspfx.fit.step import multipliers
from ddspfx.types import RandomKey, Scalar

FILE = "adversarial.safetensors"
FREE = ("steps", "save_every", "minutes")
"""Settings that may change when a fit is resumed."""
BETAS = (0.5, 0.9)
"""Of Adam, Mikkonen, Wright, Moliner and Välimäki (2023)."""


class UnpairedSettings(BaseModel):
    """What an adversarial fit can be told; the defaults are the published scheme."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(1_000, ge=0, description="steps, each one of the critics and one of the model")
    batch: int = Field(4, ge=1, description="excerpts of either side a step")
    segment: int = Field(16_384, ge=2_048, description="samples that are judged")
    warm_up: int = Field(4_096, ge=0, description="samples before them that only settle the state")
    learning_rate: float = Field(1e-4, gt=0, description="of both Adams")
    adversarial: float = Field(1.0, ge=0, description="weight of what the critics say")
    features: float = Field(0.0, ge=0, description="weight of the distance of their mean activations")
    statistics: float = Field(0.0, ge=0, description="weight of the distance of level quantiles, a dB")
    average: float = Field(0.0, ge=0, lt=1, description="how much of the past the model that is returned remembers")
    width: int = Field(8, ge=1, description="channels of a critic")
    sizes: tuple[int, ...] = Field(SIZES, description="transforms of the critics in samples")
    rates: dict[str, float] = Field({}, description="learning rate by slot path, as a factor: {'drive.*': 10}")
    freeze: list[str] = Field([], description="slot paths that stay as they are: ['replay.*']")
    save_every: int = Field(50, ge=1, description="steps between checkpoints")
    minutes: float | None = Field(None, gt=0, description="stop in time, whatever is left")


class Rivals(eqx.Module):
    """Everything that a step changes."""

    model: Any
    average: Any
    judges: Any
    moves: Any
    judging: Any


class Duel:
    """The loop: excerpts, a step of either side, checkpoints."""

    def __init__(
        self,
        model: AbstractBlock,
        dry: Sequence[Any],
        wet: Sequence[Any],
        sample_rate: int,
        key: RandomKey,
        settings: UnpairedSettings,
        progress: Progress,
        folder: Path | None,
    ):
        self.settings, self.rate, self.progress, self.folder = settings, sample_rate, progress, folder
        self.dry, self.wet = (_listed(rows, name, settings) for rows, name in ((dry, "dry"), (wet, "wet")))
        self.key, grown = jax.random.split(key)
        self.seeds = [int(word) for word in np.ravel(jax.random.key_data(self.key))]
        # Critics hear everything at the loudness of wet at unit RMS.
        self.scale = 1 / max(float(np.sqrt(np.mean(np.concatenate(self.wet) ** 2))), 1e-6)
        self.factors = multipliers(model, {}, Settings(freeze=settings.freeze, rates=settings.rates))[0]
        self.adam = optax.adam(settings.learning_rate, *BETAS)
        judges = critics(grown, settings.sizes, settings.width)
        first, second = (self.adam.init(eqx.filter(each, eqx.is_inexact_array)) for each in (model, judges))
        self.rivals = Rivals(model, model, judges, first, second)
        self.target = quantiles(jnp.concatenate([band_levels(jnp.asarray(row)[None], sample_rate) for row in self.wet]))
        self.done, self.history, self.elapsed = 0, list[dict[str, float]](), 0.0
        self.step = eqx.filter_jit(self._step)

    def run(self, resume: bool) -> Rivals:
        """All steps that are left."""
        if resume and self.folder is not None and (self.folder / FILE).is_file():
            self._restore()
        began = time.monotonic() - self.elapsed
        while self.done < self.settings.steps:
            number = jnp.int32(self.done)
            self.rivals, losses = self.step(self.rivals, self._excerpts(), number)
            self.done += 1
            self.elapsed = time.monotonic() - began
            if self.done % 10 == 0 or self.done == self.settings.steps:
                self._note(losses)
            if self.done % self.settings.save_every == 0 or self.done == self.settings.steps:
                self._write()
            if self.settings.minutes is not None and self.elapsed > 60 * self.settings.minutes:
                self.progress.say(f"the {self.settings.minutes:g} minutes are over after step {self.done}")
                self._write()
                break
        return self.rivals

    def _excerpts(self) -> tuple[Float[Array, "batch longer"], Float[Array, "batch samples"], Float[Array, " batch"]]:
        """Dry with its warm-up, wet, and where the clock stands: by the key and the number of the step alone."""
        random, s = np.random.default_rng([*self.seeds, self.done]), self.settings

        def cut(rows: list[Float[np.ndarray, " samples"]], count: int) -> Any:
            weights = np.array([row.size for row in rows], float)
            some = random.choice(len(rows), s.batch, p=weights / weights.sum())
            starts = [int(random.integers(rows[i].size - count + 1)) for i in some]
            return jnp.asarray(np.stack([rows[i][at : at + count] for i, at in zip(some, starts, strict=True)]))

        clocks = jnp.asarray(random.integers(0, 600 * self.rate, s.batch), jnp.int32)
        return cut(self.dry, s.warm_up + s.segment), cut(self.wet, s.segment), clocks

    def _made(self, model: Any, dry: Any, clocks: Any, key: RandomKey) -> Float[Array, "batch samples"]:
        """What the model plays, without its warm-up."""

        def one(x: Any, start: Any, key: RandomKey) -> Any:
            clock = Clock.zero(self.rate, key).after(start)
            return model(x[None], model.init_state(1, self.rate), clock)[0][0, self.settings.warm_up :]

        made: Float[Array, "batch samples"] = jax.vmap(one)(dry, clocks, jax.random.split(key, dry.shape[0]))
        return made

    def _cost(self, model: Any, judges: Any, batch: Any, key: RandomKey) -> tuple[Scalar, Any]:
        dry, wet, clocks = batch
        made, s = self._made(model, dry, clocks, key), self.settings
        total = far = jnp.zeros(())
        if s.adversarial or s.features:
            against, alike = persuasion(judges, self.scale * wet, self.scale * made)
            total = s.adversarial * against + s.features * alike
        if s.statistics:
            far = apart(quantiles(band_levels(made, self.rate)), self.target)
            total = total + s.statistics * far
        return total, (made, far)

    def _step(self, rivals: Rivals, batch: Any, number: Any) -> tuple[Rivals, Any]:
        key = jax.random.fold_in(self.key, number)
        cost = eqx.filter_value_and_grad(self._cost, has_aux=True)
        (loss, (made, far)), slope = cost(rivals.model, rivals.judges, batch, key)
        moves, state = self.adam.update(slope, rivals.moves)
        moves = jax.tree.map(lambda move, factor: factor * move, moves, self.factors)
        model = eqx.apply_updates(rivals.model, moves)
        judges, judging, lost = rivals.judges, rivals.judging, jnp.zeros(())
        if self.settings.adversarial or self.settings.features:
            made = jax.lax.stop_gradient(self.scale * made)
            lost, slope = eqx.filter_value_and_grad(hinge)(judges, self.scale * batch[1], made)
            moves, judging = self.adam.update(slope, judging)
            judges = eqx.apply_updates(judges, moves)
        # Early on the average follows closely, so that it does not hang on to the start.
        kept = jnp.minimum(self.settings.average, (1.0 + number) / (10.0 + number))
        average = jax.tree.map(
            lambda old, new: kept * old + (1 - kept) * new if eqx.is_inexact_array(new) else new, rivals.average, model
        )
        return Rivals(model, average, judges, state, judging), (loss, lost, far)

    def _note(self, losses: Any) -> None:
        own, theirs, far = (float(value) for value in losses)
        if not np.isfinite([own, theirs]).all():
            raise FloatingPointError(f"step {self.done}: a loss is not finite: lower learning_rate, or look for NaN")
        self.history.append({"step": self.done, "model": own, "critics": theirs, "statistics": far})
        left = self.elapsed / self.done * (self.settings.steps - self.done)
        self.progress.step(self.done / max(self.settings.steps, 1), own, float("nan"), left)

    def _write(self) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        notes = {"done": self.done, "history": self.history, "elapsed": self.elapsed, "belongs": self._belongs()}
        checkpoint.write(self.folder / FILE, self.rivals, notes)

    def _restore(self) -> None:
        assert self.folder is not None
        path = self.folder / FILE
        rivals, notes = checkpoint.read(path, self.rivals)
        if notes["belongs"] != self._belongs():
            raise ValueError(f"{path} was made with other recordings, another key or settings: start without resume")
        self.rivals, self.done, self.history, self.elapsed = rivals, notes["done"], notes["history"], notes["elapsed"]
        self.progress.say(f"resumed after step {self.done} of {self.settings.steps}")

    def _belongs(self) -> dict[str, Any]:
        """What a checkpoint must agree with."""
        same: Mapping[str, Any] = self.settings.model_dump(mode="json", exclude=set(FREE))
        return {
            "settings": dict(same),
            "key": self.seeds,
            "sound": [zlib.crc32(r.tobytes()) for r in self.dry + self.wet],
        }


def _listed(rows: Sequence[Any], name: str, settings: UnpairedSettings) -> list[Float[np.ndarray, " samples"]]:
    """Recordings as float rows. Raises ValueError when there is none or one is too short."""
    done = [np.ravel(np.asarray(row)).astype(jnp.result_type(float)) for row in rows]
    least = settings.segment + settings.warm_up
    if not done or min(row.size for row in done) < least:
        found = min((row.size for row in done), default=0)
        raise ValueError(f"{name} has a recording of {found} samples, but must have {least}: lower segment or warm_up")
    return done
