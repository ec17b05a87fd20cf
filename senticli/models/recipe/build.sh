#!/usr/bin/env bash
# Train the bundled model from public sources. Run in a checkout with `pip install -e ".[train]"` and
# `pip install scikit-learn transformers`; the result is the model `bundled-1` in the data dir.
set -euo pipefail

senticli download imdb sst2 everyday
hf download sentence-transformers/all-MiniLM-L6-v2 --local-dir all-MiniLM-L6-v2

# Sentences for what reviews and tweets teach badly, such as negation and neutral facts
python senticli/models/recipe/templates.py --rows 60000 --seed 1 --output templates.jsonl

short=(--data sst2 --data goemotions --data crowdflower-tweets --data semeval-tweets --data sst5 --data fdu-mtl)

# Short texts without labels: sentences of reviews
python -m senticli.models.recipe.sentences --data fdu-mtl --count 70000 --output products.txt
python -m senticli.models.recipe.sentences --data imdb --count 30000 --output films.txt
cat products.txt films.txt > sentences.txt

# Three teachers: a small transformer for short texts, a network for film reviews, and a linear model
# over n-grams for all
python -m senticli.models.recipe.transformer --model all-MiniLM-L6-v2 --output transformer \
  "${short[@]}" --data cad-imdb --data templates.jsonl --cap 20000 --answers transformer.jsonl
# Without averaging, here and below, as the present model was trained.
senticli train --preset best --averaging 0 --name reviews --data imdb --data cad-imdb --drop-leaks
python -m senticli.models.recipe.ngrams --output ngrams.jsonl \
  --data imdb "${short[@]}" --data cad-imdb --data templates.jsonl

# Each answers for what it is good at. One that is named four times counts for four: found on validation.
for_reviews=(--teacher reviews --teacher reviews --teacher reviews --teacher reviews --teacher ngrams.jsonl)
t=transformer.jsonl
for_short=(--teacher $t --teacher $t --teacher $t --teacher $t --teacher ngrams.jsonl)
python -m senticli.models.recipe.pool --data imdb --data cad-imdb "${for_reviews[@]}" \
  --unlabelled-texts 25000 --output reviews.jsonl
python -m senticli.models.recipe.pool "${short[@]}" "${for_short[@]}" \
  --even 0.5 --unlabelled-texts 10000 --output short.jsonl
python -m senticli.models.recipe.transformer --answer-only --output transformer \
  --data sst5 --unlabelled sentences.txt --answers sentences.jsonl
cat reviews.jsonl short.jsonl sentences.jsonl > answers.jsonl

# The model; the weights say how often each source is drawn. So small a network needs little dropout.
senticli train --name bundled-1 --preset student --hidden 64 --epochs 7 --batch-size 192 --lr 3e-3 --vocab-size 40000 \
  --data imdb "${short[@]}" --data cad-imdb --data templates.jsonl --mix 32,30,31,24,43,12,25,8,50 --drop-leaks \
  --teacher answers.jsonl --teacher-weight 0.75 --unlabelled imdb --unlabelled fdu-mtl --unlabelled sentences.txt \
  --word-dropout 0.02 --embedding-dropout 0.15 --output-dropout 0.2 --averaging 0
