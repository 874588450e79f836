"""Evidence that a value was made by the one function that may make it."""

from typing import final


@final
class Seal:
    """A private token: each module that makes an evidence type holds one and never lets it out.

    A sealed dataclass takes it as an `InitVar` and calls `check`. A test over the syntax trees proves that
    no other module names a `_SEAL`, so that constructing the type elsewhere fails before it runs, and here
    when it does.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def check(self, other: object) -> None:
        """Return if `other` is this very seal. Raises `TypeError` if it is not."""
        if other is not self:
            message = f"{self._name} is made only by the function that owns its seal"
            raise TypeError(message)
