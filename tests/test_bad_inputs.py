"""What people really type and really have on disk: one clear line, exit code 2, nothing left behind."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import ddspfx
from ddspfx.audio import write_audio
from ddspfx.cli import main
from ddspfx.fit.run import Run
from ddspfx.fit.settings import Settings

RATE = 44_100
SECONDS = 0.5


def sound(count: int = round(SECONDS * RATE), seed: int = 0) -> np.ndarray:
    return np.asarray(0.2 * np.random.default_rng(seed).normal(size=count), np.float32)


def spoilt(value: float) -> np.ndarray:
    x = sound()
    x[1_000] = value
    return x


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of everything that is wrong, and a few things that are right."""
    place = tmp_path_factory.mktemp("shelf")
    write_audio(place / "dry.wav", sound(), RATE)
    write_audio(place / "wet.wav", np.tanh(2 * sound()), RATE)
    write_audio(place / "stereo.wav", np.stack([sound(), sound(seed=1)]), RATE)
    write_audio(place / "slow.wav", sound(), 22_050)
    write_audio(place / "silent.wav", 0 * sound(), RATE)
    write_audio(place / "one.wav", sound(1), RATE)
    for name, x in {"nan": spoilt(np.nan), "inf": spoilt(np.inf)}.items():
        soundfile.write(place / f"{name}.wav", x, RATE, subtype="FLOAT")
    soundfile.write(place / "four.wav", np.stack([sound()] * 4, 1), RATE)
    soundfile.write(place / "eight.wav", sound(), RATE, subtype="PCM_U8")
    soundfile.write(place / "frameless.wav", np.zeros(0), RATE)
    (place / "empty.wav").touch()
    (place / "text.wav").write_text("this is no sound\n" * 100)
    (place / "notes.txt").write_text("nor is this")
    (place / "cut.wav").write_bytes((place / "dry.wav").read_bytes()[:20_000])
    (place / "folder.wav").mkdir()
    _models(place)
    _texts(place)
    return place


def _models(place: Path) -> None:
    knob = ddspfx.Control("drive", 0, 12, 3, unit="dB", start=0.0, stop=12.0)
    model = ddspfx.Serial(drive=ddspfx.Tanh(knob), level=ddspfx.Gain(0.0))
    for name in ("good", "mangled", "gutted", "beheaded", "future", "foreign", "misshapen", "absurd"):
        ddspfx.save(model, place / name)
    (place / "mangled/model.json").write_text('{"format": "ddspfx", "vers')
    weights = next((place / "gutted").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-4])
    next((place / "beheaded").glob("*.safetensors")).unlink()
    for name, change in {"future": {"version": 99}, "foreign": {"format": "nam"}}.items():
        file = place / name / "model.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    file = place / "misshapen/model.json"
    file.write_text(file.read_text().replace('"shape": [\n    2\n   ]', '"shape": [\n    3\n   ]'))
    file = place / "absurd/model.json"
    text = json.loads(file.read_text())
    text["model"]["fields"]["blocks"]["tuple"][0] = 7
    file.write_text(json.dumps(text))
    for name in ("torn", "partial"):
        Run(model, RATE, Settings()).save(place / name)
    file = place / "partial/run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "settings": {"passes": "many"}}))
    (place / "torn/run.json").write_text("{")
    (place / "unfinished/candidates/gru").mkdir(parents=True)
    (place / "unfinished/candidates/gru/checkpoint.safetensors").touch()
    (place / "hollow").mkdir()


