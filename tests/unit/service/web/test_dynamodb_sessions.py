"""The table of sessions: each version once, nothing after a deletion, and 503 for whatever DynamoDB fails to do."""

from datetime import UTC, datetime, timedelta

import pytest

from service.dynamodb_sessions import DynamoDBSessions
from service.sessions import Sealed
from service.web.errors import SessionsUnavailableError
from tests.support.pages import MemorySessions
from tests.support.tables import Fault, client, garbage, new_table, refused, spoilt, unreachable

LATER = datetime(2026, 11, 23, 12, 0, tzinfo=UTC) + timedelta(hours=1)
Store = MemorySessions | DynamoDBSessions


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Store:
    return MemorySessions() if request.param == "memory" else DynamoDBSessions(client(), new_table())


def sealed(version: int = 1, content: bytes = b"sealed") -> Sealed:
    return Sealed(content, version, LATER)


def test_what_is_put_is_read(store: Store) -> None:
    assert store.get("k") is None
    assert store.put("k", sealed())
    assert store.get("k") == sealed()


def test_a_version_follows_the_one_before_and_only_that(store: Store) -> None:
    assert not store.put("k", sealed(2))
    assert store.put("k", sealed(1))
    assert not store.put("k", sealed(1, b"another"))
    assert not store.put("k", sealed(3))
    assert store.put("k", sealed(2))
    assert store.get("k") == sealed(2)


def test_what_is_deleted_is_not_written_back(store: Store) -> None:
    store.put("k", sealed())
    store.delete("k")
    assert store.get("k") is None
    assert not store.put("k", sealed(2))
    store.delete("k")


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_a_table_that_cannot_be_read_is_unavailable_and_never_empty(fault: Fault) -> None:
    table = new_table()
    DynamoDBSessions(client(), table).put("k", sealed())
    with pytest.raises(SessionsUnavailableError):
        DynamoDBSessions(spoilt(batch_get_item=fault).client(), table).get("k")


@pytest.mark.parametrize("fault", [refused, unreachable])
def test_a_table_that_cannot_be_written_is_unavailable(fault: Fault) -> None:
    broken = DynamoDBSessions(spoilt(put_item=fault, batch_write_item=fault).client(), new_table())
    with pytest.raises(SessionsUnavailableError):
        broken.put("k", sealed())
    with pytest.raises(SessionsUnavailableError):
        broken.delete("k")
