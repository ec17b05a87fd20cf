"""A search for better settings: trainings within a time, judged on validation (Optuna).

The first takes the settings as they are, the others draw some of them. Those above the median loss
of earlier trials at the same epoch are pruned. Every trial is written to a journal, a file of JSON
lines, from which the search can be resumed.
"""

import dataclasses
import json
import shlex
import time
from collections.abc import Callable, Collection, Mapping
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

from senticli.bundle import Bundle
from senticli.config import Recipe
from senticli.errors import SenticliError
from senticli.events import ignore
from senticli.io import atomic, jsonfile
from senticli.training.checkpoint import SEARCH, newest, path_of
from senticli.training.events import (
    OnEvent,
    Searched,
    Searching,
    Stopped,
    Trial,
    TrialStarted,
)
from senticli.training.recipe import free_target
from senticli.training.run import make_default, read_data, uninterrupted, write_best
from senticli.training.session import EncodedData, Session, build_session
from senticli.training.trainer import Trainer

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


def search(
    recipe: Recipe,
    target: Path,
    *,
    seconds: int,
    fixed: Collection[str] = (),
    command: Callable[[Recipe, str], str] = lambda recipe, name: "",
    strict: bool = False,
    force: bool = False,
    resume: bool = False,
    stopping: Callable[[], bool] = lambda: False,
    on_event: OnEvent = ignore,
) -> Bundle:
    """Search for settings better than a recipe's, and write the best model to a folder.

    The best model so far is written as soon as there is a better one.

    Args:
        recipe: the settings to start from.
        target: the folder.
        seconds: for all trials together; one training is always brought to its end.
        fixed: the settings that stay as they are.
        command: gives the command line that trains a recipe under a name, for the provenance.
        strict: fail on problems of the data.
        force: replace a model, or a search, that is there.
        resume: continue the search of this folder.
        stopping: asked after every batch; true stops the search.
        on_event: called with each event.

    Raises:
        SenticliError: it cannot be done, or no training could be brought to its end.
        Stopped: it was stopped; the best model so far is kept.
    """
    target = free_target(recipe, target, force=force or resume)
    journal = path_of(target).with_suffix(SEARCH)
    if resume and not journal.exists():
        raise SenticliError(f"there is no search of {target.name} to resume", "leave out `resume`")
    if journal.exists() and not resume:
        if not force:
            raise SenticliError(
                f"there is a search of {target.name}",
                "continue it with `resume=True`, or start again with `force=True`",
            )
        atomic.remove(journal)
    data = read_data(recipe, strict=strict, on_event=on_event)
    fixed = {*fixed, *(NETWORK if data.init else ())}
    if not data.init and data.vectors_found is None:
        fixed.add("embedding_lr")
    study = _Search(journal, recipe, fixed, target)
    on_event(Searching(study.trials, seconds))

    def save(session: Session, trainer: Trainer) -> None:
        with uninterrupted():
            write_best(session, trainer, target, command(session.recipe, target.name))

    try:
        study.run(data, seconds, save, stopping, on_event)
    except KeyboardInterrupt as error:
        stopped = error if isinstance(error, Stopped) else Stopped()
        stopped.path, stopped.resumable = target, True
        if study.best:
            stopped.best = study.best.number
            make_default(target, on_event)
        raise stopped from None
    make_default(target, on_event)
    assert study.best  # else running it failed
    again = command(recipe.with_settings(study.best.settings), f"{target.name}-again")
    on_event(Searched(study.trials, study.best, target, again))
    return Bundle.open(target)


def last_target() -> Path:
    """Return the folder of the search that was run last.

    Raises:
        SenticliError: there was none.
    """
    journal = newest(SEARCH)
    target = _target_of(journal) if journal else None
    if target is None:
        raise SenticliError("there is no search to resume", "start one: `train(tune=30m)`")
    return target


