"""From a request to its route: a place, a caller who is known and counted, a body, and only then the route itself."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial, wraps
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from authz.identity import BearerToken
from service.body_limit import check_values, read_body
from service.capacity import Capacity
from service.dependencies import Dependencies
from service.request import Call, bearer_token, dependencies, enter

_HANDBACK: Final = 0.05
"""Seconds that a finished request waits until its person may ask again, so that who has the answer can ask the next."""


class BoundedRoute(APIRoute):
    """A route that nobody reaches unknown or uncounted, whose waiting ends at the request's one deadline.

    A route that is a plain function has a parameter `call`, and runs in a thread of that call's place.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        super().__init__(path, _bounded(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route behind its bounds."""
        serve = super().get_route_handler()

        async def handle(request: Request) -> Response:
            # (1): a place, then who asks, then how much they do: before a byte of the body is read.
            call = await enter(request, self.capacity(dependencies(request)), self.evidence)
            try:
                # (2): the body, within its size and the deadline.
                whole = await _read(request, call) if self.body_field is not None else request
                # (3): the route.
                response = await serve(whole)
            except BaseException:
                await _leave(call)
                raise
            await self.end(call)
            return response

        return handle

    @staticmethod
    def evidence(request: Request) -> BearerToken:
        """Return the token; what is done with it is the same wherever it was. Raises `InvalidTokenError`."""
        return bearer_token(request)

    def capacity(self, on: Dependencies) -> Capacity:
        """Return the places of which each request takes one."""
        return on.requests

    async def end(self, call: Call) -> None:
        """End what began with `call`, before its response is sent."""
        await _leave(call)


class StreamedRoute(BoundedRoute):
    """A `BoundedRoute` whose response goes on when it has returned, and ends the call itself."""

    def capacity(self, on: Dependencies) -> Capacity:
        """Return the places of streams."""
        return on.streams

    async def end(self, call: Call) -> None:
        """Leave it to the response."""


def _bounded(endpoint: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    if inspect.iscoroutinefunction(endpoint):
        return endpoint

    @wraps(endpoint)
    async def bounded(*, call: Call, **arguments: object) -> object:
        return await call.place.within(call.deadline, partial(endpoint, call=call, **arguments))

    return bounded


async def _read(request: Request, call: Call) -> Request:
    whole = await read_body(request, call.deadline)
    check_values(await whole.body())
    return whole


async def _leave(call: Call) -> None:
    # A store that hangs holds no response back, nor does late work: it counts for its person until it ends.
    await asyncio.wait([asyncio.wrap_future(call.place.leave())], timeout=_HANDBACK)
