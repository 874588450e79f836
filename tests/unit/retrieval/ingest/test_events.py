"""From a message to keys: what it says of its object is not believed, and what cannot be understood has a reason."""

import json
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.ingest.events import MAX_BODY, PORTION, PoisonError, keys_of, portions

BUCKET = "documents"


def record(key: str, bucket: str = BUCKET, name: str = "ObjectCreated:Put") -> dict[str, object]:
    about = {"bucket": {"name": bucket}, "object": {"key": key, "size": 1, "eTag": "x"}}
    return {"eventSource": "aws:s3", "eventName": name, "s3": about}


def body(*records: dict[str, object]) -> str:
    return json.dumps({"Records": list(records)})


@pytest.mark.parametrize("key", ["acme/h/a b.md", "acme/h/a+b.md", "acme/h/100%.md", "acme/h/ü.md", "acme/h/日本.md"])
@pytest.mark.parametrize(
    "name", ["ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:Delete"]
)
def test_keys_are_read_as_they_were_written_whatever_the_event(key: str, name: str) -> None:
    assert keys_of(body(record(quote_plus(key), name=name)), BUCKET) == (key,)


def test_a_key_that_a_message_names_twice_is_looked_at_once() -> None:
    assert keys_of(body(record("a"), record("b"), record("a")), BUCKET) == ("a", "b")


def test_the_test_that_s3_sends_asks_for_nothing() -> None:
    assert keys_of('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "documents"}', BUCKET) == ()


POISON = {
    "not JSON": ["", "x", "{", "\ud800", "[" * 100_000],
    "unknown shape": [
        "[]", "{}", "1", "null", '"x"', '{"Records": []}', '{"Records": {}}', '{"Records": [1]}', '{"Records": [{}]}',
        '{"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {}, "object": {"key": "a"}}}]}',
        '{"Records": [{"eventSource": "aws:sns", "s3": {}}]}',
        '{"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "documents"}, "object": {"key": 1}}}]}',
        '{"antechamber": "keys", "bucket": "documents", "keys": []}',
        '{"antechamber": "keys", "bucket": "documents", "keys": [1]}',
        '{"antechamber": "keys", "bucket": "documents"}', '{"antechamber": "other"}',
        body(record("")),
    ],
    "another bucket": [body(record("a", bucket="other")), body(record("a"), record("a", bucket="other"))],
    "undecodable key": [body(record("%ff")), body(record("a" * 1025)), body(record("\ud800"))],
    "too large": ["x" * (MAX_BODY + 1)],
}  # fmt: skip


@pytest.mark.parametrize(("reason", "text"), [(reason, text) for reason, texts in POISON.items() for text in texts])
def test_what_cannot_be_understood_is_poison_and_its_reason_holds_nothing_of_it(reason: str, text: str) -> None:
    with pytest.raises(PoisonError) as found:
        keys_of(text, BUCKET)
    assert str(found.value) == reason


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50), unique=True, max_size=250))
def test_portions_hold_every_key_once_and_few_each(keys: list[str]) -> None:
    bodies = [each for several in portions(iter(keys), BUCKET) for each in several]
    found = [keys_of(each, BUCKET) for each in bodies]
    assert [key for each in found for key in each] == keys
    assert all(len(each) <= PORTION for each in found)


def test_a_portion_of_the_longest_keys_fits_a_message() -> None:
    keys = ['"' * 1024] * 10
    assert all(len(each.encode()) < MAX_BODY / 10 for several in portions(keys, BUCKET) for each in several)
