"""From settings to a recipe, and to the place of the model that it gives."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from senticli import paths, registry
from senticli.bundle import Bundle
from senticli.config import (
    DATA_SETTINGS,
    PRESETS,
    PUBLISHED_VECTORS,
    STARTS_OWN,
    ModelConfig,
    Recipe,
    check_choice,
)
from senticli.data.catalogue import ASSETS, DATASETS
from senticli.data.mix import check_mix
from senticli.data.splits import check_reading, require_file, unlabelled_of
from senticli.errors import ConfigError, UsageError
from senticli.io.formats import format_of

OF_INIT = ("rnn", "layers", "hidden", "bidirectional", "pooling", "embedding_dim")
"""Settings that a model to start from has decided."""


def recipe_of(settings: Mapping[str, Any], preset: str | None = None) -> Recipe:
    """Return a preset, or the default one, with the settings that are not None in place of its own.

    Files are named by their full path, so that a trained model finds them from any folder.

    Raises:
        UsageError: a setting makes no sense, alone or beside another.
        SenticliError: the model in ``init`` cannot be opened.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    preset = preset or "default"
    check_choice("preset", preset, PRESETS)
    for name in ("text_column", "label_column"):
        if isinstance(given.get(name), int):
            given[name] = str(given[name])
    for name in DATA_SETTINGS:
        if name in given:
            files = [given[name]] if isinstance(given[name], str | Path) else given[name]
            given[name] = tuple(map(_full, files))
    if "label_map" in given:
        entries = given["label_map"]
        given["label_map"] = (entries,) if isinstance(entries, str) else tuple(entries)
    recipe = PRESETS[preset]
    if "teacher" in given:
        given["teacher"] = _teachers(given["teacher"])
    if isinstance(given.get("vectors"), str | Path):
        given["vectors"] = _full_vectors(str(given["vectors"]))
    if isinstance(given.get("mix"), list | tuple):
        given["mix"] = ",".join(map(str, given["mix"]))
    if "init" in given:
        recipe, given["init"] = _from_model(recipe, given)
    recipe = recipe.with_settings(given)
    if "vectors" not in given and recipe.train.vectors == "own" and not unlabelled_of(recipe.train):
        # The labelled texts alone are rarely enough to learn vectors from.
        recipe = recipe.with_settings({"vectors": PUBLISHED_VECTORS})
    _check_together(recipe, given)
    check_reading(recipe.train)
    return recipe


def _check_together(recipe: Recipe, given: Collection[str]) -> None:
    """Raise UsageError if a setting has no meaning beside the others."""
    config = recipe.train
    check_mix(config)
    if "embedding_dim" in given and config.published_vectors:
        raise ConfigError(
            "embedding_dim", "is that of the vectors", "leave it out, or use `vectors=none`"
        )
    if "vector_window" in given and not config.has_own_vectors:
        raise ConfigError(
            "vector_window", "has no use without own vectors", "leave it out, or add `vectors=own`"
        )
    if config.init and config.has_own_vectors:
        raise ConfigError(
            "vectors",
            "learned from the texts have nothing in common with those of the model in `init`",
            "leave one of them out",
        )
    if config.unlabelled not in ((), ("none",)) and not unlabelled_of(config):
        raise ConfigError(
            "unlabelled", "has no use without a teacher", "add `vectors=own` or `teacher=NAME`"
        )
    if "teacher_weight" in given and not config.teacher:
        raise ConfigError("teacher_weight", "has no use without a teacher", "add `teacher=NAME`")
    if config.r_drop and not recipe.model.drops:
        raise ConfigError(
            "r_drop",
            "compares two passes with dropout, and there is no dropout",
            "use some, such as `output_dropout=0.3`; or `r_drop=0`",
        )
    if config.valid and "valid_fraction" in given:
        raise UsageError(
            "`valid_fraction` has no meaning with `valid`, which is validated on",
            "leave one of them out",
        )


def asked_recipe(settings: Mapping[str, Any], preset: str | None) -> Recipe | None:
    """Return :func:`recipe_of`, or None if nothing is asked for: a resumed training has its own."""
    asked = preset is not None or any(value is not None for value in settings.values())
    return recipe_of(settings, preset) if asked else None


