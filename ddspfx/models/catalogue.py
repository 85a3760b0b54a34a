"""The models that go by a name, grey and black."""

import functools

import equinox as eqx

from ddspfx.block import AbstractBlock
from ddspfx.blocks.add import Add
from ddspfx.blocks.anhysteretic import Anhysteretic
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.curve import Tanh
from ddspfx.blocks.dynamics import Compressor
from ddspfx.blocks.filter import HighShelf, LowShelf, Peak
from ddspfx.blocks.gain import Gain
from ddspfx.blocks.hysteresis import Hysteresis
from ddspfx.blocks.learned_curve import SplineCurve
from ddspfx.blocks.level import Level
from ddspfx.blocks.parallel_filters import ParallelFilters
from ddspfx.blocks.recurrent import GRU, LSTM
from ddspfx.blocks.tcn import TCN
from ddspfx.models.machine import MACHINES, USUAL
from ddspfx.models.pressing import PRESSINGS
from ddspfx.models.recipe import THIRD_OCTAVES, Recipe, Setting, chain, transport
from ddspfx.models.tape import Tape
from ddspfx.models.vinyl import Vinyl
from ddspfx.source.noise import Noise

SOLVED = {"solve": ["replay"]}
BENT = {**SOLVED, "freeze": ["bend.*"]}
SHARPENED = {**BENT, "least_squares": 12, "confidence": 10.0}


def emphasis(setting: Setting) -> Serial:
    """What a device does to the spectrum before it bends: two shelves and a peak, flat at first.

    A second knob of the recordings turns the upper shelf, as tone controls do.
    """
    return Serial(
        low=LowShelf(150.0, 0.0), mid=Peak(1_200.0, 0.0, 0.7), high=HighShelf(4_000.0, setting.turned(1, 0.0))
    )


def level(setting: Setting) -> Gain:
    """The level into the curve, turned by the first knob of the recordings."""
    return Gain(setting.turned(0, -6.0))


def bend(setting: Setting) -> dict[str, AbstractBlock]:
    """A level, a hyperbolic tangent, and a spline that makes any curve of it.

    The tangent maps all levels onto the spline's reach, so that a device driven by 40 dB is described as finely as
    one that hardly bends; its own drive would only repeat the level and is frozen.
    """
    return {"level": level(setting), "bend": Tanh(0.0), "tape": SplineCurve(24, 1.0)}


def _memory(setting: Setting, hidden: int) -> GRU:
    return GRU(hidden, controls=setting.knobs(), sample_rate=setting.sample_rate, key=setting.key)


def _silent(memory: GRU) -> GRU:
    """The network before it has said anything: what stands before it passes."""
    silent: GRU = eqx.tree_at(lambda g: g.output, memory, 0 * memory.output)
    return silent


def _linear(setting: Setting) -> Serial:
    return chain(setting)


def _bank(setting: Setting) -> Serial:
    hiss = Noise.shaped(THIRD_OCTAVES, [0.0] * len(THIRD_OCTAVES), seed=1)
    return Serial(**transport(setting), level=Level(), response=ParallelFilters(), hiss=Add(hiss, -90.0))


def _curve(setting: Setting) -> Serial:
    return chain(setting, record=emphasis(setting), **bend(setting))


def _hysteresis(setting: Setting) -> Serial:
    tape = Hysteresis(0.0, coercivity=5e3, reversibility=0.9, solver="rk2")
    return chain(setting, record=emphasis(setting), level=level(setting), tape=tape)


def _physics(setting: Setting) -> Serial:
    return chain(setting, record=emphasis(setting), tape=Anhysteretic(setting.turned(0, 0.0)))


def _both(setting: Setting) -> Serial:
    tape = Anhysteretic(setting.turned(0, 0.0))
    return chain(setting, record=emphasis(setting), tape=tape, memory=_silent(_memory(setting, 16)))


def machine(name: str, setting: Setting) -> Tape:
    """The tape machine of that name, to be played with knobs."""
    return Tape(machine=name, sample_rate=setting.sample_rate)


