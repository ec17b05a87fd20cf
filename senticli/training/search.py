"""A search for better settings: trainings within a time, judged on validation (Optuna).

The first takes the settings as they are, the others draw some of them anew; those that look worse
than others did after as many epochs are cut short. Every trial is written to a journal, a file of
JSON lines, from which the search goes on.
"""

import dataclasses
import json
import shlex
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from senticli.config import Recipe
from senticli.errors import SenticliError
from senticli.io import jsonfile
from senticli.training.processes import Processes
from senticli.training.session import Session, Texts, prepare
from senticli.training.trainer import BatchResult, Stopped, Trainer

NETWORK = ("rnn", "layers", "hidden", "pooling")
SPACE: Mapping[str, BaseDistribution] = {
    "rnn": CategoricalDistribution(["lstm", "gru"]),
    "layers": IntDistribution(1, 2),
    "hidden": CategoricalDistribution([64, 96, 128, 192, 256]),
    "pooling": CategoricalDistribution(["max+attention", "max+mean", "max"]),
    "word_dropout": FloatDistribution(0, 0.2),
    "embedding_dropout": FloatDistribution(0.1, 0.6),
    "output_dropout": FloatDistribution(0, 0.5),
    "lr": FloatDistribution(3e-4, 1e-2, log=True),
    "embedding_lr": FloatDistribution(0.03, 1, log=True),
}
"""The settings that are searched, and where."""

RESULT = "result"  # the attribute of a trial in the journal


@dataclass(frozen=True)
class Trial:
    """A training of a search. ``loss`` and ``accuracy`` are those of its best epoch, if any."""

    number: int  # 1 …
    settings: Mapping[str, Any]
    state: Literal["done", "cut short", "out of time", "failed"]
    epochs: int
    loss: float | None
    accuracy: float | None
    seconds: float
    best: bool = False  # the lowest loss of those that are done so far


