"""Files in and out, recordings, pairs, folders and manifests: what is kept, and one clear line for what is wrong."""

import os
import resource
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ddspfx.audio import audio_info, blocks, read_audio, write_audio, writer
from ddspfx.data.manifest import read_manifest
from ddspfx.data.pair import Pair, pairs_in
from ddspfx.data.recording import Recording

RATE = 44_100


@pytest.fixture
def music() -> np.ndarray:
    return (0.3 * np.random.default_rng(0).standard_normal((2, 5000))).clip(-0.99, 0.99).astype(np.float32)


@pytest.mark.parametrize("ending", ["wav", "flac", "aiff", "ogg"])
def test_reads_what_soundfile_wrote(tmp_path: Path, music: np.ndarray, ending: str) -> None:
    path = tmp_path / f"sound.{ending}"
    soundfile.write(path, music.T, RATE)
    x, rate = read_audio(path)
    assert (x.shape, x.dtype, rate) == ((2, 5000), np.float32, RATE)
    if ending == "ogg":
        assert np.corrcoef(x[0], music[0])[0, 1] > 0.5
    else:
        assert np.abs(x - music).max() < 2**-15


def test_float_wav_above_full_scale_is_untouched(tmp_path: Path, music: np.ndarray) -> None:
    write_audio(tmp_path / "loud.wav", 7 * music, RATE)
    assert np.array_equal(read_audio(tmp_path / "loud.wav")[0], 7 * music)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["loud.wav"]


def test_eight_bits(tmp_path: Path, music: np.ndarray) -> None:
    soundfile.write(tmp_path / "old.wav", music.T, 8000, subtype="PCM_U8")
    x, rate = read_audio(tmp_path / "old.wav")
    assert rate == 8000 and np.abs(x - music).max() < 2**-6


def test_flac_has_24_bits_and_refuses_more_than_full_scale(tmp_path: Path, music: np.ndarray) -> None:
    path = tmp_path / "a.flac"
    write_audio(path, music, RATE)
    assert np.abs(read_audio(path)[0] - music).max() <= 2**-23
    with pytest.raises(ValueError, match=r"lower the level or write \.wav"):
        write_audio(path, 7 * music, RATE)
    assert np.abs(read_audio(path)[0] - music).max() <= 2**-23
    write_audio(path, np.ones(10), RATE)
    assert read_audio(path)[0].min() == 1 - 2**-23


def test_blocks_and_writer_pass_a_file_through(tmp_path: Path, music: np.ndarray) -> None:
    write_audio(tmp_path / "in.wav", music, RATE)
    with writer(tmp_path / "out.wav", 2, RATE) as write:
        for block in blocks(tmp_path / "in.wav", 777):
            write(block)
        assert not (tmp_path / "out.wav").exists()
    assert np.array_equal(read_audio(tmp_path / "out.wav")[0], music)
    assert audio_info(tmp_path / "out.wav") == (2, 5000, RATE)


