"""Answer texts with a fine-tuned transformer: a teacher of another family.

    pip install transformers
    python -m senticli.models.recipe.transformer --model all-MiniLM-L6-v2 \
        --data goemotions --data sst5 --output tuned --answers transformer.jsonl
    python -m senticli train --data goemotions --data sst5 \
        --preset student --teacher transformer.jsonl

The folder ``all-MiniLM-L6-v2`` is that of ``sentence-transformers/all-MiniLM-L6-v2`` (22.7 million
parameters, Apache-2.0); any encoder that ``transformers`` loads will do. It gets a linear layer
over the mean of its tokens, and learns by AdamW from the training texts, each source over the
labels that it has. What it validates on is what training with the same data and seed does. The
best model by validation loss is kept in ``--output``; with ``--answer-only`` that one answers,
without learning. A text longer than ``--max-length`` is cut to its head and tail.

It has seen the training texts that it answers for. After one epoch it is hardly surer of those than
of others.
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from senticli.data.labelled import Example
from senticli.io.atomic import replace_dir
from senticli.measures import IMPOSSIBLE, Floats, cross_entropy, fit_temperature, softmax
from senticli.models.recipe.texts import Texts, chosen, load, options, plain, say, write_answers
from senticli.text.encoder import TokenIds
from senticli.training.batches import Batch, Batches
from senticli.training.device import choose_device, choose_dtype, describe_device

CHUNK = 10_000  # texts that are tokenized together
WARM_UP = 0.06  # of all steps
DROPOUT = 0.1
ANSWERED = 128  # texts in a batch that is only answered
REPORTED = 15.0  # seconds between two lines of progress
VALIDATED = 1_000  # texts of a source that are looked at while it learns
SETTINGS = "teacher.json"
WEIGHTS = "model.safetensors"


class Classifier(nn.Module):
    """An encoder, the mean of its tokens, dropout, and a linear layer."""

    def __init__(self, encoder: Any, n_labels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(DROPOUT)
        self.output = nn.Linear(encoder.config.hidden_size, n_labels)

    def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits [B, L] of texts [B, T], padded at the end."""
        mask = torch.arange(token_ids.shape[1], device=token_ids.device) < lengths[:, None]
        states = self.encoder(input_ids=token_ids, attention_mask=mask.long()).last_hidden_state
        mean = (states * mask[:, :, None]).sum(dim=1) / lengths[:, None]
        logits: Tensor = self.output(self.dropout(mean))
        return logits


