"""The command: what it prints, what it writes, and how little it needs for an answer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ddspfx
from ddspfx.audio import read_audio, write_audio
from ddspfx.cli import main
from ddspfx.cli.names import MODELS
from ddspfx.fit.run import Run
from ddspfx.fit.settings import Settings
from ddspfx.models.catalogue import RECIPES

RATE = 44_100
SCORE = {"esr", "esr_mean", "mae", "mr_stft", "latency_samples", "noise_db", "scored_from_s", "scored_to_s"}


def music(seconds: float = 1.5, channels: int = 1) -> np.ndarray:
    random = np.random.default_rng(0)
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(random.normal(size=(channels, count))) / np.sqrt(np.arange(count // 2 + 1) + 20)
    x = np.fft.irfft(spectrum, count)
    return (0.15 * x / np.std(x)).astype(np.float32)


@pytest.fixture
def dry(tmp_path: Path) -> Path:
    write_audio(tmp_path / "dry.wav", music(), RATE)
    return tmp_path / "dry.wav"


@pytest.fixture
def wet(tmp_path: Path) -> Path:
    write_audio(tmp_path / "wet.wav", -0.5 * np.roll(music(), 100, axis=1), RATE)
    return tmp_path / "wet.wav"


def answer(capsys: pytest.CaptureFixture[str], *argv: object) -> dict[str, object]:
    """What the command says to a machine."""
    assert main([str(word) for word in argv] + ["--json"]) == 0
    given: dict[str, object] = json.loads(capsys.readouterr().out)
    return given


def test_the_names_known_without_jax_are_those_of_the_catalogue() -> None:
    assert tuple(RECIPES) == MODELS


def test_help_and_errors_import_neither_jax_nor_pydantic() -> None:
    code = (
        "import sys; from ddspfx.cli import main\n"
        "codes = main(['--help']), main(['fit', '--help']), main(['align', 'a.wav', 'b.wav']),"
        " main(['render', 'tapir', 'a', 'b']), main(['fit', 'a.wav', 'b.wav', '--out', '/dev/null/x'])\n"
        "assert codes == (0, 0, 2, 2, 2), codes\n"
        "assert not {'jax', 'scipy', 'equinox', 'rich', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "command", ["align", "track", "fit", "render", "score", "restore", "report", "models", "demo", "analyse"]
)
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"Examples:\n    ddspfx {command}" in capsys.readouterr().out


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ddspfx {ddspfx.__version__}\n"


def test_align_finds_a_delay_and_a_sign(dry: Path, wet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "align", dry, wet)
    assert abs(float(str(found["latency_samples"])) - 100) < 0.01
    assert found["polarity"] == -1
    assert abs(float(str(found["gain"])) - 0.5) < 0.01


def test_track_writes_what_it_found(dry: Path, wet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "track", dry, wet, "--out", tmp_path / "delay.csv")
    assert abs(float(str(found["mean_delay_s"])) * RATE - 100) < 0.5
    back = ddspfx.Trajectory.from_csv(tmp_path / "delay.csv", RATE)
    assert abs(float(np.mean(back(np.linspace(0.2, 1.2, 50)))) * RATE - 100) < 0.5


def test_score_of_a_file_with_itself_and_louder(dry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_audio(tmp_path / "louder.wav", 1.1 * music(), RATE)
    figures = answer(capsys, "score", tmp_path / "louder.wav", dry)
    assert set(figures) == SCORE
    assert abs(float(str(figures["esr"])) - 0.01) < 1e-5
    assert figures["scored_from_s"] == 0.05


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is late, has noise, and a knob."""
    model = ddspfx.Serial(
        drive=ddspfx.Tanh(ddspfx.Control("drive", 0, 12, 3, unit="dB", start=0.0, stop=12.0)),
        clean=ddspfx.Oversampled(ddspfx.HardClip(), 2),
        late=ddspfx.FIR(np.eye(1, 64, 40)[0] + np.eye(1, 64, 63)[0], 40),
        hiss=ddspfx.Add(ddspfx.Noise(), -60.0),
    )
    return ddspfx.save(model, tmp_path_factory.mktemp("saved") / "model")


@pytest.mark.parametrize("size", [1000, 65_536])
def test_render_in_blocks_is_render_in_one(saved: Path, size: int, tmp_path: Path) -> None:
    x = music(0.7, 2)
    write_audio(tmp_path / "in.wav", x, RATE)
    argv = ["render", saved, tmp_path / "in.wav", tmp_path / "out.wav", "--block-size", size, "--seed", 3]
    assert main([str(word) for word in [*argv, "--control", "drive=9"]]) == 0
    played, rate = read_audio(tmp_path / "out.wav")
    whole = ddspfx.render(ddspfx.at(ddspfx.load(saved), drive=9.0), x, RATE, key=3)
    assert rate == RATE
    np.testing.assert_allclose(played, whole, atol=1e-6)


