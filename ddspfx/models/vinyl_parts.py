"""What a record and its player are made of: each group of blocks with the knobs that turn it."""

import math
from dataclasses import fields

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ddspfx.blocks.add import Add
from ddspfx.blocks.arm_resonance import ArmResonance
from ddspfx.blocks.cartridge import Cartridge
from ddspfx.blocks.cartridge_crosstalk import CartridgeCrosstalk
from ddspfx.blocks.contact_loss import ContactLoss
from ddspfx.blocks.curve import Tanh
from ddspfx.blocks.delay import VariableDelay
from ddspfx.blocks.disc_equaliser import DiscEqualiser
from ddspfx.blocks.elliptical import EllipticalEQ
from ddspfx.blocks.filter import HighPass, HighShelf, LowPass
from ddspfx.blocks.gain import Gain
from ddspfx.blocks.mistracking import Mistracking
from ddspfx.blocks.recurrent import GRU
from ddspfx.blocks.tracing import Tracing
from ddspfx.blocks.tracking_angle import TrackingAngle
from ddspfx.control import Control, Switch
from ddspfx.models.pressing import ERAS, FIRST_YEAR, LAST_YEAR, YEARS, Pressing
from ddspfx.models.tape_parts import Blocks, driven, mains, walk
from ddspfx.signal.groove import REFERENCE, RPMS
from ddspfx.source.combined import Scaled, Sum
from ddspfx.source.groove import GrooveSpeed, SidePosition
from ddspfx.source.lfo import LFO
from ddspfx.source.noise import Noise
from ddspfx.source.rumble import MotorHum, Rumble
from ddspfx.source.scratches import Scratches
from ddspfx.source.surface_clicks import SurfaceClicks
from ddspfx.source.surface_hiss import SurfaceHiss, Wear
from ddspfx.source.time_base import belt_drift, motor_flutter
from ddspfx.source.vertical import Vertical
from ddspfx.source.warble import Warble, warped
from ddspfx.types import RandomKey

SPEEDS = dict(zip(("33", "45", "78"), RPMS, strict=True))
STYLI = {"elliptical 8 µm": 8.0, "spherical 15 µm": 15.0, "spherical 18 µm": 18.0, "coarse 65 µm": 65.0}
"""Radius in µm along the groove; the last is for coarse grooves."""
CONTACTS = dict(zip(STYLI, (3.0, 4.0, 4.5, 8.0), strict=True))
"""Half length in µm of each one's contact with vinyl; about (2 rho times the indentation)^1/2, chosen."""
REACH_S = 1.2e-2
"""Seconds to either side of the mean delay: room for wow of 1 % and a warp of 5 mm at 33 1/3 rpm; most latency."""
HIGHEST_WARP, WARPS = 5.0, 2
"""mm peak to peak, and undulations a turn."""
UNEVEN, PHASES = (1.0, 0.3, 0.2), (0.0, 0.1, 0.35, 0.6, 0.0, 0.0, 0.0, 0.0)
"""A warp's second, third and fourth harmonics of the revolution, and where each begins, in turns; chosen."""
RADIUS, PIVOT, ARM = 100.0, 15.0, 230.0
"""mm: a groove half way, the arm's pivot above the disc, and the arm; for what a warp does to speed."""
LATERAL_HZ = 50.0
"""Below it the cut is mono; desks offer up to 300 Hz, which costs separation at 1 kHz."""
MOST_DRIFT = 0.1
"""Per cent: what fits into the delay line beside the rest."""
FADED = 8_000.0, -6.0
"""Hz and dB of the shelf that full wear takes from the treble of a groove; chosen."""
SCRATCHES = 4
HUMS = (0.0, -12.0, -18.0)
"""dB of the motor's first harmonics; chosen."""


def turning(factor: float = 1.0, default: str = "33") -> Switch:
    """A slot that the rpm switch fills with rpm times `factor`."""
    return Switch("rpm", {name: factor * rpm for name, rpm in SPEEDS.items()}, default)


def groove(about: Pressing) -> GrooveSpeed:
    """The groove under the stylus, by rpm and position on the side."""
    return GrooveSpeed(turning(default=about.rpm), _place(), about.minutes, about.disc)


def _place() -> Control:
    return Control("position", 0, 100, 0.0, unit="%", start=0.0, stop=1.0)


def by_year(owner: type, slot: str, era: str, about: Pressing) -> Control:
    """A slot that the year fills, by `ERAS`; between two years evenly in the slot's own scale."""
    span = next(field.metadata["range"] for field in fields(owner) if field.name == slot)
    table = ERAS[era]
    places = np.arange(FIRST_YEAR, LAST_YEAR + 1, YEARS)
    shares = np.interp(places, list(table), np.asarray(span.share(np.array(list(table.values())))))
    knob = Control("year", FIRST_YEAR, LAST_YEAR, about.year)
    return walk(owner, slot, knob, span.at(jnp.asarray(shares)).tolist())


def cut(about: Pressing) -> Blocks:
    """From the tape to the groove's velocity: the band and the bass of the time, its curve, and how hard it is cut."""
    return {
        "drive": Gain(driven()),
        "stereo": EllipticalEQ(LATERAL_HZ, by_year(EllipticalEQ, "width", "stereo", about)),
        "bass": HighPass(by_year(HighPass, "cutoff", "bass", about)),
        "band": LowPass(by_year(LowPass, "cutoff", "band", about)),
        "record": equaliser(about, record=True),
    }


def equaliser(about: Pressing, record: bool = False) -> DiscEqualiser:
    """The curve of the year, for recording or for replay with its rumble filter."""
    low, turnover, treble = (by_year(DiscEqualiser, slot, slot, about) for slot in ("low", "turnover", "treble"))
    return DiscEqualiser(low, turnover, treble, record, iec=not record)


