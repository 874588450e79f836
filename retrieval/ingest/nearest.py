"""From a name that nobody knows to the known one that may have been meant."""

from collections.abc import Collection
from difflib import get_close_matches

_MOST = 100
"""Names that are looked for: a file full of mistakes is told as quickly as one with a few."""
_LISTED = 12
"""Known names that are listed where none is near."""
_COMPARED = 2_000
"""Known names among which a near one is looked for."""


class Suggestions:
    """Says what to write instead of one name after the other, as long as there are not too many."""

    def __init__(self) -> None:
        self._asked = 0

    def __call__(self, name: str, known: Collection[str]) -> str | None:
        """Return what to write instead of `name`: the nearest of `known`, or all of them if these are few."""
        self._asked += 1
        near = nearest(name, known) if self._asked <= _MOST else None
        if near is not None:
            return f'did you mean "{near}"?'
        return f"expected {', '.join(sorted(known))}" if 0 < len(known) <= _LISTED else None


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the one of `known` that is most like `name`, whatever its case, or None if none is near."""
    if len(known) > _COMPARED:
        return None
    folded = {each.casefold(): each for each in sorted(known)}
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=0.7)
    return folded[found[0]] if found else None
