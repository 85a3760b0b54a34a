"""The fit finds what is there: parameters, delays, taps and noise of devices that are known."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ddspfx
from ddspfx.alignment.align import Alignment
from ddspfx.fit.auto import fit_auto
from ddspfx.fit.batch import draw, shifted, spans
from ddspfx.fit.latents import knob_columns, stack, unstack
from ddspfx.fit.noise import density
from ddspfx.fit.refine import refined
from ddspfx.fit.settings import Settings
from ddspfx.fit.solve import wiener
from ddspfx.fit.step import multipliers
from ddspfx.fit.takes import Take, centred

RATE = 44_100
QUICK = {"passes": 40, "sequences": 4, "segment": 512, "chunks": 2, "warm_up": 256, "validate_every": 10}


def music(seconds: float = 1.5, seed: int = 0) -> np.ndarray:
    """Pink-like noise with a beat: broad in spectrum, moving in level."""
    random = np.random.default_rng(seed)
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(random.normal(size=count)) / np.sqrt(np.arange(count // 2 + 1) + 20)
    x = np.fft.irfft(spectrum, count)
    beat = 0.3 + np.abs(np.sin(2 * np.pi * 3 * np.arange(count) / RATE))
    return (0.35 * x / np.std(x) * beat)[None].astype(np.float32)


def take(dry: np.ndarray, wet: np.ndarray, trajectory: ddspfx.Trajectory | None = None, **controls: float) -> Take:
    """A pair that is aligned already."""
    still = Alignment(0.0, 0.0, 1, 1.0, 1.0, False, (0.0,), 1.0, (), RATE, wet.shape[1])
    return Take("toy", dry, np.asarray(wet, np.float32), RATE, still, (0, wet.shape[1]), trajectory, controls)


def test_a_drive_is_found_and_the_history_tells_how() -> None:
    x = music()
    wet = np.tanh(4 * x) / 4
    run = ddspfx.fit(ddspfx.Serial(tape=ddspfx.Tanh(0.0)), take(x, wet), learning_rate=0.02, **QUICK)
    assert abs(float(run.model.tape.drive.value) - 20 * np.log10(4)) < 0.1
    assert run.figures["esr_validation"] < 1e-4
    assert run.history[0]["esr"] > run.history[-1]["esr"]


def test_frozen_paths_stay_and_idle_patterns_are_refused() -> None:
    x = music()
    model = ddspfx.Serial(level=ddspfx.Gain(-1.0), tape=ddspfx.Tanh(3.0))
    run = ddspfx.fit(model, take(x, np.tanh(4 * x) / 4), freeze=["level.*"], **{**QUICK, "passes": 3})
    assert np.array_equal(run.model.level.level.raw, model.level.level.raw)
    assert not np.array_equal(run.model.tape.drive.raw, model.tape.drive.raw)
    with pytest.raises(ValueError, match="no parameter matches 'lvel"):
        ddspfx.fit(model, take(x, x), freeze=["lvel.*"], **QUICK)


def test_rates_go_by_path() -> None:
    model = ddspfx.Serial(level=ddspfx.Gain(-1.0), tape=ddspfx.Tanh(3.0))
    own, _ = multipliers(model, {}, Settings(rates={"tape.*": 0.1}, freeze=["level.*"]))
    assert jax.tree.leaves(own) == [0.0, 0.1]


def test_a_knob_is_learned_from_pairs_at_several_places() -> None:
    x = music()
    model = ddspfx.Serial(tape=ddspfx.Tanh(ddspfx.Control("drive", 0, 10, start=0.0, stop=12.0)))
    takes = [take(x, np.tanh(g * x) / g, drive=place) for place, g in ((0.0, 1.0), (10.0, 8.0))]
    run = ddspfx.fit(model, takes, learning_rate=0.03, **QUICK)
    ends = [float(ddspfx.at(run.model, drive=v).tape.drive.value) for v in (0.0, 10.0)]
    assert abs(ends[1] - 20 * np.log10(8)) < 0.5 and ends[0] < 3.0
    with pytest.raises(ValueError, match="names no 'drive'"):
        knob_columns(model, [{"drive": 1.0}, {}])


def test_any_optimiser_and_any_loss() -> None:
    x = music()
    run = ddspfx.fit(
        ddspfx.Serial(tape=ddspfx.Tanh(0.0)),
        take(x, np.tanh(4 * x) / 4),
        optimiser=optax.adamw(0.02),
        loss=lambda y, wet: jnp.mean(jnp.abs(y - wet)),
        **QUICK,
    )
    assert run.figures["esr_validation"] < 1e-3


def test_nan_is_met_with_the_best_model_and_half_the_rate() -> None:
    class Fragile(ddspfx.AbstractBlock):
        weight: jax.Array = eqx.field(converter=jnp.asarray, default=1.0)

        def init_state(self, channels: int, sample_rate: int) -> tuple[()]:
            return ()

        def __call__(self, x, state, clock):
            return x * jnp.where(self.weight > 1.5, jnp.nan, self.weight), state

    said: list[str] = []

    class Listener:
        def say(self, text: str) -> None:
            said.append(text)

        def step(self, *numbers: float) -> None: ...

    x = music()
    run = ddspfx.fit(Fragile(), take(x, 1.45 * x), learning_rate=0.8, progress=Listener(), **QUICK)
    assert np.isfinite(run.figures["esr_validation"])
    assert any("not finite" in text for text in said)


def test_several_starts_run_in_one_program_and_the_best_goes_on() -> None:
    x = music()

    def build(key: jax.Array) -> ddspfx.AbstractBlock:
        return ddspfx.Serial(tape=ddspfx.Tanh(float(jax.random.uniform(key, minval=0.0, maxval=24.0))))

    run = ddspfx.fit(build, take(x, np.tanh(4 * x) / 4), starts=3, learning_rate=0.02, **QUICK)
    assert run.figures["esr_validation"] < 1e-4
    with pytest.raises(ValueError, match="starts is 3"):
        ddspfx.fit(build(jax.random.key(0)), take(x, x), starts=3, **QUICK)


def test_a_stopped_fit_goes_on_to_the_same_numbers(tmp_path) -> None:
    x = music()
    pair, model = take(x, np.tanh(4 * x) / 4), ddspfx.Serial(tape=ddspfx.Tanh(0.0))
    settings = {**QUICK, "passes": 12, "validate_every": 3}
    whole = ddspfx.fit(model, pair, out=tmp_path / "whole", **settings)

    class Killer:
        def __init__(self) -> None:
            self.steps = 0

        def say(self, text: str) -> None: ...

        def step(self, *numbers: float) -> None:
            self.steps += 1
            if self.steps == 7:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ddspfx.fit(model, pair, out=tmp_path / "cut", progress=Killer(), **settings)
    resumed = ddspfx.fit(model, pair, out=tmp_path / "cut", resume=True, **settings)
    assert resumed.figures == whole.figures
    assert np.array_equal(resumed.model.tape.drive.raw, whole.model.tape.drive.raw)
    with pytest.raises(ValueError, match="another learning_rate"):
        ddspfx.fit(model, pair, out=tmp_path / "cut", resume=True, learning_rate=0.1, **settings)
    again = ddspfx.Run.load(tmp_path / "cut")
    assert again.figures == whole.figures and str(again.model) == str(whole.model)


def wobble(times: np.ndarray) -> np.ndarray:
    """A transport: seconds of delay beyond the mean."""
    return 4e-5 * np.sin(2 * np.pi * 2.0 * times) + 5e-6 * np.sin(2 * np.pi * 9.0 * times + 1)


def toy_transport(seconds: float = 1.5) -> tuple[np.ndarray, np.ndarray, ddspfx.Trajectory]:
    """Dry, wet through a moving delay and a curve, and the true delay."""
    x = music(seconds)
    times = np.arange(0, seconds, 0.005)
    true = ddspfx.Trajectory.fit(times, wobble(times), seconds, RATE)
    curved = np.tanh(3 * x.astype(np.float64)) / 3
    return x, true.apply(curved), true


def test_a_rough_delay_is_refined_with_the_model() -> None:
    x, wet, true = toy_transport()
    rough = eqx.tree_at(lambda t: t.knots, true, 0.5 * true.knots)
    model = ddspfx.Serial(
        tape=ddspfx.Tanh(20 * np.log10(3)), transport=ddspfx.VariableDelay(-0.001, 0.001, 0.0, "sinc")
    )
    latents = {"transport.delay": stack([rough])}
    better = refined(model, latents, [take(x, wet)], rounds=6, hold_mean=False)
    found = unstack(better, 0)["transport.delay"]
    times = np.linspace(0.1, 1.4, 500)
    before, after = (np.std(t(times) - true(times)) * RATE for t in (rough, found))
    assert after < 0.01 < 0.3 < before


def test_the_delay_is_a_latent_of_the_fit() -> None:
    x, wet, true = toy_transport()
    rough = eqx.tree_at(lambda t: t.knots, true, 0.5 * true.knots)
    model = ddspfx.Serial(tape=ddspfx.Tanh(6.0), transport=ddspfx.VariableDelay(-0.001, 0.001, 0.0, "sinc"))
    run = ddspfx.fit(
        model, take(x, wet), latents={"transport.delay": rough}, learning_rate=0.02, refine_every=10, **QUICK
    )
    times = np.linspace(0.1, 1.1, 500)
    found = run.latents["transport.delay"][0]
    assert np.std(found(times) - true(times)) * RATE < 0.02
    assert abs(float(run.model.tape.drive.value) - 20 * np.log10(3)) < 0.2
    assert run.figures["esr_validation"] < 1e-3


def test_a_delay_line_takes_a_trajectory_by_moving_the_dry() -> None:
    x, wet, true = toy_transport()
    line = ddspfx.VariableDelay(0.0, 0.05)
    moved = centred(dataclasses.replace(take(x, wet), trajectory=true), line)
    low, high = moved.trajectory.bounds()
    assert 0 <= low < high <= 0.05
    shift = round((moved.trajectory(0.5) - true(0.5)) * RATE)
    assert np.array_equal(moved.dry[:, : x.shape[1] - shift], x[:, shift:])
    with pytest.raises(ValueError, match="wanders over"):
        centred(dataclasses.replace(take(x, wet), trajectory=true), ddspfx.VariableDelay(0.0, 5e-5))


def test_taps_in_closed_form_are_the_device() -> None:
    random = np.random.default_rng(1)
    x, h = random.normal(size=(1, 20_000)), random.normal(size=24)
    y = np.convolve(x[0], h, "valid")[None]
    assert np.abs(wiener([x], [y], 24, ridge=1e-14) - h).max() < 1e-9


def test_noise_is_measured_between_the_music() -> None:
    random = np.random.default_rng(2)
    noise = 1e-3 * random.normal(size=(1, 4 * RATE))
    loud = 0.1 * random.normal(size=(1, 4 * RATE)) * (np.arange(4 * RATE) % RATE < RATE // 2)
    frequency, power = density([noise + 0.1 * loud], [loud], RATE)
    level = 10 * np.log10(np.sum(power[1:]) * (frequency[1] - frequency[0]))
    assert abs(level - 20 * np.log10(1e-3)) < 1.5


def test_noise_sources_are_fitted_by_statistics_not_silenced() -> None:
    x = music(3.0)
    wet = x + 1e-3 * np.random.default_rng(3).normal(size=x.shape)
    run = ddspfx.fit(ddspfx.Serial(hiss=ddspfx.Add(ddspfx.Noise(), -100.0)), take(x, wet), **{**QUICK, "passes": 1})
    assert abs(float(run.model.hiss.level.value) + 60) < 1.0


def test_sequences_depend_on_seed_and_number_alone_and_stay_in_the_training_part() -> None:
    x = music()
    training, later = spans([take(x, x)], 0.25)
    settings = Settings(**QUICK)
    first, again, other = draw(training, settings, 3), draw(training, settings, 3), draw(training, settings, 4)
    assert np.array_equal(first.start, again.start) and not np.array_equal(first.start, other.start)
    ends = np.asarray(first.start) + settings.segment * settings.chunks
    assert first.start.min() >= training[0][0] and ends.max() <= training[0][1] == later[0][0]


def test_a_fraction_of_latency_is_moved_exactly() -> None:
    n = np.arange(4_000)
    x = np.sin(0.2 * n)[None] * np.hanning(n.size)
    exact = np.sin(0.2 * (n - 2.5)) * np.interp(n - 2.5, n, np.hanning(n.size))
    assert np.abs(shifted(x, 2.5)[0] - exact)[10:].max() < 1e-5
    assert np.array_equal(shifted(x, 3.0)[0, 3:], x[0, :-3])


def test_another_file_may_be_the_validation_part() -> None:
    x, other = music(), music(seed=5)
    held = take(other, np.tanh(4 * other) / 4)
    model = ddspfx.Serial(tape=ddspfx.Tanh(0.0))
    run = ddspfx.fit(model, take(x, np.tanh(4 * x) / 4), held_out=held, learning_rate=0.02, **QUICK)
    assert run.figures["esr_validation"] < 1e-4
    assert run.recordings[0]["validated_s"][0] == run.recordings[0]["validated_s"][1]
    assert run.recordings[1]["trained_s"][0] == run.recordings[1]["trained_s"][1]


def test_short_audio_is_refused_in_words() -> None:
    x = music(0.11)
    with pytest.raises(ValueError, match=r"give more audio|overlap by less"):
        ddspfx.fit(ddspfx.Tanh(), take(x, x), **{**QUICK, "segment": 16_384})


def test_auto_makes_models_that_turn_with_the_recordings_knobs() -> None:
    x = music()
    takes = [take(x, np.tanh(g * x) / g, drive=place) for place, g in ((0.0, 1.0), (10.0, 8.0))]
    run = fit_auto(takes, names=("linear", "curve"), minutes=0.02, time="none", progress=None, **QUICK)
    assert run.figures["model"] == "curve" and set(ddspfx.controls(run.model)) == {"drive"}
    assert run.figures["esr_validation"] < 0.3 * run.figures["candidates"]["linear"]["esr"]
    assert any("nonlinear" in sentence for sentence in run.findings)