class _Search:
    """The search whose journal is ``journal``: a new one, or one to resume.

    Raises:
        SenticliError: the journal is damaged, or that of other settings.
    """

    def __init__(self, journal: Path, recipe: Recipe, fixed: Collection[str], target: Path) -> None:
        self._recipe, self._target = recipe, target
        self._space = {
            name: _widened(space, _setting(recipe, name))
            for name, space in SPACE.items()
            if name not in fixed
        }
        self._study = _open_study(journal)
        self._claim(journal)
        trials = self._study.get_trials(deepcopy=False)
        # With the seed alone, a resumed search would draw again what it has drawn.
        seed = recipe.train.seed + len(trials)
        self._study.sampler = TPESampler(seed=seed, n_startup_trials=5)
        for trial in trials:
            if trial.state == TrialState.RUNNING:  # of a process that was killed
                self._close(trial)
        if not trials:
            usual = {name: _setting(recipe, name) for name in self._space}
            self._study.enqueue_trial(usual)
        best = self.best
        if best and not self._is_kept(best):
            raise SenticliError(
                f"{target} is not the best model of this search, trial {best.number}",
                "start again with `force=True`",
            )

    def _claim(self, journal: Path) -> None:
        """Write to the journal what is searched; raise if it holds something else."""
        ours = {
            "recipe": json.loads(json.dumps(dataclasses.asdict(self._recipe))),
            "names": list(self._space),
            "target": str(self._target),
        }
        before = self._study.user_attrs
        if any(before[name] != ours.get(name) for name in before):
            raise SenticliError(
                "these are not the settings that this search was started with",
                "give the same ones, or start again with `force=True`",
            )
        for name, value in ours.items():
            self._study.set_user_attr(name, value)

    def _close(self, trial: optuna.trial.FrozenTrial) -> None:
        """End a trial that a killed process has left: its model was written, or it is repeated."""
        result = trial.user_attrs.get(RESULT)
        found = Trial(trial.number + 1, **result) if result else None
        if found and found.state == "done" and self._is_kept(found):
            self._study.tell(trial.number, found.loss)
        else:
            self._study.tell(trial.number, state=TrialState.FAIL)
            self._study.enqueue_trial(trial.params)

    def _is_kept(self, trial: Trial) -> bool:
        """Return True if the model of a trial is the one in the folder."""
        try:
            kept = Bundle.open(self._target).recipe
        except SenticliError:
            return False
        ours = self._recipe.with_settings(trial.settings)
        dim = kept.model.embedding_dim  # the vectors have decided it
        model = dataclasses.replace(ours.model, embedding_dim=dim)
        return kept == Recipe(model=model, train=ours.train)

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

    def run(
        self,
        data: EncodedData,
        seconds: float,
        save: Callable[[Session, Trainer], None],
        stopping: Callable[[], bool],
        on_event: OnEvent,
    ) -> None:
        """Train until ``seconds`` are spent in all; ``save`` keeps a model that is the best yet.

        Raises:
            SenticliError: the time is up, and no training could be brought to its end.
            Stopped: ``stopping`` said so.
        """
        deadline = time.monotonic() + seconds - sum(trial.seconds for trial in self.trials)
        failures: list[SenticliError] = []

        def is_late() -> bool:
            return time.monotonic() > deadline and self.best is not None

        def objective(drawn: optuna.Trial) -> float:
            """Train with the settings that were drawn; return the validation loss."""
            settings = {name: self._draw(drawn, name) for name in self._space}
            on_event(TrialStarted(drawn.number + 1, settings))
            session = build_session(self._recipe.with_settings(settings), data)
            trainer = session.trainer(on_event, lambda: stopping() or is_late())
            started = time.monotonic()
            state: Literal["done", "cut short", "out of time", "failed"] = "done"
            try:
                for result in trainer.fit():
                    drawn.report(result.valid_loss, result.epoch)
                    if not trainer.done and drawn.should_prune():
                        state = "cut short"
                        break
            except KeyboardInterrupt as error:
                if stopping() or not isinstance(error, Stopped):
                    self._study.enqueue_trial(drawn.params)  # for when it is resumed
                    raise
                state = "out of time"
            except SenticliError as error:
                failures.append(error)
                state = "failed"
            best = trainer.best
            trial = Trial(
                number=drawn.number + 1,
                settings=settings,
                state=state,
                epochs=len(trainer.history),
                loss=best.valid_loss if best else None,
                accuracy=best.valid_accuracy if best else None,
                seconds=round(time.monotonic() - started, 1),
            )
            # Before the model is written, so that a killed search knows whose model it finds.
            drawn.set_user_attr(RESULT, _without(trial, "number", "best"))
            lowest = self.best.loss if self.best else None
            is_best = state == "done" and (
                lowest is None or (trial.loss is not None and trial.loss < lowest)
            )
            on_event(dataclasses.replace(trial, best=is_best))
            if is_best:
                save(session, trainer)
            if state != "done" or trial.loss is None:
                raise optuna.TrialPruned if state == "cut short" else _NoResult
            return trial.loss

        while time.monotonic() < deadline or not self.best:
            if failures and time.monotonic() > deadline:
                raise failures[-1]
            self._study.optimize(objective, n_trials=1, catch=_NoResult)

    def _draw(self, trial: optuna.Trial, name: str) -> Any:
        """Draw a setting; a float with two digits, so that the command that repeats it is short."""
        space = self._space[name]
        if isinstance(space, CategoricalDistribution):
            return trial.suggest_categorical(name, space.choices)
        if isinstance(space, IntDistribution):
            return trial.suggest_int(name, space.low, space.high)
        assert isinstance(space, FloatDistribution)
        value = trial.suggest_float(name, space.low, space.high, log=space.log)
        return value if value == _setting(self._recipe, name) else float(f"{value:.2g}")


class _NoResult(Exception):
    """A trial has no loss that counts: it failed, or its time was up."""


def _open_study(journal: Path) -> optuna.Study:
    """Open the study of a journal, or begin one. Raises SenticliError."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    journal.parent.mkdir(parents=True, exist_ok=True)
    try:
        _cut_torn_line(journal)
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal))),
            study_name="senticli",
            pruner=MedianPruner(n_startup_trials=3, n_warmup_steps=1),
            load_if_exists=True,
        )
        study.get_trials(deepcopy=False)
        return study
    except (KeyError, ValueError, AssertionError) as error:
        raise SenticliError(
            f"the journal {journal} is damaged",
            f"remove it, and start again: rm {shlex.quote(str(journal))}",
        ) from error


def _without(trial: Trial, *names: str) -> dict[str, Any]:
    plain = dataclasses.asdict(trial)
    for name in names:
        del plain[name]
    return plain


def _target_of(journal: Path) -> Path | None:
    """Return where the best model of the search with this journal goes, if it says so."""
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


def _setting(recipe: Recipe, name: str) -> Any:
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
