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
        nested, error = self._nested, prediction.error
        score = None if prediction.score is None else round(prediction.score, 6)
        answer: dict[str, Any] = {"label": prediction.label, "score": score}
        if nested and error:
            answer["label"] = None
        if self._polarity:
            polarity = prediction.polarity  # never -0.0
            answer["polarity"] = None if polarity is None else round(polarity, 6) + 0.0
        if self._scores or self._top_k > 1:
            # None at all where there is an error
            pairs = zip(self.labels, (round(s, 6) for s in prediction.scores), strict=False)
            answer |= self._of_labels(dict(pairs))
        if nested and prediction.truncated:
            answer["truncated"] = True
        if self._explain and not (nested and error):
            explanation = None if error else [asdict(one) for one in model.explain(prediction.text)]
            answer["explanation"] = explanation if nested else explanation and to_json(explanation)
        if error or not nested:
            answer["error"] = error
        if not self.prefix:
            return answer
        return {self.prefix + name: value for name, value in answer.items()}

    def _of_labels(self, scores: Mapping[str, float]) -> Iterator[tuple[str, Any]]:
        """Yield what is asked of the scores of all labels."""
        ranked = sorted(scores.items(), key=lambda pair: -pair[1])[: self._top_k]
        if self._top_k > 1 and self._nested:
            yield "top", [{"label": label, "score": score} for label, score in ranked]
        elif self._top_k > 1:
            for rank in range(2, self._top_k + 1):
                label, score = ranked[rank - 1] if ranked else ("", None)
                yield f"label_{rank}", label
                yield f"score_{rank}", score
        if self._scores and self._nested:
            yield "scores", scores
        elif self._scores:
            for label in self.labels:
                yield f"score_{label}", scores.get(label)