def test_automation_turns_a_knob(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_audio(tmp_path / "in.wav", music(0.5), RATE)
    (tmp_path / "drive.csv").write_text("seconds,value\n0,0\n0.5,12\n")
    said = answer(
        capsys, "render", saved, tmp_path / "in.wav", tmp_path / "out.flac", "--control", f"drive={tmp_path}/drive.csv"
    )
    assert said["seconds"] == 0.5
    whole = ddspfx.render(
        ddspfx.at(ddspfx.load(saved), drive=ddspfx.Automation([0.0, 0.5], [0.0, 12.0])), music(0.5), RATE
    )
    np.testing.assert_allclose(read_audio(tmp_path / "out.flac")[0], whole, atol=1e-6)


def test_a_run_plays_a_file_of_another_rate_at_its_own(tmp_path: Path) -> None:
    late = np.eye(1, 64, 40)[0]
    Run(ddspfx.Serial(late=ddspfx.FIR(late, 40)), RATE, Settings()).save(tmp_path / "run")
    time = np.arange(48_000) / 48_000
    x = 0.5 * np.sin(2 * np.pi * 1_000 * time) * np.hanning(48_000)
    write_audio(tmp_path / "in.wav", x, 48_000)
    assert main(["render", str(tmp_path / "run"), str(tmp_path / "in.wav"), str(tmp_path / "out.wav")]) == 0
    y, rate = read_audio(tmp_path / "out.wav")
    assert (rate, y.shape) == (48_000, (1, 48_000))
    np.testing.assert_allclose(y[0], x, atol=1e-4)


@pytest.mark.slow
def test_a_run_from_a_manifest_is_scored_reported_listed_and_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_audio(tmp_path / "dry.wav", music(4.0), RATE)
    write_audio(tmp_path / "wet.wav", -0.5 * np.roll(music(4.0), 100, axis=1), RATE)
    (tmp_path / "pairs.csv").write_text("dry,wet\ndry.wav,wet.wav\n")
    (tmp_path / "fit.toml").write_text("validation = 0.25\nmatch_noise = false\nminutes = 1\n")
    run, pair = tmp_path / "run", (tmp_path / "dry.wav", tmp_path / "wet.wav")
    argv = ("--pairs", tmp_path / "pairs.csv", "--model", "linear", "--config", tmp_path / "fit.toml")
    fitted = answer(capsys, "fit", *argv, "--out", run)
    assert fitted["model"] == "linear" and float(str(fitted["esr_validation"])) < 1e-4
    assert Run.load(run).settings.validation == 0.25
    figures = answer(capsys, "score", "--run", run, *pair, "--track", "--save", tmp_path / "played.wav")
    assert set(figures) == SCORE and float(str(figures["esr"])) < 1e-4
    played, wet = (read_audio(file)[0] for file in (tmp_path / "played.wav", pair[1]))
    np.testing.assert_allclose(played[:, 5_000:-5_000], wet[:, 5_000:-5_000], atol=0.01)
    assert Path(str(answer(capsys, "report", run)["report"])).stat().st_size > 10_000
    assert "hiss.level" in str(answer(capsys, "models", run)["slots"])
    assert main(["render", str(run), str(pair[0]), str(tmp_path / "again.flac"), "--block-size", "4096"]) == 0


def test_restore_steadies_a_tone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    time = np.arange(2 * RATE) / RATE
    sway = 2e-4 * np.sin(2 * np.pi * 3 * time)
    write_audio(tmp_path / "wet.wav", 0.5 * np.sin(2 * np.pi * 3_000 * (time - sway)), RATE)
    said = answer(capsys, "restore", tmp_path / "wet.wav", tmp_path / "steady.wav", "--tone", 3_000)
    assert abs(float(str(said["removed_deviation_s"])) - 2e-4 / np.sqrt(2)) < 5e-6
    steady = read_audio(tmp_path / "steady.wav")[0][0, RATE // 2 : RATE // 2 + RATE]
    spectrum = np.abs(np.fft.rfft(steady * np.hanning(RATE))) ** 2
    assert spectrum[2_997:3_004].sum() > 0.999 * spectrum.sum()


def test_models_lists_them_and_their_knobs(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(answer(capsys, "models")) == set(MODELS)
    assert "drive" in str(answer(capsys, "models", "tape")["controls"])


def test_a_broken_pipe_is_quiet() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "ddspfx", "--help"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 1
