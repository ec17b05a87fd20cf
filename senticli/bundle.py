"""A model as a folder: read, written, verified.

    config.json        format, labels, architecture, temperature, provenance, hash of every file
    vocab.txt          one word a line
    tokenizer.json     spaCy's rules, compiled
    model.safetensors  float32 weights, to go on training
    model.onnx         what prediction runs
    history.jsonl      one line an epoch

There is no pickle in it: nothing in a bundle is ever executed.
"""

import dataclasses
import hashlib
import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from senticli import paths
from senticli.config import DATA_SETTINGS, STARTS_OWN, ModelConfig, Recipe, TrainConfig
from senticli.data.catalogue import ASSETS
from senticli.errors import SenticliError, UsageError
from senticli.io import atomic, jsonfile
from senticli.io.disk import size_of
from senticli.io.jsonfile import has_type
from senticli.log import log
from senticli.text.normalization import NONE, VERSIONS
from senticli.text.tokenizer import Tokenizer, load_rules
from senticli.text.vocab import Vocab

if TYPE_CHECKING:
    from senticli.text.encoder import Encoder

FORMAT = 1
FILES = ("vocab.txt", "tokenizer.json", "model.safetensors", "model.onnx", "history.jsonl")
BUNDLED = "bundled"


@dataclass(frozen=True)
class Usual:
    """Statistics of a model's validation texts, for comparison with others.

    ``unknown`` is the mean share of unknown words, ``threshold`` the share that one text in a
    hundred exceeds, ``script`` the commonest script, by its Unicode name, such as ``LATIN``.
    """

    unknown: float
    threshold: float
    script: str


@dataclass(frozen=True, kw_only=True)
class BundleConfig:
    """The content of ``config.json``.

    ``temperature`` divides the logits, so that a score is a calibrated probability; ``thresholds``
    has, by label, the score under which an answer is ``unsure``; ``onnx`` is the precision of
    ``model.onnx`` (float32 or int8); ``provenance`` says how the model was made.
    """

    labels: tuple[str, ...]
    model: ModelConfig
    lowercase: bool
    normalization: str = NONE
    vocab_size: int
    tokenizer: str  # fingerprint
    temperature: float
    onnx: str
    usual: Usual | None = None  # what the texts it was trained on are like
    thresholds: Mapping[str, float] = field(default_factory=dict)
    created: str
    provenance: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True)
