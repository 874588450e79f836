"""From a request's body to the fields of a form, read within the bounds of every body."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from service.body_limit import read_body
from service.request import Authenticated
from service.web.errors import FormError

_FIELDS = 32


async def form(request: Request, call: Authenticated) -> dict[str, str]:
    """Return the fields of a form. Raises `FormError`, and what reading a body raises."""
    return _fields(await (await read_body(request, call.deadline)).body())


async def open_form(request: Request) -> dict[str, str]:
    """Return the fields of a form of somebody who need not be signed in."""
    return _fields(await request.body())  # read by the route, within the bounds of every body


def _fields(content: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            content.decode(), keep_blank_values=True, strict_parsing=bool(content), max_num_fields=_FIELDS
        )
    except ValueError as error:
        message = "the form cannot be read"
        raise FormError(message) from error
    if len(dict(pairs)) != len(pairs):
        message = "the form names a field twice"
        raise FormError(message)
    return dict(pairs)


Form = Annotated[dict[str, str], Depends(form)]
OpenForm = Annotated[dict[str, str], Depends(open_form)]
