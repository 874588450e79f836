from hypothesis import given
from hypothesis import strategies as st

from service.local.models import words


@given(st.text())
def test_the_words_together_are_the_text(text: str) -> None:
    assert "".join(words(text)) == text


def test_each_word_comes_alone() -> None:
    assert list(words("  It weighs\nnine kilograms. ")) == ["  It ", "weighs\n", "nine ", "kilograms. "]
