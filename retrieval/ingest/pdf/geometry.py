"""Matrices and boxes of a PDF page (ISO 32000-2, 8.3): where a point of a drawing ends up on the paper."""

from collections.abc import Iterable
from math import hypot, inf

Matrix = tuple[float, float, float, float, float, float]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

IDENTITY: Matrix = (1, 0, 0, 1, 0, 0)
EVERYWHERE: Box = (-inf, -inf, inf, inf)
NOWHERE: Box = (inf, inf, -inf, -inf)


def times(first: Matrix, then: Matrix) -> Matrix:
    """Return the matrix that applies `first`, and `then` what follows."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = then
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m


def moved(by: Point, matrix: Matrix) -> Matrix:
    """Return `matrix` after its origin went `by`, in its own units."""
    return times((1, 0, 0, 1, *by), matrix)


def place(point: Point, matrix: Matrix) -> Point:
    """Return where `matrix` puts `point`."""
    (x, y), (a, b, c, d, e, f) = point, matrix
    return a * x + c * y + e, b * x + d * y + f


def around(points: Iterable[Point]) -> Box:
    """Return the smallest box that holds all `points`, `NOWHERE` of none."""
    left, bottom, right, top = NOWHERE
    for x, y in points:
        left, bottom, right, top = min(left, x), min(bottom, y), max(right, x), max(top, y)
    return left, bottom, right, top


def placed(box: Box, matrix: Matrix) -> Box:
    """Return the box around `box` as `matrix` puts it."""
    left, bottom, right, top = box
    return around(place(point, matrix) for point in ((left, bottom), (right, bottom), (right, top), (left, top)))


def joined(one: Box, other: Box) -> Box:
    """Return the box around both."""
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def common(one: Box, other: Box) -> Box:
    """Return what both boxes hold."""
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def meet(one: Box, other: Box) -> bool:
    """Return whether the boxes have a point in common; nothing meets what is not a number."""
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def holds(box: Box, point: Point) -> bool:
    """Return whether `point` is in `box`."""
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def sizes(matrix: Matrix) -> tuple[float, float]:
    """Return how wide and how high `matrix` makes a unit square."""
    return hypot(matrix[0], matrix[1]), hypot(matrix[2], matrix[3])
