"""Fitting without pairs: critics, statistics, the matched baseline, and a fit that is the same when resumed."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import lfilter, welch

from ddspfx.blocks.add import Add
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.gain import Gain
from ddspfx.clock import Clock
from ddspfx.fit.adversarial import FILE, UnpairedSettings, fit_unpaired
from ddspfx.fit.critics import Critic, critics, hinge, persuasion
from ddspfx.fit.matching import bent, histogram_curve, response, taps_of
from ddspfx.fit.progress import Silent
from ddspfx.fit.statistics import FLOOR, apart, band_levels, bands, centres, loud_crest, quantiles
from ddspfx.listing import get
from ddspfx.slot import read

RATE = 44_100
SMALL = UnpairedSettings(steps=6, batch=2, segment=4_096, warm_up=256, width=2, sizes=(512,), save_every=3)


def music(seconds, seed):
    """Noise with bursts and a tilt of its own: louder and softer, as programme is."""
    random = np.random.default_rng(seed)
    white = random.standard_normal(round(seconds * RATE))
    swell = np.repeat(10 ** (random.uniform(-1.2, 0, white.size // 2_205 + 1)), 2_205)[: white.size]
    return 0.1 * lfilter([1], [1, -0.7], white) * swell


def test_thirds_of_an_octave_hold_the_power_of_what_lies_in_them():
    x = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE)
    mean = 10 * np.log10(np.mean(10 ** (np.asarray(band_levels(jnp.asarray(x)[None], RATE)) / 10), axis=0))
    f, density = welch(x, RATE, nperseg=8_192)
    for centre, level in list(zip(centres(RATE), mean, strict=True))[8:]:
        inside = (f > centre * 2 ** (-1 / 6)) & (f < centre * 2 ** (1 / 6))
        width = centre * (2 ** (1 / 6) - 2 ** (-1 / 6))
        assert level == pytest.approx(10 * np.log10(density[inside].mean() * width), abs=0.5)
    assert np.allclose(bands(RATE).sum(0), centres(RATE) * (2 ** (1 / 6) - 2 ** (-1 / 6)) * 2_048 / RATE, rtol=1e-9)


def test_quantiles_are_numpy_s_and_their_distance_is_a_gain():
    x = jnp.asarray(music(3, 1))[None]
    levels = band_levels(x, RATE)
    assert np.allclose(quantiles(levels)[3], np.median(np.asarray(levels), axis=0), atol=1e-3)
    loud = quantiles(band_levels(x * 2, RATE))
    assert float(apart(loud, quantiles(levels))) == pytest.approx(20 * np.log10(2), abs=0.05)
    slope = jax.grad(lambda x: apart(quantiles(band_levels(x, RATE)), loud))(jnp.zeros((1, 8_192)))
    assert np.isfinite(np.asarray(slope)).all() and FLOOR > 0


def test_the_crest_of_loud_frames_is_that_of_a_sine_and_falls_with_saturation():
    sine = np.sin(2 * np.pi * 997 * np.arange(RATE) / RATE)
    assert loud_crest([sine]) == pytest.approx(20 * np.log10(2**0.5), abs=0.05)
    x = music(2, 3)
    assert loud_crest([0.3 * x]) == pytest.approx(loud_crest([x]), abs=1e-6)
    assert loud_crest([np.tanh(20 * x)]) < loud_crest([x]) - 1


def test_a_response_is_found_without_pairs_and_its_phase_is_what_was_chosen():
    b, a = [0.5], [1, -0.5]
    wet = [lfilter(b, a, music(6, seed)) for seed in range(10, 14)]
    found = response([music(6, seed) for seed in range(4)], wet, RATE)
    turns = np.exp(2j * np.pi * found.frequencies / RATE)
    true = 20 * np.log10(np.abs(b[0] / (1 - 0.5 / turns)))
    inside = found.frequencies < 8_000
    assert np.sqrt(np.mean((found.gain - true)[inside] ** 2)) < 1.5
    for phase in ("minimum", "zero", "tape"):
        taps, centre = taps_of(found, RATE, 1_023, phase)
        response_ = np.fft.rfft(np.roll(np.pad(taps, (0, 2**15 - taps.size)), -centre))
        places = np.round(found.frequencies * 2**15 / RATE).astype(int)[6:]
        assert np.abs(20 * np.log10(np.abs(response_[places])) - found.gain[6:]).max() < 1.0
        angle = np.angle(response_[places])
        assert (np.abs(angle).max() < 0.1) == (phase == "zero")
        if phase == "minimum":
            assert np.abs(angle - np.angle(b[0] / (1 - 0.5 / turns))[6:])[:10].max() < 0.25
        if phase == "tape":
            assert angle[0] > 0.1 > abs(angle[-8])


def test_a_curve_is_found_from_the_histograms():
    x = np.random.default_rng(2).standard_normal(200_000) * 0.3
    places, values = histogram_curve([x], [np.tanh(2 * x) / 2])
    probe = np.linspace(-0.9, 0.9, 41)
    assert np.abs(bent(probe, places, values) - np.tanh(2 * probe) / 2).max() < 5e-3


def test_critics_tell_wet_from_dry_by_the_hinge():
    judges = critics(jax.random.key(0), (512,), 3)
    x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 4_096)))
    scores, heard = judges[0](x[:1])
    assert isinstance(judges[0], Critic) and len(heard) == 4 and scores.ndim == 3
    real = np.asarray(judges[0](x[:1])[0])

    @jax.jit
    def told(x):
        return hinge(judges, x, x), persuasion(judges, x, x), jax.grad(lambda y: sum(persuasion(judges, x, y)))(0 * x)

    same, (against, alike), slope = told(x[:1])
    assert float(same) == pytest.approx(np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + real).mean(), rel=1e-4)
    assert float(against) == pytest.approx(-real.mean(), rel=1e-3, abs=1e-6) and float(alike) < 1e-6
    assert np.isfinite(np.asarray(slope)).all()


def generator():
    return Serial(level=Gain(0.0), hiss=Add(level=-60.0))


def test_statistics_alone_find_a_gain():
    dry, wet = [music(4, 5)], [0.5 * music(4, 6)]
    found = fit_unpaired(
        generator(),
        dry,
        wet,
        RATE,
        key=jax.random.key(1),
        steps=60,
        batch=8,
        segment=8_192,
        warm_up=0,
        adversarial=0.0,
        statistics=1.0,
        rates={"level.*": 60.0},
        freeze=["hiss.*"],
    )
    level = read(get(found.model, "level.level"), jnp.zeros((1, 1)), Clock.zero(RATE))
    assert float(level) == pytest.approx(-6.0, abs=1.5)


class Keeper(Silent):
    """Copies the checkpoint that lies there when the last step is told: that of step 3."""

    def __init__(self, source, target):
        self.source, self.target = source, target

    def step(self, share, loss, esr, seconds_left):
        shutil.copytree(self.source, self.target)


def test_a_resumed_fit_is_the_same_fit(tmp_path):
    dry, wet = [music(1, 7), music(1, 8)], [0.5 * music(1, 9)]
    more = {"features": 1.0, "settings": SMALL, "key": jax.random.key(2)}
    keeper = Keeper(tmp_path / "whole", tmp_path / "killed")
    whole = fit_unpaired(generator(), dry, wet, RATE, out=tmp_path / "whole", progress=keeper, **more)
    assert (tmp_path / "killed" / FILE).read_bytes() != (tmp_path / "whole" / FILE).read_bytes()
    resumed = fit_unpaired(generator(), dry, wet, RATE, out=tmp_path / "killed", resume=True, **more)
    for ours, theirs in zip(jax.tree.leaves(whole.model), jax.tree.leaves(resumed.model), strict=True):
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
    assert whole.history == resumed.history and len(whole.history) == 1
    with pytest.raises(ValueError, match="start without resume"):
        fit_unpaired(generator(), wet, dry, RATE, out=tmp_path / "killed", resume=True, **more)


def test_what_is_too_short_is_refused():
    with pytest.raises(ValueError, match="dry has a recording of 100 samples"):
        fit_unpaired(generator(), [np.zeros(100)], [np.zeros(100_000)], RATE, key=jax.random.key(0))
