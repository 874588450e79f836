"""A worker as its settings compose it, over S3, SQS and DynamoDB as moto plays them; only the embedder is ours."""

import json
import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from authz.dynamodb_create import create_table
from authz.resource import EntityId, TenantId
from retrieval.errors import EmbeddingUnavailableError
from retrieval.ingest.vectors import DirectVectors
from service import aws, compose
from service.cli import app
from service.compose_worker import Composed, worker
from service.handling import Handling
from service.settings import Settings
from tests.support.inbox import Post, endpoint, new_post
from tests.support.memory_bucket import MANIFEST
from tests.support.memory_index import CountingEmbedder

pytestmark = pytest.mark.enable_socket

ACME = TenantId("acme")
ISSUER = {"issuer": "https://login.acme.test", "tenants": ["acme", "globex"], "audience": "antechamber"}
DOCUMENT = EntityId("acme/plan.md")


class FailingEmbedder(CountingEmbedder):
    """An embedder that is down."""

    def embed(self, texts: Any) -> Any:  # noqa: ANN401 - as the port's
        message = f"down for {len(texts)} texts"
        raise EmbeddingUnavailableError(message)


@dataclass(frozen=True, slots=True)
class Yard:
    """A deployment of one test, and the command line over it."""

    post: Post
    settings: Settings
    folder: Path

    def worker(self) -> Composed:
        """Return a worker that never pauses."""
        composed = worker(self.settings)
        handle = composed.worker.handle
        assert isinstance(handle, Handling)
        composed.worker.handle = replace(handle, jitter=lambda *_: 0)
        composed.worker.wait = 0
        return composed

    def drain(self) -> None:
        """Let a worker work until nothing is there."""
        assert self.worker().worker.run(once=True) == 0

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command."""
        ended = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, ["--env", "nowhere", *arguments])
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return ended.exit_code, ended.stdout, ended.stderr

    def status(self) -> Any:  # noqa: ANN401 - JSON
        """Return what the status command prints."""
        return json.loads(self.run("status", "--json")[1])


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Put back what the command changes in its process: handlers of signals, the log, the parser."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    structlog.reset_defaults()
    compose.parser.cache_clear()  # the command has closed it
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    post = new_post(f"w-{uuid.uuid4().hex}")
    tables = ("directory", "registry", "records", "personal", "intake")
    variables = {
        "ISSUERS": json.dumps([ISSUER]), "MODEL": "m", "EMBEDDING_MODEL": "test.digest-8", "DIMENSIONS": "8",
        "AWS_ENDPOINT": endpoint(), "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
        "INDEX_PATH": str(tmp_path / "index.sqlite"), "DOCUMENTS_BUCKET": post.inbox.bucket,
        "QUEUE_URL": post.inbox.queue, **{f"{each.upper()}_TABLE": f"{each}-{post.inbox.bucket}" for each in tables},
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(f"ANTECHAMBER_{name}", value)
    settings = Settings()  # type: ignore[call-arg]  # from the environment
    for each in tables:
        create_table(aws.dynamodb(settings), f"{each}-{post.inbox.bucket}")
    monkeypatch.setattr(compose, "vectors", lambda _: DirectVectors(CountingEmbedder()))
    folder = tmp_path / "hand"
    folder.mkdir()
    (folder / "plan.md").write_text("# Plan\n\nA plan.")
    (folder / "access.yaml").write_text(MANIFEST)
    return Yard(post, settings, folder)


def active(yard: Yard) -> bool:
    on = worker(yard.settings).worker.handle
    assert isinstance(on, Handling)
    record = on.documents.to(ACME).registry.record(DOCUMENT)
    return record is not None and record.status == "active"


def test_dropped_folder_is_taken_shown_and_once_deleted_retired(yard: Yard) -> None:
    code, out, _ = yard.run("drop", str(yard.folder), "--into", "acme/hand")
    assert (code, out.split()) == (0, [
        f"s3://{yard.post.inbox.bucket}/acme/hand/plan.md", f"s3://{yard.post.inbox.bucket}/acme/hand/access.yaml",
    ])  # fmt: skip
    waiting = yard.status()["queue"]
    assert (waiting["waiting"], waiting["dead"]) == (3, 0)
    yard.drain()
    code, out, _ = yard.run("status")
    assert (code, "plan.md" in out) == (0, True)
    told = yard.status()["tenants"]["acme"]
    counted = {"registered": 1, "indexed": 1, "waiting": 0, "refused": 0, "failed": 0, "behind": 0}
    assert told["collections"] == {"acme/company": counted}
    yard.post.s3.delete_object(Bucket=yard.post.inbox.bucket, Key="acme/hand/plan.md")
    yard.drain()
    assert not active(yard)
    assert yard.run("status")[0] == 0


def test_write_of_the_worker_is_recorded_with_its_role(yard: Yard) -> None:
    yard.run("drop", str(yard.folder), "--into", "acme/hand")
    yard.drain()
    logged = compose.audit(yard.settings).read(ACME, None, 100)
    assert {each.record["event"] for each in logged} == {"write"}
    ends = [(each.record["action"], each.closing and each.closing["outcome"]) for each in logged]
    assert ends.count(("create", "complete")) == 1, "whoever came second has lost, and its record says so"
    yard.status()
    (look,) = [each for each in compose.audit(yard.settings).read(ACME, None, 100) if each.record["event"] != "write"]
    assert (look.record["event"], look.record["action"]) == ("operator-view", "status")


def test_poison_becomes_a_dead_letter_with_its_reason_that_the_status_shows(yard: Yard) -> None:
    yard.post.queue.send(["CANARY", json.dumps({"antechamber": "keys", "bucket": "other", "keys": ["a"]})])
    yard.drain()
    told = yard.status()["queue"]
    assert (told["dead"], {each["reason"] for each in told["letters"]}) == (2, {"not JSON", "another bucket"})
    code, out, _ = yard.run("status")
    assert (code, "not JSON" in out, "CANARY" in out) == (4, True, False)


def test_what_keeps_failing_is_noted_as_failed_and_redriven_and_can_be_given_back(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "vectors", lambda _: DirectVectors(FailingEmbedder()))
    yard.run("drop", str(yard.folder), "--into", "acme/hand")
    yard.drain()
    told = yard.status()
    (trouble,) = told["tenants"]["acme"]["troubles"]
    assert (trouble["state"], trouble["reason"], trouble["attempts"]) == ("failed", "EmbeddingUnavailableError", 5)
    assert told["queue"]["dead"] >= 1
    assert (yard.run("status")[0], active(yard)) == (4, False)
    monkeypatch.setattr(compose, "vectors", lambda _: DirectVectors(CountingEmbedder()))
    again = {"antechamber": "keys", "bucket": yard.post.inbox.bucket, "keys": ["acme/hand/plan.md"]}
    yard.post.queue.send([json.dumps(again)])
    yard.drain()
    assert active(yard)


def test_command_works_through_the_queue_and_ends(yard: Yard) -> None:
    yard.run("drop", str(yard.folder), "--into", "acme/hand")
    assert yard.run("worker", "--once")[0] == 0
    assert active(yard)


@pytest.mark.parametrize("into", ["", "acme", "Acme/hand", "acme/../x", "acme/.hidden"])
def test_drop_into_nowhere_is_refused_and_puts_nothing(yard: Yard, into: str) -> None:
    code, _, told = yard.run("drop", str(yard.folder), "--into", into)
    assert (code, list(yard.post.bucket.keys(""))) == (1, [])
    assert told.startswith("error:")


def test_dropped_file_takes_the_manifest_beside_it_along(yard: Yard) -> None:
    yard.run("drop", str(yard.folder / "plan.md"), "--into", "/acme/hand/")
    assert list(yard.post.bucket.keys("")) == ["acme/hand/access.yaml", "acme/hand/plan.md"]


@pytest.mark.parametrize("command", [("worker", "--once"), ("drop", "x", "--into", "acme/hand")])
def test_without_a_bucket_the_commands_say_what_to_set(
    yard: Yard, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTECHAMBER_DOCUMENTS_BUCKET")
    monkeypatch.delenv("ANTECHAMBER_QUEUE_URL")
    arguments = [str(yard.folder) if each == "x" else each for each in command]
    code, _, told = yard.run(*arguments)
    assert (code, "ANTECHAMBER_DOCUMENTS_BUCKET" in told) == (1, True)


def test_status_without_a_queue_says_nothing_of_one(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTECHAMBER_DOCUMENTS_BUCKET")
    monkeypatch.delenv("ANTECHAMBER_QUEUE_URL")
    code, out, _ = yard.run("status", "--tenant", "acme")
    assert (code, "queue" in out) == (0, False)


def _lost(yard: Yard) -> None:
    on = worker(yard.settings).worker.handle
    assert isinstance(on, Handling)
    on.documents.to(ACME).index.remove(DOCUMENT, 100)


def test_document_that_the_index_lost_needs_a_hand(yard: Yard) -> None:
    yard.run("drop", str(yard.folder), "--into", "acme/hand")
    yard.drain()
    _lost(yard)
    code, out, _ = yard.run("status", "--tenant", "acme")
    assert (code, "not as registered acme/plan.md" in out) == (4, True)
