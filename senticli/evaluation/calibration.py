"""Fitting the temperature of a model to new data (Guo et al. 2017)."""

from dataclasses import dataclass, replace

import numpy as np

from senticli.evaluation.run import Answers, EvaluationReport
from senticli.measures import Evaluation, Figure, fit_temperature, measure, softmax
from senticli.model import Model


@dataclass(frozen=True)
class Recalibration:
    """A temperature before and after it was fitted to data, and the measures with each."""

    temperature: tuple[float, float]
    before: Evaluation
    after: Evaluation
    answers: Answers
    """The answers with the new temperature."""

    def figures(self, name: str) -> tuple[Figure, Figure]:
        """Return a measure before and after."""
        return self.before.figures[name], self.after.figures[name]


def recalibrate(model: Model, report: EvaluationReport) -> Recalibration:
    """Fit the temperature of a model to the answers in its evaluation; nothing is written.

    The likeliest label stays what it is. The measures are on the data that it is fitted to; with
    one number to fit, they are hardly better than on others.
    """
    answers = report.answers
    # Up to a constant for each text, these are the logits, divided by the temperature as it is.
    logs = np.log(np.maximum(answers.probabilities, 1e-12))
    factor = fit_temperature(logs, answers.truth)
    fitted = replace(answers, probabilities=softmax(logs, factor))
    temperature = model.bundle.config.temperature
    return Recalibration(
        (temperature, temperature * factor),
        report.evaluation,
        measure(fitted.probabilities, answers.truth, answers.labels),
        fitted,
    )
