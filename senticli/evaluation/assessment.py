"""What was found of a model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from senticli.evaluation.calibration import Recalibration
from senticli.evaluation.checks import CheckReport
from senticli.evaluation.comparison import Comparison
from senticli.evaluation.gate import Verdict
from senticli.evaluation.run import EvaluationReport
from senticli.evaluation.suspects import Suspect
from senticli.evaluation.thresholds import Threshold
from senticli.measures import Coverage
from senticli.model import Model


@dataclass(frozen=True, eq=False)
class Assessment:
    """What was found of a model; None, or nothing, of what was not asked for.

    ``saved`` says if the temperature or threshold was written to the model.
    """

    model: Model
    report: EvaluationReport | None
    verdicts: Sequence[Verdict]
    comparison: Comparison | None = None
    threshold: Threshold | None = None
    recalibration: Recalibration | None = None
    suspects: Sequence[Suspect] | None = None
    suspects_file: str | None = None
    checks: CheckReport | None = None
    saved: bool = False

    @property
    def at_own_threshold(self) -> Coverage | None:
        """What is left of the answers by the model's own threshold, the lowest of its labels'."""
        thresholds = self.model.thresholds_for()
        if not thresholds or self.report is None:
            return None
        answers = self.report.answers
        lowest = np.array([thresholds.get(label, 0.0) for label in answers.labels])
        kept = answers.scores >= lowest[answers.predicted]
        accuracy = float(answers.right[kept].mean()) if kept.any() else 0.0
        return Coverage(float(lowest.min()), float(kept.mean()), accuracy)

    @property
    def holds(self) -> bool:
        """True if every condition holds, and the model is not significantly worse than another."""
        worse = self.comparison is not None and self.comparison.is_worse
        return not worse and all(verdict.holds for verdict in self.verdicts)
