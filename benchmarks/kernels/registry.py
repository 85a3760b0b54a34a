"""Every case of the table, in its order. A new one is a class with `name` and `rows`, and a place in this list."""

from benchmarks import training
from benchmarks.bench.case import Case
from benchmarks.kernels import (
    compressor,
    convolution,
    delays,
    filters,
    hysteresis,
    moving,
    oversampling,
    recurrent,
    spectra,
)

CASES: tuple[Case, ...] = (
    filters.Six(),
    filters.One(),
    moving.Moving(),
    moving.Varying(),
    moving.Still(),
    delays.Linear(),
    delays.Lagrange(),
    delays.Sinc(),
    compressor.Compressor(),
    compressor.Smoothing(),
    hysteresis.Hysteresis(),
    recurrent.GRU(),
    recurrent.LSTM(),
    recurrent.StreamedGRU(),
    recurrent.StreamedLSTM(),
    convolution.Net(),
    spectra.Spectra(),
    convolution.LongFIR(),
    oversampling.Oversampling(),
    training.Training(),
)


def chosen(only: tuple[str, ...]) -> tuple[Case, ...]:
    """The cases of these names, or with these words in their names, or all. Raises ValueError for a word in none."""
    names = {name for word in only for name in _meant(word)}
    return tuple(case for case in CASES if not only or case.name in names)


def _meant(word: str) -> list[str]:
    names = [case.name for case in CASES]
    found = [name for name in names if name == word] or [name for name in names if word.lower() in name.lower()]
    if not found:
        raise ValueError(f"--only is {word}, but must be in one of: {'; '.join(names)}")
    return found