def _full(data: str | Path) -> str:
    if str(data) not in (*DATASETS, "-") and Path(data).exists():
        return str(Path(data).absolute())
    return str(data)


def _full_vectors(vectors: str) -> str:
    """Return ``vectors`` with the full path of the file that it names, if it names one."""
    file = vectors.removesuffix(STARTS_OWN)
    if file in ("none", "own", *ASSETS) or not Path(file).is_file():
        return vectors
    return f"{Path(file).absolute()}{vectors[len(file) :]}"


def is_file_of_answers(teacher: str) -> bool:
    """Return True if a teacher is a table of texts and answers, by its name, and not a model."""
    path = Path(teacher)
    return format_of(path) is not None and not path.is_dir()


def _teachers(given: Any) -> tuple[str, ...]:
    """Return the names of one or several teachers. Raises SenticliError if there is no such one."""
    several = given if isinstance(given, list | tuple) else [given]
    names = []
    for one in several:
        if isinstance(one, str | Path) and is_file_of_answers(str(one)):
            require_file(str(one))
            names.append(_full(one))
        else:
            names += [bundle.name for bundle in _bundles(one)]
    return tuple(names)


def _bundles(models: Any) -> list[Bundle]:
    """Return the bundles of one or several models: names, folders, or models that are loaded."""
    from senticli.model import Model  # ONNX Runtime, which other settings do without

    several = [models] if isinstance(models, str | Path | Model) else models
    return [one.bundle if isinstance(one, Model) else registry.find(one) for one in several]


def _from_model(recipe: Recipe, given: Mapping[str, Any]) -> tuple[Recipe, str]:
    """Return a recipe with the network of the model in ``init``, and the name of that model."""
    (bundle,) = _bundles(given["init"])
    network: ModelConfig = bundle.config.model
    own = {name: getattr(network, name) for name in OF_INIT}
    own["lowercase"] = lowercase = bundle.config.lowercase
    own["normalization"] = normalization = bundle.config.normalization.partition("-")[0]
    for name, value in own.items():
        if name in given and given[name] != value:
            shown = f"`{name}={given[name]}`" if isinstance(value, bool) else f"`{name}`"
            raise UsageError(
                f"{shown} does not fit the model {bundle.name}",
                "leave it out: the network is that of `init`",
            )
    train = {"vectors": "none", "lowercase": lowercase, "normalization": normalization}
    return replace(recipe, model=network).with_settings(train), bundle.name


def target_of(recipe: Recipe, name: str | None = None, output: Path | None = None) -> Path:
    """Return the folder of the model that a recipe gives; without a name, one with the time.

    Raises:
        UsageError: there are both a name and a folder, or the name cannot be one.
    """
    if name is not None and output:
        raise UsageError("`name` and `output` both say where the model goes", "use one of the two")
    if output:
        return output
    if name is None:
        model, seed = recipe.model, recipe.train.seed
        data = "-".join(Path(part).stem for part in recipe.train.data)
        network = f"{model.rnn}-{model.layers}x{model.hidden}"
        plain = f"{network}-{data}-seed{seed}-{datetime.now():%Y%m%d-%H%M%S}"
        names = chain([plain], (f"{plain}-{number}" for number in count(2)))
        name = next(name for name in names if not (paths.models_dir() / name).exists())
    return registry.place_of_name(name)


def place_of(target: Path) -> tuple[str, str]:
    """Return the setting of :func:`target_of` that gives a full path: its name and its value."""
    if target.parent == paths.models_dir().resolve():
        return "name", target.name
    return "output", str(target)


def free_target(recipe: Recipe, target: Path, *, force: bool) -> Path:
    """Return the full path of a model that is to be written; see :func:`registry.check_target`."""
    target = registry.check_target(target, force=force)
    teachers = [name for name in recipe.train.teacher if not is_file_of_answers(name)]
    for name in (*filter(None, [recipe.train.init]), *teachers):
        if registry.find(name).path.resolve() == target:
            raise UsageError(
                f"{target.name} is a model that this one is to learn from",
                "give the new one another `name`",
            )
    return target
