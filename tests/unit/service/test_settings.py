"""Settings: a missing one is an error, never a wider default."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from authz.errors import ResourceError
from service import compose
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
    "ANTECHAMBER_BUDGET": ["0", "-1"],
    "ANTECHAMBER_DEADLINE": ["0", "-1", "121", "nan", "inf"],
    "ANTECHAMBER_ANSWER_TIMEOUT": ["0", "nan", "inf"],
    "ANTECHAMBER_CONCURRENCY": ["0"],
    "ANTECHAMBER_STREAMS": ["0"],
    "ANTECHAMBER_THREADS": ["0"],
    "ANTECHAMBER_PORT": ["-1", "65536"],
    "ANTECHAMBER_MODEL": [""],
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
