"""From a recipe and its examples to a network ready to train, and from that to a bundle."""

import dataclasses
import json
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from senticli import bundle, drift, measures
from senticli.bundle import Bundle, BundleConfig
from senticli.config import Recipe
from senticli.data.mix import MixedSource, Mixture, mixture_of
from senticli.data.splits import Split, TrainingData
from senticli.data.vectors import VectorCache
from senticli.errors import SenticliError
from senticli.events import ignore
from senticli.machine import code_version
from senticli.measures import Truth, likeliest
from senticli.runtime import Network, fit_length
from senticli.text.encoder import TokenIds
from senticli.text.normalization import VERSIONS
from senticli.text.tokenizer import Tokenizer, dump_rules
from senticli.text.vocab import PAD_INDEX, UNK_INDEX, Vocab
from senticli.training.batches import Batches
from senticli.training.corpus import Corpus, corpus_of
from senticli.training.device import choose_device, choose_dtype, describe_device
from senticli.training.embeddings import (
    CachedVectors,
    extend_embedding,
    initial_embedding,
    share_found,
)
from senticli.training.events import (
    BatchResult,
    EpochResult,
    Estimate,
    OnEvent,
    Saved,
    SourceResult,
    Started,
)
from senticli.training.export import float32
from senticli.training.export.float32 import load_model
from senticli.training.export.int8 import to_int8
from senticli.training.network.birnn import BiRNN
from senticli.training.own_vectors import SkipGram, own_vectors
from senticli.training.processes import ALONE, Processes
from senticli.training.tokenizer_rules import spacy_rules
from senticli.training.trainer import Trainer, balanced_weights
from senticli.training.vocabulary import build_vocab, extend_vocab, runtime_vocab

INT8_COST = 0.001  # accuracy on validation that a smaller and faster model may cost
PACKAGES = ("torch", "torchtext", "spacy", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True)
class EncodedData:
    """The splits of a run as token ids, and what they were encoded with."""

    train: list[TokenIds]
    train_labels: Truth
    valid: list[TokenIds]
    valid_labels: Truth
    valid_texts: list[str]
    mixture: Mixture  # the sources of the texts, in order
    labels: tuple[str, ...]
    vocab: Vocab
    embedding: Tensor  # to start from, [V, E]
    vectors_found: float | None  # share of the (new) tokens, of published ones if there are any
    rules: Mapping[str, Any]
    normalization: str  # with its version
    fingerprint: str
    init: Bundle | None  # the model to start from
    own_vectors: Mapping[str, Any] | None  # how they were learned, for the provenance
    sources: dict[str, Any]  # hashes of what was read, for the provenance
    licences: Mapping[str, str]  # those of the models that it learns from

    @property
    def valid_sources(self) -> list[MixedSource]:
        """The sources of validation; one of few texts may have none that are held out."""
        return [source for source in self.mixture.valid if source.examples]

    def known(self, sources: Sequence[MixedSource]) -> NDArray[np.bool_] | None:
        """Return the labels that the loss of each text of sources is over, [N, L]; None: all."""
        table = np.array([[label in one.labels for label in self.labels] for one in sources])
        return None if table.all() else table.repeat([one.examples for one in sources], axis=0)


