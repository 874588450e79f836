"""Limits that tasks share: one person's count in one table, whoever asks, and nobody's name in it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from authz.identity import Identity
from service import compose
from service.dynamodb_limits import DynamoDBLimits
from service.dynamodb_windows import DynamoDBWindows
from service.errors import LimitsUnavailableError, TooManyRequestsError
from service.limits import PersonLimits
from service.settings import Settings
from tests.support.cloud import ROOT
from tests.support.gate import judge
from tests.support.tables import Spoilt, client, garbage, new_table, refused, spoilt, unreachable
from tests.support.tokens import claims, issuer, rsa_key

pytestmark = pytest.mark.enable_socket

SALT = b"a salt of the tests"
NOON = 1_800_000_000.0
"""Seconds: the first of a minute."""


def person(subject: str = "alice", at: str = "https://login.acme.test") -> Identity:
    return judge(rsa_key().sign(claims(sub=subject, iss=at)), issuer(issuer=at))


class Watch:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def table() -> str:
    return new_table()


@pytest.fixture
def watch() -> Watch:
    return Watch()


def limits(
    table: str, watch: Watch, rate: str = "1000/minute", concurrency: int = 8, on: Spoilt | None = None
) -> DynamoDBLimits:
    return DynamoDBLimits(on.client() if on else client(), table, SALT, rate, concurrency, lease=60, clock=watch)


def test_two_tasks_share_one_persons_rate_and_say_when_it_opens(table: str, watch: Watch) -> None:
    tasks = [limits(table, watch, "3/minute") for _ in range(2)]
    for task in (*tasks, tasks[0]):
        task.enter(person())()
    watch.now += 20
    with pytest.raises(TooManyRequestsError) as refusal:
        tasks[1].enter(person())
    assert (refusal.value.bound, refusal.value.after) == ("rate", 40)
    tasks[1].enter(person("bob"))()
    watch.now += 40
    tasks[1].enter(person())()


def test_two_tasks_share_what_one_person_may_have_running(table: str, watch: Watch) -> None:
    one, other = (limits(table, watch, concurrency=2) for _ in range(2))
    release = one.enter(person())
    other.enter(person())
    with pytest.raises(TooManyRequestsError) as refusal:
        other.enter(person())
    assert (refusal.value.bound, refusal.value.after) == ("concurrency", 1)
    for _ in range(3):
        release()
    other.enter(person())
    with pytest.raises(TooManyRequestsError):
        one.enter(person())


def test_a_subject_of_two_issuers_is_two_persons(table: str, watch: Watch) -> None:
    on = limits(table, watch, "1/minute")
    on.enter(person())()
    on.enter(person(at="https://login.globex.test"))()


def test_the_leases_of_a_task_that_died_expire(table: str, watch: Watch) -> None:
    limits(table, watch, concurrency=1).enter(person())
    other = limits(table, watch, concurrency=1)
    watch.now += 59
    with pytest.raises(TooManyRequestsError):
        other.enter(person())
    watch.now += 2
    other.enter(person())
    with pytest.raises(TooManyRequestsError):
        other.enter(person())


def test_nobody_is_named_in_the_table_and_every_item_expires(table: str, watch: Watch) -> None:
    limits(table, watch).enter(person())
    items = client().scan(TableName=table)["Items"]
    assert len(items) == 2
    assert "alice" not in str(items)
    assert "acme" not in str(items)
    assert all(int(item["expires"]["N"]) > NOON for item in items)
    other = DynamoDBLimits(client(), table, b"another salt", "1000/minute", 1, lease=60, clock=watch)
    other.enter(person())  # a person of another salt is another


def test_it_costs_two_round_trips_to_enter_and_one_to_leave(table: str, watch: Watch) -> None:
    on = spoilt()
    release = limits(table, watch, on=on).enter(person())
    assert on.calls == ["update_item", "update_item"]
    release()
    assert on.calls == ["update_item"] * 3


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_a_store_that_is_down_refuses_and_is_not_ready(table: str, watch: Watch, fault: Any) -> None:  # noqa: ANN401 - an operation
    down = limits(table, watch, on=spoilt(update_item=fault, batch_get_item=fault))
    with pytest.raises(LimitsUnavailableError):
        down.enter(person())
    with pytest.raises(LimitsUnavailableError):
        down.probe()
    limits(table, watch).probe()


def test_a_lease_that_cannot_be_given_back_is_left_to_expire(table: str, watch: Watch) -> None:
    on = spoilt()
    release = limits(table, watch, concurrency=1, on=on).enter(person())
    on.operations["update_item"] = unreachable
    release()
    watch.now += 61
    limits(table, watch, concurrency=1).enter(person())


def test_a_lease_whose_answer_was_lost_is_taken_once(table: str, watch: Watch) -> None:
    def twice(real: Any, request: dict[str, Any]) -> object:  # noqa: ANN401 - an operation
        real(**request)
        return real(**request)

    on = spoilt()
    last = limits(table, watch, concurrency=1, on=on)
    on.operations["update_item"] = lambda real, request: (
        twice(real, request) if "leases" in request["UpdateExpression"] else real(**request)
    )
    last.enter(person())()
    last.enter(person())


def test_expired_leases_that_cannot_be_dropped_refuse(table: str, watch: Watch) -> None:
    limits(table, watch, concurrency=1).enter(person())
    watch.now += 100

    def no_delete(real: Any, request: dict[str, Any]) -> object:  # noqa: ANN401 - an operation
        if request["UpdateExpression"].startswith("DELETE"):
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "no"}}, "UpdateItem")
        return real(**request)

    with pytest.raises(LimitsUnavailableError):
        limits(table, watch, concurrency=1, on=spoilt(update_item=no_delete)).enter(person())


def test_r17_threads_of_two_tasks_never_run_more_than_one_person_may(table: str, watch: Watch) -> None:
    tasks = [limits(table, watch, "100000/minute", 3) for _ in range(2)]
    lock, now, most, refusals = threading.Lock(), [0], [0], [0]

    def one(number: int) -> None:
        try:
            release = tasks[number % 2].enter(person())
        except TooManyRequestsError:
            refusals[0] += 1
            return
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.01)
        with lock:
            now[0] -= 1
        release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(60)))
    assert 1 <= most[0] <= 3
    assert refusals[0]
    tasks[0].enter(person())  # all leases are back


_PROCESS = """
import json, sys
from dataclasses import replace
from service.dynamodb_limits import DynamoDBLimits
from service.errors import TooManyRequestsError
from tests.support.cloud import dynamodb
from tests.unit.service.test_dynamodb_limits import SALT, person
endpoint, table = sys.argv[1:]
limits = DynamoDBLimits(dynamodb(endpoint), table, SALT, "25/day", 100, lease=60)
print("ready", flush=True)
sys.stdin.readline()
entered = 0
for _ in range(20):
    try:
        limits.enter(person())()
        entered += 1
    except TooManyRequestsError:
        pass
