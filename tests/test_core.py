"""What everything else stands on: clock, slots, knobs, names, chains, render, stream, a model as data, the XLA flag."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from test_law import BLOCKS, MODELS, channels_of, example, made

import ddspfx
from ddspfx import (
    Add,
    Automation,
    Balance,
    Clock,
    Control,
    FixedDelay,
    Gain,
    HighPass,
    LowPass,
    MidSide,
    Mix,
    Noise,
    Parallel,
    PerChannel,
    Serial,
    Stream,
    Switch,
    Tanh,
    at,
    controls,
    load,
    quiet,
    render,
    save,
    slots,
)
from ddspfx._xla import merged
from ddspfx.listing import get, paths, put
from ddspfx.slot import Param, Range

RATE = 44_100
X = (0.5 * np.random.default_rng(1).normal(size=(1, 1_000))).astype(np.float32)
X2 = (0.5 * np.random.default_rng(2).normal(size=(2, 1_000))).astype(np.float32)


class Late(ddspfx.AbstractBlock):
    """A processing delay of a whole number of samples and nothing else."""

    count: int = eqx.field(static=True, default=7)

    def init_state(self, channels: int, sample_rate: int) -> Any:
        return jnp.zeros((channels, self.count))

    def __call__(self, x: Any, state: Any, clock: Clock) -> Any:
        line = jnp.concatenate([state, x], axis=1)
        return line[:, : x.shape[1]], line[:, x.shape[1] :]

    def latency(self, sample_rate: int) -> float:
        return float(self.count)


class HalfLate(Late):
    """The mean of two neighbours: a linear phase of half a sample."""

    def __call__(self, x: Any, state: Any, clock: Clock) -> Any:
        line = jnp.concatenate([state[:, :1], x], axis=1)
        return (line[:, 1:] + line[:, :-1]) / 2, line[:, -1:] + 0 * state

    def latency(self, sample_rate: int) -> float:
        return 0.5


class Ticking(ddspfx.AbstractSource):
    """The clock itself, in samples of the take."""

    def read(self, channels: int, count: int, clock: Clock) -> Any:
        second, sample = clock.run(count)
        return (second * clock.sample_rate + sample)[None].astype(float)


# The clock


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("start", [-1, 0, 36_000])
def test_clock_is_exact_for_hours_and_before_zero(rate: int, start: int) -> None:
    """Python's integers are the reference."""
    steps = [1, 63, 64, rate - 1, 5 * rate + 17, -3, -2 * rate, 2**20 + 1]
    clock, place = Clock.zero(rate).after(start), start
    for step in [*steps, *[36_000 // 8 * rate // 1_000] * 8]:
        clock, place = clock.after(step), place + step
        assert (int(clock.second), int(clock.sample)) == divmod(place, rate)
    for _ in range(10):
        clock, place = clock.after(2**31 - rate - 1), place + 2**31 - rate - 1
    assert (int(clock.second), int(clock.sample)) == divmod(place, rate)
    second, sample = clock.run(3 * rate // 2)
    assert np.array_equal(np.asarray(second, int) * rate + np.asarray(sample), place + np.arange(3 * rate // 2))


@pytest.mark.parametrize(("rate", "ticks"), [(44_100, 200), (48_000, 7), (192_000, 11_184)])
def test_ticks_are_a_grid_of_whole_numbers(rate: int, ticks: int) -> None:
    place = -3 * rate - 5
    index, fraction = Clock.zero(rate).after(place).ticks(4 * rate, ticks)
    whole, rest = np.divmod((place + np.arange(4 * rate, dtype=np.int64)) * ticks, rate)
    assert np.array_equal(index, whole)
    assert np.abs(np.asarray(fraction, float) - rest / rate).max() < 1e-6
    with pytest.raises(ValueError, match="rate is 50000, but must be below"):
        Clock.zero(rate).ticks(1, 50_000)


def test_another_key_is_another_take() -> None:
    one, same, other = (Noise().read(1, 64, Clock.zero(RATE, key)) for key in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    with pytest.raises(ValueError, match=r"sample_rate is 44100\.5, but must be a whole number"):
        Clock.zero(44_100.5)


# Slots


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: LowPass(1e6), ValueError, "Hz, but must be within"),
        (lambda: LowPass(np.nan), ValueError, "the value is nan Hz"),
        (lambda: Gain(61.0), ValueError, "the value is 61 dB, but must be within -120 to 60 dB"),
        (lambda: Gain([0.0, 99.0]), ValueError, "but must be within -120 to 60 dB"),
        (lambda: Gain("loud"), TypeError, "a slot takes a number, a source or a control, not 'loud'"),
        (lambda: Gain(None), TypeError, "not None"),
        (lambda: Gain(True), TypeError, "not True"),
        (lambda: Gain(ddspfx.LFO(1.0, 200.0)), ValueError, "the span of LFO is"),
        (lambda: Gain(Control("g", 0, 10, start=-300.0, stop=0.0)), ValueError, "control 'g': start and stop"),
        (lambda: Gain(Switch("g", ("a", "b"))), ValueError, "in a slot every choice needs a value"),
        (lambda: ddspfx.param(3.0, 3.0, "Hz"), ValueError, "is empty"),
        (lambda: ddspfx.param(0.0, 3.0, "Hz", log=True), ValueError, "reaches zero"),
        (lambda: Control("g", 10, 0), ValueError, "low must be the smaller"),
        (lambda: Control("g", 0, 10, 11), ValueError, "control 'g': default is 11"),
        (lambda: Control("g", 0, 10, start=0.0), ValueError, "give both start and stop"),
        (lambda: Switch("s", {"a": 1.0}, "b"), ValueError, "switch 's' is 'b', but must be one of a"),
        (lambda: ddspfx.read(3.0, X, Clock.zero(RATE)), TypeError, "declare the field with param"),
        (lambda: Serial(Gain(), "tone"), TypeError, "but must be a block"),
        (lambda: Parallel(), ValueError, "needs at least one block"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()


@pytest.mark.parametrize("range", [Range(-20.0, 40.0, "dB"), Range(20.0, 20_000.0, "Hz", True)])
def test_a_number_is_kept_as_its_place_and_may_leave_an_end(range: Range) -> None:
    for value in (range.low, 33.0, range.high):
        assert np.isclose(float(range.at(range.share(value))), value, rtol=1e-5)
    for outside, end in ((-0.3, range.low), (1.3, range.high)):
        assert np.isclose(float(range.at(jnp.asarray(outside))), end, rtol=1e-5)
        assert float(jax.grad(lambda raw: range.at(raw))(jnp.asarray(outside))) > 0


def test_a_slot_takes_a_number_a_channel_and_a_source() -> None:
    clock = Clock.zero(RATE)
    y, _ = Gain([0.0, -20.0])(jnp.ones((2, 4)), (), clock)
    assert np.allclose(y, [[1.0] * 4, [0.1] * 4], atol=1e-6)
    y, _ = Gain(Automation([0.0, 1.0], [0.0, -20.0]))(jnp.ones((1, RATE + 10)), (), clock)
    assert np.isclose(y[0, RATE // 2], 10**-0.5, atol=1e-4) and np.isclose(y[0, -1], 0.1, atol=1e-6)


# Knobs


def machine() -> Serial:
    return Serial(
        tape=Tanh(Control("drive", 0, 10, default=2, start=0.0, stop=20.0, points=3)),
        loss=LowPass(Switch("speed", {"fast": 15_000.0, "slow": 5_000.0})),
        level=Gain(Control("drive", 0, 10, default=2, start=0.0, stop=-10.0)),
        hiss=Add(Noise("white"), -60.0),
    )


def test_an_unturned_knob_plays_at_its_default_and_one_turn_turns_all_of_its_name() -> None:
    assert list(controls(machine())) == ["drive", "speed"]
    turned = at(machine(), drive=5, speed="slow")
    assert [round(float(s.value), 3) for s in slots(turned)][:1] == [10.0]
    assert float(turned.level.level.value) == pytest.approx(-5.0) and not controls(turned)
    assert float(turned.loss.cutoff.value) == pytest.approx(5_000.0, rel=1e-5)
    same = render(at(machine(), drive=2, speed="fast"), X, RATE)
    assert np.allclose(render(machine(), X, RATE), same, atol=1e-7)


def test_automation_turns_a_knob_in_its_own_unit() -> None:
    model = Gain(Control("level", 0, 10, start=-20.0, stop=0.0))
    moved = at(model, level=Automation([0.0, 0.01], [0.0, 10.0]))
    y = render(moved, np.ones((1, 500), np.float32), RATE)
    place = np.minimum(np.arange(500) / 441, 1.0)
    assert np.allclose(y[0], 10 ** (-1 + place), rtol=1e-4)


def test_turning_refuses_strangers_and_values_outside() -> None:
    with pytest.raises(ValueError, match="no control is called treble; this model has: drive, speed"):
        at(machine(), treble=3)
    with pytest.raises(ValueError, match="control 'drive' is 11, but must be within 0 to 10"):
        at(machine(), drive=11)
    with pytest.raises(ValueError, match="switch 'speed' is 'idle', but must be one of fast, slow"):
        at(machine(), speed="idle")


def test_the_map_of_a_knob_is_learned() -> None:
    def level(model: Serial) -> Any:
        return at(model, drive=7.5).tape.drive.value

    slope = eqx.filter_grad(level)(machine()).tape.drive.shares
    assert np.allclose(slope, [0.0, 36.0, 36.0], rtol=1e-4), "half of each neighbouring point of a range of 72 dB"


def test_quiet_takes_out_what_is_random() -> None:
    silence = np.zeros((1, 256), np.float32)
    assert np.abs(render(machine(), silence, RATE)).max() > 1e-4
    assert np.abs(render(quiet(machine()), silence, RATE)).max() == 0.0


# Names


def test_slots_are_listed_with_path_unit_range_and_value() -> None:
    found = {slot.path: slot for slot in slots(machine())}
    assert list(found)[:3] == ["tape.drive", "loss.cutoff", "loss.resonance"]
    drive = found["tape.drive"]
    assert (drive.name, drive.range.unit, drive.range.low) == ("drive", "dB", -24.0)
    assert drive.value == pytest.approx(4.0) and "knob drive at 2" in drive.text
    assert "switch speed at fast" in found["loss.cutoff"].text


def test_a_model_prints_as_a_table() -> None:
    lines = str(machine()).splitlines()
    assert lines[0].startswith("Serial: ") and "slots" in lines[0]
    row = next(line for line in lines if "loss.resonance" in line)
    assert "…" in row and len(lines) == 1 + len(slots(machine()))


def test_paths_lead_to_what_they_name() -> None:
    model = machine()
    assert get(model, "loss.cutoff") is model.loss.cutoff
    assert float(put(model, "level.level", -6.0).level.level.value) == pytest.approx(-6.0)
    assert isinstance(put(model, "loss", Gain(-3.0)).loss, Gain)
    with pytest.raises(ValueError, match=r"no 'tone' in the model \(path 'tone.cutoff'\): there are tape, loss"):
        get(model, "tone.cutoff")
    with pytest.raises(ValueError, match="but must be within -120 to 60 dB"):
        put(model, "level.level", 100.0)
    named = [path for path in jax.tree.leaves(paths(eqx.filter(model, eqx.is_inexact_array))) if path]
    assert "loss.resonance" in named and "hiss.level" in named


def test_unnamed_blocks_are_called_after_their_class() -> None:
    chain = Serial(Gain(), LowPass(), HighPass(), Gain())
    assert chain.names == ("gain", "low_pass", "high_pass", "gain_2")
    with pytest.raises(AttributeError, match="Serial has no block or attribute 'tone'"):
        _ = chain.tone


# Chains


def test_latencies_add_up_in_a_row_and_the_longest_counts_side_by_side() -> None:
    assert Serial(Late(7), Gain(), Late(5)).latency(RATE) == 12
    assert Parallel(Late(7), Late(5)).latency(RATE) == PerChannel(Late(7), Late(5)).latency(RATE) == 7
    assert Mix(Late(4)).latency(RATE) == MidSide(Late(4), Gain()).latency(RATE) == 4


@pytest.mark.parametrize("late", [Late(7), HalfLate()])
def test_paths_meet_in_time(late: Late) -> None:
    """A late path against its own inverse, with nothing late, leaves nothing where the interpolation is exact."""
    slow = np.sin(2 * np.pi * 200 * np.arange(1_000) / RATE)[None].astype(np.float32)
    double = render(Parallel(late, Gain(0.0)), slow, RATE)
    assert np.abs(double - 2 * slow)[:, 20:-20].max() < 2e-3
    dry = render(Mix(late, 0.0), slow, RATE)
    assert np.abs(dry - slow)[:, 20:-20].max() < 1e-3


def test_nulls() -> None:
    """A sum against its parts, mid and side against left and right: nothing is left, to the last bit but rounding."""
    whole = render(Parallel(a=Late(7), b=Gain(0.0)), X, RATE)
    assert np.abs(whole - 2 * X).max() < 1e-6
    assert np.abs(render(MidSide(Late(3), Gain(0.0)), X2, RATE) - X2).max() < 1e-6
    assert np.abs(render(MidSide(Gain(0.0), Gain(-120.0)), X2, RATE) - X2.mean(axis=0)).max() < 1e-5
    each = render(PerChannel(Gain(-6.0), Late(4)), X2, RATE)
    assert np.abs(each - X2 * np.array([[10 ** (-6 / 20)], [1.0]])).max() < 1e-6
    assert np.abs(render(Mix(Gain(-20.0), 0.25), X, RATE) - (0.75 + 0.25 * 0.1) * X).max() < 1e-6


def test_channels_that_do_not_fit_are_refused() -> None:
    for block in (Balance(), MidSide(Gain(), Gain()), PerChannel(Gain(), Gain())):
        with pytest.raises(ValueError, match="x has 1 channels"):
            block.init_state(1, RATE)


def test_what_comes_after_a_latency_reads_the_clock_of_its_own_sample() -> None:
    """A source behind 100 samples of latency must reach each sample where it would without the latency."""
    ramp = Automation([0.0, 1_000 / RATE], [0.0, -60.0])
    plain = render(Gain(ramp), X, RATE)
    late = render(Serial(Late(100), Gain(ramp)), X, RATE)
    assert np.abs(late - plain).max() < 1e-6
    clock = Clock.zero(RATE).after(-100)
    assert float(Ticking().read(1, 1, clock)[0, 0]) == -100


# Render and stream


def test_render_is_the_direct_call_in_the_shape_that_it_was_given() -> None:
    block = Serial(LowPass(2_000.0), Tanh(6.0))
    direct, _ = block(jnp.asarray(X), block.init_state(1, RATE), Clock.zero(RATE))
    whole = render(block, X, RATE)
    assert isinstance(whole, np.ndarray) and np.abs(whole - direct).max() < 1e-6
    assert np.abs(render(block, X, RATE, chunk=173) - whole).max() < 1e-6
    flat = render(block, jnp.asarray(X[0]), RATE)
    assert isinstance(flat, jax.Array) and np.abs(flat - whole[0]).max() < 1e-7
    traced = jax.jit(lambda x: render(block, x, RATE))(X)
    assert np.abs(traced - whole).max() < 1e-6
    for bad in (np.zeros((1, 0)), np.zeros((1, 2, 3)), [1.0]):
        with pytest.raises(ValueError, match="but must be"):
            render(block, bad, RATE)


def test_render_takes_latency_off_and_flushes_the_tail() -> None:
    assert np.array_equal(render(Late(100), X, RATE), X)
    assert np.array_equal(render(Serial(Late(100), Late(31)), X, RATE, chunk=64), X)
    slow = np.sin(2 * np.pi * 200 * np.arange(1_000) / RATE)[None].astype(np.float32)
    assert np.abs(render(HalfLate(), slow, RATE) - slow)[:, 20:-20].max() < 1e-3
    assert render(HalfLate(), slow, RATE).shape == slow.shape


def test_an_echo_is_no_latency() -> None:
    y = render(FixedDelay(100 / RATE), X, RATE)
    assert np.abs(y[:, 100:] - X[:, :-100]).max() < 1e-6 and np.abs(y[:, :100]).max() == 0.0


def test_render_begins_where_it_is_told() -> None:
    block = Add(Noise(), -20.0)
    whole = render(block, X, RATE, key=5)
    assert np.abs(render(block, X[:, 300:], RATE, key=5, start=300) - whole[:, 300:]).max() < 1e-6


def test_stream_plays_what_render_renders_in_constant_memory() -> None:
    block = Serial(Late(30), LowPass(2_000.0), Add(Noise("pink"), -30.0))
    stream = Stream(block, 1, RATE, 100, key=4)
    sizes = set()
    played = []
    for start in range(0, 1_000, 100):
        played.append(stream(jnp.asarray(X[:, start : start + 100])))
        sizes.add(tuple(leaf.shape for leaf in jax.tree.leaves(stream._packed)))
    y = np.concatenate(played, axis=1)
    assert stream.latency == 30 and len(sizes) == 1
    assert np.abs(y[:, 30:] - render(block, X, RATE, key=4)[:, :-30]).max() < 1e-6
    stream.reset()
    assert np.array_equal(stream(jnp.asarray(X[:, :100])), played[0])
    with pytest.raises(ValueError, match=r"x has shape \(1, 99\), but this stream takes \(1, 100\)"):
        stream(jnp.zeros((1, 99)))
    with pytest.raises(ValueError, match="block_size is 0"):
        Stream(block, 1, RATE, 0)


# A model as data


@pytest.mark.parametrize("name", [name for name in BLOCKS if name != "FlaxBlock"] + MODELS)
def test_every_block_comes_back_from_its_folder(name: str, tmp_path: Path) -> None:
    for place, block in enumerate(made(name) if name in BLOCKS else [example(name)]):
        folder = save(block, tmp_path / str(place))
        again = load(folder)
        assert jax.tree.structure(again) == jax.tree.structure(block) and str(again) == str(block)
        for mine, theirs in zip(jax.tree.leaves(again), jax.tree.leaves(block), strict=True):
            assert mine.dtype == theirs.dtype and np.array_equal(mine, theirs)
        assert len(list(folder.iterdir())) == 2 and again.latency(RATE) == block.latency(RATE)
        channels = channels_of(block) or 1
        states = [b.init_state(channels, RATE) for b in (again, block)]
        assert jax.tree.structure(states[0]) == jax.tree.structure(states[1])


def test_a_flax_network_is_code_and_not_saved_as_data(tmp_path: Path) -> None:
    for block in made("FlaxBlock"):
        with pytest.raises(ValueError, match="which cannot be saved as data"):
            save(block, tmp_path)
    assert not list(tmp_path.iterdir())


def test_own_blocks_are_loaded_where_they_are_named(tmp_path: Path) -> None:
    folder = save(Serial(Late(3), Gain(-1.0)), tmp_path)
    with pytest.raises(ValueError, match=r"Late is not a class of ddspfx: pass it in `blocks`"):
        load(folder)
    assert load(folder, blocks=[Late]).latency(RATE) == 3


def damaged(tmp_path: Path, **changes: Any) -> Path:
    folder = save(Serial(tone=LowPass(2_000.0)), tmp_path)
    text = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**text, **changes}))
    return folder


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 99}, "has version 99, but this ddspfx reads 1: upgrade"),
        ({"format": "wav"}, "is not a ddspfx model"),
        ({"weights": "elsewhere.safetensors"}, "is missing"),
        ({"model": {"class": "os:system", "fields": {}}}, "os:system is not a class of ddspfx"),
        ({"model": {"class": "ddspfx.storage:write_atomically", "fields": {}}}, "is not a module"),
        ({"model": {"class": "ddspfx.blocks.gain:Loudness", "fields": {}}}, "is unknown to this ddspfx"),
        ({"model": {"class": "ddspfx.blocks.gain:Gain", "fields": {"loud": 1}}}, "has no loud"),
        ({"model": {"class": "ddspfx.blocks.gain:Gain", "fields": {"level": {"array": "x"}}}}, "is damaged"),
    ],
)
def test_a_strange_description_is_refused_in_one_line(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        load(damaged(tmp_path, **changes))
    assert "\n" not in str(refused.value)


def test_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    folder = save(Serial(tone=LowPass(2_000.0)), tmp_path)
    weights = next(folder.glob("*.safetensors"))
    whole = weights.read_bytes()
    arrays = load_file(weights)
    weights.write_bytes(whole[:-3])
    with pytest.raises(ValueError, match="is damaged"):
        load(folder)
    save_file({name: np.zeros((2, 2), np.float32) for name in arrays}, weights)
    with pytest.raises(ValueError, match=r"is float32\[2, 2\], but must be float32\[\]"):
        load(folder)
    save_file({}, weights)
    with pytest.raises(ValueError, match="lacks model"):
        load(folder)
    (folder / "model.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        load(folder)
    with pytest.raises(ValueError, match="holds no model"):
        load(tmp_path / "nowhere")


def test_what_is_no_data_is_not_saved(tmp_path: Path) -> None:
    class Odd(Late):
        shape: Any = eqx.field(static=True, default=print)

    with pytest.raises(ValueError, match=r"model\.shape is builtin_function_or_method, which cannot be saved as data"):
        save(Odd(), tmp_path)
    assert not list(tmp_path.iterdir())


# The XLA flag

OPTION = "xla_cpu_small_while_loop_byte_threshold=1000000000"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", f"--xla_backend_extra_options={OPTION}"),
        ("--xla_dump_to=/tmp/x", f"--xla_dump_to=/tmp/x --xla_backend_extra_options={OPTION}"),
        ("--xla_backend_extra_options=a=1", f"--xla_backend_extra_options=a=1,{OPTION}"),
        ("--xla_backend_extra_options=a=1 --b", f"--xla_backend_extra_options=a=1,{OPTION} --b"),
        (
            "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=5",
            "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=5",
        ),
    ],
)
def test_the_flag_joins_what_the_user_set(given: str, expected: str) -> None:
    assert merged(given) == expected and merged(merged(given)) == expected


def outcome(code: str, flags: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XLA_FLAGS": flags}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)


def test_a_warning_says_when_the_flag_comes_too_late() -> None:
    late = outcome("import jax; jax.numpy.zeros(1); import ddspfx")
    assert "RuntimeWarning: JAX was initialised before ddspfx was imported" in late.stderr and OPTION in late.stderr
    assert "Warning" not in outcome("import jax; import ddspfx; jax.numpy.zeros(1)").stderr
    told = outcome("import jax; jax.numpy.zeros(1); import ddspfx", f"--xla_backend_extra_options={OPTION}")
    assert "Warning" not in told.stderr


def test_importing_loads_no_module_that_it_does_not_need() -> None:
    """`import ddspfx` alone must cost nothing: not even JAX is loaded, nor what only a few blocks need."""
    code = "import sys, ddspfx; print(*sorted(m for m in sys.modules if '.' not in m))"
    assert not {"jax", "equinox", "scipy", "numpy"} & set(outcome(code).stdout.split())
    code = (
        "import sys; from ddspfx import Serial, LowPass, render; print(*sorted(m for m in sys.modules if '.' not in m))"
    )
    assert not {"scipy", "flax", "optax", "matplotlib", "soundfile", "soxr"} & set(outcome(code).stdout.split())


def test_param_shows_its_value_and_unit() -> None:
    assert repr(LowPass(2_000.0).cutoff) == "2000 Hz"
    assert isinstance(LowPass(2_000.0).cutoff, Param)
