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
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from senticli import atomic, paths
from senticli.config import ModelConfig, TrainConfig
from senticli.disk import size_of
from senticli.errors import SenticliError
from senticli.text.tokenizer import load_rules
from senticli.text.vocab import Vocab

if TYPE_CHECKING:
    from senticli.text.encoder import Encoder

FORMAT = 1
FILES = ("vocab.txt", "tokenizer.json", "model.safetensors", "model.onnx", "history.jsonl")
BUNDLED = "bundled"


@dataclass(frozen=True)
class Usual:
    """What is usual for a model, measured on its validation texts.

    ``unknown`` is the mean share of unknown words, ``threshold`` the share that one text in a
    hundred exceeds, ``script`` the commonest script, by its Unicode name, such as ``LATIN``.
    """

    unknown: float
    threshold: float
    script: str


@dataclass(frozen=True, kw_only=True)
class BundleConfig:
    """What ``config.json`` holds.

    ``temperature`` divides the logits, so that a score is a calibrated probability; ``onnx`` is
    the precision of ``model.onnx`` (float32 or int8); ``provenance`` says how the model was made.
    """

    labels: tuple[str, ...]
    model: ModelConfig
    lowercase: bool
    vocab_size: int
    tokenizer: str  # fingerprint
    temperature: float
    onnx: str
    usual: Usual | None = None  # what the texts it was trained on are like
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
        """How to call this model: ``bundled``, a name in the data dir, or its path."""
        if self.path == paths.BUNDLED_MODEL:
            return BUNDLED
        stored = self.path.parent.resolve() == paths.models_dir().resolve()
        return self.path.name if stored else str(self.path)

    @property
    def training(self) -> TrainConfig:
        """How this model was trained, from its provenance."""
        try:
            settings = dict(self.config.provenance["train"])
            return TrainConfig(**{**settings, "data": tuple(settings["data"])})
        except (KeyError, TypeError, ValueError, SenticliError) as error:
            raise _broken(self.path, "config.json does not say how it was trained") from error

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return size_of(self.path)

    def history(self) -> list[dict[str, Any]]:
        """The results of its epochs, as ``senticli train --json`` gave them."""
        try:
            return [json.loads(line) for line in self.read("history.jsonl").splitlines()]
        except ValueError as error:
            raise _broken(self.path, "history.jsonl holds no epochs") from error

    def damaged(self) -> dict[str, str]:
        """What is wrong with its files, by name; nothing where every one is as it was saved."""
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
            raw = json.loads((path / "config.json").read_bytes())
            version = raw["format"]
            if version == FORMAT:
                raw["labels"] = tuple(raw["labels"])
                raw["model"] = ModelConfig(**raw["model"])
                raw["usual"] = Usual(**raw["usual"]) if raw.get("usual") else None
                config = BundleConfig(**raw)
                _check(config)
                return cls(path, config)
        except (FileNotFoundError, NotADirectoryError):
            raise SenticliError(
                f"{path} is not a senticli model (it has no config.json)",
                "senticli predict --model bundled",
            ) from None
        except OSError as error:
            raise _broken(path, f"config.json: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, SenticliError) as error:
            raise _broken(path, "config.json is not that of a senticli model") from error
        raise SenticliError(
            f"{path} has model format {version}, and this senticli reads format {FORMAT}",
            "pip install --upgrade senticli",
        )

    def read(self, name: str) -> bytes:
        """The content of one file, its hash verified."""
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
        try:
            vocab = Vocab.from_text(self.read("vocab.txt"))
        except ValueError as error:
            raise _broken(self.path, "vocab.txt is not a vocabulary") from error
        if len(vocab) != self.config.vocab_size:
            raise _broken(self.path, "vocab.txt has another size than config.json says")
        return vocab

    def encoder(self) -> "Encoder":
        """From a text straight to its word numbers."""
        from senticli.text.encoder import Encoder  # numpy, which not everything here needs

        try:
            rules = load_rules(self.read("tokenizer.json"))
        except ValueError as error:
            raise _broken(self.path, "tokenizer.json holds no rules") from error
        return Encoder(rules, self.vocab.number, lowercase=self.config.lowercase)


def _check(config: BundleConfig) -> None:
    """Raise ValueError or TypeError unless the values of ``config`` can be those of a model."""
    labels = config.labels
    if len(set(labels)) < 2 or not all(isinstance(label, str) and label for label in labels):
        raise ValueError("labels")
    if not 0 < config.temperature < float("inf"):
        raise ValueError("temperature")
    usual = config.usual
    if usual and not (
        all(isinstance(share, int | float) for share in (usual.unknown, usual.threshold))
        and isinstance(usual.script, str)
    ):
        raise TypeError("usual")
    if not isinstance(config.files, dict) or not isinstance(config.lowercase, bool):
        raise TypeError("files, lowercase")


def save(path: Path, config: BundleConfig, write_files: Callable[[Path], None]) -> Bundle:
    """Write a bundle to the folder ``path`` in one step.

    ``write_files`` puts every one of :data:`FILES` into the folder it is given; their hashes are
    then added to ``config``. A bundle that was at ``path`` is replaced only when all went well.
    """
    try:
        with atomic.replace_dir(path) as folder:
            write_files(folder)
            hashes = {name: atomic.sha256_of(folder / name) for name in FILES}
            config = dataclasses.replace(config, files=hashes)
            text = json.dumps(dataclasses.asdict(config), indent=2)
            (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise SenticliError(
            f"cannot write the model to {path}: {(error.strerror or str(error)).lower()}",
            "make room there, or choose another place: --output DIR",
        ) from error
    return Bundle(path, config)


def check_target(path: Path, *, force: bool) -> Path:
    """The folder to write a bundle to, in full, checked before the long work starts.

    Raises:
        SenticliError: it cannot be written, holds something else, or holds a model and there is
            no ``force`` to replace it.
    """
    target = path.resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        try:
            Bundle.open(target)
        except SenticliError:
            raise SenticliError(
                f"{target} is there and is not a model", "choose another place: --output DIR"
            ) from None
        if not force:
            raise SenticliError(
                f"there is a model at {target}", "replace it with --force, or choose another place"
            )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", suffix=atomic.PARTIAL, dir=target.parent
        ):
            pass
    except OSError as error:
        raise SenticliError(
            f"cannot write to {target.parent}: {(error.strerror or str(error)).lower()}",
            "choose another place: --output DIR",
        ) from error
    return target


def export(bundle: Bundle, target: Path) -> None:
    """Copy ``bundle``, every file verified, to the folder ``target`` in one step."""
    try:
        with atomic.replace_dir(target) as folder:
            for name in FILES:
                (folder / name).write_bytes(bundle.read(name))
            shutil.copyfile(bundle.path / "config.json", folder / "config.json")
    except OSError as error:
        raise SenticliError(
            f"cannot write the model to {target}: {(error.strerror or str(error)).lower()}",
            "make room there, or choose another place: --output DIR",
        ) from error


def remove(name: str) -> None:
    """Remove the model ``name`` from the data dir; it is gone in one step.

    Where it was the default, the bundled model is.
    """
    path = paths.models_dir() / name
    was_default = default_path().resolve() == path.resolve()
    gone = path.with_name(f".{name}.removed{atomic.PARTIAL}")
    shutil.rmtree(gone, ignore_errors=True)
    path.rename(gone)
    if was_default:
        paths.last_model_file().unlink()
    shutil.rmtree(gone, ignore_errors=True)


def default_path() -> Path:
    """The folder of the model that is used where none is named; it may be gone.

    Raises:
        SenticliError: what the data dir says of it cannot be read.
    """
    pointer = paths.last_model_file()
    try:
        return Path(os.fsdecode(pointer.read_bytes().removesuffix(b"\n")))
    except FileNotFoundError:
        return paths.BUNDLED_MODEL
    except OSError as error:
        raise SenticliError(
            f"cannot read {pointer}, which names the model trained last: {error.strerror}",
            "name a model: senticli predict --model bundled",
        ) from error


def find(model: str | None) -> Bundle:
    """The bundle that ``model`` names: ``bundled``, a name in the data dir, or a folder.

    None means the model trained last, or the bundled one before anything was trained.

    Raises:
        SenticliError: there is no such model, or it is broken.
    """
    if model is None:
        path = default_path()
        atomic.recover(path)
        if not path.is_dir():
            raise SenticliError(
                f"the model trained last is gone: {path}", "senticli predict --model bundled"
            )
        return Bundle.open(path)
    if model == BUNDLED:
        return Bundle.open(paths.BUNDLED_MODEL)
    stored = paths.models_dir() / model
    atomic.recover(stored)
    path = stored if stored.is_dir() else Path(model)
    if not path.is_dir():
        names = ", ".join([BUNDLED, *trained()])
        raise SenticliError(f"there is no model {model!r}", f"use a folder or one of: {names}")
    return Bundle.open(path.absolute())


def trained() -> list[str]:
    """The names of the models in the data dir, sorted."""
    try:
        return sorted(
            entry.name
            for entry in os.scandir(paths.models_dir())
            if entry.is_dir() and not entry.name.startswith(".")
        )
    except FileNotFoundError:
        return []


def remember(path: Path) -> None:
    """Make the bundle at ``path`` the default of ``eval`` and ``predict``."""
    atomic.write_text(paths.last_model_file(), f"{path.absolute()}\n")


def _broken(path: Path, what: str) -> SenticliError:
    return SenticliError(
        f"the model {path} is broken: {what}",
        "train it again, or use another: senticli predict --model bundled",
    )
