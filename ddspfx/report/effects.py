"""What a model is made of, by what one hears: groups of its blocks, and the model with one of them alone."""

from collections.abc import Iterator
from typing import NamedTuple

from ddspfx.block import AbstractBlock
from ddspfx.blocks.add import Add
from ddspfx.blocks.azimuth import Azimuth
from ddspfx.blocks.cartridge_crosstalk import CartridgeCrosstalk
from ddspfx.blocks.chain import AbstractNamed, Serial
from ddspfx.blocks.crosstalk import Crosstalk
from ddspfx.blocks.delay import FixedDelay, VariableDelay
from ddspfx.blocks.elliptical import EllipticalEQ
from ddspfx.blocks.lift import Lift
from ddspfx.blocks.modulation_noise import ModulationNoise
from ddspfx.blocks.one_pole import DCBlocker, OnePole
from ddspfx.blocks.print_through import PrintThrough
from ddspfx.blocks.turned import Turned
from ddspfx.models.played import AbstractPlayed
from ddspfx.models.tape import Tape
from ddspfx.models.vinyl import Vinyl

NOISE = (Add, Lift, ModulationNoise, PrintThrough)
STEREO = (Crosstalk, CartridgeCrosstalk, EllipticalEQ)
TIME = (VariableDelay, FixedDelay, Azimuth)
TONE = (DCBlocker, OnePole)
"""Linear blocks without a `frequency_response`; the others are known by it."""
FAMILIES = {
    "tone": "what it does to the spectrum",
    "bend": "levels, curves and what remembers",
    "time": "what it does to time",
    "noise": "what it adds of its own",
    "stereo": "what it does between the channels",
}
LEAST = 3
"""Families below which a chain's effects are not played one by one: the model without its noise tells it already."""


class Effect(NamedTuple):
    """Blocks of a model that are heard together: the effect's name on the page, what it is, and their names."""

    label: str
    says: str
    blocks: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of its clip."""
        return "effect-" + "-".join(self.label.lower().split())


OF_VINYL = (
    Effect("Cut and stylus", "curves, tracing, angles, contact", (
        *("bass", "band", "drive", "record", "tracing", "angle", "contact", "mistracking", "worn", "replay", "makeup"),
        "residual",
    )),
    Effect("Turning", "wow, warp, flutter and drift", ("time",)),
    Effect("Surface", "hiss, clicks, scratches and rumble", (
        "record", "grain", "hiss", "dust", "scratches", "rumble", "motor", "warp", "replay",
    )),
    Effect("Cartridge", "arm, generator, tip and load, hum", (
        "record", "arm", "generator", "cartridge", "replay", "hum",
    )),
    Effect("Stereo", "bass to mono, crosstalk, width", ("stereo", "crosstalk", "coils", "width")),
)  # fmt: skip
OF_TAPE = (
    Effect("Tape", "recording, bias, magnetisation", (
        "drive", "coupling", "record", "lineup", "tape", "correction", "makeup", "replay",
    )),
    Effect("Head", "spacing, gap, bump and lean", ("record", "lineup", "loss", "bump", "azimuth", "replay")),
    Effect("Transport", "wow and flutter", ("transport",)),
    Effect("Noise", "drop-outs, hiss, print-through, hum", (
        "record", "dropouts", "modulation", "print", "crosstalk", "hiss", "replay", "hum",
    )),
)  # fmt: skip


def core(model: AbstractBlock) -> AbstractBlock:
    """The chain itself, its knobs as they stand."""
    return model.turned if isinstance(model, Turned) else model


def effects_of(model: AbstractBlock, channels: int = 2) -> tuple[Effect, ...]:
    """What of a chain can be heard alone; nothing of a chain with fewer than three kinds of blocks."""
    chain = core(model)
    if not isinstance(chain, AbstractPlayed | Serial):
        return ()
    known = OF_VINYL if isinstance(chain, Vinyl) else OF_TAPE if isinstance(chain, Tape) else tuple(_families(chain))
    present = (each._replace(blocks=tuple(n for n in each.blocks if n in chain.names)) for each in known)
    return tuple(each for each in present if each.blocks and (channels > 1 or each.label != "Stereo"))


def alone(model: AbstractBlock, effect: Effect) -> AbstractBlock:
    """The model with all blocks bypassed that are not the effect's."""
    chain = core(model)
    if isinstance(chain, AbstractPlayed):
        return chain.without(*(name for name in chain.names if name not in effect.blocks))
    if isinstance(chain, Serial):
        kept = {n: block for n, block in zip(chain.names, chain.blocks, strict=True) if n in effect.blocks}
        return Serial(**kept)
    raise TypeError(f"model is a {type(chain).__name__}, but must be a chain of named blocks")


def family(block: AbstractBlock) -> str:
    """To which of `FAMILIES` a block belongs; a chain belongs where all its blocks do, else to "bend"."""
    for name, kinds in (("noise", NOISE), ("stereo", STEREO), ("time", TIME), ("tone", TONE)):
        if isinstance(block, kinds):
            return name
    if hasattr(block, "frequency_response"):
        return "tone"
    inner = {family(each) for each in block.blocks} if isinstance(block, AbstractNamed) else set()
    return inner.pop() if len(inner) == 1 else "bend"


def _families(chain: AbstractNamed) -> Iterator[Effect]:
    rows: dict[str, list[str]] = {}
    for name, block in zip(chain.names, chain.blocks, strict=True):
        rows.setdefault(family(block), []).append(name)
    if len(rows) < LEAST:
        return
    for kind, says in FAMILIES.items():
        if kind in rows:
            yield Effect(kind.capitalize(), says, tuple(rows[kind]))
