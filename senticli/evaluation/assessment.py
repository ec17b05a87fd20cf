"""What was found of a model."""

from collections.abc import Sequence
from dataclasses import dataclass

from senticli.evaluation.calibration import Recalibration
from senticli.evaluation.checks import CheckReport
from senticli.evaluation.comparison import Comparison
from senticli.evaluation.gate import Verdict
from senticli.evaluation.run import EvaluationReport
from senticli.evaluation.suspects import Suspect
from senticli.evaluation.thresholds import Threshold
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
    def holds(self) -> bool:
        """True if every condition holds, and the model is not significantly worse than another."""
        worse = self.comparison is not None and self.comparison.is_worse
        return not worse and all(verdict.holds for verdict in self.verdicts)
