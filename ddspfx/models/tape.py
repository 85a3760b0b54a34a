"""A tape machine: its blocks in the order of the signal, and its knobs in their own units."""

from dataclasses import fields
from typing import Self

import equinox as eqx

from ddspfx.block import AbstractBlock
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.gain import Gain
from ddspfx.control import Control
from ddspfx.models.machine import MACHINES, USUAL
from ddspfx.models.played import AbstractPlayed
from ddspfx.models.tape_parts import driven, head, magnetised, noises, recording, transport
from ddspfx.slot import SlotLike, fill, param, replace
from ddspfx.types import RandomKey


class Tape(AbstractPlayed):
    """A tape machine to play, to turn and to fit: y = (1 - mix) x + mix T(x), T these blocks in a row.

        coupling -> record -> lineup -> tape (-> correction) -> loss -> bump -> azimuth -> transport
        -> dropouts -> modulation -> print -> crosstalk -> hiss -> replay -> hum

    `nonlinearity` is "physics" (magnetisation under bias by its anhysteretic equivalent), "loop" (Jiles-Atherton
    without a bias), "gru" or "lstm" (a network of `hidden` cells, clean until it is fitted), or "both" (the physics,
    and a GRU that corrects it). Networks need `key` and belong to `sample_rate`. `machine` is one of `MACHINES`: it
    sets standard, head and the knobs' defaults. Recording and replay are inverse, and `lineup` undoes the losses
    of the machine as it was aligned, so that what is heard is what differs from that: level, age, azimuth, time.
    `oversampling` runs "physics", "loop" and "both" at a multiple of the rate.

    Controls: speed (switch), drive (dB), bias (dB about nominal), type (switch), wow and flutter (% of speed, RMS),
    azimuth (arc minutes), age (%), hiss (dB of full scale before replay's treble, RMS), hum (dB), mix. `at` turns them.
    Random sources are functions of clock and key; `quiet` silences them. Raises ValueError for another nonlinearity
    or machine and for a network without a key.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    blocks: tuple[AbstractBlock, ...]
    mix: SlotLike = param(0.0, 1.0, "")

    def __init__(
        self,
        nonlinearity: str = "physics",
        machine: str = USUAL,
        *,
        hidden: int = 32,
        oversampling: int = 1,
        sample_rate: int = 44_100,
        mix: SlotLike | None = None,
        key: RandomKey | None = None,
    ):
        if machine not in MACHINES:
            raise ValueError(f"machine is {machine!r}, but must be one of {', '.join(MACHINES)}")
        about = MACHINES[machine]
        tape = magnetised(nonlinearity, hidden, oversampling, sample_rate, key)
        found = {**recording(about), **tape, **head(about), **transport(about), **noises(about)}
        self.names, self.blocks = tuple(found), tuple(found.values())
        wet = Control("mix", 0, 1, 1.0, start=0.0, stop=1.0) if mix is None else mix
        self.mix = fill(wet, next(field.metadata["range"] for field in fields(self) if field.name == "mix"))

    @classmethod
    def of_fit(cls, model: Serial, machine: str = USUAL) -> Self:
        """A fitted chain (`fit --model tape` and its like) as a machine: its own sound, with the knobs around it.

        What the chain has up to `transport` becomes the tape, between the drive and its makeup; its `replay` and
        `hiss` stay. The machine gives azimuth, transport, drop-outs, print-through, crosstalk and hum, and the
        knobs drive (dB above the level that was recorded), wow, flutter, azimuth, age, hum and mix. Raises ValueError
        for a model without a `replay`, which is no such chain.
        """
        fitted = dict(zip(getattr(model, "names", ()), getattr(model, "blocks", ()), strict=True))
        if "replay" not in fitted:
            raise ValueError("model has no block called replay: give the model of a run of `fit` with a tape recipe")
        tail = {name: fitted.pop(name) for name in ("replay", "hiss") if name in fitted}
        fitted.pop("transport", None)
        whole = cls(machine=machine)
        own = dict(zip(whole.names, whole.blocks, strict=True))
        behind = {name: own[name] for name in ("azimuth", "transport", "dropouts", "print", "crosstalk")}
        found = {"drive": Gain(driven()), **fitted, "makeup": Gain(driven(-1.0)), **behind, **tail, "hum": own["hum"]}
        return replace(whole, names=tuple(found), blocks=tuple(found.values()))

    @classmethod
    def examples(cls) -> tuple["Tape", ...]:
        """One with its main blocks: the others are examples of their own."""
        others = ("bump", "azimuth", "dropouts", "modulation", "print", "crosstalk", "hiss", "hum")
        return (cls().without(*others),)


__all__ = ["Tape"]
