"""Second-order sections that stand still, beside philtorch."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import scipy.signal

from benchmarks.bench.case import Asked, Kernel, Peer, Place, Problem, Size
from benchmarks.bench.limit import Work
from benchmarks.bench.sides import Arrays, Right, Side, float32, float64, jax_side, torch_side
from benchmarks.kernels.signals import RATE, noise, weights_like
from ddspfx.signal.design import Sections, section, to_sos
from ddspfx.signal.svf import Section, cascade

BANDS: tuple[tuple[str, float, float, float | None], ...] = (
    ("peak", 1_000.0, 1.0, 6.0),
    ("low_shelf", 120.0, 0.7, 4.0),
    ("peak", 400.0, 1.5, -6.0),
    ("peak", 2_500.0, 2.0, 5.0),
    ("high_shelf", 8_000.0, 0.7, -4.0),
    ("low_pass", 15_000.0, 0.8, None),
)
"""An equaliser as one meets it; with fewer sections, its first ones."""


def equaliser(sections: int) -> Arrays:
    """The coefficients, each (sections,)."""
    bands = [BANDS[i % len(BANDS)] for i in range(sections)]
    made = [
        section(kind, jnp.float32(f), jnp.float32(q), gain and jnp.float32(gain), RATE) for kind, f, q, gain in bands
    ]
    return float32({name: np.stack([getattr(one, name) for one in made]) for name in Section._fields})


def ours(x: jax.Array, **coefficients: jax.Array) -> jax.Array:
    count = coefficients["g"].shape[0]
    sections = tuple(Section(*(coefficients[name][i] for name in Section._fields)) for i in range(count))
    return cascade(x, sections, jnp.zeros((x.shape[0], count, 2), x.dtype))[0]


def sos_of(coefficients: Arrays) -> np.ndarray:
    return to_sos(Sections(*(coefficients[name] for name in Section._fields)))


def right(x: np.ndarray, coefficients: Arrays, weights: np.ndarray) -> Right:
    """SciPy's float64 cascade; its slope by x is the cascade run backwards, the others are central differences."""
    x, coefficients, weights = x.astype(float), float64(coefficients), weights.astype(float)
    slopes = {name: np.zeros_like(value) for name, value in coefficients.items()}
    for name, value in coefficients.items():
        for i in range(value.size):
            step = 1e-6 * max(1.0, abs(value[i])) if name != "g" else 1e-6 * value[i]
            ends = []
            for sign in (1.0, -1.0):
                moved = value.copy()
                moved[i] += sign * step
                ends.append(np.vdot(scipy.signal.sosfilt(sos_of({**coefficients, name: moved}), x), weights))
            slopes[name][i] = (ends[0] - ends[1]) / (2 * step)
    sos = sos_of(coefficients)
    slopes["x"] = scipy.signal.sosfilt(sos, weights[:, ::-1])[:, ::-1]
    return Right(scipy.signal.sosfilt(sos, x), slopes)


def philtorch_side(x: np.ndarray, coefficients: Arrays, weights: np.ndarray, device: str, **how: Any) -> Side:
    from philtorch.lti import lfilter

    sos = float32({"sos": sos_of(float64(coefficients))})["sos"]

    def run(x: Any, **rows: Any) -> Any:
        for i in range(len(sos)):
            x = lfilter(rows[f"b{i}"], rows[f"a{i}"], x, **how)
        return x

    rows = {f"b{i}": row[:3] for i, row in enumerate(sos)} | {f"a{i}": row[4:] for i, row in enumerate(sos)}
    return torch_side(run, {"x": x, **rows}, weights, device)


def dasp_side(x: np.ndarray, coefficients: Arrays, weights: np.ndarray, device: str) -> Side:
    """dasp-pytorch's frequency sampling: a long FFT, the response as a quotient of polynomials."""
    from dasp_pytorch.signal import sosfilt_via_fsm

    sos = sos_of(float64(coefficients)).astype(np.float32)
    return torch_side(lambda x, sos: sosfilt_via_fsm(sos[None], x[None])[0], {"x": x, "sos": sos}, weights, device)


TUNED = {"form": "df2", "unroll_factor": 16}
"""The fastest of philtorch's forms and block lengths here; its defaults take half as long again and more."""


class Invariant(Kernel):
    """Sections that stand still."""

    note = "philtorch in its fastest form and block length here; its defaults are timed too"

    def problem(self, size: Size, place: Place) -> Problem:
        x, coefficients = noise(size), equaliser(size.width)
        weights = weights_like(x)
        sos = sos_of(float64(coefficients)).astype(np.float32)
        peers = {
            "philtorch": Peer(lambda: philtorch_side(x, coefficients, weights, place.torch, **TUNED)),
            "philtorch, its defaults": Peer(
                lambda: philtorch_side(x, coefficients, weights, place.torch), counted=False
            ),
            "dasp-pytorch": Peer(lambda: dasp_side(x, coefficients, weights, place.torch), counted=False),
            "scipy sosfilt": Peer(lambda: Side(lambda: scipy.signal.sosfilt(sos, x)), counted=False),
        }
        flops = 9.0 * size.width * x.size
        return Problem(
            jax_side(ours, {"x": x, **coefficients}, weights, place.jax),
            peers,
            lambda: right(x, coefficients, weights),
            Work(2 * x.nbytes, flops),
            Work(3 * x.nbytes, 3 * flops),
        )


class Six(Invariant):
    """Six in a row."""

    name = "six second-order sections"
    asked = Asked(5e-7, 20.0, 20.0, 5e-6)
    sizes = (Size(10 * RATE, 8, 6),)
    widths: ClassVar = (1, 2, 4, 6, 12)


class One(Invariant):
    """One alone."""

    name = "one second-order section"
    asked = Asked(5e-7, 4.5, 7.0, 5e-6)
    shortfall = (
        "6.8 to 7.0 from run to run, because philtorch is tuned here (9.8 against its defaults). From memory the "
        "backward pass takes twice what it takes in cache; stretches of 256 samples asked for ahead brought it from 5.7"
    )
    sizes = (Size(10 * RATE, 8, 1),)
