"""A PDF's graphics state, as far as it says whether text can be seen: what `q` keeps and `Q` brings back."""

from dataclasses import dataclass
from typing import Final

from retrieval.ingest.pdf.colour import Space
from retrieval.ingest.pdf.geometry import IDENTITY, Box, Matrix, Point, around, meet, place, sizes, times

MIN_SIZE: Final = 2.0
"""Points below which no one reads a letter."""
FAINT: Final = 0.05
_LETTER: Final = 0.6
"""How wide a letter is, in parts of its size, if the fonts are not asked: enough to tell what lies off the paper."""

FILLING = frozenset({0, 2, 4, 6})
STROKING = frozenset({1, 2, 5, 6})
INVISIBLE = frozenset({3, 7})


@dataclass(frozen=True, slots=True)
class Ink:
    """What areas, or outlines, are painted with; black until something else is said."""

    space: Space = "gray"
    white: bool = False
    alpha: float = 1.0


@dataclass(slots=True)
class State:
    """One state of the page's pen."""

    clip: Box
    """The box around all that can be painted: of the page, of the form, and of the clipping path."""
    ctm: Matrix = IDENTITY
    fill: Ink = Ink()
    stroke: Ink = Ink()
    size: float = 0.0
    measured: bool = True
    """Whether the font's size says how large letters are: drawings used as letters (Type 3) have sizes of their own."""
    mode: int = 0
    leading: float = 0.0
    scale: float = 1.0
    """Tz: of the letters' width."""
    rise: float = 0.0

    def letters(self, text_matrix: Matrix) -> Matrix:
        """Return the matrix from a letter's unit square to the paper."""
        return times(times((self.size * self.scale, 0, 0, self.size, 0, self.rise), text_matrix), self.ctm)

    def inks(self) -> list[Ink]:
        """Return what the letters are painted with: none if they are not painted at all."""
        fill = [self.fill] if self.mode in FILLING else []
        return fill + ([self.stroke] if self.mode in STROKING else [])


def is_tiny(letters: Matrix) -> bool:
    """Return whether nobody could read letters of that size."""
    wide, high = sizes(letters)
    return not (high >= MIN_SIZE and 2 * wide >= MIN_SIZE)  # so put that what is not a number is tiny


def is_outside(letters: Matrix, count: int, clip: Box) -> bool:
    """Return whether `count` letters lie nowhere within `clip`."""
    end = _LETTER * count + 1
    area = around(place(point, letters) for point in ((0.0, -0.3), (end, -0.3), (end, 1.0), (0.0, 1.0)))
    return not meet(area, clip)


def middle(letters: Matrix) -> Point:
    """Return a point within the first letter."""
    return place((0.25, 0.3), letters)
