"""Every case of the table, in its order. A new one is a class with `name` and `rows`, and a place in this list."""

from benchmarks.bench.case import Case
from benchmarks.kernels import compressor, convolution, delays, filters, hysteresis, oversampling, recurrent, spectra

CASES: tuple[Case, ...] = (
    filters.Six(),
    filters.One(),
    filters.Moving(),
    filters.Varying(),
    filters.Still(),
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
)


def chosen(only: tuple[str, ...]) -> tuple[Case, ...]:
    """The cases whose names contain one of the words, or all. Raises ValueError for a word that is in none."""
    for word in only:
        if not any(word.lower() in case.name.lower() for case in CASES):
            raise ValueError(f"--only is {word}, but must be in one of: {', '.join(case.name for case in CASES)}")
    return tuple(case for case in CASES if not only or any(word.lower() in case.name.lower() for word in only))
