"""MODEL on the command line: a run folder, a saved model or a name; and its controls, turned."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ddspfx.cli.checks import finished_run
from ddspfx.cli.names import MODELS


class Found(NamedTuple):
    """A model, and the rate that it was fitted at; None where it plays at any rate."""

    block: Any
    sample_rate: int | None


def known(model: str) -> str:
    """The name or folder. Raises ValueError when it is neither; nothing heavy is imported to find out."""
    folder = Path(model)
    if folder.is_dir():
        return model if (folder / "model.json").is_file() else str(finished_run(folder))
    if model not in MODELS:
        raise ValueError(
            f"MODEL is {model!r}, but must be a run folder, a saved model's folder or one of {', '.join(MODELS)}"
        )
    return model


def found(model: str, sample_rate: int, preset: str | None = None) -> Found:
    """The model that `known` has let through, a named one built for this rate in Hz, from a preset if it has them."""
    folder = Path(model)
    if preset is not None and folder.is_dir():
        raise ValueError(f"--preset is {preset!r}, but {folder} is a model of its own: presets belong to names")
    if not folder.is_dir():
        from ddspfx.models.catalogue import recipe
        from ddspfx.models.recipe import Setting

        return Found(recipe(model).playable(Setting(sample_rate=sample_rate), preset), None)
    if (folder / "run.json").is_file():
        from ddspfx.fit.run import Run

        run = Run.load(folder)
        return Found(_sound(run.model, folder, run.sample_rate), run.sample_rate)
    from ddspfx.storage import load

    return Found(_sound(load(folder), folder, sample_rate), None)


def presets(model: str) -> str:
    """The presets of a named model in a row; nothing for a folder."""
    from ddspfx.models.catalogue import RECIPES

    return "" if Path(model).is_dir() else ", ".join(RECIPES[model].presets)


def _sound(block: Any, folder: Path, sample_rate: int) -> Any:
    """The model, once it has been seen that it plays. Raises ValueError when a file's words make no model."""
    import jax

    from ddspfx.clock import Clock
    from ddspfx.control import controls

    try:
        controls(block)
        block.latency(sample_rate)
        state, silence = block.init_state(1, sample_rate), jax.ShapeDtypeStruct((1, 64), float)
        jax.eval_shape(lambda x: block(x, state, Clock.zero(sample_rate))[0], silence)
    except (KeyError, TypeError, AttributeError, ArithmeticError, IndexError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ValueError(f"{folder} is damaged ({type(error).__name__}: {reason}): save or fit it again") from error
    return block


def settings_of(given: Sequence[str]) -> dict[str, str]:
    """`name=value` words by name; a value that ends in .csv must be a file. Raises ValueError otherwise."""
    turned: dict[str, str] = {}
    for word in given:
        name, mark, value = (part.strip() for part in word.partition("="))
        if not (name and mark and value):
            raise ValueError(f"--control is {word!r}, but must be name=value: write for example drive=12")
        if name in turned:
            raise ValueError(f"--control {name} is given twice, {turned[name]} and {value}: leave one out")
        if value.lower().endswith(".csv") and not Path(value).is_file():
            raise FileNotFoundError(f"--control {name} is {value}, which does not exist: check the name of the CSV")
        turned[name] = value
    return turned


def turned(block: Any, settings: dict[str, str]) -> Any:
    """The model with its controls at these settings. Raises ValueError for unknown names and values out of range."""
    from ddspfx.control import at, controls

    knobs = controls(block)
    return at(block, **{name: _value(knobs.get(name), value) for name, value in settings.items()})


def _value(knob: Any, text: str) -> Any:
    from ddspfx.control import Control

    if not isinstance(knob, Control):
        return text
    if text.lower().endswith(".csv"):
        return _automation(knob, text)
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"control {knob.name!r} is {text!r}, but must be a number within {knob.range} or an automation .csv"
        ) from None


def _automation(knob: Any, path: str) -> Any:
    import numpy as np

    from ddspfx.source.automation import Automation

    source = Automation.from_csv(path)
    knob.range.check(np.asarray(source.bounds()), f"{path}: the span of control {knob.name!r}")
    return source
