"""From answers that have begun to one page that holds them whole: sent when they are over, and never to nobody."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import anyio
from fastapi import Response
from starlette.types import Receive, Scope, Send

from retrieval.audit import Outcome
from service.answer import Answer, Citation, Done, Token
from service.api.bodies import name_of
from service.capacity import Capacity
from service.delivery import Delivery
from service.dependencies import Dependencies
from service.request import Call
from service.streaming import until_gone
from service.web.route import PageRoute

_MARKER = re.compile(r"\[(\d{1,3})\]")


class WholeRoute(PageRoute):
    """A `PageRoute` whose response is a `WholeResponse`, which takes a place of answers and ends the call itself."""

    def capacity(self, on: Dependencies) -> Capacity:
        """Return the places of streams."""
        return on.streams

    async def end(self, call: Call) -> None:
        """Leave it to the response."""


@dataclass(slots=True)
class Told:
    """An answer that is over, or as much of it as came: plain text, and the passages it names."""

    receipt: str
    text: str = ""
    citations: dict[int, Citation] = field(default_factory=dict)
    outcome: Outcome = "cancelled"
    abstained: bool = False

    @property
    def pieces(self) -> Sequence[tuple[str, int | None]]:
        """The text in pieces, each with the number of the passage that it cites, None where it is text."""
        parts = _MARKER.split(self.text)
        pieces: list[tuple[str, int | None]] = []
        for place, part in enumerate(parts):
            number = int(part) if place % 2 else None
            shown = f"[{part}]" if place % 2 else part
            pieces.append((shown, number if number in self.citations else None))
        return [piece for piece in pieces if piece[0]]

    @property
    def sources(self) -> Sequence[dict[str, object]]:
        """What is cited, in the order of the numbers."""
        return [
            {"number": number, "document": name_of(each.passage.document), "title": each.passage.title}
            | {"ordinal": each.passage.ordinal, "page": each.passage.page}
            for number, each in sorted(self.citations.items())
        ]


class WholeResponse(Response):
    """Hears the answers of `deliveries` to their ends and sends the page of them.

    A caller who goes away ends the models' streams at once.
    """

    def __init__(self, deliveries: Sequence[Delivery], page: Callable[[Sequence[Told]], Response]) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers()
        self._deliveries = deliveries
        self._page = page
        self._outcomes: Sequence[Outcome] = ["cancelled"] * len(deliveries)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page, and return once every record is closed."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(until_gone, receive, group.cancel_scope)
                told = await asyncio.gather(*map(_told, self._deliveries))
                await self._page(told)(scope, receive, send)
                self._outcomes = [each.outcome for each in told]  # only once it is sent has it happened
                group.cancel_scope.cancel()
        finally:
            ends = [each.end(outcome) for each, outcome in zip(self._deliveries, self._outcomes, strict=True)]
            with anyio.CancelScope(shield=True):
                await asyncio.shield(asyncio.gather(*map(asyncio.wrap_future, ends)))


async def _told(delivery: Delivery) -> Told:
    """Return the answer of `delivery`, as much of it as comes in time."""
    begun, call = delivery.begun, delivery.call
    told = Told(begun.retrieval.receipt.id)
    with anyio.move_on_after(call.on.bounds.answer_timeout) as answering:
        await asyncio.wrap_future(call.place.run(lambda: _hear(begun.answer, told, call)))
    # A copy: the thread that still listens has its own end to say.
    return replace(told, outcome="cancelled", citations=dict(told.citations)) if answering.cancelled_caught else told


def _hear(answer: Answer, told: Told, call: Call) -> None:
    """Take in the answer to its end, or to where it breaks."""
    try:
        for event in answer:
            if isinstance(event, Token):
                told.text += event.text
            elif isinstance(event, Citation):
                told.citations[event.number] = event
            elif isinstance(event, Done):
                told.abstained = event.abstained
                ended: Outcome = "complete" if event.reason == "end" else "truncated"
                told.outcome = ended if answer.passages else "denied"
    except Exception as error:  # noqa: BLE001 - whatever a stream may raise, what came of it is shown as broken
        call.on.metrics.fault(error, call.id)
        told.outcome = "truncated"
