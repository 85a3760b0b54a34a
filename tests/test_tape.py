"""The tape machine: each block against its formula, and the whole as one plays it."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ddspfx
from ddspfx import Clock, Tape, TapeEqualiser, TapeLoss, TimeConstants, at, quiet, render
from ddspfx.blocks.anhysteretic import BIASES, EQUIVALENTS, NOMINAL_BIAS
from ddspfx.blocks.tape_equaliser import SPEEDS, STANDARDS, constants
from ddspfx.models.machine import MACHINES
from ddspfx.signal.bias import loop_mean
from ddspfx.source.dropouts import Dropouts

RATE = 48_000
BAND = np.geomspace(20.0, 20_000.0, 400)
RATES = (44_100, 48_000, 96_000)


def decibels(response) -> np.ndarray:
    return 20 * np.log10(np.maximum(np.abs(np.asarray(response)), 1e-12))


def noise(channels: int, count: int, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(3).normal(size=(channels, count))).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_disc_curve_by_its_time_constants(rate: int) -> None:
    """RIAA: 3180, 318 and 75 µs, 0 dB at 1 kHz, within 0.05 dB."""
    found = decibels(TimeConstants(318e-6, 3_180e-6, 1_000.0).frequency_response(BAND, rate))
    found = found + decibels(TimeConstants(pole=75e-6, reference=1_000.0).frequency_response(BAND, rate))

    def analogue(f):
        s = 2j * np.pi * f
        return (1 + s * 318e-6) / (1 + s * 3_180e-6) / (1 + s * 75e-6)

    assert np.abs(found - decibels(analogue(BAND) / analogue(1_000.0))).max() < 0.03


@pytest.mark.parametrize("rate", RATES)
def test_tape_curves_of_all_standards(rate: int) -> None:
    s = 2j * np.pi * BAND
    for standard in STANDARDS:
        for speed in SPEEDS:
            high, low = constants(standard, speed)
            wanted = (1 + s * high) * (1.0 if low > 0.1 else s * low / (1 + s * low))
            found = TapeEqualiser(high, low).frequency_response(BAND, rate)
            assert np.abs(decibels(found) - decibels(wanted)).max() < 0.05
    assert constants("NAB", 7.5) == (50e-6, 3_180e-6) and constants("IEC", 7.5)[0] == 70e-6


def test_replay_undoes_recording_as_it_streams() -> None:
    x = noise(1, 4_800)
    both = ddspfx.Serial(record=TapeEqualiser(record=True), replay=TapeEqualiser())
    assert np.abs(render(both, x, RATE) - x).max() < 2e-6
    shelf = TimeConstants(318e-6, 3_180e-6)
    assert np.abs(render(shelf.inverse(), render(shelf, x, RATE), RATE) - x).max() < 2e-6


def formula(spacing: float, thickness: float, gap: float, speed: float, f=BAND) -> np.ndarray:
    k = 2 * np.pi * f / (0.0254 * speed)
    u, g = k * thickness * 1e-6, k * gap * 1e-6 / 2
    return np.exp(-k * spacing * 1e-6) * (1 - np.exp(-u)) / u * np.sin(g) / g


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("speed", "spacing", "gap"), [(30, 1, 4), (7.5, 1, 3), (3.75, 1, 2), (1.875, 0.4, 1.2)])
def test_losses_follow_the_formula(rate: int, speed: float, spacing: float, gap: float) -> None:
    loss, wanted = TapeLoss(spacing, 5.0, gap, speed=speed), formula(spacing, 5.0, gap, speed)
    assert np.abs(decibels(loss.frequency_response(BAND, rate)[0]) - decibels(wanted)).max() < 0.1
    assert np.allclose(loss.loss(BAND)[0], wanted, atol=1e-5)


def test_losses_of_either_phase_and_their_inverse() -> None:
    linear = TapeLoss(phase="linear")
    assert linear.latency(RATE) == 96 and TapeLoss().latency(RATE) == 0
    response = np.asarray(linear.frequency_response(BAND, RATE)[0])
    assert np.abs(response.imag).max() < 1e-3
    flat = decibels(TapeLoss().frequency_response(BAND, RATE)[0])
    flat = flat + decibels(TapeLoss(inverse=True).frequency_response(BAND, RATE)[0])
    assert np.abs(flat[BAND < 10_000]).max() < 0.3
    lean = TapeLoss(azimuth=20.0, width=2.0)
    k = 2 * np.pi * BAND / (0.0254 * 7.5)
    tilt = np.sinc(k * 2e-3 * np.tan(np.deg2rad(20 / 60)) / 2 / np.pi)
    assert np.allclose(lean.loss(BAND)[0], TapeLoss().loss(BAND)[0] * tilt, atol=1e-5)


def test_losses_have_slopes_in_every_slot() -> None:
    def treble(loss: TapeLoss):
        return jnp.abs(loss.frequency_response([8_000.0], RATE)).sum()

    slope = jax.grad(treble)(TapeLoss(azimuth=10.0))
    for name in ("spacing", "thickness", "gap", "azimuth", "width", "speed"):
        value = float(getattr(slope, name).raw)
        assert np.isfinite(value) and (value > 0 if name == "speed" else value < 0)


def test_head_bump_stands_where_the_head_says() -> None:
    f = np.geomspace(10, 2_000, 2_000)
    response = decibels(ddspfx.HeadBump(15.0, 4.0, 3.0).frequency_response(f, RATE))
    place = 15 * 25.4 / 4.0
    assert abs(f[np.argmax(response)] / place - 1) < 0.15 and 2.0 < response.max() < 3.5
    assert response[np.argmin(np.abs(f - 2 * place))] < 0 and abs(response[-1]) < 0.1


def third_over_first(curve, amplitude: float) -> float:
    """Third harmonic of a sine through a curve, dB below the first."""
    y = curve(amplitude * np.sin(2 * np.pi * np.arange(512) / 512))
    spectrum = np.abs(np.fft.rfft(y))
    return float(20 * np.log10(spectrum[3] / spectrum[1]))


@functools.cache
def loop(decibel: int) -> tuple[np.ndarray, np.ndarray]:
    """Field and magnetisation of Chowdhury's tape under a bias, from the loop itself."""
    fields = np.linspace(0.0, 2e5, 81)
    bias = NOMINAL_BIAS * 10 ** (decibel / 20)
    return fields, loop_mean(fields, bias, 2.2e4, 2.7e4, 1.6e-3 * 3.5e5 / 6.6e4, 0.17)


