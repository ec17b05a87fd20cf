"""Mixtures of sources: how often each is drawn, and over which labels its loss is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from senticli.config import BALANCED, PROPORTIONAL, TrainConfig, parse_mix
from senticli.data.labelled import labels_of
from senticli.data.splits import Split, TrainingData
from senticli.errors import ConfigError

Labels = tuple[str, ...]


@dataclass(frozen=True)
class MixedSource:
    """The examples of a split that come from one data set or file.

    ``share`` is that of the source in an epoch or, of validation, in its loss. Loss and accuracy
    are those of telling ``labels`` apart: all of the model's, or those that the source has.
    """

    name: str
    examples: int
    share: float
    labels: Labels


@dataclass(frozen=True)
class Mixture:
    """The sources of both splits, in the order of their examples."""

    train: Sequence[MixedSource]
    valid: Sequence[MixedSource]


def mixture_of(data: TrainingData, config: TrainConfig) -> Mixture:
    """Return how ``config`` mixes the sources of its data.

    A source that lacks some labels, and has at least two, says nothing about the others: its loss
    is over those that it has. So is that of its validation examples, and of a validation file
    with the labels of such a source.

    Raises:
        ConfigError: see :func:`check_mix`.
    """
    train, valid = data.train, data.valid
    of_train = [labels_of(part.examples) for part in train.parts]
    restricted = {labels for labels in of_train if 1 < len(labels) < len(data.labels)}
    of_valid = []
    for name, part in zip(valid.names, valid.parts, strict=True):
        labels = labels_of(part.examples)
        if name in train.names:
            usual = of_train[train.names.index(name)]
            labels = usual if set(labels) <= set(usual) else labels
        of_valid.append(labels)

    weights = _weights(train, config)
    by_size = config.mix == PROPORTIONAL or config.valid
    valid_weights = _sizes(valid) if by_size else weights[: len(valid.parts)]

    def sources(
        split: Split, weights: Sequence[float], labels: Sequence[Labels]
    ) -> list[MixedSource]:
        total = sum(weights)
        return [
            MixedSource(
                name=Path(name).name,
                examples=len(part.rows),
                share=weight / total,
                labels=own if own in restricted else data.labels,
            )
            for name, part, weight, own in zip(
                split.names, split.parts, weights, labels, strict=True
            )
        ]

    return Mixture(sources(train, weights, of_train), sources(valid, valid_weights, of_valid))


def check_mix(config: TrainConfig) -> None:
    """Raise ConfigError if there are weights, and not one for each of several sources."""
    weights, count = parse_mix(config.mix), len(config.data)
    if weights and count == 1:
        raise ConfigError(
            "mix", f"{config.mix} has no meaning for one source", "leave it out, or add `data=FILE`"
        )
    if weights and len(weights) != count:
        raise ConfigError(
            "mix",
            f"has {len(weights)} weight{'s' * (len(weights) != 1)} for {count} "
            f"source{'s' * (count != 1)}: {', '.join(config.data)}",
            "give one for each, in this order",
        )


def _weights(train: Split, config: TrainConfig) -> Sequence[float]:
    """Return how often each source is drawn. Raises ConfigError.

    The unlabelled texts of teachers come after those of ``config.data``, each as often as in a
    mixture by size.
    """
    check_mix(config)
    sizes, count = _sizes(train), len(config.data)
    if config.mix == PROPORTIONAL:
        return sizes
    weights = [1.0] * count if config.mix == BALANCED else parse_mix(config.mix)
    scale = sum(sizes[:count]) / sum(weights)
    return [scale * weight for weight in weights] + sizes[count:]


def _sizes(split: Split) -> list[float]:
    return [float(len(part.rows)) for part in split.parts]
