"""Sessions: the table alone opens nothing, the cookie alone neither, and each ends in time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from authz.identity import BearerToken
from service.sessions import Held, Lifetimes, Session, Sessions, SignedIn
from tests.support.pages import MemorySessions

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOKEN = BearerToken("header.claims.signature")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def store() -> MemorySessions:
    return MemorySessions()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(store: MemorySessions, clock: Clock) -> Sessions:
    return Sessions(store, b"secret", Lifetimes(timedelta(minutes=30), timedelta(hours=2)), clock)


def session() -> Session:
    return Session(NOW, NOW, {"a": SignedIn(TOKEN, "Ana", NOW + timedelta(hours=1))})


def test_a_session_is_what_its_cookie_opens(sessions: Sessions) -> None:
    held = sessions.read(sessions.renew(None, session()))
    assert held is not None
    assert held.session == session()


def test_the_table_holds_neither_cookie_nor_token_in_clear(sessions: Sessions, store: MemorySessions) -> None:
    cookie = sessions.renew(None, session())
    ((key, sealed),) = store.stored.items()
    assert cookie not in key
    for clear in (TOKEN, "Ana", cookie):
        assert clear.encode() not in sealed.content


def test_the_table_and_the_secret_together_open_nothing(
    store: MemorySessions, sessions: Sessions, clock: Clock
) -> None:
    cookie = sessions.renew(None, session())
    ((key, sealed),) = store.stored.items()
    other = sessions.renew(None, session())
    store.stored[key] = replace(store.stored[next(each for each in store.stored if each != key)], version=9)
    assert sessions.read(cookie) is None  # another session's content under this key
    store.stored[key] = sealed
    assert Sessions(store, b"other", Lifetimes(timedelta(1), timedelta(1)), clock).read(cookie) is None
    assert sessions.read(other) is not None


def test_altered_content_opens_nothing(store: MemorySessions, sessions: Sessions) -> None:
    cookie = sessions.renew(None, session())
    ((key, sealed),) = store.stored.items()
    store.stored[key] = replace(sealed, content=sealed.content[:-1] + bytes([sealed.content[-1] ^ 1]))
    assert sessions.read(cookie) is None


@pytest.mark.parametrize("cookie", [None, "", "x", "A" * 42, "A" * 44, "é" * 43, "A" * 42 + "B", "../" * 14 + "A"])
def test_what_is_no_cookie_of_ours_is_not_even_looked_up(
    sessions: Sessions, store: MemorySessions, cookie: str
) -> None:
    store.failing = AssertionError("looked up")
    assert sessions.read(cookie) is None
    sessions.end(cookie)


def test_a_session_that_is_not_used_ends(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.renew(None, session())
    clock.now += timedelta(minutes=29)
    assert sessions.read(cookie) is not None
    clock.now += timedelta(minutes=29)
    assert sessions.read(cookie) is not None
    clock.now += timedelta(minutes=30)
    assert sessions.read(cookie) is None


def test_a_session_that_is_used_ends_nevertheless(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.renew(None, session())
    for _ in range(5):
        clock.now += timedelta(minutes=20)
        assert sessions.read(cookie) is not None
    clock.now += timedelta(minutes=20)
    assert sessions.read(cookie) is None


def test_renewing_forgets_the_cookie_before(sessions: Sessions, store: MemorySessions) -> None:
    old = sessions.renew(None, session())
    new = sessions.renew(old, session())
    assert old != new
    assert sessions.read(old) is None
    assert len(store.stored) == 1


def test_an_ended_session_is_not_written_back_by_a_tab_that_still_held_it(sessions: Sessions) -> None:
    cookie = sessions.renew(None, session())
    held = sessions.read(cookie)
    assert held is not None
    sessions.end(cookie)
    assert not sessions.write(cookie, held)
    assert sessions.read(cookie) is None


def test_of_two_tabs_that_write_at_once_the_second_is_told(sessions: Sessions) -> None:
    cookie = sessions.renew(None, session())
    held = sessions.read(cookie)
    assert held is not None
    assert sessions.write(cookie, Held(held.session, held.version))
    assert not sessions.write(cookie, Held(held.session, held.version))


def test_no_repr_shows_a_token(sessions: Sessions) -> None:
    held = sessions.read(sessions.renew(None, session()))
    assert TOKEN not in repr(held)
