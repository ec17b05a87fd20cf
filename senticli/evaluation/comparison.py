"""Two models on the same examples: is one significantly worse?"""

import json
import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senticli.errors import SenticliError
from senticli.evaluation.run import EvaluationReport, evaluate_on
from senticli.events import OnEvent, ignore

if TYPE_CHECKING:
    from senticli.model import Model

LEVEL = 0.05  # of the test
RESAMPLES = 10_000  # of the bootstrap


@dataclass(frozen=True)
class Comparison:
    """The accuracy of a model against another's on the same examples.

    ``difference`` is its accuracy minus the other's, ``interval`` the 95 % interval of that by a
    paired bootstrap. ``only_this_right`` and ``only_other_right`` count the examples that only one
    of the two answers right; ``p_value`` is that of McNemar's exact test that these are as many.
    """

    other: str
    accuracy: float
    difference: float
    interval: tuple[float, float]
    only_this_right: int
    only_other_right: int
    p_value: float

    @property
    def is_worse(self) -> bool:
        """True if the model is significantly worse than the other, at 5 %."""
        return self.difference < 0 and self.p_value < LEVEL

    @property
    def is_better(self) -> bool:
        """True if the model is significantly better than the other, at 5 %."""
        return self.difference > 0 and self.p_value < LEVEL


def compare(
    report: EvaluationReport,
    other: "Model | str | Path",
    *,
    threads: int | None = None,
    on_event: OnEvent = ignore,
) -> Comparison:
    """Compare a model that was evaluated with another, on the same examples.

    Args:
        report: the evaluation.
        other: a model, what :func:`senticli.load` finds it by, or a file with the JSON of an
            earlier evaluation on these examples.
        threads: CPU threads of a model that is loaded.
        on_event: gets each event.

    Raises:
        SenticliError: the other was measured on other examples; or it lacks a label of these, or
            cannot be opened.
    """
    if isinstance(other, str | Path) and Path(other).suffix == ".json" and not Path(other).is_dir():
        name, right = _recorded(Path(other), report)
    else:
        from senticli.model import as_model

        opened = as_model(other, threads)
        try:
            theirs = evaluate_on(report.examples, opened, on_event)
        except SenticliError as error:
            raise SenticliError(f"{opened.name}: {error.message}", error.hint) from error
        name, right = theirs.model, theirs.answers.right
    return compare_answers(report.answers.right, right, name)


def compare_answers(
    right: NDArray[np.bool_], other_right: NDArray[np.bool_], other: str = "the other"
) -> Comparison:
    """Compare which of N examples two models answer right, [N] each.

    Source: McNemar 1947, exact by the binomial distribution; Efron and Tibshirani 1993.
    """
    total = len(right)
    mine, theirs = int((right & ~other_right).sum()), int((other_right & ~right).sum())
    # To resample examples is to draw how many of each kind there are.
    shares = np.array([mine, theirs, total - mine - theirs]) / total
    drawn = np.random.default_rng(0).multinomial(total, shares, size=RESAMPLES)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / total, (0.025, 0.975))
    return Comparison(
        other=other,
        accuracy=float(other_right.mean()),
        difference=(mine - theirs) / total,
        interval=(float(low), float(high)),
        only_this_right=mine,
        only_other_right=theirs,
        p_value=_mcnemar(mine, theirs),
    )


def _mcnemar(first: int, second: int) -> float:
    """Return twice the probability of at most the smaller count, of both in all, at one half."""
    total, smaller = first + second, min(first, second)
    steps = np.arange(1, smaller + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log((total - steps + 1) / steps))])
    tail = np.exp(logs - total * np.log(2)).sum()
    return float(min(1.0, 2 * tail))


def _recorded(path: Path, report: EvaluationReport) -> tuple[str, NDArray[np.bool_]]:
    """Return the name of the model in a file of an evaluation's JSON, and what it had right [N]."""
    broken = partial(
        SenticliError,
        f"{path} is not the JSON of an evaluation",
        "name a model, or write such a file first",
    )
    try:
        content: Any = json.loads(path.read_bytes())
        name, digest, bits = (content[key] for key in ("model", "examples_sha256", "right"))
        packed = np.frombuffer(bytes.fromhex(bits), dtype=np.uint8)
        if 8 * len(packed) < content["examples"]:
            raise ValueError("right")
        right = np.unpackbits(packed, count=content["examples"]).astype(bool)
        if not math.isclose(right.mean(), content["accuracy"], abs_tol=1e-9):
            raise ValueError("accuracy")
    except OSError as error:
        raise SenticliError(
            f"cannot read {path}: {(error.strerror or str(error)).lower()}",
            "name a model, or a file with the JSON of an evaluation",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise broken() from error
    if not isinstance(name, str):
        raise broken()
    if digest != report.examples.sha256 or len(right) != len(report.answers.right):
        raise SenticliError(
            f"{path} was measured on other examples than {report.data}",
            "evaluate that model again, on these",
        )
    return name, right
