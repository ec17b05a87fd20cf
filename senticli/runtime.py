"""The network by ONNX Runtime: token ids in, logits out, batches of like length side by side.

ONNX Runtime is imported in one place so that it never reports home. Its import starts telemetry:
it keeps a device id and a queue of events under the user's cache folder, and looks up a server to
send them to. Only a variable set before the import prevents that; where the host program has
imported it already, that program has decided.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senticli.text.encoder import TokenIds
from senticli.text.vocab import PAD_INDEX, UNK_INDEX

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

WINDOWS_AHEAD = 2  # that are computed while the results of one are used
BATCH_TEXTS = 256
BATCH_TOKENS = 12_288  # bounds the memory of a batch
MAX_TOKENS = 12_288  # of one text: beyond it, its head and tail are used


def import_onnxruntime() -> Any:
    """Return the module, imported with its telemetry off."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


class Network:
    """The ONNX graph: token ids in, logits out.

    Args:
        content: the graph, as in ``model.onnx``.
        threads: batches that run at once, one CPU thread each, of which one is the calling thread;
            None takes every core this process may use.
    """

    def __init__(self, content: bytes, threads: int | None = None) -> None:
        onnxruntime = import_onnxruntime()
        self.threads = threads or usable_cores()
        options = onnxruntime.SessionOptions()
        # Two batches side by side are quicker than one that two threads share.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # The next level is for images; with it, onnxruntime 1.32 crashes on our int8 graph.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.log_severity_level = 4  # its errors are raised: nothing is printed beside them
        self._session: Any = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )

    def logits(self, texts: Sequence[TokenIds]) -> NDArray[np.float32]:
        """Return the logits [N, K] for the token ids of N texts, at least one, in order.

        A text without tokens counts as one unknown token; of one with more than
        :data:`MAX_TOKENS`, the head and tail are read.
        """
        return next(self.stream([texts]))

    def stream(self, windows: Iterable[Sequence[TokenIds]]) -> Iterator[NDArray[np.float32]]:
        """Yield :meth:`logits` of each window, in order, taking a few windows ahead."""
        running: deque[_Window] = deque()
        executor: Executor | None = None
        try:
            for texts in windows:
                arrays = [fit_length(text) for text in texts]
                batches = list(_batches([len(array) for array in arrays]))
                if len(batches) == 1 and not running:
                    yield _restore(batches, [self._run(arrays, batches[0])])
                    continue
                if executor is None:
                    from concurrent.futures import ThreadPoolExecutor

                    executor = ThreadPoolExecutor(max(1, self.threads - 1))
                futures = [executor.submit(self._run, arrays, rows) for rows in batches]
                helping = partial(self._run, arrays) if self.threads > 1 else None
                running.append(_Window(batches, futures, helping))
                while running and (len(running) > WINDOWS_AHEAD or running[0].done()):
                    yield running.popleft().logits()
            while running:
                yield running.popleft().logits()
        finally:
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)

    def _run(self, arrays: Sequence[TokenIds], rows: Sequence[int]) -> NDArray[np.float32]:
        """Return the logits of one batch."""
        texts = [arrays[row] for row in rows]
        lengths = np.array([len(text) for text in texts], dtype=np.int32)
        tokens = np.full((len(rows), lengths.max()), PAD_INDEX, dtype=np.int32)
        tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = np.concatenate(texts)
        (logits,) = self._session.run(["logits"], {"tokens": tokens, "lengths": lengths})
        result: NDArray[np.float32] = logits
        return result


@dataclass(frozen=True)
class _Window:
    """A window that is being computed: the rows of each batch, and its logits to come.

    Who waits for them runs batches that no thread has begun, by ``run``: a thread for each core
    beside the calling one would take the core from it, which has the most to do where texts are
    short.
    """

    batches: list[list[int]]
    futures: "list[Future[NDArray[np.float32]]]"
    run: Callable[[list[int]], NDArray[np.float32]] | None

    def done(self) -> bool:
        return all(future.done() for future in self.futures)

    def logits(self) -> NDArray[np.float32]:
        mine = {  # threads take the first of them: begin at the other end
            number: self.run(self.batches[number])
            for number in reversed(range(len(self.batches)))
            if self.run and self.futures[number].cancel()
        }
        return _restore(
            self.batches,
            [
                mine[number] if number in mine else future.result()
                for number, future in enumerate(self.futures)
            ],
        )


def _restore(
    batches: Sequence[Sequence[int]], results: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the results of all batches in the order of the texts."""
    logits = np.concatenate(results)
    restored = np.empty_like(logits)
    restored[[row for rows in batches for row in rows]] = logits
    return restored


def fit_length(token_ids: TokenIds) -> TokenIds:
    """Return token ids that the network can read: at least one, at most MAX_TOKENS."""
    if len(token_ids) > MAX_TOKENS:
        half = MAX_TOKENS // 2
        return np.concatenate([token_ids[:half], token_ids[-half:]])
    return token_ids if len(token_ids) else np.array([UNK_INDEX], dtype=np.int32)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the rows of each batch, the longest first, within the limits of texts and tokens."""
    batch: list[int] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if batch and (len(batch) == BATCH_TEXTS or longest * (len(batch) + 1) > BATCH_TOKENS):
            yield batch
            batch = []
        if not batch:
            longest = lengths[row]  # the others are padded to it
        batch.append(row)
    if batch:
        yield batch


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
