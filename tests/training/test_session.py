"""From a recipe to a network: from scratch, and from a model."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch

from senticli.bundle import Bundle
from senticli.config import ModelConfig, Recipe, TrainConfig
from senticli.data.splits import load_training_data
from senticli.data.vectors import cached_vectors
from senticli.errors import SenticliError
from senticli.training.export.float32 import load_model
from senticli.training.session import (
    Session,
    build_session,
    encode_data,
    head_and_tail,
    shared_output,
)

TEXTS = ("zyzzyva is great", "a film of qwyjibo", "bad zyzzyva", "bad, bad film")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Texts with two words that no model knows."""
    path = tmp_path / "mine.csv"
    rows = [f'"{TEXTS[n % 4]} {n}",{"ppnn"[n % 4]}\n' for n in range(36)]
    path.write_text("text,label\n" + "".join(rows))
    return path


def session(data: Path, init: Path | None, vectors: str = "none", **settings: Any) -> Session:
    bundle = Bundle.open(init) if init else None
    recipe = Recipe(
        model=bundle.config.model if bundle else ModelConfig(hidden=4, embedding_dim=4),
        train=TrainConfig(data=(str(data),), vectors=vectors, precision="float32", **settings),
    )
    published = recipe.train.published_vectors
    cache = cached_vectors(published) if published else None
    encoded = encode_data(recipe, load_training_data(recipe.train), cache, bundle)
    return build_session(recipe, encoded)


@pytest.mark.parametrize("label_map", [(), ("positive=p", "negative=n")])
def test_a_model_to_start_from(data: Path, tiny_model: Path, label_map: tuple[str, ...]) -> None:
    bundle = Bundle.open(tiny_model)
    begun = session(data, tiny_model, label_map=label_map)
    vocab, known = begun.data.vocab, len(bundle.vocab)
    assert vocab.tokens[:known] == bundle.vocab.tokens
    assert {"zyzzyva", "qwyjibo"} <= set(vocab.tokens[known:])
    assert begun.rates == {"embedding.weight": 0.1}
    assert begun.data.sources["init"] == bundle.config.files["model.safetensors"]
    assert begun.data.rules == bundle.rules()

    old = load_model(bundle)
    numbers = [vocab.token_id(word) for word in ("a", "zyzzyva", "good", "film")]
    tokens, lengths = torch.tensor([numbers]), torch.tensor([4])
    before = torch.tensor([[bundle.vocab.token_id(w) for w in ("a", "zyzzyva", "good", "film")]])
    negative, _, positive = old(before, lengths)[0]
    # With two of its labels it is the same classifier between them; a new word counts as an
    # unknown one.
    logit = begun.model.eval()(tokens, lengths)[0]
    assert torch.allclose(logit, positive - negative, atol=1e-6) == bool(label_map)
    assert torch.equal(begun.model.layers[0][0].weight_hh_l0, old.layers[0][0].weight_hh_l0)  # type: ignore[index]


@pytest.mark.parametrize("labels", ["ab", "abc", "abd", "ad", "acde"])
@pytest.mark.parametrize("trained_labels", ["ab", "abc", "ac"])
def test_shared_labels_keep_their_odds(labels: str, trained_labels: str) -> None:
    def rows(seed: int, labels: str) -> torch.Tensor:
        size = 1 if len(labels) == 2 else len(labels)
        return torch.randn(size, 3, generator=torch.Generator().manual_seed(seed))

    def logits(output: torch.Tensor, labels: str) -> dict[str, torch.Tensor]:
        one = len(output) == 1
        return dict(zip(labels, [torch.zeros(3), output[0]] if one else output, strict=True))

    fresh, trained = rows(0, labels), rows(1, trained_labels)
    output = shared_output(fresh, labels, trained, trained_labels)
    assert output.shape == fresh.shape
    assert torch.equal(output, trained) or labels != trained_labels
    now, before = logits(output, labels), logits(trained, trained_labels)
    for one, other in combinations(sorted(set(labels) & set(trained_labels)), 2):
        torch.testing.assert_close(now[one] - now[other], before[one] - before[other])


def test_output_without_a_shared_label_is_fresh() -> None:
    fresh, trained = torch.randn(1, 3), torch.randn(4, 3)
    assert torch.equal(shared_output(fresh, "ab", trained, "cdef"), fresh)


def test_new_words_may_start_from_vectors(data: Path, tiny_model: Path, tmp_path: Path) -> None:
    size = Bundle.open(tiny_model).config.model.embedding_dim
    path = tmp_path / "vectors.txt"
    path.write_text(f"zyzzyva {' '.join(['2'] * size)}\ngood {' '.join(['3'] * size)}\n")
    begun = session(data, tiny_model, vectors=str(path))
    row = begun.model.embedding.weight[begun.data.vocab.token_id("zyzzyva")]
    assert row.tolist() == [2.0] * size
    good = begun.model.embedding.weight[begun.data.vocab.token_id("good")]
    assert good.tolist() != [3.0] * size  # what was learned stays
    path.write_text("zyzzyva 1 2 3\n")
    with pytest.raises(SenticliError, match="the vectors have 3 dimensions"):
        session(data, tiny_model, vectors=str(path))


def test_the_same_recipe_gives_the_same_network(data: Path) -> None:
    first, second = session(data, None).model.state_dict(), session(data, None).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert session(data, None).rates == {}


def test_head_and_tail() -> None:
    import numpy as np

    text = np.arange(10, dtype=np.int32)
    assert head_and_tail(text, 6).tolist() == [0, 1, 6, 7, 8, 9]
    assert head_and_tail(text, 10) is text
    assert head_and_tail(text, 0) is text


def test_own_vectors_start_the_embedding(data: Path) -> None:
    begun = session(data, None, vectors="own")
    assert begun.data.embedding.shape[1] == 4
    assert begun.rates == {"embedding.weight": 0.1}
    assert begun.data.vectors_found
    assert begun.data.own_vectors
    assert begun.data.own_vectors["texts"] == len(begun.data.train)
    assert len(begun.data.sources["own_vectors"]) == 64
    again = session(data, None, vectors="own")
    assert torch.equal(again.data.embedding, begun.data.embedding)


def test_own_vectors_are_learned_from_unlabelled_texts_too(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "more.txt"
    path.write_text("a film of zyzzyva\n" * 20)
    alone = session(data, None, vectors="own").data
    both = session(data, None, vectors="own", unlabelled=(str(path),)).data
    assert alone.own_vectors
    assert both.own_vectors
    assert both.own_vectors["texts"] == alone.own_vectors["texts"] + 20
    assert both.sources["own_vectors"] != alone.sources["own_vectors"]
    assert both.vocab.tokens == alone.vocab.tokens  # that of what has labels


def test_own_vectors_start_from_published_ones(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("film 1 2 2\n")
    own = session(data, None, vectors="own").data
    both = session(data, None, vectors=f"{path}+own").data
    assert both.embedding.shape[1] == 3  # as many as the published ones, not `embedding_dim`
    assert both.vectors_found == 1 / (len(both.vocab) - 2)  # in the published ones: do they fit?
    assert both.sources["vectors"]
    assert both.sources["own_vectors"] != own.sources["own_vectors"]