@dataclass(frozen=True)
class Session:
    """A training run, ready to start."""

    recipe: Recipe
    data: EncodedData
    model: BiRNN
    train: Batches
    valid: list[Batches]  # of each source
    rates: dict[str, float]  # learning rates of parameters, see Trainer
    weights: Tensor | None  # of the labels in the loss
    device: torch.device
    slower: str | None  # why float32 is used where bfloat16 would be faster
    processes: Processes = ALONE

    @property
    def parameters(self) -> int:
        """The number of the model's parameters."""
        return sum(weight.numel() for weight in self.model.parameters())

    @property
    def epochs(self) -> int:
        """The most epochs that it takes."""
        return self.recipe.train.epochs_for(self.train.n_texts)

    @property
    def machine(self) -> str:
        """Processes, device and dtype, for people, such as ``cpu, 2 threads, bfloat16``."""
        dtype = str(self.model.compute_dtype).removeprefix("torch.")
        one, size = f"{describe_device(self.device)}, {dtype}", self.processes.size
        return one if size == 1 else f"{size} × ({one})"

    def shared_by(self, processes: Processes) -> "Session":
        """Return the same session for one of several processes, on a device of its own.

        Raises:
            SenticliError: one of them has no such device.
        """
        device = processes.each(lambda: processes.own_device(choose_device(self.device.type)))
        return dataclasses.replace(self, processes=processes, device=device)

    def trainer(
        self,
        on_batch: Callable[[BatchResult], object],
        stopping: Callable[[], bool] = lambda: False,
    ) -> Trainer:
        """Return what trains the model; see :class:`Trainer`."""
        return Trainer(
            self.model,
            self.recipe.train,
            self.train,
            self.valid,
            shares=[source.share for source in self.data.valid_sources],
            rates=self.rates,
            weights=self.weights,
            processes=self.processes,
            device=self.device,
            stopping=stopping,
            on_batch=on_batch,
        )

    def started(self, history: Sequence[EpochResult]) -> Started:
        """Return the event with which the training begins, after the epochs of ``history``."""
        data, init = self.data, self.data.init
        return Started(
            data=self.recipe.train.data,
            train_texts=self.train.n_texts,
            valid_texts=len(data.valid),
            labels=data.labels,
            vocab_size=len(data.vocab),
            new_tokens=len(data.vocab) - init.config.vocab_size if init else 0,
            init=init.name if init else None,
            init_labels=init.config.labels if init else None,
            vectors=self.recipe.train.published_vectors or self.recipe.train.vectors,
            vectors_found=data.vectors_found,
            model=self.recipe.model,
            parameters=self.parameters,
            machine=self.machine,
            slower=self.slower,
            epochs=self.epochs,
            history=tuple(history),
        )

    def estimate(self, seconds_per_batch: float) -> Estimate:
        """Return what is known of the training, at so many seconds a batch."""
        data, epochs = self.data, self.epochs
        lengths = np.percentile([len(ids) for ids in data.train], (50, 90, 99, 100)).astype(int)
        # A validation text is only run forward, at about a third of the work.
        share = 1 + sum(map(len, data.valid)) / self.train.n_tokens / 3
        return Estimate(
            labels={
                split: dict(zip(data.labels, _counts(truth, len(data.labels)), strict=True))
                for split, truth in (("train", data.train_labels), ("valid", data.valid_labels))
            },
            tokens_per_text=dict(
                zip(("median", "90 %", "99 %", "longest"), lengths.tolist(), strict=True)
            ),
            vocab_size=len(data.vocab),
            unknown=float((np.concatenate(data.valid) == UNK_INDEX).mean()),
            epochs=epochs,
            seconds=round(seconds_per_batch * len(self.train) * epochs * share, 1),
        )


def _counts(truth: Truth, labels: int) -> list[int]:
    counts: list[int] = np.bincount(likeliest(truth), minlength=labels).tolist()
    return counts


# --- the data


def encode_data(
    recipe: Recipe,
    data: TrainingData,
    cache: VectorCache | None,
    init: Bundle | None = None,
    on_event: OnEvent = ignore,
) -> EncodedData:
    """Tokenize the examples, build the vocabulary, and give both as numbers.

    Args:
        recipe: model and training.
        data: the examples.
        cache: the published word vectors to start from, if any.
        init: the model to start from, if any, whose tokens keep their ids.
        on_event: called with each event.

    Raises:
        SenticliError: the vectors do not fit the model.
    """
    config = recipe.train
    rules = init.rules() if init else spacy_rules()
    version = init.config.normalization if init else VERSIONS[config.normalization]
    tokenizer = Tokenizer(rules, lowercase=config.lowercase, normalization=version)
    corpora = _tokenize(data, tokenizer)
    built = build_vocab(_token_counts(data.train, corpora), config.vocab_size)
    own = None
    if config.has_own_vectors:
        dim = cache.matrix.shape[1] if cache else recipe.model.embedding_dim
        skip_gram = SkipGram(dim=dim, window=config.vector_window, seed=config.seed)
        own = own_vectors(
            data.texts.parts, corpora, tokenizer.fingerprint, skip_gram, on_event, cache
        )
    source = own.vectors if own else cache
    vectors = CachedVectors(source) if source else None
    if init:
        vocab = extend_vocab(init.vocab, runtime_vocab(built))
        new = vocab.tokens[len(init.vocab) :]
        embedding = _embedding_of_model(init, vocab, vectors)
    else:
        vocab = runtime_vocab(built)
        new = vocab.tokens[PAD_INDEX + 1 :]
        random = torch.Generator().manual_seed(config.seed)
        embedding = initial_embedding(built, vectors, recipe.model.embedding_dim, random)
    fitting = cache or source  # whether published vectors fit, those learned from them would hide
    token_id = vocab.lookup(corrects=tokenizer.normalizes)
    return EncodedData(
        train=_token_ids(data.train, corpora, token_id),
        train_labels=measures.truth_of(data.train.examples, data.labels),
        valid=_token_ids(data.valid, corpora, token_id),
        valid_labels=measures.truth_of(data.valid.examples, data.labels),
        valid_texts=[example.text for example in data.valid.examples],
        mixture=mixture_of(data, config),
        labels=data.labels,
        vocab=vocab,
        embedding=embedding,
        vectors_found=share_found(new, fitting.tokens) if fitting else None,
        rules=rules,
        normalization=version,
        fingerprint=tokenizer.fingerprint,
        init=init,
        own_vectors=own.facts if own else None,
        sources={
            "data": data.hashes,
            "vectors": cache.sha256 if cache else None,
            **({"own_vectors": own.vectors.sha256} if own else {}),
            **({"teachers": data.teachers} if data.teachers else {}),
            **({"init": init.config.files["model.safetensors"]} if init else {}),
        },
        licences={**data.licences, **(init.licences if init else {})},
    )


