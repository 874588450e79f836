from typing import Any

import pytest

from service.local.embedding import MAX_CHARACTERS, Embedding, input_text, output
from service.local.errors import BedrockError


@pytest.mark.parametrize("extra", [{}, {"dimensions": 384}, {"normalize": True}])
def test_titans_body_gives_the_text(extra: dict[str, Any]) -> None:
    assert input_text({"inputText": "pump", **extra}, 384) == "pump"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inputText": ""},
        {"inputText": None},
        {"inputText": ["pump"]},
        {"inputText": "x" * (MAX_CHARACTERS + 1)},
        {"inputText": "pump", "dimensions": 512},
        {"inputText": "pump", "normalize": False},
        {"inputText": "pump", "texts": []},
    ],
)
def test_what_the_model_cannot_do_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(BedrockError, match=r"inputText|vectors|extraneous"):
        input_text(body, 384)


def test_the_response_is_titans() -> None:
    assert output(Embedding([1.0, 0.0], 3)) == {"embedding": [1.0, 0.0], "inputTextTokenCount": 3}