@dataclass(frozen=True)
class Teacher:
    """A classifier with its tokenizer, and how it computes."""

    model: Classifier
    tokenizer: Any
    labels: tuple[str, ...]
    max_length: int
    device: torch.device
    dtype: torch.dtype

    def computing(self) -> AbstractContextManager[Any]:
        """Return a context in which matrices are multiplied in the teacher's dtype."""
        enabled = self.dtype != torch.float32
        return torch.autocast(self.device.type, self.dtype, enabled=enabled)

    def encode(self, examples: Sequence[Example]) -> list[TokenIds]:
        """Return the token ids of each text, those of a long one from its head and tail."""
        found = []
        for start in range(0, len(examples), CHUNK):
            texts = [plain(example.text) for example in examples[start : start + CHUNK]]
            encoded = self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
            found += [self._framed(token_ids) for token_ids in encoded]
        return found

    def _framed(self, token_ids: list[int]) -> TokenIds:
        kept = head_and_tail(token_ids, self.max_length - 2)
        first, last = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        return np.array([first, *kept, last], dtype=np.int32)

    @torch.inference_mode()
    def logits(self, texts: Sequence[TokenIds]) -> Floats:
        """Return the logits [N, L] of texts, by length, so that there is little padding."""
        self.model.eval()
        logits = np.zeros((len(texts), len(self.labels)))
        order = np.argsort([-len(token_ids) for token_ids in texts], kind="stable")
        progress = Progress("answered", len(texts))
        for start in range(0, len(texts), ANSWERED):
            rows = order[start : start + ANSWERED]
            tensors = [torch.from_numpy(texts[row]) for row in rows]
            padded = pad_sequence(tensors, True, self.tokenizer.pad_token_id).long()
            lengths = torch.tensor([len(tensor) for tensor in tensors], device=self.device)
            with self.computing():
                found = self.model(padded.to(self.device), lengths)
            logits[rows] = found.float().cpu().numpy()
            progress.add(len(rows))
        return logits

    def save(self, folder: Path) -> None:
        """Write weights, tokenizer and settings in one step."""
        settings = {"labels": self.labels, "max_length": self.max_length}
        with replace_dir(folder) as partial:
            self.model.encoder.config.save_pretrained(partial)
            self.tokenizer.save_pretrained(partial)
            save_file(self.model.state_dict(), partial / WEIGHTS)
            (partial / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n")


class Progress:
    """Says now and then how many texts are done, and how many a second."""

    def __init__(self, done: str, total: int) -> None:
        self._done, self._total, self._count = done, total, 0
        self._start = self._said = perf_counter()

    def add(self, count: int, more: str = "") -> None:
        """Count so many texts; say so every few seconds, and at the end."""
        self._count += count
        now = perf_counter()
        if now - self._said > REPORTED or self._count == self._total:
            rate = self._count / (now - self._start)
            say(f"{self._done} {self._count:,} of {self._total:,}, {rate:,.0f} texts/s{more}")
            self._said = now

    def pause(self, seconds: float) -> None:
        """Leave out time that was spent on something else."""
        self._start += seconds


def head_and_tail(token_ids: list[int], limit: int) -> list[int]:
    """Return at most so many token ids: the first ones and the last ones."""
    if len(token_ids) <= limit:
        return token_ids
    tail = limit // 2
    return token_ids[: limit - tail] + token_ids[len(token_ids) - tail :]


def start(
    folder: Path,
    labels: tuple[str, ...],
    max_length: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Teacher:
    """Return a teacher that has learned nothing yet, by a folder of ``transformers``."""
    from transformers import AutoModel, AutoTokenizer

    encoder = AutoModel.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    model = Classifier(encoder, len(labels)).to(device)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return Teacher(model, tokenizer, labels, max_length, device, dtype)


def saved(folder: Path, device: torch.device, dtype: torch.dtype) -> Teacher:
    """Return the teacher that was saved in a folder."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    settings = json.loads((folder / SETTINGS).read_text())
    labels = tuple(settings["labels"])
    model = Classifier(AutoModel.from_config(AutoConfig.from_pretrained(folder)), len(labels))
    model.load_state_dict(load_file(folder / WEIGHTS))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return Teacher(model.to(device), tokenizer, labels, settings["max_length"], device, dtype)


def loss_of(logits: Tensor, batch: Batch) -> Tensor:
    """Return the mean cross-entropy, of each text over the labels that its source has."""
    assert batch.known is not None
    return F.cross_entropy(logits.masked_fill(~batch.known, IMPOSSIBLE), batch.labels)


def learn(
    teacher: Teacher, texts: Texts, encoded: Sequence[TokenIds], args: argparse.Namespace
) -> None:
    """Fine-tune a teacher; save the best one by validation loss."""
    train, valid = texts.train, texts.valid.sample(VALIDATED, args.seed)
    sizes = [source.examples for source in train.sources]
    batches = Batches(
        encoded,
        train.truth,
        batch_size=args.batch_size,
        pad_index=teacher.tokenizer.pad_token_id,
        seed=args.seed,
        sizes=sizes,
        shares=[min(args.cap or size, size) / len(encoded) for size in sizes],
        known=train.known,
    )
    steps = min(len(batches), -(-args.limit // args.batch_size)) if args.limit else len(batches)
    total = args.epochs * steps
    warm_up = max(1, round(WARM_UP * total))

    def rate(step: int) -> float:
        return float(min((step + 1) / warm_up, (total - step) / max(1, total - warm_up)))

    model = teacher.model
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    valid_ids = teacher.encode(valid.examples)
    best, mean = float("inf"), 0.0
    progress = Progress("learned from", total * args.batch_size)
    epochs = (islice(batches.epoch(epoch + 1), steps) for epoch in range(args.epochs))
    for step, batch in enumerate(chain.from_iterable(epochs), 1):
        model.train()
        batch = batch.to(teacher.device)
        with teacher.computing():
            logits = model(batch.token_ids, batch.lengths)
        loss = loss_of(logits.float(), batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        mean += (loss.item() - mean) / min(step, 100)
        progress.add(args.batch_size, f", loss {mean:.4f}")
        if step % args.evaluate_every == 0 or step == total:
            before = perf_counter()
            logits_of_valid = teacher.logits(valid_ids)
            validation = cross_entropy(softmax(valid.among_known(logits_of_valid)), valid.truth)
            say(f"step {step:,} of {total:,}: validation loss {validation:.4f}")
            texts.report(valid, logits_of_valid)
            if validation < best:
                best = validation
                teacher.save(args.output)
            progress.pause(perf_counter() - before)


def main() -> None:
    """Read, learn, answer, write."""
    parser = options(__doc__.split("\n")[0])
    add = parser.add_argument
    add("--model", type=Path, help="folder of the pretrained transformer")
    add("--output", type=Path, required=True, help="folder of the fine-tuned one")
    add("--answers", type=Path, help="file of answers")
    add("--answer-only", action="store_true", help="answer with what is in --output")
    add("--epochs", type=int, default=1)
    add("--rate", type=float, default=1e-4, help="of learning, at its highest")
    add("--batch-size", type=int, default=32)
    add("--max-length", type=int, default=128, help="tokens of a text")
    add("--cap", type=int, help="texts of a source in an epoch, at most")
    add("--limit", type=int, help="texts of an epoch, at most, for a trial")
    add("--evaluate-every", type=int, default=1000, help="steps")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--precision", default="auto", choices=["auto", "bfloat16", "float32"])
    args = parser.parse_args()
    if args.answer_only and not args.answers:
        parser.error("--answer-only needs --answers")
    if not (args.answer_only or args.model):
        parser.error("--model is missing: the folder of a transformer")

    texts = load(args)
    torch.manual_seed(args.seed)
    device = choose_device(args.device)
    dtype, _ = choose_dtype(device, args.precision)
    say(f"{describe_device(device)}, {dtype}")
    if not args.answer_only:
        teacher = start(args.model, texts.labels, args.max_length, device, dtype)
        encoded = teacher.encode(texts.train.examples)
        say(f"{np.mean([len(token_ids) for token_ids in encoded]):.1f} tokens a text")
        learn(teacher, texts, encoded, args)
    teacher = saved(args.output, device, dtype)
    if teacher.labels != texts.labels:
        parser.error(f"{args.output} has the labels {', '.join(teacher.labels)}")
    logits = teacher.logits(teacher.encode(texts.valid.examples))
    temperature = fit_temperature(texts.valid.among_known(logits), texts.valid.truth)
    say(f"validation, with the best weights; temperature {temperature:.2f}")
    texts.report(texts.valid, logits, temperature)

    if args.answers:
        pool = [*texts.train.examples, *texts.unlabelled]
        examples = [pool[row] for row in chosen(pool, args.max_characters)]
        probabilities = softmax(teacher.logits(teacher.encode(examples)), temperature)
        write_answers(args.answers, texts.labels, [(examples, probabilities)])


if __name__ == "__main__":
    main()
