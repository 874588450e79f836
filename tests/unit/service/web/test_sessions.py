"""Sessions: the table alone opens nothing, the cookie alone neither, and each ends in time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from authz.identity import BearerToken
from service.sessions import Held, Lifetimes, Sealed, Session, Sessions, SignedIn, Started
from service.web.errors import SessionsUnavailableError
from tests.support.pages import MemorySessions

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOKEN = BearerToken("header.claims.signature")
STARTED = Started("a", "nonce", "verifier", "/", NOW + timedelta(minutes=5))


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
    held = sessions.read(sessions.create(session()))
    assert held is not None
    assert held.session == session()


def test_the_table_holds_neither_cookie_nor_token_in_clear(sessions: Sessions, store: MemorySessions) -> None:
    cookie = sessions.create(session())
    ((key, sealed),) = store.stored.items()
    assert cookie not in key
    for clear in (TOKEN, "Ana", cookie):
        assert clear.encode() not in sealed.content


def test_the_table_and_the_secret_together_open_nothing(
    store: MemorySessions, sessions: Sessions, clock: Clock
) -> None:
    cookie = sessions.create(session())
    ((key, sealed),) = store.stored.items()
    other = sessions.create(session())
    store.stored[key] = replace(store.stored[next(each for each in store.stored if each != key)], version=9)
    assert sessions.read(cookie) is None  # another session's content under this key
    store.stored[key] = sealed
    assert Sessions(store, b"other", Lifetimes(timedelta(1), timedelta(1)), clock).read(cookie) is None
    assert sessions.read(other) is not None


def test_altered_content_opens_nothing(store: MemorySessions, sessions: Sessions) -> None:
    cookie = sessions.create(session())
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
    cookie = sessions.create(session())
    clock.now += timedelta(minutes=29)
    assert sessions.read(cookie) is not None
    clock.now += timedelta(minutes=29)
    assert sessions.read(cookie) is not None
    clock.now += timedelta(minutes=30)
    assert sessions.read(cookie) is None


def test_a_session_that_is_used_ends_nevertheless(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.create(session())
    for _ in range(5):
        clock.now += timedelta(minutes=20)
        assert sessions.read(cookie) is not None
    clock.now += timedelta(minutes=20)
    assert sessions.read(cookie) is None


def test_renewing_forgets_the_cookie_before(sessions: Sessions, store: MemorySessions) -> None:
    old = sessions.create(session())
    new = sessions.exchange(old, lambda there: there)
    assert new not in {None, old}
    assert sessions.read(old) is None
    assert len(store.stored) == 1


@pytest.mark.parametrize("broken", ["first put", "second put", "third put", "delete"])
def test_fixation_whatever_of_the_store_fails_the_old_cookie_opens_nobodys_session(
    sessions: Sessions, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, puts = (
        sessions.create(Session(NOW, NOW, {}, {"state": STARTED})),
        iter(["first put", "second put", "third put"]),
    )
    put, delete = MemorySessions.put, MemorySessions.delete

    def failing_put(self: MemorySessions, key: str, sealed: Sealed) -> bool:
        if next(puts, None) == broken:
            raise SessionsUnavailableError
        return put(self, key, sealed)

    def failing_delete(self: MemorySessions, key: str) -> None:
        if broken == "delete":
            raise SessionsUnavailableError
        delete(self, key)

    with monkeypatch.context() as fails:
        fails.setattr(MemorySessions, "put", failing_put)
        fails.setattr(MemorySessions, "delete", failing_delete)
        with pytest.raises(SessionsUnavailableError):
            sessions.exchange(old, lambda there: replace(there, slots=session().slots))
    held = sessions.read(old)
    assert held is None or not held.session.slots


@pytest.mark.parametrize("at", [1, 2])
def test_sign_out_during_a_sign_in_leaves_nobody_signed_in(
    sessions: Sessions, store: MemorySessions, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, put, puts = sessions.create(session()), MemorySessions.put, iter(range(9))

    def overtaken(self: MemorySessions, key: str, sealed: Sealed) -> bool:
        done = put(self, key, sealed)
        if next(puts) == at - 1:
            sessions.end(old)
        return done

    monkeypatch.setattr(MemorySessions, "put", overtaken)
    assert sessions.exchange(old, lambda there: there) is None
    assert store.stored == {}


def test_an_ended_session_is_not_written_back_by_a_tab_that_still_held_it(sessions: Sessions) -> None:
    cookie = sessions.create(session())
    held = sessions.read(cookie)
    assert held is not None
    sessions.end(cookie)
    assert not sessions.write(cookie, held)
    assert sessions.read(cookie) is None


def test_of_two_tabs_that_write_at_once_the_second_is_told(sessions: Sessions) -> None:
    cookie = sessions.create(session())
    held = sessions.read(cookie)
    assert held is not None
    assert sessions.write(cookie, Held(held.session, held.version))
    assert not sessions.write(cookie, Held(held.session, held.version))


def test_no_repr_shows_a_token(sessions: Sessions) -> None:
    held = sessions.read(sessions.create(session()))
    assert TOKEN not in repr(held)
