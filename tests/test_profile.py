"""The profile accounts for every moment once, and changes nothing."""

import threading
import time

import numpy as np

import ddspfx
from ddspfx.alignment.align import Alignment
from ddspfx.cli.profiling import table
from ddspfx.fit.profile import COMPILING, STEPS, Profile, phase
from ddspfx.fit.takes import Take

RATE = 44_100
SETTINGS = {"passes": 4, "sequences": 2, "segment": 256, "chunks": 2, "warm_up": 64, "validate_every": 2}


def take() -> Take:
    x = 0.2 * np.random.default_rng(0).normal(size=(1, RATE // 2)).astype(np.float32)
    still = Alignment(0.0, 0.0, 1, 1.0, 1.0, False, (0.0,), 1.0, (), RATE, x.shape[1])
    return Take("toy", x, np.tanh(3 * x), RATE, still, (0, x.shape[1]))


def test_an_inner_phase_is_taken_from_the_outer_one() -> None:
    profile = Profile(time.perf_counter())
    with profile.listening():
        with phase("validation"):
            time.sleep(0.05)
            with phase("data"):
                time.sleep(0.1)
        with profile.aside():
            time.sleep(0.2)
        figures = profile.figures()
    assert 0.04 < figures["seconds"]["validation"] < 0.1
    assert 0.09 < figures["seconds"]["data"] < 0.15
    assert abs(figures["total"] - sum(figures["seconds"].values())) < 1e-9
    assert figures["total"] < 0.3


def test_compiling_counts_wherever_it_happens_and_apart_where_nobody_waits() -> None:
    profile = Profile()
    with profile.phase("validation"):
        time.sleep(0.05)
        profile.heard(COMPILING[0], 0.04)
        profile.heard("/jax/something/else", 9.0)
    other = threading.Thread(target=lambda: profile.heard(COMPILING[1], 2.0))
    other.start()
    other.join()
    figures = profile.figures()
    assert figures["seconds"]["compile"] == 0.04
    assert figures["seconds"]["validation"] < 0.04
    assert figures["compiled_behind"] == 2.0


def test_steps_are_shared_out() -> None:
    profile = Profile()
    profile.seconds[STEPS] = 8.0
    profile.share_out({"forward": 1.0, "backward": 2.0, "optimiser": 1.0})
    shared = profile.figures()["seconds"]
    assert (shared["forward"], shared["backward"], shared["optimiser"]) == (2.0, 4.0, 2.0)


def test_a_fit_that_is_profiled_is_the_same_fit() -> None:
    model = ddspfx.Serial(tape=ddspfx.Tanh(0.0))
    plain = ddspfx.fit(model, take(), **SETTINGS)
    with Profile(time.perf_counter()).listening() as profile:
        watched = ddspfx.fit(model, take(), **SETTINGS)
    assert watched.figures == plain.figures
    figures = profile.figures()
    assert all(figures["seconds"][name] > 0 for name in ("compile", "data", "forward", "validation"))
    assert set(figures["steps"][0]) == {"forward", "backward", "optimiser"}
    text = table(figures)
    assert all(name in text for name in figures["seconds"])
