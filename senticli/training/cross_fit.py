"""Cross-fitting: answers about labelled texts by models that have not seen these."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from senticli import registry
from senticli.config import PROPORTIONAL, PUBLISHED_VECTORS, Recipe
from senticli.data.catalogue import ASSETS
from senticli.data.labelled import Example, labels_of
from senticli.data.mix import mixture_of
from senticli.data.splits import (
    UNLABELLED,
    Part,
    Sources,
    Split,
    TrainingData,
    hold_out,
    learned_hashes,
    unlabelled_of,
)
from senticli.data.vectors import cached_vectors
from senticli.download import installed
from senticli.errors import SenticliError
from senticli.events import Message, OnEvent, Progress
from senticli.measures import Floats, among, fit_temperature, softmax
from senticli.runtime import Network
from senticli.training.events import BatchResult
from senticli.training.export.float32 import to_onnx
from senticli.training.session import EncodedData, build_session, encode_data

TIMED = 20  # batches from which the time is estimated


def cross_fit(
    split: Split, recipe: Recipe, folds: int, on_event: OnEvent
) -> tuple[tuple[str, ...], Floats]:
    """Train a model on all folds but one, for each; return their answers about that one.

    What would know the labels of the fold is left out of the recipe: teachers, and a model to
    start from that was trained on the examples. Vocabulary and word vectors, which depend on no
    label, are those of all texts. No model is kept.

    Args:
        split: the examples.
        recipe: of the models.
        folds: how many.
        on_event: gets each ``Message`` and ``Progress``.

    Returns:
        The labels of the examples, and their probabilities [N, L] for each.

    Raises:
        SenticliError: there is too little data for the folds, or training cannot be done.
    """
    examples, labels = split.examples, labels_of(split.examples)
    recipe = _without_answers(recipe, split, on_event)
    held_out = list(folds_of(examples, folds, recipe.train.seed))
    rest = [_rest_of(fold, examples, recipe) for fold in held_out]
    if len(labels) < 2 or not all(held_out) or not all(train and valid for train, valid in rest):
        raise SenticliError(
            f"{', '.join(split.names)}: too little to train on for {folds} folds: "
            f"{len(examples):,} examples, {len(labels)} label{'s' * (len(labels) != 1)}",
            "use fewer folds, such as `folds=2`, or more data",
        )
    whole = TrainingData(split, Split([], []), labels, unlabelled=_unlabelled(recipe))
    data = _encode(recipe, whole, on_event)
    known = data.known(data.mixture.train)
    probabilities = np.zeros((len(examples), len(labels)))
    clock = _Clock(folds, on_event)
    for fold, (train, valid) in zip(held_out, rest, strict=True):
        splits = replace(whole, train=_some(split, train), valid=_some(split, valid))
        mine = replace(
            data,
            train=[data.train[row] for row in train],
            train_labels=data.train_labels[train],
            valid=[data.train[row] for row in valid],
            valid_labels=data.train_labels[valid],
            mixture=mixture_of(splits, recipe.train),
        )
        session = build_session(recipe, mine)
        trainer = session.trainer(clock.batch)
        for _ in trainer.fit():
            pass
        trainer.restore_best()
        network = Network(to_onnx(session.model.cpu()).SerializeToString())
        of_valid = among(network.logits(mine.valid), mine.known(mine.valid_sources))
        of_fold = among(
            network.logits([data.train[row] for row in fold]),
            None if known is None else known[fold],
        )
        probabilities[fold] = softmax(of_fold, fit_temperature(of_valid, mine.valid_labels))
        clock.next_fold()
    return labels, probabilities


def folds_of(examples: Sequence[Example], count: int, seed: int) -> Iterator[list[int]]:
    """Yield the rows of each fold: whole groups, the same texts together, as for validation."""
    rest = list(range(len(examples)))
    for left in range(count, 1, -1):
        stay, held_out = hold_out([examples[row] for row in rest], 1 / left, seed)
        yield [rest[row] for row in held_out]
        rest = [rest[row] for row in stay]
    yield rest


def _rest_of(
    fold: Sequence[int], examples: Sequence[Example], recipe: Recipe
) -> tuple[list[int], list[int]]:
    """Return the rows outside of a fold to train on, and those that choose the best epoch."""
    apart = set(fold)
    rest = [row for row in range(len(examples)) if row not in apart]
    config = recipe.train
    stay, held_out = hold_out([examples[row] for row in rest], config.valid_fraction, config.seed)
    return [rest[row] for row in stay], [rest[row] for row in held_out]


def _some(split: Split, rows: Sequence[int]) -> Split:
    """Return some of the examples of a split, counted over its parts; none of those without any."""
    parts, names, start = [], [], 0
    for name, part in zip(split.names, split.parts, strict=True):
        end = start + len(part.rows)
        if mine := [part.rows[row - start] for row in rows if start <= row < end]:
            parts.append(Part(part.source, mine))
            names.append(name)
        start = end
    return Split(parts, names)


def _without_answers(recipe: Recipe, split: Split, on_event: OnEvent) -> Recipe:
    """Return a recipe for some examples, without what would know their labels.

    Unlabelled texts that are not there any more are left out.
    """
    config = replace(
        recipe.train,
        data=tuple(split.names),
        mix=PROPORTIONAL,
        valid=(),
        test=(),
        drop_leaks=False,
        teacher=(),
    )
    if config.init:
        init = registry.find(config.init)
        known = learned_hashes(init.training, init.config.provenance["sha256"]["data"])
        if known & set(split.hashes.values()):
            config = replace(config, init=None, vectors="own")
    texts = unlabelled_of(config)
    there = tuple(filter(_is_there, texts))
    if missing := [name for name in texts if name not in there]:
        on_event(Message("note", f"left out, for it is not there: {', '.join(missing)}"))
    if texts != there or config.init != recipe.train.init:
        config = replace(config, unlabelled=there or ("none",))
        if config.vectors == "own" and not there:
            config = replace(config, vectors=PUBLISHED_VECTORS)
    return replace(recipe, train=config)


def _is_there(name: str) -> bool:
    return installed.is_installed(ASSETS[name]) if name in ASSETS else Path(name).exists()


def _unlabelled(recipe: Recipe) -> Split:
    """Return the texts without labels that word vectors are learned from."""
    names, sources = unlabelled_of(recipe.train), Sources()
    found = [sources.get(name, UNLABELLED, recipe.train) for name in names]
    return Split([Part(source, range(len(source.examples))) for source in found], list(names))


def _encode(recipe: Recipe, data: TrainingData, on_event: OnEvent) -> EncodedData:
    """Return the examples as token ids, with the vocabulary and the embedding to start from."""
    config = recipe.train
    installed.require([config.published_vectors or ""])
    cache = cached_vectors(config.published_vectors) if config.published_vectors else None
    return encode_data(
        recipe, data, cache, registry.find(config.init) if config.init else None, on_event
    )


class _Clock:
    """Reports how far the models are, and how long they take."""

    def __init__(self, folds: int, on_event: OnEvent) -> None:
        self._folds, self._on_event = folds, on_event
        self._fold = 1
        self._times: list[float] = []

    def batch(self, result: BatchResult) -> None:
        """Note that a batch is done."""
        a_model = result.epochs * result.batches
        done = (self._fold - 1) * a_model + (result.epoch - 1) * result.batches + result.batch
        step = f"training model {self._fold} of {self._folds}"
        self._on_event(Progress(step, done, self._folds * a_model, "batches"))
        if len(self._times) <= TIMED:
            self._times.append(time.perf_counter())
            if len(self._times) > TIMED:
                seconds = (self._times[-1] - self._times[0]) / TIMED * self._folds * a_model
                shown = f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
                self._on_event(Message("note", f"that takes about {shown}, or less"))

    def next_fold(self) -> None:
        """Note that a model is done, perhaps sooner than expected."""
        self._fold += 1
