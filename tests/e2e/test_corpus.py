"""A real community's documents, people and groups, from the folder to the answer, over HTTP.

Needs ANTECHAMBER_CORPUS (the corpus's folder). Embedding its 9,000 passages takes minutes the first time; the vectors
are kept in ANTECHAMBER_CACHE, or else in .local/test-cache.
"""

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from authz.dynamodb_admin import DynamoDBDirectoryAdmin
from authz.dynamodb_create import create_table
from authz.policy_set import SHIPPED, load_policies
from authz.resource import tenant_id
from retrieval.ingest.folder import Folder, ingest_folder, summary
from retrieval.ingest.manifest import NAME, read_manifest
from service.settings import Settings
from tests.support.cloud import REGION, Cloud, dynamodb, running_cloud
from tests.support.demo import CACHE, START, Site, ask, clean_environment, free_port, listed, search
from tests.support.keyserver import serving
from tests.support.kubernetes import AUDIENCE, ISSUER, POLICIES, TENANT, Corpus, Question
from tests.support.tokens import claims, rsa_key

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(3600)]

Say = Callable[[str], None]
_KEY = "corpus"
_SEED = 20260


def variables(cloud: Cloud, jwks: str, policies: Path, folder: Path, port: int) -> dict[str, str]:
    """Return the settings of every process."""
    issuer = {
        "issuer": ISSUER,
        "tenants": [TENANT],
        "audience": AUDIENCE,
        "token_use": "access",
        "jwks_uri": jwks,
    }
    return {
        "ANTECHAMBER_ISSUERS": json.dumps([issuer]),
        "ANTECHAMBER_POLICIES": str(policies),
        "ANTECHAMBER_REGION": REGION,
        "ANTECHAMBER_AWS_ENDPOINT": cloud.aws,
        "ANTECHAMBER_BEDROCK_ENDPOINT": cloud.bedrock,
        "ANTECHAMBER_AWS_ACCESS_KEY_ID": "local",
        "ANTECHAMBER_AWS_SECRET_ACCESS_KEY": "local",
        "ANTECHAMBER_MODEL": cloud.answers,
        "ANTECHAMBER_EMBEDDING_MODEL": cloud.embeddings,
        "ANTECHAMBER_INDEX_PATH": str(folder / ".local/index.sqlite"),
        "ANTECHAMBER_EMBEDDING_CACHE": str(CACHE / "k8s-vectors.sqlite"),
        "ANTECHAMBER_PORT": str(port),
        "ANTECHAMBER_RATE": "100000/minute",
    }


@dataclass(frozen=True)
class Place(Site):
    """The corpus in a running application."""

    corpus: Corpus
    tree: Path

    def as_user(self, handle: str) -> httpx2.Client:
        """Return an HTTP client that bears a token of `handle`."""
        now = datetime.now(UTC)
        return self.client(rsa_key(_KEY).sign(claims(now, iss=ISSUER, sub=handle, aud=AUDIENCE)), patience=5)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, say: Say) -> Iterator[Place]:
    """Ingest everything, then serve it."""
    folder = tmp_path_factory.mktemp("corpus")
    corpus = Corpus(Path(os.environ["ANTECHAMBER_CORPUS"]))
    CACHE.mkdir(parents=True, exist_ok=True)
    (folder / ".local").mkdir()
    with serving() as keys, running_cloud(faults=False) as cloud:
        keys.publish(rsa_key(_KEY))
        policies = corpus.write_policies(folder / "policies")
        site = Place(folder, free_port(), corpus, corpus.write_tree(folder / "tree"))
        known = variables(cloud, keys.jwks_uri, policies, folder, site.port)
        site.environment_file.write_text("".join(f"{name}={value}\n" for name, value in known.items()))
        load_directory(cloud, policies, corpus, say)
        ingest_tree(site, say)
        with web_process(site):
            yield site


def load_directory(cloud: Cloud, policies: Path, corpus: Corpus, say: Say) -> None:
    """Create the tables, and put every group and everybody into the directory."""
    client, began = dynamodb(cloud.aws), time.monotonic()
    defaults = Settings.model_fields
    for name in ("directory_table", "registry_table", "records_table", "personal_table", "intake_table"):
        create_table(client, defaults[name].default)
    types = load_policies(policies).attributes.principal
    admin = DynamoDBDirectoryAdmin(client, defaults["directory_table"].default, types)
    admin.load(tenant_id(TENANT), corpus.nesting(), corpus.enrolments())
    say(f"corpus: {len(corpus.handles)} people in {len(corpus.groups)} groups: {time.monotonic() - began:.0f} s")


def ingest_tree(site: Place, say: Say) -> None:
    """Ingest every document, saying how far it is."""
    on, began = site.operator, time.monotonic()
    people = on.uids(tenant_id(TENANT))
    manifest = read_manifest(site.tree / NAME, on.policies.attributes, on.policies.tenants)
    folder = Folder(site.tree, manifest, people.__getitem__, "role:tests")
    events = []
    for event in ingest_folder(folder, on.destination(tenant_id(TENANT))):
        events.append(event)
        if event.done % 25 == 0 or event.done == event.total:
            say(f"corpus: {event.done} of {event.total} documents ingested: {time.monotonic() - began:.0f} s")
    result = summary(events)
    assert result.counts == {"taken": len(site.corpus.documents)}, result


@contextlib.contextmanager
def web_process(site: Place) -> Iterator[None]:
    """Run the web process until the tests are through."""
    command = [sys.executable, "-m", "service.main"]
    environment = clean_environment() | site.variables()
    with subprocess.Popen(command, cwd=site.folder, env=environment) as process:  # noqa: S603 - our own module
        try:
            with site.client() as client:
                until = time.monotonic() + START
                while not answers(client):
                    assert time.monotonic() < until
                    assert process.poll() is None
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()


