"""From groups and their parents to closures: pure, and bounded in depth."""

from collections.abc import Iterable, Mapping

from authz.errors import ResourceError
from authz.resource import EntityId

DEPTH = 32
"""Most groups on one way up, both ends counted."""

Nesting = Mapping[EntityId, frozenset[EntityId]]
"""Each group with its direct parents."""


def closure_of(direct: Iterable[EntityId], nesting: Nesting) -> frozenset[EntityId]:
    """Return the groups of `direct` and all their ancestors. Raises `ResourceError` for an undeclared group."""
    found: set[EntityId] = set()
    waiting = set(direct)
    while waiting:
        group = waiting.pop()
        found.add(group)
        waiting |= _parents(group, nesting) - found
    return frozenset(found)


def check(nesting: Nesting) -> None:
    """Return if every parent is declared and no group lies in itself or deeper than `DEPTH`. Raises `ResourceError`."""
    heights: dict[EntityId, int] = {}
    for group in nesting:
        _height(group, nesting, heights, ())


def _height(group: EntityId, nesting: Nesting, heights: dict[EntityId, int], path: tuple[EntityId, ...]) -> int:
    if group in path:
        ring = " in ".join((*path[path.index(group) :], group))
        message = f"groups form a ring: {ring}"
        raise ResourceError(message)
    if group not in heights:
        above = (*path, group)
        # The path is bounded too, so that the recursion is.
        parents = sorted(_parents(group, nesting)) if len(above) <= DEPTH else _too_deep(path)
        heights[group] = 1 + max((_height(parent, nesting, heights, above) for parent in parents), default=0)
    if len(path) + heights[group] > DEPTH:
        _too_deep((*path, group))
    return heights[group]


def _too_deep(path: tuple[EntityId, ...]) -> list[EntityId]:
    message = f"groups are nested deeper than {DEPTH}: {path[0]}"
    raise ResourceError(message)


def _parents(group: EntityId, nesting: Nesting) -> frozenset[EntityId]:
    try:
        return nesting[group]
    except KeyError as error:
        message = f'group "{group}" is named but not declared'
        raise ResourceError(message) from error
