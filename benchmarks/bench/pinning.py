"""One core for everybody: to be called before NumPy, JAX or PyTorch are imported, which count the cores they see."""

import os

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def pin() -> int | None:
    """Holds the process on the last core that it may use; which one, or None where the system cannot."""
    for name in THREADS:
        os.environ[name] = "1"
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core
