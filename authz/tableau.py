"""From goals to whether any request can meet them all: a semantic tableau (Smullyan, First-Order Logic, chapter II).

Goals are replaced by their alternatives until nothing but facts is left on a branch. A branch whose facts contradict
one another is closed; if every branch is, no request meets the goals. Each step drops only what is impossible. An
expression that ends in an error has no truth value: Cedar skips its policy, and so it meets no goal. The search is
bounded; beyond the bound nothing is proven.
"""

from collections.abc import Iterable

from authz.alternatives import Branch, Goal, alternatives
from authz.contradiction import Fact, contradictory
from authz.environment import Environment

BRANCHES = 2_000
"""Most branches that are looked at."""

_Choices = list[list[Branch]]
_State = tuple[Branch, list[Fact], _Choices]
"""What is still to be taken apart, the facts found, and the choices that are open."""


def impossible(goals: Iterable[Goal], environment: Environment) -> bool:
    """Return whether it is proven that no valid request of `environment` meets all `goals`."""
    waiting: list[_State] = [([*goals], [], [])]
    for _ in range(BRANCHES):
        if not waiting:
            return True
        facts, choices = _taken_apart(waiting.pop(), environment)
        if facts is None or contradictory(facts):
            continue
        if not choices:
            return False
        choice = min(choices, key=len)
        others = [each for each in choices if each is not choice]
        waiting += [(branch, facts, others) for branch in reversed(choice)]
    return False


def _taken_apart(state: _State, environment: Environment) -> tuple[list[Fact] | None, _Choices]:
    """Return the facts of a branch, None if one of its goals cannot be met, and its choices."""
    pending, facts, choices = [*state[0]], [*state[1]], [*state[2]]
    while pending:
        each = pending.pop()
        if not isinstance(each, Goal):
            facts.append(each)
            continue
        options = alternatives(each, environment)
        if not options:
            return None, choices
        if len(options) == 1:
            pending += options[0]
        else:
            choices.append(options)
    return facts, choices
