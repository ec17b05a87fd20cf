"""Scoring files by workers of Ray: the driver, which gives out files and keeps the manifest."""

import dataclasses
import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from senticli import __version__, registry
from senticli.bundle import Bundle
from senticli.cluster.manifest import FolderSummary, Output, ScoredFile, results
from senticli.cluster.packages import PRIVATE, import_ray
from senticli.cluster.storage import File, Folder, Inputs, check_apart, find_inputs
from senticli.cluster.worker import Job, Worker
from senticli.config import OutputConfig, check_choice
from senticli.errors import SenticliError, UsageError
from senticli.events import Message, OnEvent, Progress, ignore
from senticli.io import atomic
from senticli.io.formats import FORMATS
from senticli.io.layout import Layout
from senticli.io.scoring import layout_and_options
from senticli.model import WINDOW, Model
from senticli.runtime import usable_cores

PREDICTING = ("config.json", "vocab.txt", "tokenizer.json", "model.onnx")
"""The files of a model that prediction reads."""
LOCAL = "local"
STORE = 100_000_000  # bytes of Ray's object store on one machine: no text goes through it
NAMED = 3  # files whose warnings are shown, and names in a list
PATIENCE = 10.0  # seconds until a cluster answers


def score_files(
    input: str | Path,
    output: str | Path,
    *,
    model: Model | str | Path | None = None,
    format: str | None = None,
    workers: int | None = None,
    batch_size: int | None = None,
    address: str | None = None,
    force: bool = False,
    on_event: OnEvent = ignore,
    **settings: Any,
) -> FolderSummary:
    """Classify the texts of many files, each by one of several workers of Ray.

    Each file is scored as :func:`~senticli.io.scoring.score_file` does, and its result has its
    name. The output folder is complete or does not exist; until then it is ``NAME.partial`` on a
    disk, and without ``_SUCCESS`` on object storage. Another run continues it: it scores the files
    that are not finished.

    Args:
        input: a file, a folder, or a pattern with ``*``; a path, or a URL that fsspec knows.
        output: the folder of the results, a path or a URL.
        model: the model, or what :func:`senticli.load` finds it by.
        format: of all files; None: by their names.
        workers: each is a process with one CPU and one model; None: one for each CPU.
        batch_size: texts that a worker reads ahead at most; None: as many as a local run.
        address: ``local``, for processes on this machine; ``auto`` or HOST:PORT, for a cluster;
            None: the cluster that RAY_ADDRESS names, else local. Without effect where Ray is
            initialized already.
        force: start again, and replace the output.
        on_event: gets each ``Message`` and ``Progress`` of :mod:`senticli.events`, then the
            summary.
        settings: of reading and answering, as for :func:`~senticli.io.scoring.score_file`, from
            ``text_column`` to ``explain``.

    Returns:
        What was done, by file and in all.

    Raises:
        SenticliError: the input, the output or the cluster cannot be used; a file could not be
            scored, or no text could be classified: then the summary went to ``on_event``.
        TypeError: there is no such setting.
        ValueError: a number is out of its range.
    """
    started = time.perf_counter()
    layout, options = layout_and_options(**settings)
    if format is not None:
        check_choice("format", format, FORMATS)
    for name, number in (("workers", workers), ("batch_size", batch_size)):
        if number is not None and number < 1:
            raise ValueError(f"{name} is {number}, and must be at least 1")
    address = _checked(address)
    import_ray(alone=address == LOCAL)  # before anything is read or written
    inputs = find_inputs(os.fspath(input), format)
    target = Folder.at(os.fspath(output))
    check_apart(inputs, target)
    bundle = model.bundle if isinstance(model, Model) else registry.find(model)
    result = Output(target, _source(bundle, options, layout, format))
    job = Job(
        version=__version__,
        model={name: _read(bundle, name) for name in PREDICTING},
        inputs=inputs.folder,
        output=result.making,
        format=format,
        layout=layout,
        options=options,
        window=batch_size or WINDOW,
    )
    _check_results(inputs, job)
    if inputs.others:
        on_event(Message("note", f"skipped, as no format is known: {_listed(inputs.others)}"))
    with ExitStack() as stack:
        if target.is_local:
            stack.enter_context(_locked(target))
        result.open(inputs, force=force)
        stack.callback(result.close)
        done = dict(result.finished)
        todo = [file for file in inputs.files.values() if file.name not in done]
        if todo:
            try:
                _run(todo, job, result, done, workers, address, on_event)
            except KeyboardInterrupt:
                if done:
                    on_event(Message("note", _kept(result)))
                raise
        files = results(inputs.files.values(), done)
        summary = FolderSummary(
            output=(result.making if any(one.failure for one in files) else target).shown,
            files=files,
            before=len(result.finished),
            seconds=time.perf_counter() - started,
            was_complete=result.is_complete,
        )
        if not summary.failed and not result.is_complete:
            result.close()
            result.complete()
    on_event(summary)
    _raise_failure(summary, result)
    return summary