def _texts(place: Path) -> None:
    texts = {
        "typo.toml": "pases = 3\n",
        "type.toml": 'passes = "many"\n',
        "negative.toml": "learning_rate = -1.0\n",
        "broken.toml": "passes = = 3\n",
        "patterns.toml": 'freeze = ["nobody.*"]\n',
        "column.csv": "dry,amount\ndry.wav,3\n",
        "absent.csv": "dry,wet\ndry.wav,nowhere.wav\n",
        "none.csv": "dry,wet\n",
        "gap.csv": "dry,wet,drive\ndry.wav,wet.wav,\n",
        "words.csv": "seconds,value\n0,loud\n",
        "head.csv": "time,db\n0,1\n",
        "back.csv": "seconds,value\n1,3\n0,4\n",
        "loud.csv": "seconds,value\n0,3\n1,99\n",
    }
    for name, text in texts.items():
        (place / name).write_text(text)


BAD = {
    "NaN": ("align nan.wav wet.wav", "nan.wav holds NaN"),
    "infinity": ("align dry.wav inf.wav", "inf.wav holds NaN or infinite samples, the first at 0.023 s"),
    "an empty file": ("align empty.wav wet.wav", "empty.wav is empty (0 bytes)"),
    "no frames": ("align frameless.wav wet.wav", "frameless.wav is empty (0 samples)"),
    "a truncated file": ("render good cut.wav out.wav", "cut.wav is truncated"),
    "text called .wav": ("render good text.wav out.wav", "text.wav is no audio"),
    "a file of no audio kind": ("align notes.txt wet.wav", "notes.txt ends in '.txt'"),
    "a folder for a file": ("align folder.wav wet.wav", "folder.wav is a folder"),
    "a missing file": ("score nowhere.wav wet.wav", "nowhere.wav does not exist"),
    "mono with stereo": ("fit stereo.wav wet.wav --out new", "both must be the same"),
    "unequal rates": ("align dry.wav slow.wav", "slow.wav is at 22050 Hz"),
    "one sample": ("align one.wav wet.wav", "one.wav has 1 samples"),
    "silence": ("fit silent.wav wet.wav --out new", "silent.wav is silent"),
    "a silent target": ("score dry.wav silent.wav", "target is silent"),
    "four channels": ("render good four.wav out.wav", "has 4 channels"),
    "an unknown model": ("render tapir dry.wav out.wav", "MODEL is 'tapir'"),
    "an unknown model to fit": ("fit dry.wav wet.wav --model tapir --out new", "--model is 'tapir'"),
    "an unknown control": ("render good dry.wav out.wav --control warmth=3", "no control is called warmth"),
    "a control out of range": ("render good dry.wav out.wav --control drive=50", "'drive' is 50 dB"),
    "a control that is NaN": ("render good dry.wav out.wav --control drive=nan", "'drive' is nan dB"),
    "a control in words": ("render good dry.wav out.wav --control drive=loud", "must be a number within 0 to 12"),
    "half a control": ("render good dry.wav out.wav --control drive", "must be name=value"),
    "a control twice": ("render good dry.wav out.wav --control drive=1 --control drive=2", "given twice"),
    "automation in words": ("render good dry.wav out.wav --control drive=words.csv", "line 2: '0,loud'"),
    "automation without header": ("render good dry.wav out.wav --control drive=head.csv", "'seconds,value'"),
    "automation back in time": ("render good dry.wav out.wav --control drive=back.csv", "line 3: time is 0"),
    "automation out of range": ("render good dry.wav out.wav --control drive=loud.csv", "within 0 to 12 dB"),
    "automation missing": ("render good dry.wav out.wav --control drive=gone.csv", "gone.csv, which does not"),
    "a mangled description": ("render mangled dry.wav out.wav", "model.json is damaged"),
    "cut weights": ("render gutted dry.wav out.wav", "safetensors is damaged"),
    "no weights": ("render beheaded dry.wav out.wav", "safetensors is missing"),
    "weights of another shape": ("render misshapen dry.wav out.wav", "but must be float32[3]"),
    "a model of the future": ("render future dry.wav out.wav", "has version 99"),
    "a model of another kind": ("render foreign dry.wav out.wav", "format is 'nam'"),
    "a model of nonsense": ("render absurd dry.wav out.wav", "absurd is damaged"),
    "a run with a wrong setting": ("render partial dry.wav out.wav", "run.json is damaged (ValidationError"),
    "a torn run": ("render torn dry.wav out.wav", "run.json is damaged"),
    "a folder without run": ("render hollow dry.wav out.wav", "holds no run"),
    "an unfinished run": ("report unfinished", "--resume"),
    "no folder for a run": ("score --run nowhere dry.wav wet.wav", "RUN is nowhere"),
    "a key misspelt": ("fit dry.wav wet.wav --out new --config typo.toml", "write passes"),
    "a setting of wrong type": ("fit dry.wav wet.wav --out new --config type.toml", "passes is 'many'"),
    "a setting out of range": ("fit dry.wav wet.wav --out new --config negative.toml", "learning_rate is -1.0"),
    "no TOML": ("fit dry.wav wet.wav --out new --config broken.toml", "is no TOML"),
    "no config": ("fit dry.wav wet.wav --out new --config gone.toml", "gone.toml, which is no file"),
    "a manifest without wet": ("fit --pairs column.csv --out new", "columns dry and wet"),
    "a manifest of missing files": ("fit --pairs absent.csv --out new", "line 2"),
    "a manifest of nothing": ("fit --pairs none.csv --out new", "names no pairs"),
    "missing controls": ("fit --pairs gap.csv --out new", "column drive: is empty"),
    "a pattern that nothing matches": (
        "fit dry.wav wet.wav --model linear --out new/run --config patterns.toml",
        "no parameter matches 'nobody.*'",
    ),
    "pairs given twice": ("fit dry.wav wet.wav --pairs none.csv --out new", "only one may be given"),
    "no pair": ("fit --out new", "DRY is missing"),
    "negative minutes": ("fit dry.wav wet.wav --out new --minutes -1", "--minutes is -1"),
    "minutes for ever": ("fit dry.wav wet.wav --out new --minutes inf", "--minutes is inf"),
    "blocks of nothing": ("render good dry.wav out.wav --block-size 0", "--block-size is 0"),
    "blocks of words": ("render good dry.wav out.wav --block-size big", "'big'"),
    "output over input": ("render good dry.wav dry.wav", "which is the input too"),
    "output of no kind": ("render good dry.wav out.mp3", "must end in .wav or .flac"),
    "output without folder": ("render good dry.wav nowhere/out.wav", "nowhere does not exist"),
    "output where nobody writes": ("render good dry.wav /proc/out.wav", "cannot be written"),
    "output into a device": ("track dry.wav wet.wav --out /dev/full", "no ordinary file"),
    "a run under a file": ("fit dry.wav wet.wav --out notes.txt/run", "notes.txt/run"),
    "a run instead of a file": ("fit dry.wav wet.wav --out notes.txt", "which is a file"),
    "a run where nobody writes": ("fit dry.wav wet.wav --out /proc/run", "/proc/run"),
    "two ways to restore": ("restore wet.wav out.wav --dry dry.wav --tone 3000", "--dry and --tone given"),
    "no way to restore": ("restore wet.wav out.wav", "must be one of --dry, --pilot and --tone"),
    "nothing to measure time by": ("analyse transport dry.wav", "no test tone and no pilot is found"),
    "no tone at that frequency": ("analyse transport dry.wav --tone 3150", "no steady tone stands out near 3150 Hz"),
    "a tone beyond the rate": ("analyse transport dry.wav --tone 30000", "tone is 30000 Hz"),
    "a pilot in a mono file": ("analyse transport dry.wav --pilot R", "wet is mono"),
    "a pilot to track in mono": ("track dry.wav wet.wav --pilot R", "wet is mono"),
    "two ways to measure": ("analyse transport wet.wav --dry dry.wav --tone 50", "--tone and --dry given"),
    "a silent test tone": ("analyse transport silent.wav", "silent.wav is silent"),
    "a test tone of one sample": ("analyse transport one.wav --tone 3150", "one.wav lasts 2.27e-05 s"),
    "a page of no kind": ("analyse transport dry.wav --out page.pdf", "must end in .html or .png"),
    "a page where nobody writes": ("analyse transport dry.wav --out /proc/page.html", "cannot be written"),
    "an unknown meter": ("analyse weather dry.wav", "No such command"),
    "tracking without run": ("score dry.wav wet.wav --track", "belongs to --run"),
    "an unknown command": ("master dry.wav", "No such command"),
    "an unknown option": ("align dry.wav wet.wav --fast", "No such option"),
    "an argument too few": ("align dry.wav", "Missing argument 'WET'"),
}


