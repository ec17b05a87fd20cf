#!/usr/bin/env bash
# Train the bundled model from public sources. Run in a checkout with `pip install -e ".[train]"`
# and `pip install scikit-learn`; the result is the model `bundled-1` in the data dir.
set -euo pipefail

senticli download imdb sst2 everyday

# Teachers of film reviews: a network, and a linear model over n-grams. Both answer for IMDB.
senticli train --preset best --name reviews
python -m senticli.models.recipe.ngrams --data imdb --output ngrams.jsonl
python -m senticli.models.recipe.pool --data imdb --teacher reviews --teacher ngrams.jsonl \
  --unlabelled-texts 20000 --output imdb.jsonl

# Sentences for what reviews and tweets teach badly, such as negation and neutral facts
python senticli/models/recipe/templates.py --rows 45000 --seed 1 --output templates.jsonl

# The model; the weights say how often each source is drawn.
senticli train --name bundled-1 --preset student --hidden 64 --epochs 6 --batch-size 192 --lr 3e-3 --vocab-size 40000 \
  --data imdb --data sst2 --data goemotions --data crowdflower-tweets --data semeval-tweets \
  --data sst5 --data fdu-mtl --data cad-imdb --data templates.jsonl \
  --mix 22,30,31,24,43,12,25,8,40 --drop-leaks --teacher imdb.jsonl