def _checked(address: str | None) -> str:
    """Return the address that Ray takes.

    Raises:
        UsageError: it is one of Ray Client.
    """
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    if address.startswith("ray://"):
        raise UsageError(
            "`address=ray://…` is Ray Client, which is not made for long runs",
            "run the command on the cluster: ray job submit … -- COMMAND; or, on one of its nodes, "
            "with `address=auto`",
        )
    return address


def _read(bundle: Bundle, name: str) -> bytes:
    """Return the content of one file of a model, verified where there is a hash of it."""
    if name in bundle.config.files:
        return bundle.read(name)
    return (bundle.path / name).read_bytes()


def _source(
    bundle: Bundle, options: OutputConfig, layout: Layout, format: str | None
) -> Mapping[str, Any]:
    """Return what the results depend on besides their inputs."""
    config = bundle.config
    thresholds = config.thresholds if options.threshold is None else None
    return {
        "model": [config.files["model.onnx"], config.temperature, thresholds],
        "options": {
            **dataclasses.asdict(options),
            **dataclasses.asdict(layout),
            "format": format,
        },
    }


def _check_results(inputs: Inputs, job: Job) -> None:
    """Raise UsageError if two files would have one result."""
    names: dict[str, str] = {}
    for name in inputs.files:
        result = job.result_of(name)
        if result in names:
            raise UsageError(
                f"{names[result]} and {name} would both become {result}",
                "rename one, or leave out `output_format`",
            )
        names[result] = name


@contextmanager
def _locked(target: Folder) -> Iterator[None]:
    """Let no other run write the same folder meanwhile."""

    def refuse() -> None:
        raise SenticliError(
            f"{target.shown} is being written by another run", "wait for it, or name another folder"
        )

    path = Path(target.path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.exclusive(atomic.lock_of(path), refuse):
            yield
    except OSError as error:
        raise SenticliError(
            f"cannot write {path}: {(error.strerror or str(error)).lower()}",
            "check the folder's name, its permissions and the space there",
        ) from error


def _run(
    todo: Sequence[File],
    job: Job,
    output: Output,
    done: dict[str, ScoredFile],
    workers: int | None,
    address: str,
    on_event: OnEvent,
) -> None:
    """Score files, and record each when it is finished."""
    total = sum(file.size for file in todo)
    progress, warned = 0, 0
    on_event(Progress("starting Ray", 0, total))
    with _connected(address, workers) as ray:
        cpus = int(ray.cluster_resources().get("CPU", 1))
        workers = min(workers or cpus, len(todo))
        try:
            for scored in _scored(ray, todo, job, workers):
                if not scored.failure:
                    scored = _seen(scored, output.making)
                done[scored.name] = scored
                if not scored.failure:
                    output.add(scored)
                progress += scored.size
                for text in scored.warnings if warned < NAMED else ():
                    on_event(Message("warning", f"{scored.name}: {text}"))
                warned += bool(scored.warnings)
                on_event(Progress("scoring files", progress, total))
        except ray.exceptions.RayError as error:
            raise SenticliError(
                f"the workers failed: {_last_line(error)}",
                f"see Ray's logs; {_kept(output)}",
            ) from error
    if warned > NAMED:
        more = f"{warned - NAMED:,} more files have warnings"
        on_event(Message("warning", f"{more}: see _manifest.jsonl in the output"))


def _scored(ray: Any, todo: Sequence[File], job: Job, workers: int) -> Iterator[ScoredFile]:
    """Yield what became of each file, in the order in which they are finished."""
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.max_errored_blocks = 0
    # The largest first, so that no worker is left with one at the end; one file is one block, so
    # that one that is lost with its worker is scored again, and no other.
    ordered = sorted(todo, key=lambda file: -file.size)
    rows = [{"file": json.dumps(dataclasses.asdict(file))} for file in ordered]
    with ray.data.DataContext.current(context):
        scored = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Worker,
            fn_constructor_args=(job,),
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=1,
        )
        for batch in scored.iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=0
        ):
            yield from map(ScoredFile.from_json, batch["scored"].to_pylist())