def _tokenize(data: TrainingData, tokenizer: Tokenizer) -> dict[str, Corpus]:
    """Return the tokens of every source that is learned from or chosen by, by its name."""
    splits = data.train, data.valid, data.unlabelled
    sources = {part.source.name: part.source for split in splits for part in split.parts}
    return {name: corpus_of(source, tokenizer) for name, source in sources.items()}


def _token_counts(split: Split, corpora: Mapping[str, Corpus]) -> Counter[str]:
    """Return how often each token occurs in a split."""
    counts: Counter[str] = Counter()
    for part in split.parts:
        counts.update(corpora[part.source.name].count(part.rows))
    return counts


def _token_ids(
    split: Split, corpora: Mapping[str, Corpus], token_id: Callable[[str], int]
) -> list[TokenIds]:
    """Return the token ids of each text of a split, as prediction reads them: never none."""
    return [
        fit_length(ids)
        for part in split.parts
        for ids in corpora[part.source.name].encode(part.rows, token_id)
    ]


def _embedding_of_model(init: Bundle, vocab: Vocab, vectors: CachedVectors | None) -> Tensor:
    """Return a model's embedding with rows for the new tokens."""
    trained = load_model(init).embedding.weight.detach()
    if vectors and vectors.dim != trained.shape[1]:
        raise SenticliError(
            f"the vectors have {vectors.dim} dimensions, the model's have {trained.shape[1]}",
            "start from the model alone: `vectors=none`",
        )
    return extend_embedding(trained, vocab, vectors)


# --- the network


def build_session(recipe: Recipe, data: EncodedData) -> Session:
    """Build the network for encoded data, and their batches.

    The same arguments give the same session.
    """
    config = recipe.train
    torch.manual_seed(config.seed)
    model_config = dataclasses.replace(recipe.model, embedding_dim=data.embedding.shape[1])
    model = BiRNN(model_config, len(data.vocab), float32.output_size(len(data.labels)), PAD_INDEX)
    if data.init:
        _load_weights(model, data.init, data.labels)
    model.embedding.weight.data.copy_(data.embedding)
    device = choose_device(config.device)
    model.compute_dtype, slower = choose_dtype(device, config.precision, recipe.model.rnn)
    batch_size = config.batch_size_for(len(data.train))
    return Session(
        recipe=dataclasses.replace(recipe, model=model_config),
        data=data,
        model=model,
        train=Batches(
            [head_and_tail(ids, config.max_length) for ids in data.train],
            data.train_labels,
            seed=config.seed,
            batch_size=batch_size,
            pad_index=PAD_INDEX,
            sizes=[source.examples for source in data.mixture.train],
            shares=[source.share for source in data.mixture.train],
            known=data.known(data.mixture.train),
        ),
        valid=[
            Batches(
                data.valid[rows],
                data.valid_labels[rows],
                batch_size=batch_size,
                pad_index=PAD_INDEX,
                known=data.known([source]),
                name=source.name,
            )
            for source, rows in _rows_of(data.valid_sources)
        ],
        rates=(
            {"embedding.weight": config.embedding_lr}
            if data.init or data.vectors_found is not None
            else {}
        ),
        weights=(
            balanced_weights(torch.from_numpy(likeliest(data.train_labels)), len(data.labels))
            if config.class_weights == "balanced"
            else None
        ),
        device=device,
        slower=slower,
    )


def _rows_of(sources: Sequence[MixedSource]) -> Iterator[tuple[MixedSource, slice]]:
    """Yield each source with the rows of its texts."""
    start = 0
    for source in sources:
        yield source, slice(start, start + source.examples)
        start += source.examples


def _load_weights(model: BiRNN, init: Bundle, labels: Sequence[str]) -> None:
    """Give a network a trained one's weights; of the output layer, those of labels of both."""
    state, fresh = load_model(init).state_dict(), model.state_dict()
    del state["embedding.weight"]
    for name in (name for name in state if name.startswith("output.")):
        state[name] = shared_output(fresh[name], labels, state[name], init.config.labels)
    model.load_state_dict(state, strict=False)


