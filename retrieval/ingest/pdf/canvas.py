"""From a PDF's drawing operators to what is known where text is to stand: the state, the clip, and what was painted."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pypdf.generic import DictionaryObject

from retrieval.ingest.pdf.colour import SETTERS, is_white, space_of
from retrieval.ingest.pdf.geometry import NOWHERE, Box, Matrix, Point, common, holds, joined, placed, times
from retrieval.ingest.pdf.operands import Operands, numbers
from retrieval.ingest.pdf.state import Ink, State

_REMEMBERED: Final = 1_000
"""Painted areas that are remembered as a background, the last ones."""
_OPAQUE: Final = 0.2
_UNIT: Box = (0, 0, 1, 1)
_PATHS = frozenset({b"m", b"l", b"c", b"v", b"y"})
_FILLS = frozenset({b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"})
_ENDS = frozenset({*_FILLS, b"S", b"s", b"n"})
_FILL_COLOURS = frozenset({b"sc", b"scn"})
_STROKE_COLOURS = frozenset({b"SC", b"SCN"})


class Canvas:
    """Paper on which nothing is painted: it remembers where something would be, and whether that is white."""

    def __init__(self, box: Box) -> None:
        self.state = State(clip=box)
        self._saved: list[State] = []
        self._path: Box = NOWHERE
        self._clipping = False
        self._painted: deque[tuple[Box, bool]] = deque(maxlen=_REMEMBERED)

    @property
    def depth(self) -> int:
        """How many states are kept."""
        return len(self._saved)

    def save(self) -> None:
        """Keep the state (`q`)."""
        self._saved.append(replace(self.state))

    def restore(self) -> bool:
        """Return to the state kept last (`Q`), and whether there was one."""
        if not self._saved:
            return False
        self.state = self._saved.pop()
        return True

    def transform(self, by: Matrix) -> None:
        """Draw by `by` from now on (`cm`)."""
        self.state.ctm = times(by, self.state.ctm)

    def clip_to(self, box: Box) -> None:
        """Paint nothing outside `box`, given in the units of now."""
        self.state.clip = common(self.state.clip, placed(box, self.state.ctm))

    def paint_image(self) -> None:
        """Paint an image: of what colour cannot be told, so that it counts as dark."""
        self.paint(placed(_UNIT, self.state.ctm), white=False)

    def paint(self, area: Box, *, white: bool) -> None:
        """Paint what of `area`, in points of the paper, is within the clip."""
        self._painted.append((common(area, self.state.clip), white))

    def is_white(self, point: Point) -> bool:
        """Return whether what was painted last at `point` is white, as the paper is."""
        return next((white for area, white in reversed(self._painted) if holds(area, point)), True)

    def follow(self, operator: bytes, operands: Operands, resources: DictionaryObject, *, unseen: bool) -> None:
        """Follow an operator of colours, paths or settings; what is `unseen` paints nothing."""
        if operator in _PATHS:
            self._reach(numbers(operands))
        elif operator == b"re":
            self._rectangle(numbers(operands))
        elif operator in (b"W", b"W*"):
            self._clipping = True
        elif operator in _ENDS:
            self._end_path(filled=operator in _FILLS and not unseen)
        elif operator == b"sh" and not unseen:
            self.paint(self.state.clip, white=False)
        else:
            self._colour(operator, operands, resources)

    def _colour(self, operator: bytes, operands: Operands, resources: DictionaryObject) -> None:
        state, values = self.state, numbers(operands)
        if operator in SETTERS:
            space, filling = SETTERS[operator]
            self._dip(Ink(space, is_white(space, values)), filling=filling)
        elif operator in _FILL_COLOURS:
            self._dip(Ink(state.fill.space, is_white(state.fill.space, values)), filling=True)
        elif operator in _STROKE_COLOURS:
            self._dip(Ink(state.stroke.space, is_white(state.stroke.space, values)), filling=False)
        elif operator in (b"cs", b"CS"):
            self._dip(Ink(space_of(operands[0] if operands else None, resources)), filling=operator == b"cs")

    def _dip(self, ink: Ink, *, filling: bool) -> None:
        if filling:
            self.state.fill = replace(ink, alpha=self.state.fill.alpha)
        else:
            self.state.stroke = replace(ink, alpha=self.state.stroke.alpha)

    def thin(self, settings: DictionaryObject) -> None:
        """Paint with the opacity of `settings`, from 0 to 1, if they say one (`gs`)."""
        for alpha in numbers([settings.get("/ca")]):
            self.state.fill = replace(self.state.fill, alpha=alpha)
        for alpha in numbers([settings.get("/CA")]):
            self.state.stroke = replace(self.state.stroke, alpha=alpha)

    def _reach(self, found: Sequence[float]) -> None:
        for x, y in zip(found[::2], found[1::2], strict=False):
            self._path = joined(self._path, placed((x, y, x, y), self.state.ctm))

    def _rectangle(self, found: Sequence[float]) -> None:
        if len(found) == 4:  # noqa: PLR2004 - a corner and two sides
            x, y, wide, high = found
            self._path = joined(self._path, placed((x, y, x + wide, y + high), self.state.ctm))

    def _end_path(self, *, filled: bool) -> None:
        if filled and self.state.fill.alpha >= _OPAQUE:
            self.paint(self._path, white=self.state.fill.white)
        if self._clipping:
            self.state.clip = common(self.state.clip, self._path)
        self._path, self._clipping = NOWHERE, False
