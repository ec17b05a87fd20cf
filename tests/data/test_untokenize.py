import pytest

from senticli.data.untokenize import untokenize


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("i do n't think it 's bad .", "i don't think it's bad."),
        ("i 've said we 'll see , and i 'm sure", "i've said we'll see, and i'm sure"),
        ("DO N'T buy", "DON'T buy"),
        ("it costs $ 5 ( 10 % off ) !", "it costs $5 (10% off)!"),
        ("a -lrb- very -rrb- long film", "a (very) long film"),
        ("viewers of `` the ring '' are", 'viewers of "the ring" are'),
        ("but ` why ? '", "but 'why?'"),
        ("other customers ' reviews", "other customers' reviews"),
        ("great fun : ) and ; - ) or : - (", "great fun :) and ;-) or :-("),
        ("as follows : ( 1 ) the bed", "as follows: (1) the bed"),
        ("well . . . no ! !", "well... no!!"),
        ("i can not wait , i 'm gon na go", "i cannot wait, i'm gonna go"),
        ("comedy\\/drama", "comedy/drama"),
        ("... a slice of life", "... a slice of life"),
        ("don't (really).", "don't (really)."),
        ("", ""),
    ],
)  # fmt: skip
def test_tokens_become_text_as_people_write_it(tokens: str, text: str) -> None:
    assert untokenize(tokens) == text
