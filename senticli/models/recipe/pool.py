"""Pool teachers' answers for the texts of some data sets, as a teacher's file.

    python -m senticli.models.recipe.pool --data imdb --teacher one --teacher ngrams.jsonl \
        --unlabelled-texts 20000 --output imdb.jsonl

A model of film reviews is a good teacher for film reviews, and for no tweet: the file has answers
for the texts of its own data sets alone. They are the mean of the teachers' log-odds. Files of
several data sets may be joined to one.

A data set of tweets may have few negative ones for no reason that holds elsewhere, and a model that
has learned so finds few. ``--even`` takes that out of the answers for labelled texts: these are
divided by how often the data set has each label, to this power.
"""

import argparse
import random
from pathlib import Path

import numpy as np

from senticli.config import TrainConfig
from senticli.data.splits import load_training_data
from senticli.errors import SenticliError
from senticli.events import ignore
from senticli.measures import distributions_of
from senticli.models.recipe.texts import write_answers
from senticli.training.teachers import teach, teachers_of


def main() -> None:
    """Read, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--data", action="append", required=True, help="as for training; repeatable")
    add("--teacher", action="append", required=True, help="as for training; repeatable")
    add("--unlabelled-texts", type=int, default=0, help="answer for so many of them, too")
    add("--even", type=float, default=0.0, metavar="POWER", help="from 0, not at all, to 1")
    add("--seed", type=int, default=1, help="that of the student")
    add("--output", type=Path, required=True)
    args = parser.parse_args()
    config = TrainConfig(
        data=tuple(args.data), teacher=tuple(args.teacher), vectors="own", seed=args.seed
    )
    try:
        data = load_training_data(config)
        taught = teach(data, teachers_of(config), 1.0, ignore)
    except SenticliError as error:
        raise SystemExit(f"error: {error.message}\nhint: {error.hint}") from error
    count = len(args.data)
    answers = []
    for part, own in zip(taught.train.parts[:count], data.train.parts, strict=True):
        frequencies = distributions_of(own.examples, data.labels).mean(axis=0)
        found = distributions_of(part.examples, data.labels)
        found /= np.where(frequencies > 0, frequencies, 1) ** args.even
        answers.append((part.examples, found / found.sum(axis=1, keepdims=True)))
    more = [example for part in taught.train.parts[count:] for example in part.examples]
    random.Random(args.seed).shuffle(more)
    more = more[: args.unlabelled_texts]
    if more:
        answers.append((more, distributions_of(more, data.labels)))
    write_answers(args.output, data.labels, answers)


if __name__ == "__main__":
    main()