@pytest.mark.parametrize("decibel", [-6, 0, 2, 6])
def test_bias_by_its_anhysteretic_equivalent(decibel: int) -> None:
    """Against the loop: third harmonic within 1 dB up to 150 kA/m while above -60 dB; and the curve."""
    from scipy.interpolate import CubicSpline

    fields, wanted = loop(decibel)
    block = ddspfx.Anhysteretic(0.0, 3.5e5, *(2.193e4, *EQUIVALENTS[BIASES.index(decibel)]), residual=1.0)

    def curve(H):
        return np.asarray(block.magnetisation(jnp.asarray(H, float)[None], Clock.zero(RATE)))[0] / 3.5e5

    assert np.abs(curve(fields) - wanted).max() < 4e-4
    spline = CubicSpline(fields, wanted)
    for amplitude in np.geomspace(5e3, 1.5e5, 8):
        told = third_over_first(lambda H: np.sign(H) * spline(np.abs(H)), amplitude)
        if told > -60:
            assert abs(third_over_first(curve, amplitude) - told) < 1.0


def test_any_loop_has_an_equivalent() -> None:
    block, miss = ddspfx.Anhysteretic.of_loop(4e4, 4e5, 1.5e4, 2e4, 0.0, 0.3)
    assert miss < 5e-4
    fields = np.linspace(0, 8e4, 9)
    found = np.asarray(block.magnetisation(jnp.asarray(fields, float)[None], Clock.zero(RATE)))[0] / 4e5
    assert np.abs(found - loop_mean(fields, 4e4, 1.5e4, 2e4, 0.0, 0.3)).max() < 2e-3


def test_more_bias_is_straighter_and_duller() -> None:
    t = np.arange(4_800) / RATE
    x = 0.3 * np.sin(2 * np.pi * 100 * t)[None].astype(np.float32)
    tape = Tape().tape
    level, third = [], []
    for bias in (-6.0, 0.0, 4.0):
        spectrum = np.abs(np.fft.rfft(render(at(tape, bias=bias), x, RATE)[0]))
        level.append(spectrum[10])
        third.append(spectrum[30] / spectrum[10])
    assert level[0] > level[1] > level[2] and third[0] > third[1]


