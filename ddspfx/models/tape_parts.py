"""What a tape machine is made of: each group of blocks with the knobs that turn it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TypeAlias

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ddspfx.block import AbstractBlock
from ddspfx.blocks.add import Add
from ddspfx.blocks.anhysteretic import BIASES, EQUIVALENTS, SATURATION, SHAPE, Anhysteretic
from ddspfx.blocks.azimuth import Azimuth
from ddspfx.blocks.crosstalk import Crosstalk
from ddspfx.blocks.delay import VariableDelay
from ddspfx.blocks.gain import Gain
from ddspfx.blocks.head_bump import HeadBump
from ddspfx.blocks.hysteresis import Hysteresis
from ddspfx.blocks.lift import Lift
from ddspfx.blocks.modulation_noise import ModulationNoise
from ddspfx.blocks.one_pole import DCBlocker
from ddspfx.blocks.oversampled import Oversampled
from ddspfx.blocks.print_through import PrintThrough
from ddspfx.blocks.recurrent import GRU, LSTM
from ddspfx.blocks.tape_equaliser import SPEEDS, TapeEqualiser, constants
from ddspfx.blocks.tape_loss import INCH, TapeLoss
from ddspfx.control import Control, Switch
from ddspfx.models.machine import Machine
from ddspfx.slot import AbstractSource, replace
from ddspfx.source.combined import Scaled, Sum
from ddspfx.source.dropouts import Dropouts
from ddspfx.source.lfo import LFO
from ddspfx.source.noise import Noise
from ddspfx.source.time_base import SLOPE
from ddspfx.source.wander import Wander
from ddspfx.types import RandomKey

NONLINEARITIES = ("physics", "loop", "gru", "lstm", "both")
Blocks: TypeAlias = dict[str, AbstractBlock]
REACH_S = 6e-3
"""Seconds to either side of the mean delay: room for wow and flutter of 1 %; most of the machine's latency."""
RANDOM_SLOPE = 0.8944
"""RMS slope of a random `LFO` of 1 Hz and depth one: sqrt(2 / 3 times 6 / 5)."""
TYPES = {"ferric": 1.0, "chrome": 1.25, "metal": 2.0}
"""Saturation by tape type over that of ferric tape, about as their remanences (0.15, 0.17, 0.32 T); chosen."""
WOW_HZ, DRIFT_HZ, FLUTTER_HZ, MAINS_HZ = 0.7, 2.5, 9.0, 50.0
"""About a capstan's pulley, reels that do not turn evenly, a capstan; and the mains of most of the world. Chosen."""
COUPLING_HZ = 5.0
"""What capacitors keep from the tape, which the bass of the recording curve would lift fiftyfold; chosen."""
DRIVES = (-12.0, 24.0)
SHED = 4.0
"""µm between tape and head that a hundred per cent of age adds; chosen."""
WEAVE = 0.3
"""Arc minutes, RMS, by which a tape weaves over the head; chosen."""
LAYER = 50e-6
"""Metres from one layer on the reel to the next: long-play tape."""
LONGEST_TURN = 2.8


def named_speed(speed: float) -> str:
    """The name of a speed on the switch: "7.5 ips"."""
    return f"{speed:g} ips"


def _by_speed(about: Machine, value: Callable[[float], float]) -> Switch:
    """A slot that the speed switch fills with `value(ips)`."""
    return Switch("speed", {named_speed(s): value(s) for s in SPEEDS}, named_speed(about.speed))


def _age(about: Machine, new: float, old: float) -> Control:
    """A slot that the age knob moves from its value on a new tape to that on an old one."""
    return Control("age", 0, 100, about.age, unit="%", start=new, stop=old)


def driven(sign: float = 1.0) -> Control:
    """The drive knob, or with -1 the makeup for it."""
    low, high = DRIVES
    return Control("drive", low, high, 0.0, unit="dB", start=sign * low, stop=sign * high)


def recording(about: Machine) -> Blocks:
    """What lies before the tape: no DC, the standard's recording curve, and what lines the machine up."""
    speed = _by_speed(about, float)
    lineup = TapeLoss(about.spacing, about.thickness, about.gap, speed=speed, inverse=True)
    return {"coupling": DCBlocker(COUPLING_HZ), "record": _equaliser(about, True), "lineup": lineup}


def _equaliser(about: Machine, record: bool) -> TapeEqualiser:
    high = _by_speed(about, lambda s: constants(about.standard, s)[0])
    low = _by_speed(about, lambda s: constants(about.standard, s)[1])
    return TapeEqualiser(high, low, record=record)


def magnetised(kind: str, hidden: int, oversampling: int, sample_rate: int, key: RandomKey | None) -> Blocks:
    """The tape itself by kind of model. Raises ValueError for another kind, and for a network without a key."""
    if kind not in NONLINEARITIES:
        raise ValueError(f"nonlinearity is {kind!r}, but must be one of {', '.join(NONLINEARITIES)}")
    if kind in ("physics", "loop"):
        return {"tape": _faster(biased_tape() if kind == "physics" else _loop(), oversampling)}
    if key is None:
        raise ValueError(f"key is None, but {kind!r} holds a network: give jax.random.key(0)")
    cell = LSTM if kind == "lstm" else GRU
    network = cell(hidden, sample_rate=sample_rate, key=key)
    silent = eqx.tree_at(lambda g: g.output, network, jnp.zeros_like(network.output))
    if kind == "both":
        return {"tape": _faster(biased_tape(), oversampling), "correction": silent}
    return {"drive": Gain(driven()), "tape": silent, "makeup": Gain(driven(-1.0))}


