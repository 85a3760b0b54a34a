"""The models that go by a name, grey and black."""

from ddspfx.blocks.chain import Serial
from ddspfx.blocks.dynamics import Compressor
from ddspfx.blocks.filter import HighShelf, LowShelf, Peak
from ddspfx.blocks.gain import Gain
from ddspfx.blocks.hysteresis import Hysteresis
from ddspfx.blocks.learned_curve import SplineCurve
from ddspfx.blocks.recurrent import GRU, LSTM
from ddspfx.blocks.tcn import TCN
from ddspfx.models.preset import tape
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
    return chain(setting, record=emphasis(), tape=Hysteresis(drive=-6.0, solver="rk2"))


def _gru(setting: Setting) -> Serial:
    return chain(setting, tape=GRU(16, sample_rate=setting.sample_rate, key=setting.key))


def _compressor(setting: Setting) -> Serial:
    dynamics = Compressor(-20.0, 2.0, 10.0, 150.0)
    return chain(setting, dynamics=dynamics, tape=SplineCurve(24, 1.5))


def _black_gru(setting: Setting) -> Serial:
    return Serial(network=GRU(32, sample_rate=setting.sample_rate, key=setting.key), **transport(setting))


def _black_lstm(setting: Setting) -> Serial:
    return Serial(network=LSTM(32, sample_rate=setting.sample_rate, key=setting.key), **transport(setting))


def _black_tcn(setting: Setting) -> Serial:
    return Serial(network=TCN(key=setting.key), **transport(setting))


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("linear", "delay line and a free linear response: what every other model must beat", _linear,
               {**SOLVED, "passes": 0}, 0.5),
        Recipe("curve", "emphasis, a smooth adaptive curve, delay line, linear response, hiss", _curve, SOLVED, 0.8),
        Recipe("hysteresis", "emphasis, Jiles-Atherton hysteresis, delay line, linear response, hiss", _hysteresis, SOLVED, 2.0),
        Recipe("tape-gru", "a small recurrent network, delay line, linear response, hiss", _gru, SOLVED, 2.0),
        Recipe("compressor", "a compressor, a curve, delay line, linear response, hiss", _compressor, SOLVED, 1.5),
        Recipe("gru", "a recurrent network of 32 cells and a delay line", _black_gru, {}, 2.5, "black"),
        Recipe("lstm", "a long short-term memory of 32 cells and a delay line", _black_lstm, {}, 3.0, "black"),
        Recipe("tcn", "dilated causal convolutions and a delay line", _black_tcn, {}, 3.0, "black"),
        Recipe("tape", "a tape machine with knobs for drive, wow, flutter and hiss", tape, SOLVED, 0.8),
    )
}  # fmt: skip


def recipe(name: str) -> Recipe:
    """The recipe of that name; ValueError with the list of names for another."""
    if name not in RECIPES:
        raise ValueError(f"model is {name!r}, but must be a run folder or one of {', '.join(RECIPES)}")
    return RECIPES[name]
