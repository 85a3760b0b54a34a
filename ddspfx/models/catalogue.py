"""The models that go by a name, grey and black."""

import equinox as eqx

from ddspfx.blocks.chain import Serial
from ddspfx.blocks.dynamics import Compressor
from ddspfx.blocks.filter import HighShelf, LowShelf, Peak
from ddspfx.blocks.gain import Gain
from ddspfx.blocks.hysteresis import Hysteresis
from ddspfx.blocks.learned_curve import SplineCurve
from ddspfx.blocks.recurrent import GRU, LSTM
from ddspfx.blocks.tcn import TCN
from ddspfx.models.preset import tape_machine
from ddspfx.models.recipe import Recipe, Setting, chain, transport

SOLVED = {"solve": ["replay"]}


def emphasis() -> Serial:
    """What a device does to the spectrum before it bends: two shelves and a peak, flat at first."""
    return Serial(low=LowShelf(150.0, gain=0.0), mid=Peak(1_200.0, 0.0, 0.7), high=HighShelf(4_000.0, gain=0.0))


def _linear(setting: Setting) -> Serial:
    return chain(setting)


def _curve(setting: Setting) -> Serial:
    return chain(setting, record=emphasis(), level=Gain(0.0), tape=SplineCurve(24, 1.5))


def _hysteresis(setting: Setting) -> Serial:
    return chain(setting, record=emphasis(), tape=Hysteresis(-6.0, coercivity=5e3, reversibility=0.9, solver="rk2"))


def _gru(setting: Setting) -> Serial:
    return chain(setting, tape=GRU(16, sample_rate=setting.sample_rate, key=setting.key))


def _compressor(setting: Setting) -> Serial:
    dynamics = Compressor(-20.0, 2.0, 10.0, 150.0)
    return chain(setting, dynamics=dynamics, tape=SplineCurve(24, 1.5))


def _tape(setting: Setting) -> Serial:
    memory = GRU(8, sample_rate=setting.sample_rate, key=setting.key)
    silent = eqx.tree_at(lambda g: g.output, memory, 0 * memory.output)
    return chain(setting, record=emphasis(), level=Gain(0.0), tape=SplineCurve(24, 1.5), memory=silent)


def _black_gru(setting: Setting) -> Serial:
    return Serial(network=GRU(32, sample_rate=setting.sample_rate, key=setting.key), **transport(setting))


def _black_lstm(setting: Setting) -> Serial:
    return Serial(network=LSTM(32, sample_rate=setting.sample_rate, key=setting.key), **transport(setting))


def _black_tcn(setting: Setting) -> Serial:
    return Serial(network=TCN(key=setting.key), **transport(setting))


_TABLE = (
    Recipe(
        "linear",
        "delay line and a free linear response: what every other model must beat",
        _linear,
        {**SOLVED, "passes": 0},
        0.5,
    ),
    Recipe("curve", "emphasis, a smooth adaptive curve, delay line, linear response, hiss", _curve, SOLVED, 1.0),
    Recipe(
        "tape",
        "emphasis, a curve and a small recurrent network, delay line, linear response, hiss",
        _tape,
        SOLVED,
        2.0,
        preset=tape_machine,
    ),
    Recipe("hysteresis", "emphasis, Jiles-Atherton hysteresis, delay line, response, hiss", _hysteresis, SOLVED, 4.0),
    Recipe("tape-gru", "a recurrent network, delay line, linear response, hiss", _gru, SOLVED, 2.0),
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
