"""All that can be asked of a model on labelled examples: measures, conditions, a comparison, …."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from senticli import bundle
from senticli.config import EvalConfig, settings_of
from senticli.evaluation.assessment import Assessment
from senticli.evaluation.calibration import recalibrate
from senticli.evaluation.checks import check
from senticli.evaluation.comparison import compare
from senticli.evaluation.gate import judge, parse_conditions
from senticli.evaluation.rows import check_target
from senticli.evaluation.run import evaluate
from senticli.evaluation.suspects import FOLDS, find_suspects, write_suspects
from senticli.evaluation.thresholds import find_threshold
from senticli.events import OnEvent, ignore
from senticli.model import Model, as_model


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

    A new temperature, or threshold to be saved, is written to the model. With ``checks``, it is
    evaluated only on data that are named, or if something is asked that needs data.

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
            the model cannot be written.
    """
    config = _config_of({k: settings.pop(k) for k in settings_of(EvalConfig) if k in settings})
    conditions = [
        *parse_conditions(config.fail_under, "fail_under"),
        *parse_conditions(config.fail_over, "fail_over"),
    ]
    if config.suspects:
        names = [data] if isinstance(data, str | Path) else data
        check_target(Path(config.suspects), force=force, inputs=names or ())
    if config.report:
        from senticli.report.evaluation import write_evaluation_report
        from senticli.report.page import check_page

        check_page(config.report)
    model = as_model(model, threads)
    if config.save or config.calibrate:
        bundle.check_changeable(model.bundle)
    checks = check(model, config.checks, on_event=on_event) if config.checks is not None else None
    figures = checks.figures if checks else {}
    report = None
    if config.needs_data or any(value is not None for value in (data, *settings.values())):
        report = evaluate(
            model, data, slice_column=config.slice_column, on_event=on_event, **settings
        )
        figures = {**report.evaluation.figures, **figures}
    verdicts = judge(figures, conditions, labels=model.labels, confident=config.confident)
    if report is None:
        return Assessment(model, None, verdicts, checks=checks)
    comparison = None
    if config.against:
        comparison = compare(report, config.against, threads=threads, on_event=on_event)
    answers = report.answers
    changes: dict[str, Any] = {}
    recalibration = recalibrate(model, report) if config.calibrate else None
    if recalibration:
        answers = recalibration.answers
        changes["temperature"] = recalibration.temperature[1]
    threshold = find_threshold(answers, config.find_threshold) if config.find_threshold else None
    if threshold and config.save:
        own = model.bundle.config.thresholds
        changes["thresholds"] = {**own, **threshold.by_label(model.labels)}
    suspects = None
    if config.suspects:
        suspects = find_suspects(report, folds=config.folds or FOLDS, on_event=on_event)
        write_suspects(config.suspects, suspects, report, force=force)
    if changes:
        bundle.update(model.bundle, **changes)
    found = Assessment(
        *(model, report, verdicts, comparison, threshold, recalibration),
        suspects=suspects,
        suspects_file=config.suspects,
        checks=checks,
    )
    if config.report:
        write_evaluation_report(found, config.report, command=command, on_event=on_event)
    return found


def _config_of(settings: Mapping[str, Any]) -> EvalConfig:
    """Return the settings that are not None."""
    given = {name: value for name, value in settings.items() if value is not None}
    for name in ("fail_under", "fail_over", "slice_column"):
        several = given.get(name, ())
        given[name] = (several,) if isinstance(several, str) else tuple(several)
    for name in ("report", "suspects"):
        given[name] = str(given[name]) if name in given else None
    return EvalConfig(**given)