def test_nothing_half_written(tmp_path: Path, music: np.ndarray) -> None:
    with pytest.raises(KeyboardInterrupt), writer(tmp_path / "out.wav", 2, RATE) as write:
        write(music)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_full_disk(tmp_path: Path, ending: str) -> None:
    x = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 100_000))
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, old[1]))
    try:
        with pytest.raises(OSError, match="cannot be written"):
            write_audio(tmp_path / f"big.{ending}", x, RATE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert not list(tmp_path.iterdir())


def test_resampling_keeps_a_tone(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    write_audio(tmp_path / "tone.wav", tone, RATE)
    x, rate = read_audio(tmp_path / "tone.wav", 48_000)
    expected = np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    assert rate == 48_000 and x.shape == (1, 48_000)
    assert np.abs(x[0] - expected)[1000:-1000].max() < 1e-5


def _bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    noise = np.random.default_rng(2).uniform(-0.5, 0.5, (4000, 2)).astype(np.float32)
    (folder / "text.wav").write_text("This is no audio.\n" * 50)
    (folder / "zero.wav").write_bytes(b"")
    soundfile.write(folder / "frames.wav", np.zeros((0, 1)), RATE)
    (folder / "folder.wav").mkdir()
    for ending in ("wav", "aiff", "flac"):
        soundfile.write(folder / f"whole.{ending}", noise, RATE)
        data = (folder / f"whole.{ending}").read_bytes()
        (folder / f"cut.{ending}").write_bytes(data[: len(data) // 2])
    holes = noise.copy()
    holes[123, 1] = np.nan
    soundfile.write(folder / "nan.wav", holes, RATE, subtype="FLOAT")
    holes[123, 1] = -np.inf
    soundfile.write(folder / "inf.wav", holes, RATE, subtype="FLOAT")
    soundfile.write(folder / "six.wav", np.zeros((100, 6)), RATE)
    (folder / "sound.xyz").write_bytes(b"abc")
    return {
        "missing.wav": (folder / "missing.wav", "does not exist"),
        "text.wav": (folder / "text.wav", "no audio"),
        "zero.wav": (folder / "zero.wav", "empty"),
        "frames.wav": (folder / "frames.wav", "empty"),
        "folder.wav": (folder / "folder.wav", "folder"),
        "cut.wav": (folder / "cut.wav", "truncated.* 4000 samples"),
        "cut.aiff": (folder / "cut.aiff", "truncated.* 4000 samples"),
        "cut.flac": (folder / "cut.flac", "truncated"),
        "nan.wav": (folder / "nan.wav", "NaN or infinite samples, the first at 0.003 s"),
        "inf.wav": (folder / "inf.wav", "NaN or infinite"),
        "six.wav": (folder / "six.wav", "6 channels"),
        "sound.xyz": (folder / "sound.xyz", "'.xyz'"),
    }


def test_bad_files_get_one_line_with_their_name(tmp_path: Path) -> None:
    for name, (path, words) in _bad_files(tmp_path).items():
        with pytest.raises((ValueError, OSError), match=words) as caught:
            read_audio(path)
        assert name in str(caught.value) and "\n" not in str(caught.value)


def test_bad_destinations(tmp_path: Path, music: np.ndarray) -> None:
    (tmp_path / "folder.wav").mkdir()
    for name, words in {
        "out.mp3": "must end in .wav or .flac",
        "no/such/out.wav": "make the folder",
        "folder.wav": "folder",
    }.items():
        with pytest.raises((ValueError, OSError), match=words):
            write_audio(tmp_path / name, music, RATE)
    with pytest.raises(ValueError, match="NaN"):
        write_audio(tmp_path / "nan.wav", np.full(10, np.nan), RATE)
    with pytest.raises(ValueError, match="channels"):
        write_audio(tmp_path / "three.wav", np.zeros((3, 10)), RATE)
    with pytest.raises(OSError, match="cannot be written"):
        write_audio("/proc/out.wav" if os.geteuid() == 0 else "/out.wav", music, RATE)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.wav"]


def test_wav_of_unknown_length_is_read_to_its_end(tmp_path: Path, music: np.ndarray) -> None:
    path = tmp_path / "pipe.wav"
    soundfile.write(path, music.T, RATE)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(data))
    assert read_audio(path)[0].shape == music.shape


def test_recording_and_pair(tmp_path: Path, music: np.ndarray) -> None:
    recording = Recording(music[0], RATE, "mono")
    assert recording.samples.shape == (1, 5000) and recording.channels == 1
    assert recording.resampled(22_050).samples.shape == (1, 2500)
    stereo = Recording(music, RATE, "stereo")
    assert Pair(stereo, stereo).controls == {} and stereo.duration == 5000 / RATE
    with pytest.raises(ValueError, match="mono and stereo is stereo"):
        Pair(recording, stereo)
    with pytest.raises(ValueError, match=r"48000 Hz.*44100 Hz of stereo: resample"):
        Pair(stereo, Recording(music, 48_000, "other"))
    for bad in (np.zeros((2, 0)), np.full((1, 3), np.nan), np.zeros((5000, 2))):
        with pytest.raises(ValueError, match="bad"):
            Recording(bad, RATE, "bad")


def test_folders(tmp_path: Path, music: np.ndarray) -> None:
    for name in ("b_dry", "b_wet", "a_input", "a_target"):
        write_audio(tmp_path / f"{name}.wav", music, RATE)
    (tmp_path / "notes.txt").write_text("not audio")
    assert [pair.name for pair in pairs_in(tmp_path)] == ["a_target", "b_wet"]
    write_audio(tmp_path / "c_dry.wav", music, RATE)
    with pytest.raises(ValueError, match=r"c_dry.wav has 0 wet files"):
        pairs_in(tmp_path)
    apart = tmp_path / "apart"
    for role in ("dry", "wet"):
        (apart / role).mkdir(parents=True)
        write_audio(apart / role / "take1.flac", music, RATE)
    assert [pair.name for pair in pairs_in(apart)] == ["take1"]
    with pytest.raises(ValueError, match="holds no pairs"):
        pairs_in(apart / "dry")


def test_manifest(tmp_path: Path, music: np.ndarray) -> None:
    (tmp_path / "takes").mkdir()
    for name in ("dry", "wet"):
        write_audio(tmp_path / "takes" / f"{name}.wav", music, RATE)
    path = tmp_path / "pairs.csv"
    path.write_text(
        "dry,wet,drive,mode\ntakes/dry.wav,takes/wet.wav,3.5,bright\n\ntakes/dry.wav,takes/wet.wav,7,dark\n"
    )
    first, second = read_manifest(path)
    assert first.controls == {"drive": 3.5, "mode": "bright"} and second.controls == {"drive": 7.0, "mode": "dark"}
    for text, words in {
        "dry,wet\n": "names no pairs",
        "in,out\na,b\n": "line 1.*columns dry and wet",
        "dry,wet,drive\ntakes/dry.wav,takes/wet.wav\n": "line 2: 2 columns",
        "dry,wet,drive\ntakes/dry.wav,takes/wet.wav,\n": "line 2, column drive: is empty",
        "dry,wet,drive\ntakes/dry.wav,takes/wet.wav,1\ntakes/dry.wav,takes/wet.wav,x\n": "line 3, column drive: 'x'",
        "dry,wet\ntakes/dry.wav,takes/none.wav\n": "line 2: .*none.wav does not exist",
        "dry,wet\ntakes/dry.wav,\n": "line 2, column wet",
        "dry,dry,wet\na,b,c\n": "doubled",
    }.items():
        path.write_text(text)
        with pytest.raises((ValueError, OSError), match=words):
            read_manifest(path)
