"""What happens while a model is trained, in the order in which it happens.

Nothing here needs torch, so that whatever shows a training loads at once.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from senticli.bundle import Bundle
from senticli.config import ModelConfig
from senticli.data.mix import MixedSource
from senticli.errors import SenticliError
from senticli.events import Finding, Message, Progress, SoftLabels
from senticli.measures import Evaluation


@dataclass(frozen=True)
class Step:
    """A step of the preparation begins, such as ``reading the data``."""

    message: str


@dataclass(frozen=True)
class DataChecked:
    """The data were read: the examples of each label by split, and what is suspicious.

    ``soft`` has the splits with soft labels, which count for their likeliest one. ``own`` is False
    if all of it are data sets of the catalogue.
    """

    labels: Mapping[str, Mapping[str, int]]
    soft: Mapping[str, SoftLabels]
    findings: Sequence[Finding]
    own: bool


@dataclass(frozen=True)
class VectorsLearned:
    """Word vectors were learned from so many texts.

    It took ``seconds``, now or, if ``cached``, in an earlier training.
    """

    texts: int
    tokens: int
    dim: int
    seconds: float
    cached: bool


@dataclass(frozen=True)
class Taught:
    """Teachers have given so many training texts a soft label, in ``seconds``."""

    teachers: Sequence[str]
    texts: int
    seconds: float


@dataclass(frozen=True)
class Mixed:
    """The sources of the training texts, if several, once the teachers have answered."""

    sources: Sequence[MixedSource]


@dataclass(frozen=True)
class SourceResult:
    """Loss and accuracy of a model on the validation examples of one source."""

    name: str
    examples: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class EpochResult:
    """An epoch is over. ``lr`` is the rate of its last step, ``seconds`` its wall time.

    Of several sources, validation loss and accuracy are the means by their share in the mixture.
    """

    epoch: int  # 1 …
    epochs: int
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float
    lr: float
    tokens_per_s: float  # without padding and validation
    seconds: float
    best: bool  # the lowest validation loss so far
    valid_sources: Sequence[SourceResult] = ()  # if several

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "EpochResult":
        """Return the result with these :attr:`fields`, which may have been through JSON."""
        sources = [SourceResult(**source) for source in fields.get("valid_sources", ())]
        return cls(**{**fields, "valid_sources": tuple(sources)})

    @property
    def fields(self) -> dict[str, Any]:
        """The result as plain data; of one source, without ``valid_sources``."""
        fields = dataclasses.asdict(self)
        if not self.valid_sources:
            del fields["valid_sources"]
        return fields


@dataclass(frozen=True)
class Started:
    """The training begins, after the epochs of ``history`` where it was resumed."""

    data: Sequence[str]
    train_texts: int
    valid_texts: int
    labels: Sequence[str]
    vocab_size: int
    new_tokens: int  # those that the model in ``init`` lacks
    init: str | None
    init_labels: Sequence[str] | None
    vectors: str  # those that own ones start from, or own, or none
    vectors_found: float | None  # share of the (new) tokens in them
    model: ModelConfig
    parameters: int
    machine: str
    slower: str | None  # why float32 is used where bfloat16 would be faster
    epochs: int
    history: Sequence[EpochResult]


@dataclass(frozen=True)
class BatchResult:
    """A batch is done."""

    epoch: int
    epochs: int
    batch: int  # 1 … batches
    batches: int
    loss: float  # mean over the epoch so far
    accuracy: float
    batch_loss: float  # of this batch alone
    tokens_per_s: float


@dataclass(frozen=True)
class Exporting:
    """The best epoch is exported."""


@dataclass(frozen=True)
class Saved:
    """The model is written.

    ``valid`` is how well its ``model.onnx`` does on validation, ``counts`` are the training
    examples of each label.
    """

    bundle: Bundle
    valid: Evaluation
    counts: Sequence[int]


@dataclass(frozen=True)
class Estimate:
    """What is known of a training before it starts."""

    labels: Mapping[str, Mapping[str, int]]  # examples, by split
    tokens_per_text: Mapping[str, int]  # median, 90 %, 99 %, longest
    vocab_size: int
    unknown: float  # share of the validation split's tokens
    epochs: int
    seconds: float


@dataclass(frozen=True)
class Trial:
    """A training of a search is over. ``loss`` and ``accuracy`` are those of its best epoch."""

    number: int  # 1 …
    settings: Mapping[str, Any]
    state: Literal["done", "cut short", "out of time", "failed"]
    epochs: int
    loss: float | None
    accuracy: float | None
    seconds: float
    best: bool = False  # the lowest loss of those that are done so far


@dataclass(frozen=True)
class Searching:
    """A search begins, or is resumed after ``trials``."""

    trials: Sequence[Trial]
    seconds: int


@dataclass(frozen=True)
class TrialStarted:
    """A training of a search begins."""

    number: int
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Searched:
    """The time of a search is up; the best model is at ``path``.

    ``command`` is the command line that trains it again, from its provenance.
    """

    trials: Sequence[Trial]
    best: Trial
    path: Path
    command: str


Event = (
    Step
    | Message
    | Progress
    | DataChecked
    | VectorsLearned
    | Taught
    | Mixed
    | Started
    | BatchResult
    | EpochResult
    | Exporting
    | Saved
    | Estimate
    | Searching
    | TrialStarted
    | Trial
    | Searched
)
OnEvent = Callable[[Event], object]


class Diverged(SenticliError):
    """The loss is no longer a number."""


class Stopped(KeyboardInterrupt):
    """A training or search was stopped between two batches.

    Attributes:
        path: the folder of the model.
        best: the number of the epoch, or of the trial, that was kept there; None if there is none.
        resumable: True if it can be resumed.
    """

    path: Path | None = None
    best: int | None = None
    resumable: bool = False
