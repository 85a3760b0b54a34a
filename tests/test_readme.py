"""The README's code runs, its commands parse, its links lead somewhere, its table of blocks is whole."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer
from test_law import kinds

from ddspfx.audio import read_audio, write_audio

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SECONDS = 5
"""Of the embedded pair that the README's dry.wav and wet.wav are cut from."""


def code(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def commands() -> list[str]:
    lines = "".join(code("sh")).splitlines()
    return [part.strip() for line in lines if line for part in line.split("#")[0].split("&&")]


def test_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("dry", "wet"):
        x, rate = read_audio(ROOT / f"ddspfx/data/demo/{name}.flac")
        write_audio(f"{name}.wav", x[:, : SECONDS * rate], rate)
    guitar = 0.3 * np.sin(2 * np.pi * 110 * np.arange(rate // 2) / rate)
    write_audio("guitar.wav", guitar[None].astype(np.float32), rate)
    names: dict[str, object] = {"__name__": "readme"}
    for block in code("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["run"].figures["esr_validation"] < 0.2
    left = {path.name for path in tmp_path.iterdir()}
    assert {"run", "taped.wav", "delay.csv"} <= left and (tmp_path / "run/report.html").is_file()


@pytest.mark.parametrize("line", [line for line in commands() if line.startswith("ddspfx")])
def test_command_parses(line: str) -> None:
    from ddspfx.cli.app import app

    whole = typer.main.get_command(app)
    name, *arguments = shlex.split(line)[1:]
    command = whole.commands[name]
    while hasattr(command, "commands"):
        name, *arguments = arguments
        command = command.commands[name]
    assert command.make_context(name, arguments).params
    with pytest.raises(Exception, match=r"(?i)no such option"):
        command.make_context(name, [*arguments, "--no-such-option"])


def test_make_and_pip_lines_name_what_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    extras = set(re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), re.M))
    for line in commands():
        if line.startswith("make"):
            assert line.split()[1] in targets, line
        if found := re.search(r"\.\[(\w+)\]", line):
            assert found[1] in extras, line


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_every_block_is_in_the_table() -> None:
    table = README.split("## Blocks")[1].split("\n## ")[0]
    assert not [name for name in kinds() if f"`{name}`" not in table]


def test_prose_is_plain() -> None:
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"):
        assert "\u2014" not in path.read_text(), f"{path.name}: an em dash"
        assert max(map(len, path.read_text().splitlines())) <= 160, path.name
