"""From a PDF page to the operators that write its visible text.

Forms (drawings within drawings) are written out where they are drawn, so that each is judged at its place. Hidden is

- text in render mode 3 or 7, in optional content that is switched off, or painted with (nearly) no opacity;
- text smaller than two points, drawings used as letters (Type 3) apart;
- text off the page's crop box, off its form's box, or off the box around the clipping path;
- white text, unless something that is not white was painted beneath its beginning. "Something" is the box around the
  last filled path, shading or image at that point. An image counts as dark, whatever it shows.

Not seen to be hidden, and a risk that remains: text that is painted over afterwards, in the colour of a painted
background, clipped away by a path's shape within its box, masked (`/SMask`), hidden by a layer's usage or by an
expression over layers, or set in a font that shows other letters than it names. Where a piece of text stands within its
line is known but for the width of the letters before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pypdf import PdfReader
from pypdf.generic import ContentStream, DictionaryObject, StreamObject

from retrieval.errors import SourceError
from retrieval.ingest.pdf.budget import MAX_DEPTH, MAX_FORMS, Budget
from retrieval.ingest.pdf.canvas import Canvas
from retrieval.ingest.pdf.geometry import Box
from retrieval.ingest.pdf.layers import Layers
from retrieval.ingest.pdf.operands import Operands, dictionary, items, matrix, named, numbers, resolved
from retrieval.ingest.pdf.pen import Pen

Operations = Sequence[tuple[object, bytes]]


@dataclass(frozen=True, slots=True)
class Drawings:
    """What the pages of one document share: its layers, its budget, and its forms, each parsed once."""

    reader: PdfReader
    layers: Layers
    budget: Budget = field(default_factory=Budget)
    forms: dict[int, tuple[StreamObject, Operations]] = field(default_factory=dict)
    """By the id of a form, which is kept with its operations so that the id stays its own."""

    def read(self, stream: object) -> Operations:
        """Return the operations of a content stream, or of several that are one. Raises `SourceError` for too many."""
        content = ContentStream(stream, self.reader, "bytes")
        self.budget.spend(0, len(content.get_data()))
        return content.operations

    def form(self, stream: StreamObject) -> Operations:
        """Return the operations of a form."""
        if id(stream) not in self.forms:
            self.forms[id(stream)] = stream, self.read(stream)
        return self.forms[id(stream)][1]


class Page:
    """Draws one page without ink; what is left of it is in its `pen`."""

    def __init__(self, drawings: Drawings, box: Box) -> None:
        self.canvas = Canvas(box)
        self.pen = Pen(self.canvas)
        self.images = 0
        self._drawings = drawings
        self._resources = DictionaryObject()
        self._marks: list[bool] = []
        """For each marked content that is open, whether it is hidden."""
        self._drawing: list[int] = []
        self._drawn = 0

    def draw(self, operations: Operations, resources: DictionaryObject) -> None:
        """Follow `operations`, whose names are those of `resources`. Raises `SourceError` if they are too many."""
        self._drawings.budget.spend(len(operations))
        outer, self._resources = self._resources, resources
        depth, marks = self.canvas.depth, len(self._marks)
        for operands, operator in operations:
            # An inline image has a dictionary for operands.
            self._follow(operator, operands if isinstance(operands, list) else [])
        while self.canvas.depth > depth:
            self._restore()
        del self._marks[marks:]
        self._resources = outer

    def _follow(self, operator: bytes, operands: Operands) -> None:
        match operator:
            case b"q":
                self._save()
            case b"Q":
                self._restore()
            case b"cm":
                self._transform(operands)
            case b"gs":
                self.canvas.thin(dictionary(named(self._resources, "/ExtGState", operands)))
            case b"Do":
                self._draw_object(resolved(named(self._resources, "/XObject", operands)))
            case b"INLINE IMAGE":
                self._draw_image()
            case b"BMC" | b"BDC":
                self._mark(operands)
            case b"EMC":
                del self._marks[-1:]
            case b"Tf":
                font = dictionary(named(self._resources, "/Font", operands))
                self.pen.choose(font, next(iter(numbers(operands[1:])), None))
            case b"BT" | b"Td" | b"TD" | b"Tm" | b"T*" | b"TL" | b"Tz" | b"Tc" | b"Tw" | b"Ts" | b"Tr":
                self.pen.follow(operator, operands, unseen=self._unseen)
            case b"Tj" | b"TJ" | b"'" | b'"':
                self.pen.follow(operator, operands, unseen=self._unseen)
            case b"ET":
                self.pen.write(b"ET")
            case _:
                self.canvas.follow(operator, operands, self._resources, unseen=self._unseen)

    @property
    def _unseen(self) -> bool:
        return any(self._marks)

    def _save(self) -> None:
        self.canvas.save()
        self.pen.write(b"q")

    def _restore(self) -> None:
        if self.canvas.restore():
            self.pen.write(b"Q")

    def _transform(self, operands: Operands) -> None:
        if (by := matrix(operands)) is not None:
            self.canvas.transform(by)
            self.pen.write(b"cm", *by)

    def _mark(self, operands: Operands) -> None:
        layered = len(operands) > 1 and operands[0] == "/OC"
        self._marks.append(layered and self._drawings.layers.hides(named(self._resources, "/Properties", operands[1:])))

    def _draw_image(self) -> None:
        self.images += 1
        if not self._unseen:
            self.canvas.paint_image()

    def _draw_object(self, found: object) -> None:
        if not isinstance(found, StreamObject):
            return
        self._marks.append("/OC" in found and self._drawings.layers.hides(found.raw_get("/OC")))
        if found.get("/Subtype") == "/Form":
            self._draw_form(found)
        else:
            self._draw_image()
        del self._marks[-1:]

    def _draw_form(self, form: StreamObject) -> None:
        self._drawn += 1
        if id(form) in self._drawing:
            message = "a drawing in the PDF draws itself: print it to a new PDF"
            raise SourceError(message)
        if self._drawn > MAX_FORMS or len(self._drawing) >= MAX_DEPTH:
            message = "drawings within drawings, too many or too deep: print the PDF to a new PDF"
            raise SourceError(message)
        self._drawing.append(id(form))
        self._save()
        self._transform(items(form.get("/Matrix")))
        if len(box := numbers(items(form.get("/BBox")))) == 4:  # noqa: PLR2004 - two corners
            self.canvas.clip_to((box[0], box[1], box[2], box[3]))
        own = resolved(form.get("/Resources"))
        self.draw(self._drawings.form(form), own if isinstance(own, DictionaryObject) else self._resources)
        self._restore()
        self._drawing.pop()
