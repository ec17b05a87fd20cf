"""A search for better settings: trainings within a time, judged on validation (Optuna).

The first takes the settings as they are, the others draw some of them anew; those that look worse
than others did after as many epochs are cut short. Every trial is written to a journal, a file of
JSON lines, from which the search goes on.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from senticli.config import Recipe
from senticli.errors import SenticliError
from senticli.training.processes import Processes
from senticli.training.session import Session, Texts, prepare
from senticli.training.trainer import BatchResult, Trainer

NETWORK = ("rnn", "layers", "hidden", "pooling")
SPACE: Mapping[str, Callable[[optuna.Trial], Any]] = {
    "rnn": lambda trial: trial.suggest_categorical("rnn", ["lstm", "gru"]),
    "layers": lambda trial: trial.suggest_int("layers", 1, 2),
    "hidden": lambda trial: trial.suggest_categorical("hidden", [64, 96, 128, 192, 256]),
    "pooling": lambda trial: trial.suggest_categorical(
        "pooling", ["max+attention", "max+mean", "max"]
    ),
    "word_dropout": lambda trial: trial.suggest_float("word_dropout", 0, 0.2),
    "embedding_dropout": lambda trial: trial.suggest_float("embedding_dropout", 0.1, 0.6),
    "output_dropout": lambda trial: trial.suggest_float("output_dropout", 0, 0.5),
    "lr": lambda trial: trial.suggest_float("lr", 3e-4, 1e-2, log=True),
    "embedding_lr": lambda trial: trial.suggest_float("embedding_lr", 0.03, 1, log=True),
}
"""The settings that are searched, and where."""


@dataclass(frozen=True)
class Trial:
    """A training of a search. ``loss`` and ``accuracy`` are those of its best epoch, if any."""

    number: int  # 1 …
    settings: Mapping[str, Any]
    state: Literal["done", "cut short", "out of time", "failed"]
    epochs: int = 0
    loss: float | None = None
    accuracy: float | None = None
    seconds: float = 0.0
    best: bool = False  # the lowest loss of those that are done so far


class Search:
    """The search whose journal is ``journal``: a new one, or one to go on with.

    Args:
        journal: the file.
        recipe: the settings to start from.
        fixed: the names of settings that stay as they are.
        target: where the best model goes.

    Raises:
        SenticliError: the journal is damaged, or that of other settings.
    """

    def __init__(self, journal: Path, recipe: Recipe, fixed: Collection[str], target: Path) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._recipe = recipe
        self._names = [name for name in SPACE if name not in fixed]
        told = {
            "recipe": json.loads(json.dumps(dataclasses.asdict(recipe))),
            "names": self._names,
            "target": str(target),
        }
        journal.parent.mkdir(parents=True, exist_ok=True)
        try:
            study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(journal))),
                study_name="senticli",
                pruner=MedianPruner(n_startup_trials=3, n_warmup_steps=1),
                load_if_exists=True,
            )
            before = study.user_attrs
            trials = study.get_trials(deepcopy=False)
        except (KeyError, ValueError, AssertionError) as error:
            raise SenticliError(
                f"the journal {journal} is damaged", f"remove it, and start anew: rm {journal}"
            ) from error
        if before and before != told:
            raise SenticliError(
                "these are not the settings that this search was started with",
                "give the same ones, or start anew with --force",
            )
        for name, value in told.items():
            study.set_user_attr(name, value)
        # With the seed alone, a search that goes on would draw again what it has drawn.
        study.sampler = TPESampler(seed=recipe.train.seed + len(trials), n_startup_trials=5)
        for trial in trials:
            if not trial.state.is_finished():  # of a process that was killed
                study.tell(trial.number, state=TrialState.FAIL)
        if not any(trial.state == TrialState.COMPLETE for trial in trials):
            study.enqueue_trial({name: self._usual(name) for name in self._names})
        self._study = study

    @property
    def trials(self) -> list[Trial]:
        """The trials so far."""
        found: list[Trial] = []
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state != TrialState.WAITING and "state" in trial.user_attrs:
                found.append(self._described(trial, found))
        return found

    @property
    def seconds(self) -> float:
        """What has been spent so far."""
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

        Raises:
            KeyboardInterrupt: ``stopping`` said so.
        """
        deadline = time.monotonic() + seconds - self.seconds
        while time.monotonic() < deadline or not self._has_finished():
            asked = self._study.ask()
            settings = {name: _short(SPACE[name](asked)) for name in self._names}
            on_start(asked.number + 1, settings)
            recipe = self._recipe.with_options(settings)
            session = prepare(recipe, texts, processes)

            def over() -> bool:
                return stopping() or (time.monotonic() > deadline and self._has_finished())

            trainer = session.trainer(on_batch, over)
            trial = self._train(asked, settings, trainer, stopping)
            yield trial, session, trainer

    def _train(
        self,
        asked: optuna.Trial,
        settings: Mapping[str, Any],
        trainer: Trainer,
        stopping: Callable[[], bool],
    ) -> Trial:
        started, state = time.monotonic(), "done"
        try:
            for result in trainer.fit():
                asked.report(result.valid_loss, result.epoch)
                if asked.should_prune():
                    state = "cut short"
                    break
        except KeyboardInterrupt:
            if stopping():
                self._study.tell(asked, state=TrialState.FAIL)
                raise
            state = "out of time"
        except SenticliError:  # a loss that is not a number
            state = "failed"
        best = trainer.best
        for name, value in {
            "state": state,
            "settings": dict(settings),
            "epochs": len(trainer.history),
            "loss": best.valid_loss if best else None,
            "accuracy": best.valid_accuracy if best else None,
            "seconds": round(time.monotonic() - started, 1),
        }.items():
            asked.set_user_attr(name, value)
        if state == "done":
            assert best
            self._study.tell(asked, best.valid_loss)
        else:
            pruned = state == "cut short"
            self._study.tell(asked, state=TrialState.PRUNED if pruned else TrialState.FAIL)
        return self.trials[-1]

    def _has_finished(self) -> bool:
        return bool(self._study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]))

    def _usual(self, name: str) -> Any:
        for part in (self._recipe.model, self._recipe.train):
            if hasattr(part, name):
                return getattr(part, name)
        raise KeyError(name)

    def _described(self, trial: FrozenTrial, before: list[Trial]) -> Trial:
        told = dict(trial.user_attrs)
        losses = [one.loss for one in before if one.state == "done" and one.loss is not None]
        best = told["state"] == "done" and told["loss"] < min(losses, default=float("inf"))
        return Trial(number=trial.number + 1, best=best, **told)


def _short(value: Any) -> Any:
    """A number with two digits, so that the command that repeats a trial is a short one."""
    return float(f"{value:.2g}") if isinstance(value, float) else value
