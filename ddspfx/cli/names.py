"""The names of the models, known without building one, so that a wrong name is answered at once."""

MODELS = (
    "linear",
    "bank",
    "curve",
    "tape",
    "hysteresis",
    "tape-physics",
    "tape-both",
    "tape-gru",
    "vinyl",
    "vinyl-both",
    "compressor",
    "gru",
    "lstm",
    "tcn",
)
"""The keys of `ddspfx.models.catalogue.RECIPES`; a test holds them equal."""