def test_residual_loop_has_its_width_at_any_rate() -> None:
    """Up and down, the magnetisation of the same field differs as fields 2 residual apart do."""
    wide = ddspfx.Anhysteretic(residual=200.0)
    for count in (1_001, 10_001):
        field = np.concatenate([np.linspace(0, 1, count), np.linspace(1, -1, count), np.linspace(-1, 1, count)])
        y = render(wide, field[None].astype(np.float32), RATE)[0]
        down, up = y[count + count // 2], y[2 * count + count // 2]
        slope = (y[2 * count + count // 2 + 20] - up) / (40 / count * 5e4)
        assert abs((down - up) / slope / 400 - 1) < 0.05


def test_azimuth_skews_two_tracks() -> None:
    x = np.repeat(noise(1, 4_800), 2, axis=0)
    y = render(ddspfx.Azimuth(30.0, 0.0, 3.0, 7.5), x, RATE)
    skew = 3e-3 * np.tan(np.deg2rad(0.5)) / (7.5 * 0.0254)
    spectrum = np.fft.rfft(y[1]) * np.conj(np.fft.rfft(y[0]))
    f = np.fft.rfftfreq(4_800, 1 / RATE)
    inside = (f > 200) & (f < 3_000)
    slope = np.polyfit(f[inside], np.unwrap(np.angle(spectrum[inside])), 1)[0]
    assert abs(-slope / (2 * np.pi) / skew - 1) < 0.02
    assert np.array_equal(render(ddspfx.Azimuth(30.0), x[:1], RATE), x[:1])


def test_echo_comes_one_turn_later_and_before_offline() -> None:
    x = np.zeros((1, 24_000), np.float32)
    x[0, 12_000] = 1.0
    printed = ddspfx.PrintThrough(-20.0, turn=0.1, frequency=600.0, longest=0.2)
    y, both = render(printed, x, RATE) - x, ddspfx.with_pre_echo(printed, x, RATE) - x
    assert np.abs(y[0, :16_800]).max() < 1e-5 and np.abs(y[0, 16_800:]).max() > 1e-3
    assert np.allclose(both[0, 12_001:], y[0, 12_001:], atol=1e-6)
    assert np.allclose(both[0, 1:12_000], y[0, :12_000:-1], atol=1e-6)
    spectrum = np.abs(np.fft.rfft(y[0]))
    assert abs(np.argmax(spectrum) * 2 - 600) < 30 and abs(decibels(spectrum.max()) + 20) < 0.2


def test_crosstalk_is_bass_of_the_other_track() -> None:
    x = np.zeros((2, 9_600), np.float32)
    x[0, 0] = 1.0
    y = render(ddspfx.Crosstalk(-30.0, 400.0), x, RATE)
    heard = decibels(np.fft.rfft(y[1]))
    assert np.array_equal(y[0], x[0]) and abs(heard[0] + 30) < 0.1 and abs(heard[80] + 33) < 0.2


def test_modulation_noise_follows_the_signal() -> None:
    x = np.full((1, RATE), 0.5, np.float32)
    x[0, : RATE // 2] = 0.05
    y = render(ddspfx.ModulationNoise(ddspfx.Noise(), -40.0), x, RATE) - x
    for part, level in ((y[0, : RATE // 2], 0.05), (y[0, RATE // 2 :], 0.5)):
        assert abs(np.std(part) / (level * 0.01) - 1) < 0.03


def test_dropouts_come_as_often_and_as_deep_as_they_say() -> None:
    source = Dropouts(5.0, 0.02, 10.0)
    d = np.asarray(jax.jit(lambda clock: source.read(1, 100 * 1_000, clock))(Clock.zero(1_000)))[0]
    starts = int(((d[1:] > 0) & (d[:-1] == 0)).sum())
    assert 350 < starts < 520 and d.min() == 0
    # Each of 500 knots has the mean 15 and covers a quarter of the duration.
    assert abs(d.mean() / (5.0 * 15.0 * 0.005) - 1) < 0.2
    assert np.all(np.asarray(quiet(source).read(1, 10, Clock.zero(1_000))) == 0)


def test_lift_takes_treble_first() -> None:
    x = np.zeros((1, 4_096), np.float32)
    x[0, 0] = 1.0
    response = decibels(np.fft.rfft(render(ddspfx.Lift(20.0, 7.5), x, RATE)[0]))
    f = np.fft.rfftfreq(4_096, 1 / RATE)
    corner = 0.34657 * 7.5 * 0.0254 / (2 * np.pi * 20e-6)
    assert abs(np.interp(corner, f, response) + 3.01) < 0.2 and response[-1] < -25
    assert np.array_equal(render(ddspfx.Lift(0.0), x, RATE), x)


@functools.cache
def machine() -> Tape:
    return Tape()


def test_machine_plays_clean_when_it_is_lined_up() -> None:
    """New, quiet and steady, at -30 dB: what comes out is what goes in."""
    x = noise(1, 8 * 16_384, 0.03)
    clean = at(quiet(machine()).without("print", "hum", "bump"), wow=0.0, flutter=0.0, age=0)
    frames = np.hanning(16_384) * np.stack([x, render(clean, x, RATE)])[:, 0].reshape(2, 8, -1)
    dry, wet = np.fft.rfft(frames)
    response = decibels((wet * dry.conj()).sum(0) / (np.abs(dry) ** 2).sum(0))
    f = np.fft.rfftfreq(16_384, 1 / RATE)
    assert np.abs(response[(f > 30) & (f < 12_000)]).max() < 1.0


def test_machine_is_named_saved_and_turned(tmp_path: Path) -> None:
    found = {slot.path for slot in ddspfx.slots(machine())}
    assert {"tape.drive", "transport.delay", "loss.spacing", "replay.high", "hiss.level", "mix"} <= found
    knobs = set(ddspfx.controls(machine()))
    assert {"speed", "drive", "bias", "type", "wow", "flutter", "azimuth", "age", "hiss", "mix"} <= knobs
    again = ddspfx.load(ddspfx.save(machine(), tmp_path / "machine"))
    assert jax.tree.structure(again) == jax.tree.structure(machine())
    turned = at(again, drive=12, wow=0.1, speed="15 ips", type="chrome", age=50, mix=0.5)
    assert float(turned.tape.drive.value) == pytest.approx(12, abs=1e-4)
    assert float(turned.loss.speed.value) == pytest.approx(15, abs=1e-4)


def test_machine_wow_and_flutter_are_what_their_knobs_say() -> None:
    """RMS of the speed's deviation from the delay itself, over 200 s."""
    rate = 400
    for knobs in ({"wow": 0.5, "flutter": 0.0}, {"wow": 0.0, "flutter": 0.5}):
        source = at(machine(), **knobs).transport.delay
        delay = jax.jit(lambda clock, source=source: source.read(1, 200 * rate, clock))(Clock.zero(rate))
        deviation = 100 * np.diff(np.asarray(delay, np.float64)[0]) * rate
        assert abs(np.std(deviation) / 0.5 - 1) < 0.08


def test_machines_differ_and_takes_differ() -> None:
    assert len(MACHINES) >= 5
    x = noise(2, 2_400)
    played = [render(machine(), x, RATE, key=key) for key in (1, 1, 2)]
    assert np.array_equal(played[0], played[1]) and np.abs(played[0] - played[2]).max() > 1e-4
    with pytest.raises(ValueError, match="machine is 'gramophone'"):
        Tape(machine="gramophone")
    with pytest.raises(ValueError, match="key is None"):
        Tape("gru")
    with pytest.raises(ValueError, match="nonlinearity is 'valve'"):
        Tape("valve")


@pytest.mark.parametrize("kind", ["loop", "gru", "lstm", "both"])
def test_other_nonlinearities_are_made(kind: str) -> None:
    tape = Tape(kind, hidden=4, key=jax.random.key(0), oversampling=2)
    x = jnp.zeros((1, 64))
    y, _ = jax.eval_shape(tape, x, tape.init_state(1, RATE), Clock.zero(RATE))
    assert y.shape == (1, 64) and "drive" in ddspfx.controls(tape)


def test_a_fitted_chain_becomes_a_machine() -> None:
    from ddspfx.models.catalogue import RECIPES
    from ddspfx.models.recipe import Setting

    fitted = RECIPES["tape"].build(Setting())
    made = Tape.of_fit(fitted)
    assert {"drive", "wow", "flutter", "azimuth", "age", "mix"} <= set(ddspfx.controls(made))
    assert made.replay is fitted.replay and made.record is fitted.record and "hiss" in made.names
    with pytest.raises(ValueError, match="no block called replay"):
        Tape.of_fit(ddspfx.Serial(ddspfx.Tanh()))


def test_machines_are_presets_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ddspfx.audio import read_audio, write_audio
    from ddspfx.cli import main

    write_audio(tmp_path / "in.wav", noise(2, 2_000), 44_100)
    words = ["render", "tape", str(tmp_path / "in.wav"), str(tmp_path / "out.wav"), "--preset", "worn cassette"]
    assert main([*words, "--control", "drive=12", "--control", "speed=3.75 ips"]) == 0
    assert read_audio(tmp_path / "out.wav")[0].shape == (2, 2_000)
    assert main([*words[:4], "--preset", "gramophone"]) == 2
    assert "worn cassette" in capsys.readouterr().err