def listing(place: Path) -> dict[str, int]:
    return {str(file): file.stat().st_mtime_ns for file in sorted(place.rglob("*"))}


def test_there_are_thirty() -> None:
    assert len(BAD) >= 30


@pytest.mark.parametrize("case", BAD)
def test_one_line_and_nothing_left(
    case: str, shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shelf)
    command, told = BAD[case]
    before = listing(shelf)
    assert main(command.split()) == 2
    out, error = capsys.readouterr()
    said = [line for line in error.splitlines() if line.startswith("ddspfx: ")]
    assert len(said) == 1 and error.splitlines()[-1] == said[0], error
    assert told in said[0], said[0]
    assert "Traceback" not in error and out == ""
    assert listing(shelf) == before


def test_eight_bits_work(shelf: Path, tmp_path: Path) -> None:
    assert main(["render", str(shelf / "good"), str(shelf / "eight.wav"), str(tmp_path / "out.wav")]) == 0
    assert soundfile.info(tmp_path / "out.wav").frames == round(SECONDS * RATE)


def test_a_wrong_pair_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate(("dry", "wet")):
        write_audio(tmp_path / f"{name}.wav", sound(4 * RATE, seed), RATE)
    assert main(["align", str(tmp_path / "dry.wav"), str(tmp_path / "wet.wav"), "--json"]) == 0
    out, error = capsys.readouterr()
    assert json.loads(out)["confidence"] < 0.3
    assert json.loads(out)["warnings"] and error.startswith("ddspfx: warning: ")


