"""What a fit can be told, with the defaults that suit most devices."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """The settings of a fit; the names are the same in Python, in TOML and on the command line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passes: int = Field(60, ge=0, description="times through the training part")
    sequences: int = Field(16, ge=1, description="sequences run side by side")
    segment: int = Field(2048, ge=16, description="samples of one truncated backpropagation")
    chunks: int = Field(8, ge=1, description="segments of a sequence, the state carried from one to the next")
    warm_up: int = Field(4096, ge=0, description="samples before a sequence that only settle the state")
    learning_rate: float = Field(3e-3, gt=0, description="of Adam, at the start")
    final_rate: float = Field(0.05, gt=0, le=1, description="share of the learning rate left at the end (cosine)")
    clip: float = Field(1.0, gt=0, description="largest norm of a gradient")
    loss: dict[str, float] = Field({"esr": 1.0}, description="losses by name and weight")
    validation: float = Field(0.2, ge=0, lt=1, description="share of each recording, its end, kept from training")
    validate_every: int = Field(5, ge=1, description="passes between validations")
    patience: int = Field(6, ge=1, description="validations without gain before the learning rate falls; twice: stop")
    devices: int | None = Field(None, ge=1, description="that the sequences are shared out over; all there are")
    starts: int = Field(1, ge=1, description="random starts, run in one compiled program; the best goes on")
    seed: int = Field(0, ge=0, description="of everything random")
    minutes: float | None = Field(None, gt=0, description="stop in time, whatever is left")
    rates: dict[str, float] = Field({}, description="learning rate by slot path, as a factor: {'drive.*': 0.1}")
    freeze: list[str] = Field([], description="slot paths that stay as they are: ['tone.*']")
    solve: list[str] = Field([], description="paths of FIR blocks and filter banks that are solved between passes")
    evenness: float = Field(
        0.0, ge=0, le=1, description="of a solved filter bank: 0 for these recordings' error, 1 for any programme"
    )
    ridge: float = Field(
        1e-6, gt=0, le=1, description="of solved taps: bands below this share of the mean power stay as they are"
    )
    time: str = Field(
        "joint",
        pattern="^(joint|tracked|demodulated|none)$",
        description="the delay: fitted on, as tracked, taken out of the targets, or none",
    )
    refine_every: int = Field(10, ge=1, description="passes between refinements of the tracked delay (time: joint)")
    alternations: int = Field(1, ge=1, description="times that what is solved and the delay are found before pass 1")
    least_squares: int = Field(
        0, ge=0, description="rounds of Levenberg and Marquardt over the slots before the first pass and after the last"
    )
    confidence: float = Field(
        0.0, ge=0, description="seconds of each recording from which the deviation of every slot is found; 0: not"
    )
    match_noise: bool = Field(True, description="fit noise sources to what the quiet model leaves")

    def with_changes(self, **changes: Any) -> "Settings":
        """The settings with some replaced, checked again; it stays known which were given (`model_fields_set`)."""
        return Settings(**{**self.model_dump(exclude_unset=True), **changes})
