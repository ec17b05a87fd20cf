"""All that can be asked of a model on labelled examples: measures, conditions, a comparison, …."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from senticli import bundle
from senticli.config import EvalConfig, settings_of
from senticli.evaluation.calibration import Recalibration, recalibrate
from senticli.evaluation.comparison import Comparison, compare
from senticli.evaluation.gate import Verdict, judge, parse_conditions
from senticli.evaluation.run import EvaluationReport, evaluate
from senticli.evaluation.thresholds import Threshold, find_threshold
from senticli.events import OnEvent, ignore
from senticli.model import Model, as_model


@dataclass(frozen=True, eq=False)
class Assessment:
    """What was found of a model; None, or nothing, of what was not asked for."""

    model: Model
    report: EvaluationReport
    verdicts: Sequence[Verdict]
    comparison: Comparison | None
    threshold: Threshold | None
    recalibration: Recalibration | None

    @property
    def holds(self) -> bool:
        """True if every condition holds, and the model is not significantly worse than another."""
        worse = self.comparison is not None and self.comparison.is_worse
        return not worse and all(verdict.holds for verdict in self.verdicts)


def assess(
    model: Model | str | Path | None = None,
    data: str | Path | Sequence[str | Path] | None = None,
    *,
    threads: int | None = None,
    on_event: OnEvent = ignore,
    **settings: Any,
) -> Assessment:
    """Evaluate a model, and judge it.

    A new temperature, or threshold to be saved, is written to the model.

    Args:
        model: the model, or what :func:`senticli.load` finds it by.
        data: as for :func:`senticli.evaluate`.
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
    model = as_model(model, threads)
    if config.save or config.calibrate:
        bundle.check_changeable(model.bundle)
    report = evaluate(model, data, on_event=on_event, **settings)
    verdicts = judge(
        report.evaluation.figures, conditions, labels=model.labels, confident=config.confident
    )
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
    if changes:
        bundle.update(model.bundle, **changes)
    return Assessment(model, report, verdicts, comparison, threshold, recalibration)


def _config_of(settings: Mapping[str, Any]) -> EvalConfig:
    """Return the settings that are not None."""
    given = {name: value for name, value in settings.items() if value is not None}
    for name in ("fail_under", "fail_over"):
        conditions = given.get(name, ())
        given[name] = (conditions,) if isinstance(conditions, str) else tuple(conditions)
    return EvalConfig(**given)
