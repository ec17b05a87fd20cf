"""All that can be asked of a model on labelled examples: measures, conditions, a comparison, …."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from senticli import bundle
from senticli.config import EvalConfig, settings_of
from senticli.data.checks import reject
from senticli.errors import SenticliError
from senticli.evaluation.assessment import Assessment
from senticli.evaluation.calibration import recalibrate
from senticli.evaluation.checks import check
from senticli.evaluation.comparison import compare
from senticli.evaluation.gate import judge, parse_conditions
from senticli.evaluation.rows import check_target
from senticli.evaluation.run import EvaluationReport, evaluate
from senticli.evaluation.suspects import FOLDS, find_suspects, write_suspects
from senticli.evaluation.thresholds import find_threshold
from senticli.events import Message, OnEvent, ignore
from senticli.model import Model, as_model

FEWEST = 50  # examples that a model is changed by
NEED_DATA = ("report", "suspects", "against", "find_threshold", "calibrate")


def assess(
    model: Model | str | Path | None = None,
    data: str | Path | Sequence[str | Path] | None = None,
    *,
    force: bool = False,
    command: str = "",
    threads: int | None = None,
    on_event: OnEvent = ignore,
    **settings: Any,
) -> Assessment:
    """Evaluate a model, and judge it.

    A new temperature, or threshold to be saved, is written to the model if all conditions hold.
    With ``checks``, it is evaluated only on data that are named, or if something needs data.

    Args:
        model: the model, or what :func:`senticli.load` finds it by.
        data: as for :func:`senticli.evaluate`.
        force: replace the file of suspects if it is there.
        command: the command line, for the report.
        threads: CPU threads of a model that is loaded.
        on_event: gets each event.
        settings: of :class:`~senticli.config.EvalConfig`, which say what is asked for, and those of
            :func:`senticli.evaluate`.

    Raises:
        SenticliError: as for :func:`senticli.evaluate`; a condition is about a figure that there is
            not; the other model cannot be compared with; no threshold reaches what is asked for;
            the model, or a file, cannot be written.
    """
    config = _config_of({k: settings.pop(k) for k in settings_of(EvalConfig) if k in settings})
    conditions = [
        *parse_conditions(config.fail_under, "fail_under"),
        *parse_conditions(config.fail_over, "fail_over"),
    ]
    _check_asked(config, data, force=force)
    model = as_model(model, threads)
    if config.save or config.calibrate:
        bundle.check_changeable(model.bundle)
    checks = check(model, config.checks, on_event=on_event) if config.checks is not None else None
    figures = checks.figures if checks else {}
    report = None
    given = any(value is not None for value in (data, *settings.values()))
    if checks is None or given or any(getattr(config, name) for name in NEED_DATA):
        report = evaluate(
            model, data, slice_column=config.slice_column, on_event=on_event, **settings
        )
        figures = {**report.evaluation.figures, **figures}
        _check_report(report, model, config)
    verdicts = judge(figures, conditions, labels=model.labels, confident=config.confident)
    found = Assessment(model, report, verdicts, checks=checks)
    if report is None:
        return found
    if config.against:
        compared = compare(report, config.against, threads=threads, on_event=on_event)
        found = replace(found, comparison=compared)
    found, changes = _fitted(found, report, config)
    if config.suspects:
        suspects = find_suspects(report, folds=config.folds or FOLDS, on_event=on_event)
        write_suspects(config.suspects, suspects, report, force=force)
        found = replace(found, suspects=suspects, suspects_file=config.suspects)
    if config.report:
        from senticli.report.evaluation import write_evaluation_report

        write_evaluation_report(found, config.report, command=command, on_event=on_event)
    return _saved(found, changes, on_event) if changes else found


def _check_asked(config: EvalConfig, data: object, *, force: bool) -> None:
    """Raise SenticliError if what is asked for cannot be written."""
    if config.suspects:
        names = [data] if isinstance(data, str | Path) else data
        check_target(Path(config.suspects), force=force, inputs=names or ())  # type: ignore[arg-type]
    if config.report:
        from senticli.report.page import check_page

        check_page(config.report)


def _check_report(report: EvaluationReport, model: Model, config: EvalConfig) -> None:
    """Raise SenticliError if rows are not what they should be, or too few to change a model by."""
    if config.strict:
        reject(report.findings)
    if not (config.save or config.calibrate):
        return
    present = {score.label for score in report.evaluation.labels if score.support}
    if lacking := [label for label in model.labels if label not in present]:
        raise SenticliError(
            f"no example is {' or '.join(lacking)}: the scores of {model.name} cannot be fitted",
            "use data with all labels of the model",
        )
    if report.evaluation.examples < FEWEST:
        raise SenticliError(
            f"{report.evaluation.examples} examples are too few to fit scores to",
            f"use at least {FEWEST}",
        )


def _fitted(
    found: Assessment, report: EvaluationReport, config: EvalConfig
) -> tuple[Assessment, dict[str, Any]]:
    """Return what was found with a temperature and threshold, and what changes in the model."""
    model, answers = found.model, report.answers
    changes: dict[str, Any] = {}
    if config.calibrate:
        recalibration = recalibrate(model, report)
        answers = recalibration.answers
        # Thresholds are of scores as they were.
        changes = {"temperature": recalibration.temperature[1], "thresholds": {}}
        found = replace(found, recalibration=recalibration)
    if config.find_threshold:
        threshold = find_threshold(answers, config.find_threshold)
        own = changes.get("thresholds", model.bundle.config.thresholds)
        if config.save:
            changes["thresholds"] = {**own, **threshold.by_label(model.labels)}
        found = replace(found, threshold=threshold)
    return found, changes


def _saved(found: Assessment, changes: Mapping[str, Any], on_event: OnEvent) -> Assessment:
    """Write to the model what changes in it, if all conditions hold."""
    if not found.holds:
        on_event(Message("warning", "the model stays as it is, since a condition does not hold"))
        return found
    if found.model.bundle.config.thresholds and changes["thresholds"] == {}:
        what = "the model's threshold was for its scores before, and is removed"
        on_event(Message("warning", f"{what}: find it again with `find_threshold`"))
    bundle.update(found.model.bundle, **changes)
    return replace(found, saved=True)


def _config_of(settings: Mapping[str, Any]) -> EvalConfig:
    """Return the settings that are not None."""
    given = {name: value for name, value in settings.items() if value is not None}
    for name in ("fail_under", "fail_over", "slice_column"):
        several = given.get(name, ())
        given[name] = (several,) if isinstance(several, str) else tuple(several)
    for name in ("report", "suspects"):
        given[name] = str(given[name]) if name in given else None
    return EvalConfig(**given)
