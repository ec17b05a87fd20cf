"""Pool teachers' answers for the texts of some data sets, as a teacher's file.

    python -m senticli.models.recipe.pool --data imdb --teacher one --teacher ngrams.jsonl \
        --unlabelled-texts 20000 --output imdb.jsonl

A model of film reviews is a good teacher for film reviews, and for no tweet: the file has answers
for the texts of its own data sets alone. They are the mean of the teachers' log-odds. Files of
several data sets may be joined to one.
"""

import argparse
import random
from pathlib import Path

import numpy as np

from senticli.config import TrainConfig
from senticli.data.splits import load_training_data
from senticli.errors import SenticliError
from senticli.events import ignore
from senticli.models.recipe.texts import write_answers
from senticli.training.teachers import teach, teachers_of


def main() -> None:
    """Read, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--data", action="append", required=True, help="as for training; repeatable")
    add("--teacher", action="append", required=True, help="as for training; repeatable")
    add("--unlabelled-texts", type=int, default=0, help="answer for so many of them, too")
    add("--seed", type=int, default=1, help="that of the student")
    add("--output", type=Path, required=True)
    args = parser.parse_args()
    config = TrainConfig(
        data=tuple(args.data), teacher=tuple(args.teacher), vectors="own", seed=args.seed
    )
    try:
        data = load_training_data(config)
        taught = teach(data, teachers_of(config, ignore), 1.0, ignore)
    except SenticliError as error:
        raise SystemExit(f"error: {error.message}\nhint: {error.hint}") from error
    count = len(args.data)
    examples = [example for part in taught.train.parts[:count] for example in part.examples]
    more = [example for part in taught.train.parts[count:] for example in part.examples]
    random.Random(args.seed).shuffle(more)
    examples += more[: args.unlabelled_texts]
    scores = [[(one.scores or {}).get(label, 0.0) for label in data.labels] for one in examples]
    write_answers(args.output, data.labels, [(examples, np.array(scores))])


if __name__ == "__main__":
    main()