class Bundle:
    """An opened bundle. Each file is read, and its hash checked, when it is first wanted."""

    path: Path
    config: BundleConfig

    @property
    def name(self) -> str:
        """The name of this model: ``bundled``, a name in the data dir, or its path."""
        if self.path == paths.BUNDLED_MODEL:
            return BUNDLED
        with suppress(paths.NoHomeError):
            if self.path.parent.resolve() == paths.models_dir().resolve():
                return self.path.name
        return str(self.path)

    @property
    def training(self) -> TrainConfig:
        """The training settings, from the provenance."""
        return self.recipe.train

    @property
    def recipe(self) -> Recipe:
        """The recipe that this model was trained with."""
        model = dataclasses.asdict(self.config.model)
        with _valid(self.path, "config.json does not say how it was trained"):
            return Recipe.from_dicts(model, self.config.provenance["train"])

    @property
    def licences(self) -> dict[str, str]:
        """The licence of each data set, and of the vectors, that can be downloaded by name.

        Those of its teachers, and of the model that it started from, are among them.
        """
        origin = self.config.provenance
        names = [source.rpartition("/")[0] for source in origin["sha256"]["data"]]
        vectors = origin["train"].get("vectors") or ""
        names.append(vectors.removesuffix(STARTS_OWN))
        found = {name: ASSETS[name].licence for name in names if name in ASSETS}
        return {**found, **origin.get("licences", {})}

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return size_of(self.path)

    def history(self) -> list[dict[str, Any]]:
        """Return the results of its epochs, as they were recorded."""
        content = self.read("history.jsonl")
        with _valid(self.path, "history.jsonl holds no epochs"):
            epochs = [jsonfile.parse(line) for line in content.splitlines()]
            for number, epoch in enumerate(epochs, 1):
                curves = [epoch["valid_loss"], epoch["valid_accuracy"]]
                kinds = has_type(curves, list[float]) and has_type(epoch["best"], bool)
                if epoch["epoch"] != number or not kinds:
                    raise ValueError("epoch")
            if epochs and not any(epoch["best"] for epoch in epochs):
                raise ValueError("best")
            return epochs

    def damaged(self) -> dict[str, str]:
        """Return what is wrong with its files, by name; nothing if each is as it was saved."""
        found = {}
        for name in FILES:
            try:
                self.read(name)
            except SenticliError as error:
                found[name] = error.message.rpartition(": ")[2]
        return found

    @classmethod
    def open(cls, path: Path) -> "Bundle":
        """Open the bundle in the folder ``path``.

        Raises:
            SenticliError: it is no bundle, a broken one, or one of a later format.
        """
        try:
            content = (path / "config.json").read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise SenticliError(
                f"{path} is not a senticli model (it has no config.json)",
                "name a folder that holds one, or a model, such as bundled",
            ) from None
        except OSError as error:
            raise _broken(path, f"config.json: {error.strerror}") from error
        log("opening the model %s", path)
        with _valid(path, "config.json is not that of a senticli model"):
            raw = jsonfile.parse(content)
            version = raw["format"]
            if version == FORMAT:
                raw["labels"] = tuple(raw["labels"])
                raw["model"] = ModelConfig(**raw["model"])
                raw["usual"] = Usual(**raw["usual"]) if raw.get("usual") else None
                config = BundleConfig(**raw)
                _check(config)
                return cls(path, config)
        raise SenticliError(
            f"{path} has model format {version}, and this senticli reads format {FORMAT}",
            "update senticli, from where it was installed",
        )

    def read(self, name: str) -> bytes:
        """Return the content of one file, its hash verified."""
        try:
            content = (self.path / name).read_bytes()
        except OSError as error:
            raise _broken(self.path, f"{name}: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != self.config.files.get(name):
            raise _broken(self.path, f"{name} is not what config.json recorded")
        return content

    @cached_property
    def vocab(self) -> Vocab:
        """The vocabulary."""
        content = self.read("vocab.txt")
        with _valid(self.path, "vocab.txt is not a vocabulary"):
            vocab = Vocab.from_text(content)
        if len(vocab) != self.config.vocab_size:
            raise _broken(self.path, "vocab.txt has another size than config.json says")
        return vocab

    def rules(self) -> dict[str, Any]:
        """Return the rules of its tokenizer."""
        content = self.read("tokenizer.json")
        with _valid(self.path, "tokenizer.json holds no rules"):
            return load_rules(content)

    def encoder(self) -> "Encoder":
        """Return what turns a text into its token ids."""
        from senticli.text.encoder import Encoder  # numpy, which not everything here needs

        config = self.config
        tokenizer = Tokenizer(
            self.rules(), lowercase=config.lowercase, normalization=config.normalization
        )
        return Encoder(tokenizer, self.vocab.lookup(corrects=tokenizer.normalizes))


def _check(config: BundleConfig) -> None:
    """Raise ValueError or another of INVALID unless ``config`` can be that of a model."""
    if not has_type(config, BundleConfig) or not config.temperature > 0:
        raise TypeError("a value of another type")
    if config.normalization not in VERSIONS.values():
        raise ValueError("normalization")
    if len(set(config.labels)) < 2 or "" in config.labels:
        raise ValueError("labels")
    if not set(config.thresholds) <= set(config.labels):
        raise ValueError("thresholds")
    _ = datetime.now(timezone.utc) - datetime.fromisoformat(config.created)
    origin = config.provenance
    train, valid, hashes = origin["train"], origin["valid"], origin["sha256"]
    sources = valid.get("sources", [])
    results = [valid, *sources]
    for kind, values in (
        (float, [result[name] for result in results for name in ("accuracy", "loss")]),
        (float, (origin["seconds"], train["teacher_weight"] if train.get("teacher") else 0.0)),
        (int, [result["examples"] for result in results]),
        (int, (origin["parameters"], origin.get("processes", 1))),
        (float | None, (origin.get("vectors_found"),)),
        (str | None, (train.get("vectors"), train.get("init"), train.get("mix"))),
        (str | None, (hashes.get("vectors"), hashes.get("own_vectors"))),
        (str, (origin.get("command", ""), *(source["name"] for source in sources))),
        (list[str], [train.get(name, []) for name in (*DATA_SETTINGS, "teacher")]),
        (list[str], (hashes.get("teachers", []), *(source["labels"] for source in sources))),
        (Mapping[str, str], (hashes["data"], origin["versions"], origin.get("licences", {}))),
    ):
        if not all(has_type(value, kind) for value in values):
            raise TypeError("provenance")
    shlex.split(origin.get("command", ""))
    if not 0 <= valid["accuracy"] <= 1 or valid["examples"] < 1:
        raise ValueError("valid")


def save(path: Path, config: BundleConfig, write_files: Callable[[Path], None]) -> Bundle:
    """Write a bundle to the folder ``path`` in one step.

    ``write_files`` puts every one of :data:`FILES` into the folder it is given; their hashes are
    then added to ``config``. A bundle that was at ``path`` is replaced only when all went well.
    """
    with writing_to(path) as folder:
        write_files(folder)
        hashes = {name: atomic.sha256_of(folder / name) for name in FILES}
        config = dataclasses.replace(config, files=hashes)
        (folder / "config.json").write_bytes(_dumped(config))
    return Bundle(path, config)


def check_changeable(bundle: Bundle) -> None:
    """Raise UsageError if a model comes with the package."""
    if bundle.name == BUNDLED:
        raise UsageError(
            "the bundled model is part of the package, and stays as it is",
            "copy it first, `export(bundled, output=DIR)`, and use the copy: `model=DIR`",
        )


def update(bundle: Bundle, **changes: Any) -> Bundle:
    """Write a model's ``config.json`` again, in one step, with other values of some fields.

    Raises:
        SenticliError: the model comes with the package, or cannot be written.
    """
    check_changeable(bundle)
    config = dataclasses.replace(bundle.config, **changes)
    with writing_errors(bundle.path), atomic.replace_file(bundle.path / "config.json") as file:
        file.write(_dumped(config))
    return Bundle(bundle.path, config)


def _dumped(config: BundleConfig) -> bytes:
    return (json.dumps(dataclasses.asdict(config), indent=2) + "\n").encode()


@contextmanager
def writing_to(path: Path) -> Iterator[Path]:
    """Yield a folder that becomes the bundle at ``path``. Raises SenticliError if it cannot."""
    with writing_errors(path), atomic.replace_dir(path) as folder:
        yield folder


@contextmanager
def writing_errors(path: Path) -> Iterator[None]:
    """Turn the errors of writing a model to ``path`` into a SenticliError."""
    try:
        yield
    except OSError as error:
        raise SenticliError(
            f"cannot write the model to {path}: {(error.strerror or str(error)).lower()}",
            "make room there, or choose another place: `output=DIR`",
        ) from error


@contextmanager
def _valid(path: Path, otherwise: str) -> Iterator[None]:
    """Turn errors about the content of the bundle at ``path`` into one that says ``otherwise``."""
    try:
        yield
    except (*jsonfile.INVALID, SenticliError) as error:
        raise _broken(path, otherwise) from error


def _broken(path: Path, what: str) -> SenticliError:
    return SenticliError(
        f"the model {path} is broken: {what}",
        "train it again, or use another model, such as bundled",
    )
