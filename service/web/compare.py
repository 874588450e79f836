"""`/compare`: two people, each signed in for themselves, one question, side by side."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Response

from service.request import Authenticated, Call
from service.sessions import SlotName
from service.web.asking import Asked, Told, WholeRoute, answered, examples, question_of
from service.web.forms import Form
from service.web.standing import Standing, standing
from service.web.visiting import Visiting, Visitor

router = APIRouter(route_class=WholeRoute, include_in_schema=False)


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


@router.post("/compare")
async def compare_whole(visiting: Visiting, call: Authenticated, form: Form) -> Response:
    """Return a page with both answers whole: what the form does where no script runs."""
    question = question_of(form)
    other = await call.place.within(call.deadline, partial(_other, visiting), _leave)
    try:
        values = await call.place.within(call.deadline, partial(_values, visiting, other, question))
        calls = {each.slot: each.call for each in (visiting, other) if each is not None}
        answers = await asyncio.gather(*(answered(each, question) for each in calls.values()))
    finally:
        _leave(other)
    told = dict(zip(calls, answers, strict=True))
    shown = {**values, "told": told, "cited": _cited(told)}
    return visiting.web.pages.page("compare.html", shown)


def _other(visiting: Visitor) -> Visitor | None:
    return visiting.beside("b" if visiting.slot == "a" else "a")


def _leave(other: Visitor | None) -> None:
    if other is not None:
        other.call.place.leave(other.call.release)


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
    """Return each document that is cited, with whose answer cites it."""
    titles: dict[str, str] = {}
    by: dict[str, str] = {}
    for slot, each in sorted(told.items()):
        for source in each.sources:
            document = str(source["document"])
            titles[document] = str(source["title"])
            by[document] = by.get(document, "") + slot * (slot not in by.get(document, ""))
    return [(title, by[document]) for document, title in titles.items()]
