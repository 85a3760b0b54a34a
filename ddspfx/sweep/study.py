"""The queue and the record of a sweep: an Optuna study in one journal file, which any of its tools can read."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ddspfx.sweep.plan import Fit

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

NAME = "sweep"
JOURNAL = "study.journal"
FITS = "fits"
CURE = "pip install 'ddspfx[sweep]'"
STARTS = 3
"""Times that a fit is begun before one whose process dies each time counts as failed."""


@dataclass(frozen=True)
class Claim:
    """A fit that this process, and no other, works on."""

    number: int
    fit: Fit
    starts: int


class Study:
    """The study of one sweep's folder.

    A fit is worked on by whoever holds the lock on its folder. The system takes the lock from a process that dies,
    so what was left half done is claimed again; Optuna's own heartbeat needs a database server.
    Raises ValueError with the cure when Optuna is missing.
    """

    def __init__(self, folder: Path):
        optuna = _optuna()
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder.resolve()
        self._storage = JournalStorage(JournalFileBackend(str(self.folder / JOURNAL)))
        self._study = optuna.create_study(
            storage=self._storage, study_name=NAME, direction="minimize", load_if_exists=True
        )
        self._id = self._storage.get_study_id_from_name(NAME)

    def queue(self, fits: Sequence[Fit]) -> None:
        """Adds what is not there yet, and again what failed; what is finished stays. Begun fits may be begun again.

        What an earlier queue held beside these is taken out.
        """
        from optuna.trial import TrialState

        keys = {fit.key for fit in fits}
        for trial in self._trials():
            if not trial.state.is_finished() and trial.user_attrs["key"] not in keys:
                self.failed(trial.number, "no longer asked for")
        there = {trial.user_attrs["key"]: trial for trial in self._trials()}
        for fit in fits:
            known = there.get(fit.key)
            if known is None or known.state == TrialState.FAIL:
                self._study.add_trial(_queued(fit))
            elif not known.state.is_finished():
                self._note(known.number, "starts", 0)

    def is_over(self) -> bool:
        """Whether every fit is finished or has failed."""
        return all(trial.state.is_finished() for trial in self._trials())

    @contextlib.contextmanager
    def claimed(self) -> Iterator[Claim | None]:
        """The next fit that nobody works on, locked meanwhile; None when there is none."""
        for trial in self._trials():
            if trial.state.is_finished():
                continue
            with _locked(self.place(trial.user_attrs["key"])) as held:
                if held and (claim := self._begun(trial.number)) is not None:
                    yield claim
                    return
        yield None

    def _begun(self, number: int) -> Claim | None:
        """The fit marked as begun; None when it was finished while the lock was waited for, or has died too often."""
        from optuna.trial import TrialState

        trial = self._storage.get_trial(self._trial(number))
        if trial.state.is_finished():
            return None
        if trial.state == TrialState.WAITING:
            self._storage.set_trial_state_values(self._trial(number), TrialState.RUNNING)
        starts = int(trial.user_attrs.get("starts", 0)) + 1
        if starts > STARTS:
            self.failed(number, f"its process died {STARTS} times: see the logs, or give it more memory")
            return None
        self._note(number, "starts", starts)
        return Claim(number, Fit(**json.loads(trial.user_attrs["fit"])), starts)

    def finished(self, number: int, esr: float, figures: Mapping[str, Any]) -> None:
        """Records a fit's figures."""
        from optuna.trial import TrialState

        self._note(number, "figures", dict(figures))
        self._storage.set_trial_state_values(self._trial(number), TrialState.COMPLETE, [esr])

    def failed(self, number: int, reason: str) -> None:
        """Records why a fit cannot be."""
        from optuna.trial import TrialState

        self._note(number, "reason", reason)
        self._storage.set_trial_state_values(self._trial(number), TrialState.FAIL)

    def rows(self, fits: Sequence[Fit]) -> list[dict[str, Any]]:
        """A row a fit: name, what varies, state (waiting, running, complete, fail), figures or the reason."""
        there = {trial.user_attrs["key"]: trial for trial in self._trials()}
        return [_row(fit, there.get(fit.key)) for fit in fits]

    def place(self, key: str) -> Path:
        """The folder of a fit."""
        return self.folder / FITS / key

    def _trials(self) -> "list[FrozenTrial]":
        trials: list[FrozenTrial] = self._study.get_trials(deepcopy=False)
        return trials

    def _trial(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _note(self, number: int, name: str, value: Any) -> None:
        self._storage.set_trial_user_attr(self._trial(number), name, value)


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError:
        raise ValueError(f"a sweep needs Optuna, which is not installed: {CURE}") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _queued(fit: Fit) -> Any:
    """A trial that waits. What varies in numbers are its parameters, so that Optuna's own plots show them."""
    from optuna.distributions import FloatDistribution
    from optuna.trial import TrialState, create_trial

    numbers = {n: float(v) for n, v in fit.varied.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    return create_trial(
        state=TrialState.WAITING,
        params=numbers,
        distributions={name: FloatDistribution(-1e300, 1e300) for name in numbers},
        user_attrs={"key": fit.key, "name": fit.name, "fit": fit.model_dump_json()},
    )


def _row(fit: Fit, trial: "FrozenTrial | None") -> dict[str, Any]:
    row = {"key": fit.key, "name": fit.name, "varied": fit.varied, "model": fit.model}
    if trial is None:
        return {**row, "state": "waiting"}
    known = {name: trial.user_attrs[name] for name in ("reason",) if name in trial.user_attrs}
    return {**row, "state": trial.state.name.lower(), **trial.user_attrs.get("figures", {}), **known}


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[bool]:
    """Whether this process has the folder for itself meanwhile."""
    import fcntl

    place.mkdir(parents=True, exist_ok=True)
    file: IO[bytes]
    with (place / "lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