def turntable(about: Pressing) -> Blocks:
    """What turns: once-per-revolution wow, warp, drift and flutter, as one delay."""
    wow = Control("wow", 0, 1, about.wow, unit="%", start=0.0, stop=1.0)
    steepest = warped(HIGHEST_WARP, 2 * math.pi * RADIUS / WARPS, PIVOT, ARM)
    second, third, fourth = (_warp(about, 0.0, share * steepest) for share in UNEVEN)
    disc = Warble(wow, second, third, fourth, phases=jnp.asarray(PHASES), rpm=turning(default=about.rpm))
    motor, belt = motor_flutter(about.flutter), belt_drift(about.drift, MOST_DRIFT)
    return {"time": VariableDelay(-REACH_S, REACH_S, Sum((disc, motor, belt)), "lagrange5")}


def _warp(about: Pressing, start: float, stop: float) -> Control:
    return Control("warp", 0, HIGHEST_WARP, about.warp, unit="mm", start=start, stop=stop)


def stylus(about: Pressing) -> Blocks:
    """What the stylus makes of the groove: its own size, its angles, its contact, and what throws it out."""
    speed, radius = groove(about), Switch("stylus", STYLI, about.stylus)
    return {
        "tracing": Tracing(radius, speed),
        "angle": TrackingAngle(about.horizontal, about.vertical, speed),
        "contact": ContactLoss(Switch("stylus", CONTACTS, about.stylus), speed),
        "mistracking": Mistracking(),
        "worn": HighShelf(FADED[0], Control("wear", 0, 100, about.wear, unit="%", start=0.0, stop=FADED[1])),
    }


def surface(about: Pressing) -> Blocks:
    """All that the groove adds of its own."""
    position = SidePosition(_place(), about.minutes)
    amount = Control("wear", 0, 100, about.wear, unit="%", start=0.0, stop=1.0)
    worn = Wear(amount, position, by_year(Wear, "rim", "rim", about), by_year(Wear, "centre", "centre", about))
    rpm = turning(default=about.rpm)
    dirt = Control("dust", 0, 100, about.dust, unit="%", start=0.5, stop=80.0)
    lift = math.pi * HIGHEST_WARP / 10 * WARPS * max(RPMS) / 60 / REFERENCE
    return {
        "grain": Add(Noise(seed=13), by_year(Add, "level", "grain", about)),
        "hiss": Add(SurfaceHiss(growth=worn, rpm=rpm, seed=14), level("hiss", about.hiss)),
        "dust": Add(SurfaceClicks(rate=dirt, rpm=rpm, seed=15), _faded("dust", about.dust, -40.0)),
        "scratches": Add(Scratches(SCRATCHES, rpm=rpm, seed=16), _faded("scratch", about.scratch, -14.0)),
        "rumble": Add(Rumble(seed=17), level("rumble", about.rumble)),
        "motor": Add(MotorHum(levels=jnp.asarray(HUMS)), level("rumble", about.rumble, -18.0)),
        "warp": Add(Scaled(Vertical(_undulation(about)), _warp(about, 0.0, lift)), 0.0),
    }


def _undulation(about: Pressing) -> LFO:
    return LFO(turning(WARPS / 60, about.rpm))


def level(name: str, default: float, shift: float = 0.0) -> Control:
    """A knob in dB for the level of an `Add`, `shift` dB from it."""
    return Control(name, -120, -30, default, unit="dB", start=-120.0 + shift, stop=-30.0 + shift)


def _faded(name: str, default: float, loudest: float) -> Control:
    """A knob in per cent for the level of an `Add`: nothing at 0, soon audible, then up to `loudest` dB."""
    steps = (-160.0, *(loudest + d for d in (-24.0, -20.0, -16.0, -12.0, -9.5, -7.5, -5.5, -3.5, -1.5, 0.0)))
    return walk(Add, "level", Control(name, 0, 100, default, unit="%", start=0.0, stop=0.0), steps)


def player(about: Pressing) -> Blocks:
    """From the stylus's movement to the line: arm, cartridge, replay curve, hum, and how wide it is played.

    Before stereo the coils heard what is lateral alone, and with it no vertical rumble.
    """
    return {
        "arm": ArmResonance(about.mass, about.compliance),
        "generator": Tanh(about.generator),
        "cartridge": Cartridge(1e3 * about.tip),
        "crosstalk": CartridgeCrosstalk(about.crosstalk, about.treble),
        "coils": EllipticalEQ(5.0, by_year(EllipticalEQ, "width", "stereo", about)),
        "replay": equaliser(about),
        "makeup": Gain(driven(-1.0)),
        "hum": Add(mains(), level("hum", about.hum)),
        "width": EllipticalEQ(5.0, Control("width", 0, 200, 100.0, unit="%", start=0.0, stop=2.0)),
    }


def residual(about: Pressing, hidden: int, sample_rate: int, key: RandomKey | None) -> Blocks:
    """A small network for what the physics leaves, told the groove's speed; none for no cells. It starts silent."""
    if not hidden:
        return {}
    if key is None:
        raise ValueError("key is None, but the residual network needs one: give jax.random.key(0)")
    network = GRU(hidden, controls=(groove(about),), sample_rate=sample_rate, key=key)
    return {"residual": eqx.tree_at(lambda g: g.output, network, jnp.zeros_like(network.output))}


__all__ = [
    "SPEEDS", "STYLI", "by_year", "cut", "equaliser", "groove", "player", "residual", "stylus", "surface",
    "turntable",
]  # fmt: skip