def shared_output(
    fresh: Tensor, labels: Sequence[str], trained: Tensor, trained_labels: Sequence[str]
) -> Tensor:
    """Return an output layer's weights or biases with those of a trained one for shared labels."""
    rows = _row_per_label(fresh)
    for label, row in zip(trained_labels, _row_per_label(trained), strict=True):
        if label in labels:
            rows[labels.index(label)] = row
    return rows[1:] - rows[:1] if len(labels) == 2 else rows


def _row_per_label(output: Tensor) -> Tensor:
    """Return the output layer's weights or biases with a row for each label, also of two labels.

    The one logit of two labels is the difference between theirs.
    """
    return torch.cat([-output / 2, output / 2]) if len(output) == 1 else output.clone()


def head_and_tail(token_ids: TokenIds, limit: int) -> TokenIds:
    """Return at most ``limit`` tokens: the first third of them from the head; 0 means all.

    A reviewer's verdict stands at the beginning and, more often, at the end (Sun et al. 2019).
    """
    if not limit or len(token_ids) <= limit:
        return token_ids
    head = limit // 3
    return np.concatenate([token_ids[:head], token_ids[head - limit :]])


# --- the bundle


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
    temperature = measures.fit_temperature(logits, session.data.valid_labels)
    scores = measures.softmax(logits, temperature)
    valid = measures.measure(scores, session.data.valid_labels, session.data.labels)
    sources = [
        {**dataclasses.asdict(_result(session, source, scores, rows)), "labels": source.labels}
        for source, rows in _rows_of(session.data.valid_sources)
    ]
    own = session.data.own_vectors
    seconds = sum(result.seconds for result in history) + (own["seconds"] if own else 0)
    config = BundleConfig(
        labels=session.data.labels,
        model=session.recipe.model,
        lowercase=session.recipe.train.lowercase,
        normalization=session.data.normalization,
        vocab_size=len(session.data.vocab),
        tokenizer=session.data.fingerprint,
        temperature=temperature,
        onnx=precision,
        usual=drift.fit(session.data.valid_texts, session.data.valid),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        provenance={
            "command": command,
            "train": dataclasses.asdict(session.recipe.train),
            "vectors_found": session.data.vectors_found,
            "own_vectors": own,
            "licences": dict(session.data.licences),
            "parameters": session.parameters,
            "sha256": session.data.sources,
            "valid": {
                "examples": valid.examples,
                "accuracy": valid.accuracy,
                "loss": valid.loss,
                **({"sources": sources} if len(sources) > 1 else {}),
            },
            "epochs": len(history),
            "seconds": round(seconds, 1),
            "machine": session.machine,
            "processes": session.processes.size,
            "versions": {
                "senticli": code_version(),
                "python": platform.python_version(),
                **{name: version(name) for name in (*PACKAGES, *(["gensim"] if own else []))},
            },
        },
    )

    def write_files(folder: Path) -> None:
        contents = {
            "vocab.txt": session.data.vocab.to_text().encode(),
            "tokenizer.json": dump_rules(session.data.rules).encode(),
            "model.safetensors": float32.weights_to_bytes(session.model),
            "model.onnx": graph,
            "history.jsonl": "".join(
                json.dumps(result.fields) + "\n" for result in history
            ).encode(),
        }
        for name, content in contents.items():
            (folder / name).write_bytes(content)

    counts = _counts(session.data.train_labels, len(session.data.labels))
    return Saved(bundle.save(path, config, write_files), valid, counts)


def _result(
    session: Session, source: MixedSource, scores: NDArray[np.float64], rows: slice
) -> SourceResult:
    """Return how good the scores of a source's validation examples are."""
    truth, labels = session.data.valid_labels[rows], session.data.labels
    found = measures.measure(scores[rows], truth, labels)
    return SourceResult(source.name, found.examples, found.loss, found.accuracy)


def _choose_graph(session: Session) -> tuple[bytes, str, NDArray[np.float32]]:
    """Return the graph to keep, its precision, and its logits on validation."""
    exact = float32.to_onnx(session.model)
    content, asked = exact.SerializeToString(), session.recipe.train.quantize
    known = session.data.known(session.data.valid_sources)
    logits = measures.among(Network(content).logits(session.data.valid), known)
    if asked == "none":
        return content, "float32", logits
    small = to_int8(session.model).SerializeToString()
    small_logits = measures.among(Network(small).logits(session.data.valid), known)
    cost = _accuracy(session, logits) - _accuracy(session, small_logits)
    if asked == "int8" or cost < INT8_COST:
        return small, "int8", small_logits
    return content, "float32", logits


def _accuracy(session: Session, logits: NDArray[np.float32]) -> float:
    chosen = measures.softmax(logits).argmax(axis=1)
    return float((chosen == likeliest(session.data.valid_labels)).mean())