print(json.dumps(entered), flush=True)
"""


def _processes(table: str) -> Iterator["subprocess.Popen[str]"]:
    endpoint = client().meta.endpoint_url
    for _ in range(2):
        yield subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", _PROCESS, endpoint, table],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def test_r17_two_processes_share_one_persons_rate(table: str) -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(each) for each in _processes(table)]
        for each in running:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        entered = [json.loads(each.communicate("go\n", timeout=60)[0]) for each in running]
    assert sum(entered) == 25


def test_a_window_counts_what_is_asked_of_it_and_forgets(table: str, watch: Watch) -> None:
    windows = DynamoDBWindows(client(), table, 60, watch)
    assert windows.get("key") == 0
    assert [windows.incr("key", 60), windows.incr("key", 60, 4)] == [1, 5]
    assert windows.get("key") == 5
    assert windows.get_expiry("key") == NOON + 60
    windows.clear("key")
    assert windows.get("key") == 0
    assert windows.check()
    assert not DynamoDBWindows(spoilt(batch_get_item=unreachable).client(), table, 60, watch).check()
    with pytest.raises(NotImplementedError):
        windows.reset()


PLAIN = {
    "issuers": [{"issuer": "https://a.test", "tenants": ["acme"], "audience": "a"}],
    "model": "m",
    "embedding_model": "e",
}


def test_without_a_table_each_process_counts_for_itself_and_with_one_readiness_asks_it(table: str) -> None:
    counting, probes = compose.limits(Settings.model_validate(PLAIN))
    assert isinstance(counting, PersonLimits)
    assert not probes
    aws = {"aws_endpoint": client().meta.endpoint_url, "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    shared, probes = compose.limits(
        Settings.model_validate({**PLAIN, **aws, "limits_table": table, "limits_salt": "s" * 16})
    )
    assert isinstance(shared, DynamoDBLimits)
    shared.enter(person())()
    probes["limits"]()


@pytest.mark.parametrize("salt", [None, "", "s" * 15])
def test_a_table_without_a_salt_of_its_own_stops_the_start(salt: str | None) -> None:
    with pytest.raises(ValidationError, match="ANTECHAMBER_LIMITS_SALT"):
        Settings.model_validate({**PLAIN, "limits_table": "limits", "limits_salt": salt})
