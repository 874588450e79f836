"""The deadline."""

import pytest

from retrieval.deadline import Deadline
from retrieval.errors import DeadlineExceededError


def test_time_is_left_before_the_deadline() -> None:
    assert 0 < Deadline.after(60).left() <= 60


@pytest.mark.parametrize("seconds", [0, -1, -1e9])
def test_passed_deadline_raises_and_never_returns_a_wait_of_nothing(seconds: float) -> None:
    with pytest.raises(DeadlineExceededError):
        Deadline.after(seconds).left()