def command(*argv: object, before: str = "") -> "subprocess.Popen[str]":
    words = ["sh", "-c", f'{before} exec "$@"', "sh", sys.executable, "-m", "ddspfx", *map(str, argv)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_full_disk_leaves_nothing(shelf: Path, tmp_path: Path) -> None:
    made = command("render", shelf / "good", shelf / "dry.wav", tmp_path / "out.wav", before="ulimit -f 20;")
    out, error = made.communicate()
    assert made.returncode == 2 and out == ""
    assert error.count("\n") == 1 and "out.wav cannot be written" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_is_one_line(number: int, code: int, tmp_path: Path) -> None:
    """Once the file that takes the sound is there, the model is being built, which takes seconds."""
    write_audio(tmp_path / "in.wav", np.tile(sound(), 40), RATE)
    made = command("render", "tape", tmp_path / "in.wav", tmp_path / "out.wav")
    until = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    made.send_signal(number)
    _, error = made.communicate(timeout=60)
    assert made.returncode == code
    assert "Traceback" not in error and error.count("\n") <= 1
    assert [file.name for file in tmp_path.iterdir()] == ["in.wav"]


def test_a_full_disk_under_a_fit_leaves_nothing(shelf: Path, tmp_path: Path) -> None:
    words = ("fit", shelf / "dry.wav", shelf / "wet.wav", "--model", "linear", "--out", tmp_path / "deep/run")
    made = command(*words, before="ulimit -f 2;")
    _, error = made.communicate()
    assert made.returncode == 2
    assert f"{tmp_path}/deep/run cannot be written" in error.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_traceback_when_asked_for(shelf: Path) -> None:
    with pytest.raises(FileNotFoundError):
        main(["align", "nowhere.wav", str(shelf / "wet.wav"), "--traceback"])