def answers(client: httpx2.Client) -> bool:
    """Return whether the web process is ready."""
    with contextlib.suppress(httpx2.TransportError):
        return client.get("/readyz").status_code == httpx2.codes.OK
    return False


def user_who(corpus: Corpus, path: str, *, may: bool) -> str:
    """Return a user who may, or may not, read `path`: one of those in groups, always the same."""
    users = [
        handle
        for handle, each in sorted(corpus.users.items())
        if not each["synthetic"] and corpus.may_read(handle, path) is may
    ]
    return random.Random(f"{_SEED} {path}").choice(users)  # noqa: S311 - repeatable on purpose


def test_the_corpuss_schema_is_the_shipped_one() -> None:
    assert (POLICIES / "schema.json").read_bytes() == (SHIPPED / "schema.json").read_bytes()


def test_ingesting_the_folder_again_by_the_command_line_changes_nothing(place: Place, say: Say) -> None:
    """R-18."""
    began = time.monotonic()
    ended = place.command("ingest", str(place.tree), "--json")
    assert ended.code == 0, ended.err
    assert ended.json == {"counts": {"unchanged": len(place.corpus.documents)}, "refused": []}
    say(f"corpus: again, all unchanged: {time.monotonic() - began:.0f} s")


def test_questions_are_answered_from_their_documents(place: Place, say: Say) -> None:
    found, cited, phrased, missed = 0, 0, 0, []

    def asked(each: Question) -> tuple[Question, list[str], list[str], str]:
        with place.as_user(user_who(place.corpus, each.path, may=True)) as client:
            hits = [str(hit["document"]) for hit in search(client, each.question, 8)]
            heard = ask(client, each.question)
        return each, hits, heard.cited, heard.text

    with ThreadPoolExecutor(2) as pool:
        for each, hits, documents, text in pool.map(asked, place.corpus.questions):
            found += each.path in hits
            cited += each.path in documents
            phrased += each.phrase in text
            if each.path not in documents:
                missed.append(
                    f"{each.path} ({'found' if each.path in hits else 'NOT found'}): {each.question} -> {text}"
                )
    total = len(place.corpus.questions)
    say(f"corpus: retrieved among 8: {found}/{total}; cited: {cited}/{total}; phrase in the answer: {phrased}/{total}")
    for line in missed:
        say(f"corpus: missed {line}")
    assert cited >= 0.8 * total, missed


def test_who_may_not_read_the_document_never_meets_it(place: Place) -> None:
    """L-08, L-10, P-04: neither found, nor cited, nor listed, nor seen, and no word of its phrase."""
    corpus = place.corpus
    texts = {path: " ".join(corpus.text(path).split()) for path in corpus.documents}

    def met(each: Question) -> None:
        handle = user_who(corpus, each.path, may=False)
        elsewhere = any(each.phrase in text and corpus.may_read(handle, path) for path, text in texts.items())
        with place.as_user(handle) as client:
            hits, heard = search(client, each.question, 50), ask(client, each.question)
            assert each.path not in {hit["document"] for hit in hits}, (handle, each)
            assert each.path not in heard.cited, (handle, each)
            assert each.path not in listed(client), (handle, each)
            said = [heard.text, *(" ".join(str(hit["text"]).split()) for hit in hits)]
            assert elsewhere or not any(each.phrase in text for text in said), (handle, each)
            hidden = client.get(f"/v1/documents/{each.path}")
            absent = client.get("/v1/documents/documents/no-such-document.md")
        assert hidden.status_code == absent.status_code == httpx2.codes.NOT_FOUND
        assert shape(hidden) == shape(absent)

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(met, corpus.questions):
            pass


def shape(response: httpx2.Response) -> tuple[dict[str, object], list[str]]:
    """Return a problem but for its request's id, and the names of its headers."""
    body = {key: value for key, value in response.json().items() if key != "request"}
    return body, sorted(response.headers)


def test_each_user_pages_through_as_many_documents_as_the_corpus_counts(place: Place, say: Say) -> None:
    users = place.corpus.users
    synthetic = [handle for handle, each in users.items() if each["synthetic"]]
    ordered = sorted(users, key=lambda handle: (users[handle]["readable"], handle))
    chosen = {*synthetic, ordered[-1], ordered[len(synthetic)], *ordered[:: max(1, len(ordered) // 22)]}
    assert len(chosen) >= 25
    for handle in sorted(chosen):
        with place.as_user(handle) as client:
            found = listed(client)
        assert set(found) == {path for path in place.corpus.documents if place.corpus.may_read(handle, path)}, handle
        assert len(found) == len(set(found)) == users[handle]["readable"], handle
    counts = sorted(users[handle]["readable"] for handle in chosen)
    say(f"corpus: {len(chosen)} users page through {counts} documents, as the corpus counts")


def test_an_owner_in_no_group_reads_what_they_own_and_nothing_else(place: Place) -> None:
    corpus = place.corpus
    members = {handle for group in corpus.groups.values() for handle in group["members"]}
    owners = sorted({each for document in corpus.documents.values() for each in document["owner_users"]} - members)
    assert owners
    for handle in owners[:5]:
        with place.as_user(handle) as client:
            assert set(listed(client)) == {
                path for path, each in corpus.documents.items() if handle in each["owner_users"]
            }


def test_a_stranger_to_the_directory_is_let_into_nothing(place: Place) -> None:
    with place.as_user("nobody-of-that-name") as client:
        assert client.get("/v1/documents").status_code == httpx2.codes.FORBIDDEN