def pressing(name: str, setting: Setting) -> Vinyl:
    """The record of that name and its player, to be played with knobs."""
    return Vinyl(pressing=name, sample_rate=setting.sample_rate)


def _gru(setting: Setting) -> Serial:
    return chain(setting, tape=_memory(setting, 16))


def _compressor(setting: Setting) -> Serial:
    dynamics = Compressor(setting.turned(0, -20.0), 2.0, 10.0, 150.0)
    return chain(setting, dynamics=dynamics, tape=SplineCurve(24, 1.5))


def _tape(setting: Setting) -> Serial:
    return chain(setting, record=emphasis(setting), **bend(setting), memory=_silent(_memory(setting, 8)))


def _vinyl(setting: Setting) -> Serial:
    return chain(setting, record=emphasis(setting), **bend(setting))


def _vinyl_both(setting: Setting) -> Serial:
    return chain(setting, record=emphasis(setting), **bend(setting), memory=_silent(_memory(setting, 16)))


def _black_gru(setting: Setting) -> Serial:
    return Serial(network=_memory(setting, 32), **transport(setting))


def _black_lstm(setting: Setting) -> Serial:
    network = LSTM(32, controls=setting.knobs(), sample_rate=setting.sample_rate, key=setting.key)
    return Serial(network=network, **transport(setting))


def _black_tcn(setting: Setting) -> Serial:
    network = TCN(controls=setting.knobs(), sample_rate=setting.sample_rate, key=setting.key)
    return Serial(network=network, **transport(setting))


_TABLE = (
    Recipe(
        "linear",
        "delay line and a free linear response: what every other model must beat",
        _linear,
        {**SOLVED, "passes": 0},
        0.5,
    ),
    Recipe(
        "bank",
        "delay line, the recording's own level, a linear response of 33 numbers, hiss: a tape machine not driven hard",
        _bank,
        {"solve": ["response"], "evenness": 0.3, "passes": 0, "alternations": 4},
        1.0,
    ),
    Recipe("curve", "emphasis, a smooth adaptive curve, delay line, linear response, hiss", _curve, BENT, 1.0),
    Recipe(
        "tape",
        "emphasis, a curve and a small recurrent network, delay line, linear response, hiss",
        _tape,
        BENT,
        2.0,
        presets={name: functools.partial(machine, name) for name in (USUAL, *MACHINES)},
    ),
    Recipe("hysteresis", "emphasis, Jiles-Atherton hysteresis, delay line, response, hiss", _hysteresis, SOLVED, 4.0),
    Recipe("tape-physics", "emphasis, magnetisation under bias, delay line, response, hiss", _physics, SOLVED, 1.5),
    Recipe("tape-both", "the same, and a recurrent network that corrects it", _both, SOLVED, 3.0),
    Recipe("tape-gru", "a recurrent network, delay line, linear response, hiss", _gru, SOLVED, 2.0),
    Recipe(
        "vinyl",
        "a replay curve, an adaptive curve, delay line, linear response, surface noise; the slots by least squares",
        _vinyl,
        SHARPENED,
        1.0,
        presets={name: functools.partial(pressing, name) for name in PRESSINGS},
    ),
    Recipe("vinyl-both", "the same, and a recurrent network for what is left", _vinyl_both, SHARPENED, 3.0),
    Recipe("compressor", "a compressor, a curve, delay line, linear response, hiss", _compressor, SOLVED, 2.0),
    Recipe("gru", "a recurrent network of 32 cells and a delay line", _black_gru, {}, 2.5, "black"),
    Recipe("lstm", "a long short-term memory of 32 cells and a delay line", _black_lstm, {}, 3.0, "black"),
    Recipe("tcn", "dilated causal convolutions and a delay line", _black_tcn, {}, 3.0, "black"),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _TABLE}


def recipe(name: str) -> Recipe:
    """The recipe of that name; ValueError with the list of names for another."""
    if name not in RECIPES:
        raise ValueError(f"model is {name!r}, but must be a run folder or one of {', '.join(RECIPES)}")
    return RECIPES[name]
