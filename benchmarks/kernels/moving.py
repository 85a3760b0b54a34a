"""Second-order sections that move at every sample, beside torchlpc."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.bench.case import Asked, Kernel, Peer, Place, Problem, Size
from benchmarks.bench.limit import Work
from benchmarks.bench.sides import Arrays, Side, float32, jax_side, torch_side
from benchmarks.kernels.filters import equaliser, ours, right
from benchmarks.kernels.loops import all_pole_entries, changing_system, low_pass_entries
from benchmarks.kernels.signals import RATE, noise, weights_like
from ddspfx.signal.recurrence import StateSpace, varying
from ddspfx.signal.svf import Section, svf


def sweep(size: Size) -> Mapping[str, np.ndarray]:
    """g and damping at every sample: a low-pass filter that wanders between 300 Hz and 5 kHz."""
    time = np.arange(size.samples) / RATE + np.arange(size.batch)[:, None]
    cutoff = 10 ** (3.1 + 0.6 * np.sin(2 * np.pi * 0.9 * time))
    return float32({"g": np.tan(np.pi * cutoff / RATE), "damping": 0.9 + 0.5 * np.sin(2 * np.pi * 1.3 * time)})


def direct(size: Size) -> Mapping[str, np.ndarray]:
    """a1 and a2 of the same sweep."""
    g, k = (sweep(size)[name].astype(float) for name in ("g", "damping"))
    scale = 1 + k * g + g * g
    return float32({"a1": 2 * (g * g - 1) / scale, "a2": (1 - k * g + g * g) / scale})


def all_pole(x: jax.Array, a1: jax.Array, a2: jax.Array) -> jax.Array:
    """y[n] = x[n] - a1[n] y[n-1] - a2[n] y[n-2] as a system that changes: its states are the last two outputs."""
    one, zero = jnp.ones_like(a1), jnp.zeros_like(a1)
    E = jnp.stack([jnp.stack([-a1 - 1, -a2], -1), jnp.stack([one, -one], -1)], -2)
    system = StateSpace(E, jnp.stack([one, zero], -1), jnp.stack([-a1, -a2], -1), one)
    return varying(x, system, jnp.zeros((x.shape[0], 2), x.dtype))[0]


def lpc_side(arrays: Arrays, weights: np.ndarray, device: str) -> Side:
    import torch
    from torchlpc import sample_wise_lpc

    return torch_side(lambda x, a1, a2: sample_wise_lpc(x, torch.stack([a1, a2], -1)), arrays, weights, device)


def moving(x: jax.Array, g: jax.Array, damping: jax.Array) -> jax.Array:
    """A low-pass filter whose cutoff and resonance move."""
    zero, one = jnp.zeros((), x.dtype), jnp.ones((), x.dtype)
    return svf(x, Section(g, damping, zero, zero, one), jnp.zeros((x.shape[0], 2), x.dtype))[0]


class Moving(Kernel):
    """The section as a block plays it: cutoff and resonance move, the integrators are trapezoidal."""

    name = "time-varying section"
    asked = Asked(5e-7, 2.2, 3.5, 5e-6)
    sizes = (Size(10 * RATE, 8),)
    note = (
        "g and damping at every sample through `svf`; torchlpc runs the same poles in its direct form without the "
        "zeros, so its numbers are compared in the row of the direct form"
    )

    def problem(self, size: Size, place: Place) -> Problem:
        x, parameters = noise(size), sweep(size)
        arrays, weights = {"x": x, **parameters}, weights_like(x)
        other = {"x": x, **direct(size)}
        return Problem(
            jax_side(moving, arrays, weights, place.jax),
            {"torchlpc": Peer(lambda: lpc_side(other, weights, place.torch), same=False)},
            lambda: changing_system(x, low_pass_entries, parameters, weights),
            Work(4 * x.nbytes, 8.0 * x.size),
            Work(8 * x.nbytes, 24.0 * x.size),
        )


class Varying(Kernel):
    """The moving section in the form that torchlpc has, so that both compute the same numbers."""

    name = "time-varying section, direct form"
    asked = Asked(3e-5, slope=3e-5)
    sizes = (Size(10 * RATE, 8),)
    note = (
        "the all-pole section that torchlpc computes, from a1 and a2 at every sample, through the general `varying`, "
        "which is a plain loop: it shows that both compute the same; the direct form itself loses these digits in "
        "float32, on both sides"
    )

    def problem(self, size: Size, place: Place) -> Problem:
        x, parameters = noise(size), direct(size)
        arrays, weights = {"x": x, **parameters}, weights_like(x)
        return Problem(
            jax_side(all_pole, arrays, weights, place.jax),
            {"torchlpc": Peer(lambda: lpc_side(arrays, weights, place.torch))},
            lambda: changing_system(x, all_pole_entries, parameters, weights),
            Work(4 * x.nbytes, 4.0 * x.size),
            Work(8 * x.nbytes, 12.0 * x.size),
        )


class Still(Kernel):
    """The moving section with coefficients that do not move: it must be the constant one."""

    name = "time-varying section, held still"
    asked = Asked(1e-6, slope=1e-5)
    grows = False
    sizes = (Size(10 * RATE, 8),)
    note = "the time-varying kernel with constant coefficients, against SciPy's float64 constant filter"

    def problem(self, size: Size, place: Place) -> Problem:
        x, one = noise(size), equaliser(6)
        coefficients = {name: value[5:6] for name, value in one.items()}
        weights = weights_like(x)

        def spread(x: jax.Array, **given: jax.Array) -> jax.Array:
            signals = (jnp.broadcast_to(given[name], (1, x.shape[1])) for name in Section._fields)
            return svf(x, Section(*signals), jnp.zeros((x.shape[0], 2), x.dtype))[0]

        arrays = {"x": x, **coefficients}
        return Problem(
            jax_side(spread, arrays, weights, place.jax),
            {"ddspfx, constant": Peer(lambda: jax_side(ours, arrays, weights, place.jax), counted=False)},
            lambda: right(x, coefficients, weights),
            Work(2 * x.nbytes, 9.0 * x.size),
            Work(3 * x.nbytes, 27.0 * x.size),
        )
