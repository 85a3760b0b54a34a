"""One step of the fit: a segment forward, its loss backward, the parameters moved; the state carried on."""

from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from ddspfx.block import AbstractBlock, quiet
from ddspfx.clock import Clock
from ddspfx.fit.batch import Batch, Material, Sequences
from ddspfx.fit.devices import Devices, agreed
from ddspfx.fit.latents import Latents, bind, unstack
from ddspfx.fit.level import level_path
from ddspfx.fit.prior import improbability, stiffness
from ddspfx.fit.profile import phase
from ddspfx.fit.settings import Settings
from ddspfx.listing import paths
from ddspfx.source.trajectory import Trajectory
from ddspfx.types import Audio, Scalar

LATENT_RATE = 1e-5
"""Of a trajectory's knots, relative to the learning rate: seconds are large units for them."""


class Learner(eqx.Module):
    """Everything that a step changes."""

    model: Any
    latents: Any
    optimiser: Any


def multipliers(model: Any, latents: Latents, settings: Settings) -> tuple[Any, Any]:
    """The learning rate of each leaf as a factor: by path patterns, 0 where frozen. ValueError for idle patterns."""
    names = eqx.filter(paths(model), jax.tree.map(eqx.is_inexact_array, model))
    frozen = [*settings.freeze, *(f"{path}.*" for path in settings.solve)]
    known = [name for name in jax.tree.leaves(names) if isinstance(name, str)] + list(latents)
    for pattern in [*settings.freeze, *settings.rates]:
        if not any(fnmatch(name, pattern) for name in known):
            raise ValueError(f"no parameter matches {pattern!r}: there are {', '.join(known[:12])}")

    def factor(path: str, base: float = 1.0) -> float:
        if any(fnmatch(path, pattern) for pattern in frozen):
            return 0.0
        return base * next((rate for pattern, rate in settings.rates.items() if fnmatch(path, pattern)), 1.0)

    own = jax.tree.map(factor, names)
    level = level_path(model)
    time = 0.0 if settings.time != "joint" else LATENT_RATE
    theirs = {
        path: jax.tree.map(
            lambda leaf, p=path: factor(p, time if p != level else 0.0), eqx.filter(node, eqx.is_inexact_array)
        )
        for path, node in latents.items()
    }
    return own, theirs


def default_optimiser(settings: Settings) -> optax.GradientTransformation:
    """Adam on clipped gradients; the learning rate and its schedule are applied outside."""
    return optax.chain(optax.clip_by_global_norm(settings.clip), optax.scale_by_adam(), optax.scale(-1.0))


def levelled(y: Audio, wet: Audio) -> Audio:
    """y at the level at which it comes nearest to wet, g = <y, wet> / <y, y>.

    Taps that are solved between passes set the level of their own accord: what changes only the level must not
    look like a loss, or a drive would never rise. The slope leaves g out, since it is the best one (Golub and
    Pereyra 1973, "The differentiation of pseudo-inverses and nonlinear least squares problems").
    """
    gain = jnp.sum(y * wet) / (jnp.sum(y * y) + 1e-12)
    return jax.lax.stop_gradient(gain) * y


