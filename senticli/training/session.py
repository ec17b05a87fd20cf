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

from senticli import bundle, metrics, shift
from senticli.bundle import Bundle, BundleConfig
from senticli.config import Recipe
from senticli.data.datasets import TrainingData
from senticli.data.vectors import VectorCache
from senticli.predictor import Network, fit_length
from senticli.text.tokenizer import Tokenizer, dump_rules
from senticli.text.vocab import PAD_INDEX, Vocab
from senticli.training import export
from senticli.training.batches import Batches
from senticli.training.corpus import Words, corpus_of
from senticli.training.device import choose_dtype, name_of
from senticli.training.embeddings import CachedVectors, initial_embedding
from senticli.training.model import BiRNN
from senticli.training.processes import ALONE, Processes
from senticli.training.quantize import to_int8
from senticli.training.rules import spacy_rules
from senticli.training.trainer import EpochResult, balanced_weights
from senticli.training.vocabulary import build_vocab, runtime_vocab

INT8_COST = 0.001  # accuracy on validation that a smaller and faster model may cost
PACKAGES = ("torch", "torchtext", "spacy", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Session:
    """A training run, ready to start."""

    recipe: Recipe
    model: BiRNN
    train: Batches
    valid: Batches
    labels: tuple[str, ...]
    vocab: Vocab
    vectors_found: float | None  # share of the vocabulary; None without vectors
    rates: dict[str, float]  # learning rates of parameters, see Trainer
    weights: torch.Tensor | None  # of the labels in the loss
    processes: Processes
    machine: str  # device, dtype and processes, for people
    slower: str | None  # why the arithmetic is not bfloat16, where it was not asked for
    parameters: int
    train_lengths: NDArray[np.int64]  # words of each training text, before it is cut
    valid_source: list[str]  # the validation texts themselves
    valid_texts: list[Words]  # and their word numbers
    valid_labels: NDArray[np.int64]
    rules: Mapping[str, Any]
    fingerprint: str
    sources: dict[str, Any]  # hashes of what was read, for the provenance


def prepare(
    recipe: Recipe,
    data: TrainingData,
    cache: VectorCache | None,
    on_step: Callable[[str], None],
    processes: Processes = ALONE,
) -> Session:
    """Tokenize and number the examples, and build the network.

    ``cache`` holds the word vectors to start from, if any; ``on_step`` is told what is being
    done; ``processes`` train together. The same arguments give the same session.
    """
    config = recipe.train
    vectors = CachedVectors(cache) if cache else None
    splits, labels = (data.train, data.valid), data.labels
    on_step("tokenizing")
    rules = spacy_rules()
    fingerprint = Tokenizer(rules, lowercase=config.lowercase).fingerprint
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
    numbered = [
        # As prediction reads them: never none, never too many.
        [
            fit_length(text)
            for part in split.parts
            for text in corpora[part.source.name].texts(part.rows, vocab.number)
        ]
        for split in splits
    ]
    numbers = {label: number for number, label in enumerate(labels)}
    truth = [
        np.array([numbers[example.label] for example in split.examples], dtype=np.int64)
        for split in splits
    ]

    on_step("building the network")
    torch.manual_seed(config.seed)
    dim = vectors.dim if vectors else recipe.model.embedding_dim
    weights, found = initial_embedding(
        built, vectors, dim, torch.Generator().manual_seed(config.seed)
    )
    model_config = dataclasses.replace(recipe.model, embedding_dim=dim)
    batch_size = config.batch_size_for(len(truth[0]))
    model = BiRNN(model_config, len(vocab), export.output_size(len(labels)), PAD_INDEX)
    model.embedding.weight.data.copy_(weights)
    model.compute_dtype, slower = choose_dtype(processes.device, config.precision)
    return Session(
        recipe=dataclasses.replace(recipe, model=model_config),
        model=model,
        train=Batches(
            [head_and_tail(text, config.max_length) for text in numbered[0]],
            truth[0],
            seed=config.seed,
            batch_size=batch_size,
            pad_index=PAD_INDEX,
        ),
        valid=Batches(numbered[1], truth[1], batch_size=batch_size, pad_index=PAD_INDEX),
        labels=labels,
        vocab=vocab,
        vectors_found=found if vectors else None,
        rates={"embedding.weight": config.embedding_lr} if vectors else {},
        weights=(
            balanced_weights(torch.from_numpy(truth[0]), len(labels))
            if config.class_weights == "balanced"
            else None
        ),
        processes=processes,
        machine=_machine(processes, model.compute_dtype),
        slower=slower,
        parameters=sum(weight.numel() for weight in model.parameters()),
        train_lengths=np.array([len(text) for text in numbered[0]]),
        valid_source=[example.text for example in data.valid.examples],
        valid_texts=numbered[1],
        valid_labels=truth[1],
        rules=rules,
        fingerprint=fingerprint,
        sources={
            "data": data.hashes,
            "vectors": cache.sha256 if cache else None,
        },
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
    valid: metrics.Evaluation


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
    temperature = metrics.fit_temperature(logits, session.valid_labels)
    scores = metrics.softmax(logits, temperature)
    valid = metrics.evaluate(scores, session.valid_labels, session.labels)
    config = BundleConfig(
        labels=session.labels,
        model=session.recipe.model,
        lowercase=session.recipe.train.lowercase,
        vocab_size=len(session.vocab),
        tokenizer=session.fingerprint,
        temperature=temperature,
        onnx=precision,
        usual=shift.fit(session.valid_source, session.valid_texts),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        provenance={
            "command": command,
            "train": dataclasses.asdict(session.recipe.train),
            "vectors_found": session.vectors_found,
            "parameters": session.parameters,
            "sha256": session.sources,
            "valid": {
                "examples": valid.examples,
                "accuracy": valid.accuracy,
                "loss": valid.loss,
            },
            "epochs": len(history),
            "seconds": round(sum(result.seconds for result in history), 1),
            "machine": session.machine,
            "versions": {
                "senticli": version("senticli"),
                "python": platform.python_version(),
                **{name: version(name) for name in PACKAGES},
            },
        },
    )

    def write_files(folder: Path) -> None:
        contents = {
            "vocab.txt": session.vocab.to_text().encode(),
            "tokenizer.json": dump_rules(session.rules).encode(),
            "model.safetensors": export.weights_to_bytes(session.model),
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
    exact = export.to_onnx(session.model)
    content, asked = exact.SerializeToString(), session.recipe.train.quantize
    logits = Network(content).logits(session.valid_texts)
    if asked == "none":
        return content, "float32", logits
    small = to_int8(session.model).SerializeToString()
    small_logits = Network(small).logits(session.valid_texts)
    cost = _accuracy(session, logits) - _accuracy(session, small_logits)
    if asked == "int8" or cost < INT8_COST:
        return small, "int8", small_logits
    return content, "float32", logits


def _accuracy(session: Session, logits: NDArray[np.float32]) -> float:
    chosen = metrics.softmax(logits).argmax(axis=1)
    return float((chosen == session.valid_labels).mean())
