"""From a message to what is done with it: done, later, or buried; and what the intake says of what failed."""

import json
from urllib.parse import quote_plus

import pytest

from retrieval.errors import EmbeddingUnavailableError, IntakeUnavailableError
from retrieval.intake import State
from retrieval.queue import Message
from service.handling import Buried, Done, Handling, Later, pause
from service.worker_metrics import WorkerMetrics
from tests.support.memory_bucket import BUCKET, MANIFEST, Yard

KEY, OTHER, ACCESS = "acme/hand/a.md", "acme/hand/b.md", "acme/hand/access.yaml"


class FakeStaged:
    """Says what became of a staged object, or fails."""

    def __init__(self) -> None:
        self.prefix = "staged/"
        self.keys: list[str] = []
        self.failures: list[tuple[str, str, int, bool]] = []
        self.failing: Exception | None = None

    def __call__(self, key: str) -> State:
        self.keys.append(key)
        if self.failing is not None:
            raise self.failing
        return "taken"

    def failed(self, key: str, kind: str, attempts: int, *, final: bool) -> None:
        self.failures.append((key, kind, attempts, final))


def yard() -> tuple[Yard, Handling, FakeStaged]:
    on, staged = Yard(), FakeStaged()
    on.bucket.put(KEY, "# A\n\nText.")
    on.bucket.put(OTHER, "# B\n\nText.")
    on.bucket.put(ACCESS, MANIFEST)
    return on, Handling(BUCKET, on.ingest, staged, 3, WorkerMetrics(), lambda low, high: low + high), staged


def message(*keys: str, received: int = 1) -> Message:
    about = [{"bucket": {"name": BUCKET}, "object": {"key": quote_plus(key)}} for key in keys]
    body = json.dumps({"Records": [{"eventSource": "aws:s3", "s3": each} for each in about]})
    return Message("m", "r", body, received)


def count(handle: Handling, name: str, **labels: str) -> float:
    return handle.metrics.registry.get_sample_value(name, labels) or 0


def failing(on: Yard) -> None:
    def fail() -> None:
        on.shop.steps.meanwhile["embed"] = fail
        message = "down"
        raise EmbeddingUnavailableError(message)

    on.shop.steps.meanwhile["embed"] = fail


def test_what_went_in_and_what_cannot_go_in_are_both_done() -> None:
    on, handle, _ = yard()
    on.bucket.put(OTHER, "")
    assert handle(message(KEY, OTHER)) == Done()
    assert (on.entry(KEY).state, on.entry(OTHER).state) == ("taken", "refused")
    assert [count(handle, "antechamber_intake_total", state=state) for state in ("taken", "refused")] == [1, 1]


def test_staged_objects_are_no_documents() -> None:
    on, handle, staged = yard()
    assert handle(message("staged/acme/x")) == Done()
    assert staged.keys == ["staged/acme/x"]
    assert on.intake.entries == {}


def test_what_fails_comes_back_later_and_does_not_keep_the_rest_from_going_in() -> None:
    on, handle, _ = yard()
    on.bucket.put(OTHER, "")
    failing(on)
    assert handle(message(KEY, OTHER, received=2)) == Later(6, last=False)
    entry = on.entry(KEY)
    assert (entry.state, entry.reason, entry.attempts) == ("waiting", "EmbeddingUnavailableError", 2)
    assert on.entry(OTHER).state == "refused"
    assert count(handle, "antechamber_faults_total", fault="EmbeddingUnavailableError") == 1


def test_the_last_delivery_notes_what_failed_and_gives_the_message_up() -> None:
    on, handle, _ = yard()
    failing(on)
    assert handle(message(KEY, received=3)) == Later(12, last=True)
    entry = on.entry(KEY)
    assert (entry.state, entry.reason, entry.attempts) == ("failed", "EmbeddingUnavailableError", 3)
    assert entry.document == "acme/a.md"


def test_a_queue_without_dead_letters_gives_nothing_up() -> None:
    on, _, staged = yard()
    handle = Handling(BUCKET, on.ingest, staged, None, WorkerMetrics(), max)
    failing(on)
    assert handle(message(KEY, received=50)) == Later(900, last=False)


def test_a_staged_write_that_fails_is_noted_as_that() -> None:
    _, handle, staged = yard()
    staged.failing = EmbeddingUnavailableError("down")
    assert isinstance(handle(message("staged/acme/x", received=3)), Later)
    assert staged.failures == [("staged/acme/x", "EmbeddingUnavailableError", 3, True)]


def test_an_intake_that_fails_too_keeps_the_message() -> None:
    on, handle, _ = yard()
    on.intake.failing = IntakeUnavailableError("down")
    assert handle(message(KEY, received=1)) == Later(3, last=False)
    on.intake.failing = None
    assert handle(message(KEY, received=2)) == Done()


def test_what_nobody_foresaw_comes_back_later() -> None:
    on, handle, _ = yard()
    on.bucket.failing = RuntimeError("a defect")
    assert handle(message(KEY)) == Later(3, last=False)


@pytest.mark.parametrize(
    ("body", "reason"),
    [("x", "not JSON"), ("{}", "unknown shape"), ('{"Records": []}', "unknown shape"), ("x" * 300_000, "too large")],
)
def test_what_cannot_be_understood_is_buried_with_the_reason(body: str, reason: str) -> None:
    _, handle, _ = yard()
    assert handle(Message("m", "r", body, 1)) == Buried(reason)


def test_the_test_of_s3_is_done() -> None:
    _, handle, _ = yard()
    assert handle(Message("m", "r", '{"Event": "s3:TestEvent"}', 1)) == Done()


@pytest.mark.parametrize("key", ["x", "nobody/hand/a.md", "acme/hand/.hidden", "acme/hand/", "Acme/hand/a.md"])
def test_keys_of_nobody_and_hidden_ones_are_done_and_noted_nowhere(key: str) -> None:
    on, handle, _ = yard()
    on.bucket.put(key, "x")
    assert handle(message(key)) == Done()
    assert on.intake.entries == {}


@pytest.mark.parametrize("key", ["acme/a.md", "acme/hand//a.md"])
def test_keys_of_a_tenant_in_no_folder_are_noted_as_refused(key: str) -> None:
    on, handle, _ = yard()
    on.bucket.put(key, "x")
    assert handle(message(key)) == Done()
    assert on.entry(key).state == "refused"


def test_pauses_double_are_half_random_and_have_an_end() -> None:
    highest = [pause(received, lambda _, high: high) for received in range(1, 14)]
    lowest = [pause(received, lambda low, _: low) for received in range(1, 14)]
    assert highest == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]
    assert lowest == [each // 2 for each in highest]
    assert pause(10_000, lambda _, high: high) == 900
