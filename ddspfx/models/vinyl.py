"""A record and its player: blocks in the order of the signal, and knobs in their own units."""

from dataclasses import fields

import equinox as eqx

from ddspfx.block import AbstractBlock
from ddspfx.control import Control
from ddspfx.models.played import AbstractPlayed
from ddspfx.models.pressing import PRESSINGS, USUAL
from ddspfx.models.vinyl_parts import cut, player, residual, stylus, surface, turntable
from ddspfx.slot import SlotLike, fill, param
from ddspfx.types import RandomKey


class Vinyl(AbstractPlayed):
    """A record to play, to turn and to fit: y = (1 - mix) x + mix V(x), V these blocks in a row.

        drive -> stereo -> bass -> band -> record -> time -> tracing -> angle -> contact -> mistracking -> worn
        -> grain -> hiss -> dust -> scratches -> rumble -> motor -> warp
        -> arm -> generator -> cartridge -> crosstalk -> coils -> replay -> makeup -> hum -> width (-> residual)

    Between `record` and `replay` the signal is the velocity of the groove's two walls, 19.9 cm/s at full scale (5 cm/s
    at -12 dBFS). `pressing` is one of `PRESSINGS`: it sets the disc, the player's figures and the knobs' defaults.
    Recording and replay are inverse; what is heard is what differs from that: stylus, time, band and noise.
    `hidden` cells of a recurrent network, told the groove's speed, stand at the end for what physics leaves (they
    need `key` and belong to `sample_rate`, and are silent until fitted).

    Controls: rpm (switch), year (band, curve, grain and wear of the time; mono until stereo came in 1958), wow (%,
    peak of the revolution), warp (mm), flutter and drift (%, RMS), wear (%), drive (dB above the usual cut), position
    on the side (%, goes on with time), stylus (switch), dust, scratch (%), hiss, rumble (dB of full scale in the
    groove, RMS), hum (dB), width, mix. `at` turns them. Random sources are functions of clock and key; `quiet` silences
    them. Raises ValueError for another pressing and for a network without a key.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    blocks: tuple[AbstractBlock, ...]
    mix: SlotLike = param(0.0, 1.0, "")

    def __init__(
        self,
        pressing: str = USUAL,
        *,
        hidden: int = 0,
        sample_rate: int = 44_100,
        mix: SlotLike | None = None,
        key: RandomKey | None = None,
    ):
        if pressing not in PRESSINGS:
            raise ValueError(f"pressing is {pressing!r}, but must be one of {', '.join(PRESSINGS)}")
        about = PRESSINGS[pressing]
        found = {**cut(about), **turntable(about), **stylus(about), **surface(about), **player(about)}
        found |= residual(about, hidden, sample_rate, key)
        self.names, self.blocks = tuple(found), tuple(found.values())
        wet = Control("mix", 0, 1, 1.0, start=0.0, stop=1.0) if mix is None else mix
        self.mix = fill(wet, next(field.metadata["range"] for field in fields(self) if field.name == "mix"))

    @classmethod
    def examples(cls) -> tuple["Vinyl", ...]:
        """One with its main blocks: the others are examples of their own."""
        others = ("bass", "band", "angle", "mistracking", "worn", "grain", "scratches", "rumble", "motor", "warp")
        return (cls().without(*others, "arm", "cartridge", "crosstalk", "coils", "hum", "stereo"),)


__all__ = ["Vinyl"]
