"""From a recipe to a bundle: what a training run needs, gathered, and what it gives, saved."""

import dataclasses
import json
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from senticli import bundle, drift, evaluation
from senticli.bundle import Bundle, BundleConfig
from senticli.config import Recipe
from senticli.data.splits import TrainingData
from senticli.data.vectors import VectorCache
from senticli.errors import SenticliError
from senticli.runtime import Network, fit_length
from senticli.text.tokenizer import Tokenizer, dump_rules
from senticli.text.vocab import PAD_INDEX, Vocab
from senticli.training.batches import Batches
from senticli.training.corpus import Words, corpus_of
from senticli.training.device import choose_dtype, name_of
from senticli.training.embeddings import CachedVectors, extended_embedding, initial_embedding
from senticli.training.export import float32
from senticli.training.export.float32 import load_model
from senticli.training.export.int8 import to_int8
from senticli.training.network.birnn import BiRNN
from senticli.training.processes import ALONE, Processes
from senticli.training.tokenizer_rules import spacy_rules
from senticli.training.trainer import BatchResult, EpochResult, Trainer, balanced_weights
from senticli.training.vocabulary import build_vocab, extended, runtime_vocab

INT8_COST = 0.001  # accuracy on validation that a smaller and faster model may cost
PACKAGES = ("torch", "torchtext", "spacy", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Texts:
    """The texts of a run, numbered, and the words that they are made of."""

    train: list[Words]
    train_labels: NDArray[np.int64]
    valid: list[Words]
    valid_labels: NDArray[np.int64]
    valid_source: list[str]  # the validation texts themselves
    labels: tuple[str, ...]
    vocab: Vocab
    embedding: Tensor  # to start from, [V, E]
    vectors_found: float | None  # share of the words that are new; None without vectors
    rules: Mapping[str, Any]
    fingerprint: str
    init: Bundle | None  # the model to start from
    sources: dict[str, Any]  # hashes of what was read, for the provenance


@dataclass(frozen=True)
class Session:
    """A training run, ready to start."""

    recipe: Recipe
    texts: Texts
    model: BiRNN
    train: Batches
    valid: Batches
    rates: dict[str, float]  # learning rates of parameters, see Trainer
    weights: Tensor | None  # of the labels in the loss
    processes: Processes
    machine: str  # device, dtype and processes, for people
    slower: str | None  # why the arithmetic is not bfloat16, where it was not asked for

    @property
    def parameters(self) -> int:
        """How many numbers the model has learned."""
        return sum(weight.numel() for weight in self.model.parameters())

    def trainer(
        self,
        on_batch: Callable[[BatchResult], None],
        stopping: Callable[[], bool] = lambda: False,
    ) -> Trainer:
        """What trains the model; see :class:`Trainer`."""
        return Trainer(
            self.model,
            self.recipe.train,
            self.train,
            self.valid,
            rates=self.rates,
            weights=self.weights,
            processes=self.processes,
            stopping=stopping,
            on_batch=on_batch,
        )


def read(
    recipe: Recipe,
    data: TrainingData,
    cache: VectorCache | None,
    on_step: Callable[[str], None],
    init: Bundle | None = None,
) -> Texts:
    """Tokenize and number the examples.

    ``cache`` holds the word vectors to start from, if any; ``init`` is the model to start from, if
    any, whose words keep their numbers; ``on_step`` is told what is being done.
    """
    config = recipe.train
    on_step("tokenizing")
    rules = init.rules() if init else spacy_rules()
    fingerprint = Tokenizer(rules, lowercase=config.lowercase).fingerprint
    splits = (data.train, data.valid)
    sources = {part.source.name: part.source for split in splits for part in split.parts}
    corpora = {
        name: corpus_of(source, rules, fingerprint, lowercase=config.lowercase)
        for name, source in sources.items()
    }
    counts: Counter[str] = Counter()
    for part in data.train.parts:
        counts.update(corpora[part.source.name].count(part.rows))
    built = build_vocab(counts, config.vocab_size)
    vocab = runtime_vocab(built)
    vectors = CachedVectors(cache) if cache else None
    if init:
        vocab = extended(init.vocab, vocab)
        trained = load_model(init).embedding.weight.detach()
        if vectors and vectors.dim != trained.shape[1]:
            raise SenticliError(
                f"the vectors have {vectors.dim} numbers a word, the model {trained.shape[1]}",
                "start from the model alone: `vectors=none`",
            )
        embedding, found = extended_embedding(trained, vocab, vectors)
    else:
        random = torch.Generator().manual_seed(config.seed)
        dim = vectors.dim if vectors else recipe.model.embedding_dim
        embedding, found = initial_embedding(built, vectors, dim, random)
    train, valid = (
        [
            # As prediction reads them: never none, never too many.
            fit_length(text)
            for part in split.parts
            for text in corpora[part.source.name].texts(part.rows, vocab.number)
        ]
        for split in splits
    )
    numbers = {label: number for number, label in enumerate(data.labels)}
    train_labels, valid_labels = (
        np.array([numbers[example.label] for example in split.examples], dtype=np.int64)
        for split in splits
    )
    return Texts(
        train=train,
        train_labels=train_labels,
        valid=valid,
        valid_labels=valid_labels,
        valid_source=[example.text for example in data.valid.examples],
        labels=data.labels,
        vocab=vocab,
        embedding=embedding,
        vectors_found=found if vectors else None,
        rules=rules,
        fingerprint=fingerprint,
        init=init,
        sources={
            "data": data.hashes,
            "vectors": cache.sha256 if cache else None,
            **({"init": init.config.files["model.safetensors"]} if init else {}),
        },
    )


def prepare(recipe: Recipe, texts: Texts, processes: Processes = ALONE) -> Session:
    """Build the network for texts that were read, and their batches.

    ``processes`` train together. The same arguments give the same session.
    """
    config = recipe.train
    torch.manual_seed(config.seed)
    model_config = dataclasses.replace(recipe.model, embedding_dim=texts.embedding.shape[1])
    outputs = float32.output_size(len(texts.labels))
    model = BiRNN(model_config, len(texts.vocab), outputs, PAD_INDEX)
    if texts.init:
        same = texts.init.config.labels == texts.labels
        state = {
            name: weight
            for name, weight in load_model(texts.init).state_dict().items()
            if name != "embedding.weight" and (same or not name.startswith("output."))
        }
        model.load_state_dict(state, strict=False)
    model.embedding.weight.data.copy_(texts.embedding)
    model.compute_dtype, slower = choose_dtype(processes.device, config.precision, recipe.model.rnn)
    batch_size = config.batch_size_for(len(texts.train))
    return Session(
        recipe=dataclasses.replace(recipe, model=model_config),
        texts=texts,
        model=model,
        train=Batches(
            [head_and_tail(text, config.max_length) for text in texts.train],
            texts.train_labels,
            seed=config.seed,
            batch_size=batch_size,
            pad_index=PAD_INDEX,
        ),
        valid=Batches(texts.valid, texts.valid_labels, batch_size=batch_size, pad_index=PAD_INDEX),
        rates=(
            {"embedding.weight": config.embedding_lr}
            if texts.init or texts.vectors_found is not None
            else {}
        ),
        weights=(
            balanced_weights(torch.from_numpy(texts.train_labels), len(texts.labels))
            if config.class_weights == "balanced"
            else None
        ),
        processes=processes,
        machine=_machine(processes, model.compute_dtype),
        slower=slower,
    )


def _machine(processes: Processes, dtype: torch.dtype) -> str:
    """What is computed on, such as ``cpu, 2 threads, bfloat16``."""
    told = f"{name_of(processes.device)}, {str(dtype).removeprefix('torch.')}"
    return told if processes.size == 1 else f"{processes.size} × ({told})"


def head_and_tail(text: Words, limit: int) -> Words:
    """At most ``limit`` words of a text: its first third and its last two; 0 means all of it.

    A reviewer's verdict stands at the beginning and, more often, at the end (Sun et al. 2019).
    """
    if not limit or len(text) <= limit:
        return text
    head = limit // 3
    return np.concatenate([text[:head], text[head - limit :]])


@dataclass(frozen=True)
class Saved:
    """A bundle that was written, and how well its ``model.onnx`` does on validation."""

    bundle: Bundle
    valid: evaluation.Evaluation


def save(
    session: Session,
    path: Path,
    *,
    history: Sequence[EpochResult],
    command: str,
) -> Saved:
    """Export the session's network and write it with its provenance as a bundle at ``path``.

    The int8 graph is taken where it costs less than a tenth of a point of validation accuracy,
    and the temperature is fitted to the graph that is taken.
    """
    session.model.cpu()
    graph, precision, logits = _choose_graph(session)
    temperature = evaluation.fit_temperature(logits, session.texts.valid_labels)
    scores = evaluation.softmax(logits, temperature)
    valid = evaluation.measure(scores, session.texts.valid_labels, session.texts.labels)
    config = BundleConfig(
        labels=session.texts.labels,
        model=session.recipe.model,
        lowercase=session.recipe.train.lowercase,
        vocab_size=len(session.texts.vocab),
        tokenizer=session.texts.fingerprint,
        temperature=temperature,
        onnx=precision,
        usual=drift.fit(session.texts.valid_source, session.texts.valid),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        provenance={
            "command": command,
            "train": dataclasses.asdict(session.recipe.train),
            "vectors_found": session.texts.vectors_found,
            "parameters": session.parameters,
            "sha256": session.texts.sources,
            "valid": {
                "examples": valid.examples,
                "accuracy": valid.accuracy,
                "loss": valid.loss,
            },
            "epochs": len(history),
            "seconds": round(sum(result.seconds for result in history), 1),
            "machine": session.machine,
            "processes": session.processes.size,
            "versions": {
                "senticli": version("senticli"),
                "python": platform.python_version(),
                **{name: version(name) for name in PACKAGES},
            },
        },
    )

    def write_files(folder: Path) -> None:
        contents = {
            "vocab.txt": session.texts.vocab.to_text().encode(),
            "tokenizer.json": dump_rules(session.texts.rules).encode(),
            "model.safetensors": float32.weights_to_bytes(session.model),
            "model.onnx": graph,
            "history.jsonl": "".join(
                json.dumps(dataclasses.asdict(result)) + "\n" for result in history
            ).encode(),
        }
        for name, content in contents.items():
            (folder / name).write_bytes(content)

    return Saved(bundle.save(path, config, write_files), valid)


def _choose_graph(session: Session) -> tuple[bytes, str, NDArray[np.float32]]:
    """The graph to keep, its precision, and its logits on validation."""
    exact = float32.to_onnx(session.model)
    content, asked = exact.SerializeToString(), session.recipe.train.quantize
    logits = Network(content).logits(session.texts.valid)
    if asked == "none":
        return content, "float32", logits
    small = to_int8(session.model).SerializeToString()
    small_logits = Network(small).logits(session.texts.valid)
    cost = _accuracy(session, logits) - _accuracy(session, small_logits)
    if asked == "int8" or cost < INT8_COST:
        return small, "int8", small_logits
    return content, "float32", logits


def _accuracy(session: Session, logits: NDArray[np.float32]) -> float:
    chosen = evaluation.softmax(logits).argmax(axis=1)
    return float((chosen == session.texts.valid_labels).mean())
