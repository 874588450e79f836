"""Pages that hold whole answers: who goes away ends them, one that cannot begin ends the other, all is given back."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.types import Message

from service.limits import PersonLimits
from service.model import Stop
from service.prompt import Prompt
from service.web.visiting import COOKIE
from tests.support.pages import ORIGIN, OURS, Site, cookie_of
from tests.support.scripted import ScriptedModel, ScriptedStream, explodes, hangs, hesitates, throttled
from tests.support.waiting import wait_until

QUESTION = "What is said at work?"


class OneThrottled(ScriptedModel):
    """Begins the first answer, and once `meeting` is over raises for the second."""

    def __init__(self, *, first_waits: bool) -> None:
        super().__init__(script=hangs)
        self.order, self.counted = iter(range(2)), threading.Lock()
        self.begun, self.failed = threading.Event(), threading.Event()
        self.first_waits = first_waits

    def stream(self, prompt: Prompt) -> ScriptedStream:
        with self.counted:
            number = next(self.order)
        if number == 0:
            if self.first_waits:
                self.begun.set()
                self.failed.wait(10)
            found = super().stream(prompt)
            self.begun.set()
            return found
        self.begun.wait(10)
        self.failed.set()
        raise throttled()


@pytest.mark.parametrize("first_waits", [False, True])
def test_where_one_answer_cannot_begin_the_other_ends_and_nothing_stays_taken(
    tmp_path: Path, *, first_waits: bool
) -> None:
    model = OneThrottled(first_waits=first_waits)
    site = Site(tmp_path, model=model, streams=4, limits=PersonLimits("1000/minute", 1))
    on = site.application.on
    browser = site.browser("alice", "bob")
    response = browser.post("/compare", data={"question": QUESTION}, headers=OURS)
    assert response.status_code == 503
    assert on.streams.emptied(10)
    assert on.streams.taken == 0
    assert model.streams[0].closed.wait(10)
    assert [each["closed"] for each in site.application.records()].count(None) == 0
    with ExitStack() as stack:
        for _ in range(4):
            stack.callback(on.streams.enter().leave)
    model.order = iter(range(10, 12))
    model.stream = lambda prompt: ScriptedStream(prompt, _says)  # type: ignore[method-assign]
    assert browser.post("/compare", data={"question": QUESTION}, headers=OURS).status_code == 200


def _says(_prompt: Prompt, _closed: threading.Event) -> Iterator[str | Stop]:
    yield "So it is."
    yield Stop("end")


@pytest.mark.parametrize("path", ["/ask", "/compare"])
@pytest.mark.parametrize("script", [hangs, hesitates])
def test_r15_who_goes_away_ends_every_stream_and_the_records_say_cancelled(
    site: Site,
    path: str,
    script: Any,  # noqa: ANN401 - a script
) -> None:
    site.application.model.script = script
    cookie, count = cookie_of(site.browser("alice", "bob")), 2 if path == "/compare" else 1
    model, answered = site.application.model, []

    def all_speak() -> bool:
        return len(model.streams) == count and all(each.said for each in model.streams)

    async def leave() -> None:
        asked = False

        async def receive() -> Message:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": urlencode({"question": QUESTION}).encode()}
            while not all_speak():  # noqa: ASYNC110 - threads know no event of this loop
                await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            answered.append(message)

        await asyncio.wait_for(site.application.app(_scope(path, cookie), receive, send), 30)

    asyncio.run(leave())
    assert answered == []
    assert all(each.closed.is_set() for each in model.streams)
    assert [each["closed"] for each in site.application.records()] == ["cancelled"] * count
    wait_until(lambda: site.application.on.streams.taken == 0)


def test_a_page_that_cannot_be_sent_whole_did_not_happen(site: Site) -> None:
    cookie = cookie_of(site.browser("alice"))

    async def receive() -> Message:
        if not sent:
            sent.append({})
            return {"type": "http.request", "body": urlencode({"question": QUESTION}).encode()}
        await asyncio.sleep(30)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError

    sent: list[Message] = []
    asyncio.run(site.application.app(_scope("/ask", cookie), receive, send))
    assert site.application.closed() == "cancelled"


def test_a_stream_that_raises_what_nobody_foresaw_shows_as_broken(site: Site) -> None:
    site.application.model.script = explodes
    page = site.browser("alice").post("/ask", data={"question": QUESTION}, headers=OURS)
    assert "The answer broke off." in page.text
    assert "CANARY" not in page.text
    assert site.application.closed() == "truncated"


def _scope(path: str, cookie: str) -> dict[str, Any]:
    headers = {
        "Host": ORIGIN.removeprefix("https://"),
        "Cookie": f"{COOKIE}={cookie}",
        "Content-Type": "application/x-www-form-urlencoded",
        **OURS,
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "client": ("127.0.0.1", 1),
        "server": (ORIGIN.removeprefix("https://"), 443),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
