"""`/compare`: two people, each signed in for themselves, one question, side by side."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Response

from authz.resource import EntityId
from service.delivery import Delivery
from service.prompt import Question
from service.request import Authenticated, Call
from service.sessions import SlotName
from service.web.asking import Asked, examples, question_of
from service.web.forms import Form
from service.web.route import PageRoute
from service.web.standing import Standing, standing
from service.web.visiting import Visiting, Visitor
from service.web.whole import Told, WholeResponse, WholeRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
whole = APIRouter(route_class=WholeRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same for both."""

    what: str
    a: str
    b: str


@router.get("/compare")
async def show_compare(visiting: Visiting, call: Authenticated, asked: Asked = "") -> Response:
    """Show two sides; the address may carry a question, and never carries an answer."""
    other = await call.place.within(call.deadline, partial(_other, visiting), _leave)
    try:
        values = await call.place.within(call.deadline, partial(_values, visiting, other, asked))
    finally:
        _leave(other)
    return visiting.web.pages.page("compare.html", values)


@whole.post("/compare")
async def compare_whole(visiting: Visiting, call: Authenticated, form: Form) -> Response:
    """Return a page with both answers whole: what the form does where no script runs."""
    question = question_of(form)
    other = await call.place.within(call.deadline, partial(_other, visiting), _leave)
    try:
        values = await call.place.within(call.deadline, partial(_values, visiting, other, question))
        sides = [each for each in (visiting, other) if each is not None]
        deliveries = [Delivery(each.call) for each in sides]
        await _begin(deliveries, question)
    except BaseException:
        _leave(other)
        raise
    slots = [each.slot for each in sides]
    return WholeResponse(deliveries, lambda told: _page(visiting, values, dict(zip(slots, told, strict=True))))


async def _begin(deliveries: Sequence[Delivery], question: Question) -> None:
    """Begin both answers, or none: where one cannot begin, the other has nobody to go to."""
    try:
        await asyncio.gather(*(each.begin(question) for each in deliveries))
    except BaseException:
        for each in deliveries:
            each.end("cancelled")
        raise


def _page(visiting: Visitor, values: Mapping[str, object], told: Mapping[SlotName, Told]) -> Response:
    return visiting.web.pages.page("compare.html", {**values, "told": told, "cited": _cited(told)})


def _other(visiting: Visitor) -> Visitor | None:
    return visiting.beside("b" if visiting.slot == "a" else "a")


def _leave(other: Visitor | None) -> None:
    if other is not None:
        other.call.place.leave()


def _values(visiting: Visitor, other: Visitor | None, question: str) -> dict[str, object]:
    sides = {each.slot: _standing(each.call, each) for each in (visiting, other) if each is not None}
    frame = visiting.frame(visiting.call.principal(), "compare")
    differences = _differences(sides["a"], sides["b"]) if len(sides) > 1 else ()
    return {
        **frame,
        "question": question or next(iter(examples(visiting)), ""),
        "sides": dict(sorted(sides.items())),
        "differences": differences,
        "told": {},
        "cited": (),
    }


def _standing(call: Call, visitor: Visitor) -> Standing:
    return standing(call, call.principal(), visitor.held.session.slots[visitor.slot].name)


def _differences(a: Standing, b: Standing) -> Sequence[Difference]:
    """Return what the two hold that the other does not."""
    found = [Difference("company", a.tenant, b.tenant)] if a.tenant != b.tenant else []
    theirs = dict(b.attributes)
    found += [
        Difference(name, value, theirs.get(name, "none"))
        for name, value in a.attributes
        if theirs.get(name, "none") != value
    ]
    only = [", ".join(sorted(set(one.groups) - set(two.groups))) or "none" for one, two in ((a, b), (b, a))]
    return [*found, Difference("groups of one alone", *only)] if only != ["none", "none"] else found


def _cited(told: Mapping[SlotName, Told]) -> Sequence[tuple[str, str]]:
    """Return each document that is cited, with whose answer cites it; those of two tenants are never one."""
    titles: dict[EntityId, str] = {}
    by: dict[EntityId, str] = {}
    for slot, each in sorted(told.items()):
        for passage in (each.citations[number].passage for number in sorted(each.citations)):
            titles[passage.document] = passage.title
            by[passage.document] = by.get(passage.document, "") + slot * (slot not in by.get(passage.document, ""))
    return [(title, by[document]) for document, title in titles.items()]