def _faster(block: AbstractBlock, oversampling: int) -> AbstractBlock:
    return block if oversampling == 1 else Oversampled(block, oversampling)


def biased_tape() -> Anhysteretic:
    """Tape under bias with three knobs: `drive`, `bias` (dB about nominal, by the table of equivalents), `type`."""
    types = [{name: times * value for name, times in TYPES.items()} for value in (SATURATION, SHAPE)]
    bias = Control("bias", BIASES[0], BIASES[-1], 0.0, unit="dB")
    swing, lag, rise = (walk(Anhysteretic, "swing", bias, row) for row in zip(*EQUIVALENTS, strict=True))
    return Anhysteretic(driven(), Switch("type", types[0]), Switch("type", types[1]), swing, lag, rise)


def walk(owner: type, slot: str, control: Control, values: Sequence[float]) -> Control:
    """A knob that walks through evenly spaced `values` of a slot of `owner`."""
    span = next(field.metadata["range"] for field in fields(owner) if field.name == slot)
    knob = replace(control, ends=(float(values[0]), float(values[-1])), points=len(values)).bind(span)
    return replace(knob, shares=span.share(np.asarray(values, float)))


def _loop() -> Hysteresis:
    return Hysteresis(driven(), reversibility=0.9, coercivity=5e3)


def _lean(about: Machine) -> Control:
    return Control("azimuth", -30, 30, about.azimuth, unit="'", start=-30.0, stop=30.0)


def head(about: Machine) -> Blocks:
    """Losses, head bump and azimuth."""
    speed = _by_speed(about, float)
    spacing = _age(about, about.spacing, about.spacing + SHED)
    weave = Wander(0.5, WEAVE, seed=5)
    return {
        "loss": TapeLoss(spacing, about.thickness, about.gap, _lean(about), about.width, speed),
        "bump": HeadBump(speed, about.length, about.bump),
        "azimuth": Azimuth(_lean(about), weave, about.distance, speed),
    }


def transport(about: Machine) -> Blocks:
    """The delay line with wow and flutter."""
    turning = LFO(WOW_HZ, math.sqrt(2.0) * 0.87), 2 * math.pi * WOW_HZ
    drifting = LFO(DRIFT_HZ, 0.5, shape="random", seed=1), RANDOM_SLOPE * DRIFT_HZ
    wow = _percent("wow", about.wow, turning, drifting)
    flutter = _percent("flutter", about.flutter, (Wander(FLUTTER_HZ, seed=2), FLUTTER_HZ * SLOPE))
    return {"transport": VariableDelay(-REACH_S, REACH_S, Sum((*wow, *flutter)), "lagrange5")}


def _percent(name: str, default: float, *parts: tuple[AbstractSource, float]) -> list[Scaled]:
    """Delays whose slopes (so many a second for a delay of one) add up to the knob's per cent of speed, RMS."""
    return [Scaled(s, Control(name, 0, 1, default, unit="%", start=0.0, stop=0.01 / slope)) for s, slope in parts]


def noises(about: Machine) -> Blocks:
    """All that is heard beside the signal, and replay in its place among it."""
    speed = _by_speed(about, float)
    turn, place = _by_speed(about, turn_seconds), _by_speed(about, lambda s: s * INCH / (2 * math.pi * LAYER))
    hiss = Control("hiss", -120, -40, about.hiss, unit="dB", start=-120.0, stop=-40.0)
    hum = Control("hum", -120, -40, about.hum, unit="dB", start=-120.0, stop=-40.0)
    return {
        "dropouts": Lift(Dropouts(0.3, 0.03, _age(about, 0.0, 40.0)), speed),
        "modulation": ModulationNoise(Noise(seed=3), _age(about, about.modulation - 5.0, about.modulation + 10.0)),
        "print": PrintThrough(about.printed, turn, place, longest=LONGEST_TURN),
        "crosstalk": Crosstalk(about.crosstalk),
        "hiss": Add(Noise(seed=1), hiss),
        "replay": _equaliser(about, False),
        "hum": Add(mains(), hum),
    }


def mains() -> Sum:
    """Hum of the mains: the fundamental and two harmonics."""
    return Sum(tuple(LFO(MAINS_HZ * k, 1 / k**2) for k in (1, 2, 3)))


def turn_seconds(speed: float) -> float:
    """One turn of a half-full reel, or of a cassette's hub at the slowest speed: 2 pi r / v."""
    radius = 0.04 if speed > SPEEDS[0] else 0.015
    return 2 * math.pi * radius / (speed * INCH)


__all__ = ["Blocks", "biased_tape", "driven", "head", "magnetised", "mains", "noises", "recording", "transport", "walk"]
