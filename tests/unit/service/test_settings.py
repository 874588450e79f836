"""Settings: a missing one is an error, never a wider default."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from authz.errors import ResourceError
from authz.policy_set import load_policies
from retrieval.errors import IndexMismatchError, RegistryUnavailableError, SourceError
from service import compose, compose_index, compose_opensearch
from service.settings import Settings

ISSUER = {"issuer": "https://login.acme.test", "tenants": ["acme"], "audience": "antechamber"}
NEEDED = {"ANTECHAMBER_ISSUERS": json.dumps([ISSUER]), "ANTECHAMBER_MODEL": "m", "ANTECHAMBER_EMBEDDING_MODEL": "e"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def read() -> Settings:
    return Settings()  # type: ignore[call-arg]  # from the environment


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_setting_stops_the_start(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)
    with pytest.raises(ValidationError):
        read()


BAD_ISSUERS: list[dict[str, object]] = [
    {"tenants": []}, {"audience": ""}, {"tenant": "globex"}, {"leeway": 301}, {"audience_claim": "azp"}, {"types": []},
]  # fmt: skip
BAD = {
    "ANTECHAMBER_ISSUERS": ["[]", "{}", "x", *(json.dumps([{**ISSUER, **each}]) for each in BAD_ISSUERS)],
    "ANTECHAMBER_HITS": ["0", "51", "x"],
    "ANTECHAMBER_BUDGET": ["0", "-1", "1499"],
    "ANTECHAMBER_DEADLINE": ["0", "-1", "121", "nan", "inf"],
    "ANTECHAMBER_ANSWER_TIMEOUT": ["0", "nan", "inf"],
    "ANTECHAMBER_CONCURRENCY": ["0"],
    "ANTECHAMBER_STREAMS": ["0"],
    "ANTECHAMBER_THREADS": ["0"],
    "ANTECHAMBER_PORT": ["-1", "65536"],
    "ANTECHAMBER_MODEL": [""],
    "ANTECHAMBER_INDEX": ["", "opensearch-serverless", "opensearch"],
    "ANTECHAMBER_OPENSEARCH_AUTH": ["", "token", "basic"],
    "ANTECHAMBER_OPENSEARCH_ENGINE": ["", "nmslib"],
    "ANTECHAMBER_OPENSEARCH_SHARDS": ["0", "-1", "x"],
    "ANTECHAMBER_OPENSEARCH_REPLICAS": ["-1", "11"],
    "ANTECHAMBER_OPENSEARCH_ANALYZER": [""],
    "ANTECHAMBER_DOCUMENTS_BUCKET": ["", "a bucket without a queue"],
    "ANTECHAMBER_QUEUE_URL": ["", "a queue without a bucket"],
    "ANTECHAMBER_STAGING_PREFIX": ["", "/", "staged", "/staged/", "sta ged/"],
    "ANTECHAMBER_WORKER_THREADS": ["0", "65"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_setting_outside_its_bounds_stops_the_start(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(ValueError, match=r"(?i)valid|issuers"):  # what is no JSON has an error of its own
        read()


@pytest.mark.parametrize(
    "changed", [{"algorithms": ["HS256"]}, {"algorithms": ["none"]}, {"algorithms": []}, {"token_use": ""}]
)
def test_an_issuer_under_which_the_gate_would_be_open_stops_the_start(
    environment: pytest.MonkeyPatch, changed: dict[str, object]
) -> None:
    environment.setenv("ANTECHAMBER_ISSUERS", json.dumps([{**ISSUER, **changed}]))
    with pytest.raises((ValidationError, ValueError)):
        compose.issuers(read())


def test_an_issuer_given_twice_stops_the_start(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ANTECHAMBER_ISSUERS", json.dumps([ISSUER, {**ISSUER, "tenants": ["globex"]}]))
    with pytest.raises(ValueError, match="twice"):
        compose.issuers(read())


def test_a_tenant_that_cannot_be_one_stops_the_start(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ANTECHAMBER_ISSUERS", json.dumps([{**ISSUER, "tenants": ["Acme/x"]}]))
    with pytest.raises(ResourceError):
        compose.issuers(read())


def test_each_issuer_speaks_for_its_own_tenants_only(environment: pytest.MonkeyPatch) -> None:
    other = {**ISSUER, "issuer": "https://login.globex.test", "tenants": ["globex"]}
    environment.setenv("ANTECHAMBER_ISSUERS", json.dumps([ISSUER, other]))
    found = compose.issuers(read())
    assert {name: set(each.tenants) for name, each in found.items()} == {
        "https://login.acme.test": {"acme"},
        "https://login.globex.test": {"globex"},
    }


def test_a_secret_is_not_printed(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ANTECHAMBER_AWS_SECRET_ACCESS_KEY", "CANARYSECRET")
    assert "CANARYSECRET" not in repr(read()) + str(read())


def test_the_server_listens_on_loopback_unless_told_otherwise(environment: pytest.MonkeyPatch) -> None:
    assert environment is not None
    assert read().host == "127.0.0.1"
    assert read().metrics_port == 0
    assert isinstance(read().policies, Path)


def opensearch(environment: pytest.MonkeyPatch, **changed: str) -> Settings:
    usual = {"index": "opensearch", "opensearch_url": "https://search.acme.test"}
    for name, value in {**usual, **changed}.items():
        environment.setenv(f"ANTECHAMBER_{name.upper()}", value)
    return read()


def test_opensearch_without_an_address_or_a_password_stops_the_start_and_names_the_setting(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("ANTECHAMBER_INDEX", "opensearch")
    with pytest.raises(ValidationError, match="ANTECHAMBER_OPENSEARCH_URL"):
        read()
    with pytest.raises(ValidationError, match="_USER and _PASSWORD"):
        opensearch(environment, opensearch_auth="basic", opensearch_user="u")


def test_password_of_opensearch_is_not_printed(environment: pytest.MonkeyPatch) -> None:
    found = opensearch(environment, opensearch_auth="basic", opensearch_user="u", opensearch_password="CANARYSECRET")
    indices = compose_opensearch.opensearch(found, load_policies())
    assert "CANARYSECRET" not in repr(found) + str(found) + repr(indices)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "with credentials only"),
        ({"opensearch_url": "http://search.acme.test", "opensearch_auth": "sigv4"}, "by https"),
        (
            {"opensearch_url": "https://x.eu-central-1.aoss.amazonaws.com", "opensearch_auth": "sigv4"},
            "assigns the ids",
        ),
        ({"opensearch_url": "https://u:CANARYSECRET@search.acme.test"}, "without a name or a password"),
        ({"opensearch_auth": "sigv4", "opensearch_ca": "/nowhere.pem"}, "file of certificates"),
    ],
)
def test_opensearch_that_must_not_be_spoken_to_stops_the_start(
    environment: pytest.MonkeyPatch, changed: dict[str, str], told: str
) -> None:
    environment.setenv("ANTECHAMBER_AWS_ACCESS_KEY_ID", "local")
    environment.setenv("ANTECHAMBER_AWS_SECRET_ACCESS_KEY", "local")
    with pytest.raises(IndexMismatchError, match=told) as refused:
        compose_index.index(opensearch(environment, **changed), load_policies())
    assert "CANARYSECRET" not in str(refused.value)


def test_index_is_designed_by_the_settings_and_the_schema(environment: pytest.MonkeyPatch) -> None:
    found = opensearch(
        environment, opensearch_url="http://127.0.0.1:9", opensearch_engine="faiss", opensearch_analyzer="german",
        opensearch_shards="3", opensearch_replicas="2", dimensions="1024",
    )  # fmt: skip
    design = compose_opensearch.opensearch(found, load_policies()).admin.design
    assert (design.model, design.dimensions, design.engine, design.analyzer) == ("e", 1024, "faiss", "german")
    assert (design.shards, design.replicas, design.attributes) == (3, 2, load_policies().attributes)


@pytest.mark.enable_socket
def test_opensearch_that_cannot_be_reached_yet_is_no_reason_not_to_start(environment: pytest.MonkeyPatch) -> None:
    """(R-06): the probe says that it is not ready."""
    nowhere = "http://127.0.0.1:9"
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        environment.setenv(f"ANTECHAMBER_AWS_{name}", "local")
    found = opensearch(environment, opensearch_url=nowhere, aws_endpoint=nowhere)
    chosen = compose_index.index(found, load_policies())
    with pytest.raises(RegistryUnavailableError):
        chosen.probe()
    with pytest.raises(RegistryUnavailableError):
        chosen.current()


def test_commands_about_indices_say_what_to_do_where_the_index_is_a_file(environment: pytest.MonkeyPatch) -> None:
    assert environment is not None
    with pytest.raises(IndexMismatchError, match="delete it and ingest again"):
        compose_opensearch.opensearch(read(), load_policies())


def test_uploads_are_staged_only_where_a_bucket_and_a_queue_are_named(environment: pytest.MonkeyPatch) -> None:
    assert compose.staging(read(), load_policies()) is None
    environment.setenv("ANTECHAMBER_DOCUMENTS_BUCKET", "documents")
    environment.setenv("ANTECHAMBER_QUEUE_URL", "http://127.0.0.1:9/queue")
    staging = compose.staging(read(), load_policies())
    assert staging is not None
    assert (staging.bucket.name, staging.prefix) == ("documents", "staged/")


def test_staging_beneath_a_tenants_own_folder_stops_the_start(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ANTECHAMBER_DOCUMENTS_BUCKET", "documents")
    environment.setenv("ANTECHAMBER_QUEUE_URL", "http://127.0.0.1:9/queue")
    environment.setenv("ANTECHAMBER_STAGING_PREFIX", "acme/staged/")
    with pytest.raises(ValueError, match="STAGING_PREFIX"):
        compose.staging(read(), load_policies())


@pytest.mark.parametrize("part", [compose.bucket, compose.queue])
def test_commands_about_the_bucket_say_what_to_set(
    environment: pytest.MonkeyPatch, part: Callable[[Settings], object]
) -> None:
    assert environment is not None
    with pytest.raises(SourceError, match="ANTECHAMBER_DOCUMENTS_BUCKET"):
        part(read())