class Steps:
    """The compiled programs of one fit: settle the state, and step."""

    def __init__(
        self,
        model: AbstractBlock,
        latents: Latents,
        material: Material,
        settings: Settings,
        loss: Callable[[Audio, Audio], Scalar],
        optimiser: optax.GradientTransformation,
        starts: int = 1,
    ):
        self.material, self.settings, self.loss = material, settings, loss
        self.optimiser, self.starts = optimiser, starts
        self.factors = multipliers(model, latents, settings)
        moving = [path for path, node in latents.items() if any(f > 0 for f in jax.tree.leaves(self.factors[1][path]))]
        self.priors = {path: stiffness(latents[path]) for path in moving if isinstance(latents[path], Trajectory)}
        self.heard = sum(wet.size for wet in material.wet)
        self.devices = Devices.of(settings.devices) if starts == 1 else Devices()
        self.rows = self.devices.rows(settings.sequences)
        over, shared = eqx.if_array(0), None
        settle, step = self._settle, self._step
        if starts > 1:
            settle = eqx.filter_vmap(settle, in_axes=(over, over, shared))
            step = eqx.filter_vmap(step, in_axes=(over, over, shared, shared, shared))
        self.settle, self.step = eqx.filter_jit(settle), eqx.filter_jit(step)

    def begin(self, model: AbstractBlock, latents: Latents) -> Learner:
        """The learner before its first step."""
        trainable = eqx.filter((model, latents), eqx.is_inexact_array)
        return agreed(Learner(model, latents, self.optimiser.init(trainable)))

    def _play(self, both: Any, batch: Batch, x: Any, states: Any, offset: Any) -> tuple[Audio, Any]:
        """What the model, with each recording's latents, plays on every sequence; each device its share of them."""
        zero = Clock.zero(self.material.sample_rate)

        def play(whole: Any, split: Any) -> Any:
            model, latents, offset = whole

            def one(recording: Any, start: Any, knobs: Any, x: Audio, state: Any) -> Any:
                return quiet(bind(model, unstack(latents, recording), knobs))(x, state, zero.after(start + offset))

            return jax.vmap(one)(*split)

        split = (batch.recording, batch.start, batch.knobs, x, states)
        played: tuple[Audio, Any] = self.devices.shared(play)((*both, jnp.asarray(offset)), split)
        return played

    def _cut(self, which: Any, offset: Any, count: int) -> Any:
        return jax.lax.dynamic_slice_in_dim(which, self.material.lead + offset, count, axis=2)

    def _settle(self, learner: Learner, states: Any, batch: Batch) -> Any:
        count = self.settings.warm_up
        if not count:
            return states
        return self._play((learner.model, learner.latents), batch, batch.dry[:, :, :count], states, -count)[1]

    def cost(self, both: Any, states: Any, batch: Batch, offset: Any) -> tuple[Scalar, Any]:
        """The loss of one segment with the prior of its knots, and the states after; `both` are model and latents."""
        count, heard = self.settings.segment, self.settings.sequences
        x, wet = (self._cut(which, offset, count) for which in (batch.dry, batch.wet))
        y, after = self._play(both, batch, x, states, offset)
        y, target = y[:heard], wet[:heard]
        if self.settings.solve:
            y = levelled(y, target)
        loss = self.loss(y.reshape(-1, count), target.reshape(-1, count))
        if self.priors:
            loss = loss + jax.lax.stop_gradient(loss) * improbability(both[1], self.priors, self.heard)
        return loss, after

    def slope(self, both: Any, states: Any, batch: Batch, offset: Any) -> tuple[tuple[Scalar, Any], Any]:
        """What `cost` gives, and its slope; what is frozen has none, and nothing is computed for it."""

        def cost(both: Any) -> tuple[Scalar, Any]:
            leaves, rest = eqx.partition(both, eqx.is_inexact_array)
            held = jax.tree.map(lambda leaf, f: leaf if f > 0 else jax.lax.stop_gradient(leaf), leaves, self.factors)
            return self.cost(eqx.combine(held, rest), states, batch, offset)

        found: tuple[tuple[Scalar, Any], Any] = eqx.filter_value_and_grad(cost, has_aux=True)(both)
        return found

    def moved(self, learner: Learner, slope: Any, rate: Any) -> Learner:
        """The learner after a step against `slope`."""
        both = (learner.model, learner.latents)
        trainable = eqx.filter(both, eqx.is_inexact_array)
        moves, state = self.optimiser.update(slope, learner.optimiser, trainable)
        moves = jax.tree.map(lambda move, factor: rate * factor * move, moves, self.factors)
        model, latents = eqx.apply_updates(both, moves)
        return Learner(model, latents, state)

    def _step(self, learner: Learner, states: Any, batch: Batch, offset: Any, rate: Any) -> Any:
        (loss, after), slope = self.slope((learner.model, learner.latents), states, batch, offset)
        moved, loss = self.devices.kept_whole((self.moved(learner, slope, rate), loss))
        return moved, after, loss

    def states(self, model: AbstractBlock, channels: int) -> Any:
        """Silent states for every sequence (and every start)."""
        one = model.init_state(channels, self.material.sample_rate)
        lead = (self.rows,) if self.starts == 1 else (self.starts, self.rows)
        # On the host, where no shape needs a program of its own.
        return jax.tree.map(lambda leaf: jnp.asarray(np.broadcast_to(leaf, lead + jnp.shape(leaf))), one)

    def run(self, learner: Learner, model: AbstractBlock, sequences: Sequences, rate: float) -> tuple[Learner, Any]:
        """One pass: every sequence from its start, segment by segment. The mean loss."""
        learner, losses = self._ran(learner, model, sequences, rate, self.settings.chunks)
        return learner, np.mean([np.asarray(loss) for loss in losses], axis=0)

    def rehearse(self, learner: Learner, model: AbstractBlock, sequences: Sequences) -> None:
        """Has everything compiled that `run` runs, by its first step, of which nothing is kept."""
        jax.block_until_ready(self._ran(learner, model, sequences, 0.0, 1)[1])

    def _ran(
        self, learner: Learner, model: AbstractBlock, sequences: Sequences, rate: float, first: int
    ) -> tuple[Learner, list[Any]]:
        """The `first` segments of a pass: the learner after them, and the loss of each, not yet waited for."""
        learner, states, batch, offsets, speed = self.ready(learner, model, sequences, rate)
        states = self.settle(learner, states, batch)
        losses = []
        for offset in offsets[:first]:
            learner, states, loss = self.step(learner, states, batch, offset, speed)
            losses.append(loss)
        found: tuple[Learner, list[Any]] = self.devices.here((learner, losses))
        return found

    def ready(
        self, learner: Learner, model: AbstractBlock, sequences: Sequences, rate: float
    ) -> tuple[Learner, Any, Batch, list[Any], Any]:
        """What the programs of a pass are given: learner, silent states, batch, where segments start, the rate."""
        segment, chunks = self.settings.segment, self.settings.chunks
        filled = jax.tree.map(lambda column: np.resize(column, self.rows), sequences)
        with phase("data"):
            batch = self.devices.split(self.material.batch(filled, chunks * segment))
        states = self.devices.split(self.states(model, self.material.channels))
        offsets = [jnp.int32(chunk * segment) for chunk in range(chunks)]
        learner, offsets, speed = self.devices.whole((learner, offsets, jnp.asarray(rate, float)))
        return learner, states, batch, offsets, speed
