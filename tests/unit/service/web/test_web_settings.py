"""The settings of the pages: two ways to sign in, or none, or a secret that can be guessed, do not start."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from authz.oidc import JwksClient
from service import compose_web
from service.settings import Settings
from service.web.oidc import OidcSignIn
from service.web_settings import WebSettings
from tests.support.pages import Site

OIDC: dict[str, Any] = {"origin": "https://ask.acme.test", "secret": "s" * 32, "client_id": "page"}
DEMO: dict[str, Any] = {
    "origin": "http://127.0.0.1:8080",
    "secret": "s" * 32,
    "demo_client": "demo",
    "demo_password": "p",
    "demo_company": "service/local/company",
}


@pytest.mark.parametrize("sound", [OIDC, DEMO, {**OIDC, "origin": "http://localhost:8080"}])
def test_either_way_to_sign_in_is_enough(sound: dict[str, Any]) -> None:
    WebSettings(**sound)


@pytest.mark.parametrize(
    "wrong",
    [
        {**OIDC, **DEMO},
        {**DEMO, "client_id": "page"},
        {name: value for name, value in OIDC.items() if name != "client_id"},
        {name: value for name, value in DEMO.items() if name != "demo_password"},
        {name: value for name, value in DEMO.items() if name != "demo_company"},
        {**DEMO, "origin": "https://ask.acme.test"},
        {**OIDC, "origin": "http://ask.acme.test"},
        {**OIDC, "origin": "https://ask.acme.test/"},
        {**OIDC, "origin": "ask.acme.test"},
        {**OIDC, "origin": "https://"},
        {**OIDC, "secret": "s" * 31},
        {**OIDC, "idle": 7200, "absolute": 3600},
        {**OIDC, "idle": 0},
        {**OIDC, "unknown": 1},
    ],
)
def test_what_is_not_sound_does_not_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WebSettings(**wrong)


def settings(monkeypatch: pytest.MonkeyPatch, web: dict[str, Any] | None, **changed: str) -> Settings:
    issuer = {"issuer": "https://login.acme.test", "tenants": ["acme"], "audience": "antechamber"}
    environment = {"ISSUERS": json.dumps([issuer]), "MODEL": "m", "EMBEDDING_MODEL": "e", **changed}
    if web is not None:
        environment["WEB"] = json.dumps(web)
    for name, value in environment.items():
        monkeypatch.setenv(f"ANTECHAMBER_{name}", value)
    return Settings()  # type: ignore[call-arg]  # from the environment


def test_without_settings_there_are_no_pages(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    assert compose_web.web(settings(monkeypatch, None), JwksClient(), site) is None


def test_the_demo_s_sign_in_needs_a_local_cloud(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    with pytest.raises(ValueError, match="local cloud"):
        compose_web.web(settings(monkeypatch, DEMO), JwksClient(), site)


def test_an_issuer_whose_tokens_are_not_believed_signs_nobody_in(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    with pytest.raises(ValueError, match="ANTECHAMBER_ISSUERS"):
        compose_web.web(settings(monkeypatch, {**OIDC, "issuer": "https://other.test"}), JwksClient(), site)


def test_an_issuer_signs_people_in_at_the_one_registered_address(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    found = compose_web.web(settings(monkeypatch, OIDC, **keys), JwksClient(), site)
    assert found is not None
    assert isinstance(found.sign_in, OidcSignIn)
    assert found.sign_in.name == "login.acme.test"
    assert not found.model_is_extractive


def test_no_repr_of_the_settings_shows_a_secret() -> None:
    assert "s" * 32 not in repr(WebSettings(**OIDC))
    assert "'p'" not in repr(WebSettings(**{**DEMO, "demo_company": Path()}))
