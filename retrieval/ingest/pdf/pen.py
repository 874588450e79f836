"""From a PDF's text operators to the same operators without the text that nobody would see."""

from typing import Final

from pypdf.generic import ArrayObject, ByteStringObject, DictionaryObject, FloatObject, NameObject, PdfObject

from retrieval.ingest.pdf.canvas import Canvas
from retrieval.ingest.pdf.fonts import SPACE, measured
from retrieval.ingest.pdf.geometry import IDENTITY, Matrix, moved
from retrieval.ingest.pdf.operands import Operands, matrix, numbers
from retrieval.ingest.pdf.state import FAINT, INVISIBLE, is_outside, is_tiny, middle

Operation = tuple[list[PdfObject], bytes]

_KERN: Final = 1_000
"""TJ moves by thousandths of the font's size."""
GAP: Final = 150
"""Thousandths that are a gap between words in any font; TeX has 167 and more, letters far less."""
_SETTINGS = frozenset({b"TL", b"Tz", b"Tc", b"Tw", b"Ts", b"Tr"})


class Pen:
    """Writes the visible text of a page as operators, in fonts of names of its own."""

    def __init__(self, canvas: Canvas) -> None:
        self.written: list[Operation] = []
        self.shown = 0
        """Pieces of text that can be seen."""
        self.invisible = 0
        """Pieces in an invisible render mode, as text recognition writes them over scanned pages."""
        self._canvas = canvas
        self._line: Matrix = IDENTITY
        self._at: Matrix = IDENTITY
        self._names: dict[int, NameObject] = {}
        self._fonts = DictionaryObject()
        self._font: NameObject | None = None
        self._spaced: set[NameObject | None] = set()
        """The fonts in which a space is shown."""

    @property
    def fonts(self) -> DictionaryObject:
        """The fonts by name, as gaps are measured by them."""
        return DictionaryObject(
            {name: measured(font, spaced=name in self._spaced) for name, font in self._fonts.items()}
        )

    def write(self, operator: bytes, *operands: float) -> None:
        """Write an operator as it is."""
        self.written.append(([FloatObject(each) for each in operands], operator))

    def choose(self, font: DictionaryObject, size: float | None) -> None:
        """Write in `font` of `size` from now on (`Tf`)."""
        state = self._canvas.state
        state.size = state.size if size is None else size
        # Drawings used as letters have a scale of their own.
        state.measured = font.get("/Subtype") != "/Type3"
        self._font = self._names.setdefault(id(font), NameObject(f"/F{len(self._names)}"))
        self._fonts[self._font] = font  # keeps the object, so that its id stays its own
        self.written.append(([self._font, FloatObject(state.size)], b"Tf"))

    def follow(self, operator: bytes, operands: Operands, *, unseen: bool) -> None:
        """Follow a text operator; text that is `unseen` for other reasons is not written."""
        found = numbers(operands)
        if operator in _SETTINGS and found:
            self._set(operator, found[0])
        elif operator in (b"Td", b"TD") and len(found) == 2:  # noqa: PLR2004 - across, and up
            if operator == b"TD":
                self._set(b"TL", -found[1])
            self._move(found[0], found[1])
        elif operator == b"Tm" and (to := matrix(operands)) is not None:
            self._line = self._at = to
            self.write(b"Tm", *to)
        elif operator == b"BT":
            self._line = self._at = IDENTITY
            self.write(b"BT")
        elif operator == b"T*":
            self._move(0, -self._canvas.state.leading)
        else:
            self._show(operator, operands, unseen=unseen)

    def _set(self, operator: bytes, value: float) -> None:
        state = self._canvas.state
        if operator == b"TL":
            state.leading = value
        elif operator == b"Tz":
            state.scale = value / 100
        elif operator == b"Ts":
            state.rise = value
        elif operator == b"Tr":
            state.mode = int(value)
        if operator in (b"Tz", b"Tc", b"Tw"):
            self.write(operator, value)

    def _move(self, across: float, up: float) -> None:
        self._line = self._at = moved((across, up), self._line)
        self.write(b"Td", across, up)

    def _show(self, operator: bytes, operands: Operands, *, unseen: bool) -> None:
        if operator == b'"' and len(operands) == 3:  # noqa: PLR2004 - two spaces, and a text
            for space, value in zip((b"Tw", b"Tc"), numbers(operands[:2]), strict=False):
                self._set(space, value)
            operator, operands = b"'", operands[2:]
        if operator == b"'":
            self._move(0, -self._canvas.state.leading)
        if operator in (b"Tj", b"'"):
            self._show_pieces(operands[:1], unseen=unseen)
        elif operator == b"TJ" and operands and isinstance(operands[0], ArrayObject):
            self._show_pieces(list(operands[0]), unseen=unseen)

    def _show_pieces(self, pieces: Operands, *, unseen: bool) -> None:
        kept = ArrayObject()
        state = self._canvas.state
        for piece in pieces:
            if isinstance(piece, bytes):
                if not unseen and self._is_visible(piece):
                    kept.append(ByteStringObject(piece))
                    if SPACE in piece:
                        self._spaced.add(self._font)
            elif by := numbers([piece]):
                kept.extend(FloatObject(each) for each in _parted(by[0]))
                self._at = moved((-by[0] / _KERN * state.size * state.scale, 0), self._at)
        self.written.append(([kept], b"TJ"))

    def _is_visible(self, text: bytes) -> bool:
        if not text.strip():
            return True
        state = self._canvas.state
        if state.mode in INVISIBLE:
            self.invisible += 1
            return False
        letters = state.letters(self._at)
        if (state.measured and is_tiny(letters)) or is_outside(letters, len(text), state.clip):
            return False
        inks = [ink for ink in state.inks() if ink.alpha >= FAINT]
        if not inks or (all(ink.white for ink in inks) and self._canvas.is_white(middle(letters))):
            return False
        self.shown += 1
        return True


def _parted(by: float) -> tuple[float, ...]:
    """Return `by` as moves that pypdf takes for a gap between words if it is one, and that come to the same.

    It asks whether a move is wider than half a space, and of fonts with codes of two bytes it does not know the space.
    """
    return (-_KERN, _KERN + by) if -_KERN < by <= -GAP else (by,)
