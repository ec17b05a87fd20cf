"""The answer to one record: names and values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from senticli.errors import UsageError
from senticli.io.writers import to_json
from senticli.model import NEGATIVE, POSITIVE, Model, Prediction, poles_of


class Answers:
    """The values that are added to a record.

    Args:
        labels: the model's.
        scores: give the score of every label.
        polarity: give the polarity.
        top_k: give so many of the likeliest labels.
        explain: give what each token weighs.
        prefix: put before each name.
        nested: give lists and objects, and ``error`` only where there is one, as JSON can; else
            the same names throughout, as a table needs.
    """

    def __init__(
        self,
        labels: Sequence[str],
        *,
        scores: bool,
        polarity: bool,
        top_k: int,
        explain: bool,
        prefix: str,
        nested: bool,
    ) -> None:
        self.labels, self._scores, self._top_k = labels, scores, top_k
        self._polarity, self._explain = polarity, explain
        self.prefix, self._nested = prefix, nested
        if top_k > len(labels):
            raise UsageError(
                f"`top_k` {top_k} is more than the model has labels: {', '.join(labels)}",
                f"use a value from 1 to {len(labels)}",
            )
        if polarity and not poles_of(labels):
            raise UsageError(
                f"`polarity` needs the labels {POSITIVE} and {NEGATIVE}, "
                f"and the model has: {', '.join(labels)}",
                "use another model, such as `model=bundled`; or `scores` for each label's",
            )
        names = {"label": "text", "score": "number"}
        if polarity:
            names["polarity"] = "number"
        for rank in range(2, top_k + 1):
            names |= {f"label_{rank}": "text", f"score_{rank}": "number"}
        if scores:
            names |= {f"score_{label}": "number" for label in labels}
        if explain:
            names["explanation"] = "text"
        names["error"] = "text"
        self.columns: Mapping[str, str] = {prefix + name: kind for name, kind in names.items()}
        """The columns of a table, with their kind: ``text`` or ``number``."""
        self.names = frozenset(self.columns)
        """The names that an answer may have."""
        if nested:
            used = {
                **dict.fromkeys(("label", "score", "truncated", "error"), True),
                "polarity": polarity,
                "top": top_k > 1,
                "scores": scores,
                "explanation": explain,
            }
            self.names = frozenset(prefix + name for name, on in used.items() if on)

    def of(self, model: Model, prediction: Prediction) -> dict[str, Any]:
        """Return the answer that a prediction makes."""
        explanation = None
        if self._explain and not prediction.error:
            explanation = [asdict(token) for token in model.explain(prediction.text)]
        score = None if prediction.score is None else round(prediction.score, 6)
        scores: dict[str, float] = {}
        ranked: Sequence[tuple[str, float]] = ()
        if self._scores or self._top_k > 1:
            # None at all where there is an error
            scores = dict(zip(self.labels, (round(s, 6) for s in prediction.scores), strict=False))
            ranked = sorted(scores.items(), key=lambda pair: -pair[1])
        polarity = None
        if self._polarity and prediction.polarity is not None:
            polarity = round(prediction.polarity, 6) + 0.0  # never -0.0
        if not self._nested:
            values = self._flat(prediction, score, scores, polarity, ranked, explanation)
            return dict(zip(self.columns, values, strict=True))
        answer: dict[str, Any] = {"label": prediction.label or None, "score": score}
        if self._polarity:
            answer["polarity"] = polarity
        if self._top_k > 1:
            pairs = ranked[: self._top_k]
            answer["top"] = [{"label": label, "score": score} for label, score in pairs]
        if self._scores:
            answer["scores"] = scores
        if prediction.truncated:
            answer["truncated"] = True
        if explanation is not None:
            answer["explanation"] = explanation
        if prediction.error:
            answer["error"] = prediction.error
        return {self.prefix + name: value for name, value in answer.items()}

    def _flat(
        self,
        prediction: Prediction,
        score: float | None,
        scores: Mapping[str, float],
        polarity: float | None,
        ranked: Sequence[tuple[str, float]],
        explanation: Any,
    ) -> Iterator[Any]:
        """Yield the values of the columns."""
        yield prediction.label
        yield score
        if self._polarity:
            yield polarity
        for rank in range(1, self._top_k):
            yield from ranked[rank] if ranked else ("", None)
        if self._scores:
            yield from map(scores.get, self.labels)
        if self._explain:
            yield explanation and to_json(explanation)
        yield prediction.error
