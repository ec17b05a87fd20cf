"""Checkpoints: an unfinished training as one file, resumed as if it had never stopped.

The file is safetensors: the tensors of :meth:`Trainer.state`, and as its metadata the rest as
JSON. It is replaced in one step, so that a killed process leaves the one before.
"""

import dataclasses
import glob
import hashlib
import json
import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors

from senticli import paths
from senticli.config import Recipe
from senticli.errors import SenticliError
from senticli.io import atomic, jsonfile

if TYPE_CHECKING:
    from torch import Tensor

    from senticli.training.trainer import Trainer

FORMAT = 1
SEARCH = ".tune.jsonl"  # the journal of a search, beside the checkpoints
KEY = "senticli"  # of the metadata
SECONDS = 120.0  # between two checkpoints within an epoch


@dataclass(frozen=True)
class Unfinished:
    """An unfinished training: its settings, and its state.

    ``sources`` are the hashes of what was read, ``machine`` is what it ran on, for people;
    ``facts`` and, once :meth:`loaded`, ``tensors`` are the trainer's state.
    """

    path: Path
    recipe: Recipe
    target: Path
    command: str
    sources: Mapping[str, Any]
    machine: str
    facts: Mapping[str, Any]
    tensors: Mapping[str, "Tensor"] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> "Unfinished":
        """Read a checkpoint, its tensors left aside.

        Raises:
            SenticliError: it is none, or is damaged.
        """
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                found = jsonfile.parse(file.metadata()[KEY])
            if found["format"] != FORMAT:
                raise ValueError("format")
            return cls(
                path,
                Recipe.from_dicts(found["model"], found["train"]),
                Path(found["target"]),
                found["command"],
                found["sources"],
                found["machine"],
                found["facts"],
            )
        except (OSError, *jsonfile.INVALID, safetensors.SafetensorError) as error:
            raise _damaged(path) from error

    def loaded(self, sources: Mapping[str, Any]) -> "Unfinished":
        """Return the same with its tensors, which fit what was read if it has the same hashes.

        Raises:
            SenticliError: the data or vectors have changed, or the checkpoint is damaged.
        """
        import safetensors.torch

        if json.loads(json.dumps(sources)) != self.sources:
            raise SenticliError(
                "data, vectors, teachers or the model of `init` have changed since it stopped",
                "put them back, or start again: `train(force=True)`",
            )
        try:
            return replace(self, tensors=safetensors.torch.load_file(self.path))
        except (OSError, safetensors.SafetensorError) as error:
            raise _damaged(self.path) from error

    def restore(self, trainer: "Trainer") -> None:
        """Bring ``trainer`` to the state of this training.

        Raises:
            SenticliError: the checkpoint is damaged.
        """
        try:
            trainer.load_state(self.tensors, self.facts)
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            raise _damaged(self.path) from error


class Checkpoint:
    """The file that keeps the state of one training while it runs."""

    def __init__(
        self,
        recipe: Recipe,
        target: Path,
        command: str,
        sources: Mapping[str, Any],
        machine: str,
    ) -> None:
        self.path = path_of(target)
        self.command = command
        self._started_with = {
            "format": FORMAT,
            "model": dataclasses.asdict(recipe.model),
            "train": dataclasses.asdict(recipe.train),
            "target": str(target),
            "command": command,
            "sources": sources,
            "machine": machine,
        }
        self._saved = time.monotonic()

    @property
    def due(self) -> bool:
        """True if the last one is some minutes old."""
        return time.monotonic() - self._saved > SECONDS

    def save(self, trainer: "Trainer") -> None:
        """Write where ``trainer`` stands, between two batches."""
        import safetensors.torch

        tensors, facts = trainer.state()
        metadata = json.dumps({**self._started_with, "facts": facts})
        content = safetensors.torch.save(
            {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, {KEY: metadata}
        )
        with atomic.replace_file(self.path) as file:
            file.write(content)
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Remove it: the training is over, or starts again."""
        for file in (self.path, *self.path.parent.glob(f".{glob.escape(self.path.name)}-*")):
            atomic.remove(file)  # also what a killed process left of one


def path_of(target: Path) -> Path:
    """Return where the checkpoint of the training that will write the bundle ``target`` is."""
    name = target.name
    if target.parent.resolve() != paths.models_dir().resolve():
        name += "-" + hashlib.sha256(os.fsencode(target)).hexdigest()[:8]
    return paths.checkpoints_dir() / f"{name}.safetensors"


def find(target: Path | None) -> Unfinished:
    """Return the unfinished training that was to write ``target``, or else the one stopped last.

    Raises:
        SenticliError: there is none, or it is damaged.
    """
    if target is None:
        last = newest(".safetensors")
        if not last:
            raise SenticliError("there is no unfinished training to resume", "start one: `train()`")
        return Unfinished.open(last)
    path = path_of(target)
    if not path.exists() and path.with_suffix(SEARCH).exists():
        raise SenticliError(
            f"{target.name} is a search, which has no settings of its own",
            "repeat its command, with `tune=TIME` and `resume=True`",
        )
    if not path.exists():
        names = ", ".join(sorted(p.stem for p in paths.checkpoints_dir().glob("*.safetensors")))
        raise SenticliError(
            f"there is no unfinished training of {target.name}",
            f"there is: {names}" if names else "start one: `train()`",
        )
    return Unfinished.open(path)


def newest(suffix: str) -> Path | None:
    """Return the file beside the checkpoints, of those with this suffix, that was written last."""
    found = paths.checkpoints_dir().glob(f"*{suffix}")
    return max(found, key=lambda file: file.stat().st_mtime, default=None)


def _damaged(path: Path) -> SenticliError:
    return SenticliError(
        f"the checkpoint {path} is damaged, or of another senticli",
        f"remove it, and start again: rm {shlex.quote(str(path))}",
    )