class Search:
    """The search whose journal is ``journal``: a new one, or one to go on with.

    Args:
        journal: the file.
        recipe: the settings to start from.
        fixed: the names of settings that stay as they are.
        target: where the best model goes.
        is_kept: whether it is the model of a trial that is there.

    Raises:
        SenticliError: the journal is damaged, or that of other settings.
    """

    def __init__(
        self,
        journal: Path,
        recipe: Recipe,
        fixed: Collection[str],
        target: Path,
        is_kept: Callable[[Trial], bool],
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._recipe = recipe
        self._space = {
            name: _widened(space, _value(recipe, name))
            for name, space in SPACE.items()
            if name not in fixed
        }
        told = {
            "recipe": json.loads(json.dumps(dataclasses.asdict(recipe))),
            "names": list(self._space),
            "target": str(target),
        }
        journal.parent.mkdir(parents=True, exist_ok=True)
        try:
            _cut_torn_line(journal)
            self._study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(journal))),
                study_name="senticli",
                pruner=MedianPruner(n_startup_trials=3, n_warmup_steps=1),
                load_if_exists=True,
            )
            before = self._study.user_attrs
            trials = self._study.get_trials(deepcopy=False)
        except (KeyError, ValueError, AssertionError) as error:
            raise SenticliError(
                f"the journal {journal} is damaged",
                f"remove it, and start anew: rm {shlex.quote(str(journal))}",
            ) from error
        if any(before[name] != told[name] for name in before):
            raise SenticliError(
                "these are not the settings that this search was started with",
                "give the same ones, or start anew with `force=True`",
            )
        for name, value in told.items():
            self._study.set_user_attr(name, value)
        # With the seed alone, a search that goes on would draw again what it has drawn.
        seed = recipe.train.seed + len(trials)
        self._study.sampler = TPESampler(seed=seed, n_startup_trials=5)
        for trial in trials:
            if trial.state == TrialState.RUNNING:  # of a process that was killed
                result = trial.user_attrs.get(RESULT)
                found = Trial(trial.number + 1, **result) if result else None
                kept = found is not None and found.state == "done" and is_kept(found)
                self._tell(trial.number, found if kept else None)
                if not kept:
                    self._study.enqueue_trial(trial.params)
        if not trials:
            self._study.enqueue_trial({name: _value(recipe, name) for name in self._space})
        best = self.best
        if best and not is_kept(best):
            raise SenticliError(
                f"{target} is not the best model of this search, trial {best.number}",
                "start anew with `force=True`",
            )

    @property
    def trials(self) -> list[Trial]:
        """The trials that are over."""
        found = []
        lowest = float("inf")
        for trial in self._study.get_trials(deepcopy=False):
            if not trial.state.is_finished() or RESULT not in trial.user_attrs:
                continue
            one = Trial(trial.number + 1, **trial.user_attrs[RESULT])
            if one.state == "done" and trial.state != TrialState.COMPLETE:
                continue  # killed before its model was written
            if one.state == "done" and one.loss is not None and one.loss < lowest:
                lowest, one = one.loss, dataclasses.replace(one, best=True)
            found.append(one)
        return found

    @property
    def best(self) -> Trial | None:
        """The trial with the lowest loss of those that are done."""
        return next((trial for trial in reversed(self.trials) if trial.best), None)

    @property
    def seconds(self) -> float:
        """What its trials have taken so far."""
        return sum(trial.seconds for trial in self.trials)

    def run(
        self,
        texts: Texts,
        processes: Processes,
        seconds: float,
        *,
        stopping: Callable[[], bool],
        on_start: Callable[[int, Mapping[str, Any]], None],
        on_batch: Callable[[BatchResult], None],
    ) -> Iterator[tuple[Trial, Session, Trainer]]:
        """Train until ``seconds`` are spent in all; one training is always brought to its end.

        A trial is written to the journal when the next one is asked for, so that the model of the
        best one is kept before.

        Raises:
            SenticliError: the time is up, and no training could be brought to its end.
            Stopped: ``stopping`` said so.
        """
        deadline = time.monotonic() + seconds - self.seconds

        def over() -> bool:
            return time.monotonic() > deadline and self.best is not None

        failure: SenticliError | None = None
        while time.monotonic() < deadline or not self.best:
            if failure and time.monotonic() > deadline:
                raise failure
            asked = self._study.ask(dict(self._space))
            settings = {name: self._short(name, asked.params[name]) for name in self._space}
            on_start(asked.number + 1, settings)
            session = prepare(self._recipe.with_settings(settings), texts, processes)
            trainer = session.trainer(on_batch, lambda: stopping() or over())
            started = time.monotonic()
            state: Literal["done", "cut short", "out of time", "failed"] = "done"
            try:
                for result in trainer.fit():
                    asked.report(result.valid_loss, result.epoch)
                    if not trainer.done and asked.should_prune():
                        state = "cut short"
                        break
            except Stopped:
                if stopping():
                    raise
                state = "out of time"
            except SenticliError as error:
                failure, state = error, "failed"
            best = trainer.best
            trial = Trial(
                number=asked.number + 1,
                settings=settings,
                state=state,
                epochs=len(trainer.history),
                loss=best.valid_loss if best else None,
                accuracy=best.valid_accuracy if best else None,
                seconds=round(time.monotonic() - started, 1),
            )
            plain = dataclasses.asdict(trial)
            del plain["number"], plain["best"]
            asked.set_user_attr(RESULT, plain)
            lowest = self.best.loss if self.best else None
            is_best = state == "done" and (
                lowest is None or (trial.loss is not None and trial.loss < lowest)
            )
            yield dataclasses.replace(trial, best=is_best), session, trainer
            self._tell(asked.number, trial)

    def _short(self, name: str, value: Any) -> Any:
        """With two digits, so that the command that repeats a trial is a short one."""
        drawn = isinstance(value, float) and value != _value(self._recipe, name)
        return float(f"{value:.2g}") if drawn else value

    def _tell(self, number: int, trial: Trial | None) -> None:
        """Close a trial in the journal; None: nothing came of it."""
        if trial and trial.state == "done":
            self._study.tell(number, trial.loss)
        else:
            cut = trial is not None and trial.state == "cut short"
            self._study.tell(number, state=TrialState.PRUNED if cut else TrialState.FAIL)


def target_of(journal: Path) -> Path | None:
    """Where the best model of the search with this journal goes, if it says so."""
    for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            return Path(jsonfile.parse(line)["user_attr"]["target"])
        except jsonfile.INVALID:
            continue
    return None


def _cut_torn_line(journal: Path) -> None:
    """Cut off what a killed process has written of a line."""
    if journal.exists():
        content = journal.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            with journal.open("r+b") as file:
                file.truncate(len(whole))


def _value(recipe: Recipe, name: str) -> Any:
    return getattr(recipe.model if hasattr(recipe.model, name) else recipe.train, name)


def _widened(space: BaseDistribution, value: Any) -> BaseDistribution:
    """``space``, with ``value`` in it."""
    if isinstance(space, CategoricalDistribution):
        return CategoricalDistribution(tuple(dict.fromkeys((*space.choices, value))))
    if isinstance(space, IntDistribution):
        return IntDistribution(min(space.low, value), max(space.high, value))
    assert isinstance(space, FloatDistribution)
    low = min(space.low, value) if value or not space.log else space.low
    return FloatDistribution(low, max(space.high, value), log=space.log)