def _seen(scored: ScoredFile, folder: Folder) -> ScoredFile:
    """Return a file, failed if the driver does not see its result."""
    if folder.size_of(scored.output) == scored.written:
        return scored
    return ScoredFile(
        name=scored.name,
        size=scored.size,
        version=scored.version,
        output=scored.output,
        failure="its result is not visible on this machine",
        hint="use a folder that all nodes share, or object storage",
    )


@contextmanager
def _connected(address: str, workers: int | None) -> Iterator[Any]:
    """Yield Ray, connected to a cluster, or to processes that end with this block."""
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    settings: dict[str, Any] = {"runtime_env": {"env_vars": PRIVATE}}
    if address == LOCAL:
        settings = {
            "num_cpus": workers or usable_cores(),
            "include_dashboard": False,
            "object_store_memory": STORE,
            "_system_config": {"worker_niceness": 0},  # as quick as a local run
        }
    try:
        if ":" in address:  # Ray tries for minutes
            host, _, port = address.rpartition(":")
            if not (host and port.isdecimal()) or "/" in host:
                raise ValueError("not HOST:PORT")
            socket.create_connection((host, int(port)), PATIENCE).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **settings)
    except ray.exceptions.AuthenticationError as error:
        raise SenticliError(
            f"cannot connect to Ray at {address}: no token, or not that of the cluster",
            "give the cluster's token, in ~/.ray/auth_token or RAY_AUTH_TOKEN",
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise SenticliError(
            f"cannot connect to Ray at {address}: {_last_line(error)}",
            # To an address that is given, Ray sends a token only with RAY_AUTH_MODE.
            "check `address` or RAY_ADDRESS; where the cluster asks for a token, set "
            "RAY_AUTH_MODE=token",
        ) from error
    try:
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        yield ray
    finally:
        ray.shutdown()


def _raise_failure(summary: FolderSummary, output: Output) -> None:
    """Raise SenticliError if a file could not be scored, or no text at all."""
    if failed := summary.failed:
        several = f"{len(failed):,} of {len(summary.files):,} files could not be scored, first "
        raise SenticliError(
            f"{several if len(failed) > 1 else ''}{failed[0].name}: {failed[0].failure}",
            failed[0].hint + (f"; {_kept(output)}" if summary.rows_out else ""),
        )
    if summary.rows_in and summary.errors == summary.rows_in:
        raise SenticliError(
            "no text could be classified",
            "check the input, and the format and column that it is read with",
        )


def _kept(output: Output) -> str:
    return f"finished files are in {output.making.shown}; the same command continues from there"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" * (len(names) > NAMED))


def _last_line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return next(filter(None, reversed(text.strip().splitlines())), type(error).__name__)
