"""Hostile tokens through the whole application: always 401, always the same words, always soon."""

import time
from pathlib import Path

import pytest

from authz.identity import Issuer
from tests.support.application import ACME, GLOBEX, ISSUERS, Application
from tests.support.tokens import StaticKeys, fits_a_header, hostile_tokens, issuer, rsa_key

SOON = 10.0
"""Seconds in which every hostile token must be refused: far more than any takes."""


def application_for(path: Path) -> tuple[Application, list[tuple[str, str]]]:
    trusted: dict[str, Issuer] = {name: issuer(issuer=name, tenants=frozenset({at})) for at, name in ISSUERS.items()}
    application = Application(path, issuers=trusted)
    return application, hostile_tokens(rsa_key(), application.watch.now)


@pytest.mark.parametrize("path", ["/v1/me", "/v1/answers"])
def test_every_hostile_token_is_401_in_the_same_words_and_soon(tmp_path: Path, path: str) -> None:
    """(J-01), (J-02), (J-03), (J-04), (J-05), (J-06), (J-07), (J-08), (J-09),
    (J-11), (J-12), (J-13), (J-14), (J-15).
    """
    application, attacks = application_for(tmp_path)
    bodies, tried = set(), set()
    with application.client(None) as client:
        for name, token in attacks:
            if not token.isascii() or not token.isprintable() or token != token.strip():
                continue  # no client can put it into a header unchanged; the gate's own tests try it
            began = time.monotonic()
            headers = {"Authorization": f"Bearer {token}"}
            response = (
                client.get(path, headers=headers)
                if path == "/v1/me"
                else client.post(path, headers=headers, json={"question": "What is planned?"})
            )
            assert response.status_code == 401, name
            assert time.monotonic() - began < SOON, name
            body = response.json()
            assert body.pop("request") == response.headers["x-request-id"]
            bodies.add(str(body))
            bodies.add(response.headers["www-authenticate"])
            tried.add(name[:4])
    assert len(bodies) == 2
    assert {f"J-{number:02}" for number in range(1, 16)} - {"J-10"} <= tried
    assert application.directory.asked == 0
    assert not application.records(), "strangers cannot write to the audit"


def test_all_but_a_few_attacks_fit_a_header(tmp_path: Path) -> None:
    _, attacks = application_for(tmp_path)
    assert sum(fits_a_header(token) for _, token in attacks) > 0.8 * len(attacks)


def test_a_good_token_is_let_in(tmp_path: Path) -> None:
    application, _ = application_for(tmp_path)
    with application.client() as client:
        assert client.get("/v1/me").status_code == 200


@pytest.mark.parametrize("subject", ["nobody", "root", "Alice", "alice "])
def test_a_true_identity_that_the_directory_does_not_know_is_403_everywhere(tmp_path: Path, subject: str) -> None:
    application, _ = application_for(tmp_path)
    with application.client(subject) as client:
        answers = [
            client.get("/v1/me"),
            client.get("/v1/documents"),
            client.get("/v1/documents/plan"),
            client.delete("/v1/documents/plan"),
            client.post("/v1/search", json={"question": "plan"}),
            client.post("/v1/answers", json={"question": "plan"}),
        ]
    assert {each.status_code for each in answers} == {403}
    assert not application.records()


def test_two_issuers_with_one_subject_are_two_principals(tmp_path: Path) -> None:
    """(J-06)."""
    application, _ = application_for(tmp_path)
    with application.client("alice", ACME) as one, application.client("alice", GLOBEX) as other:
        first, second = one.get("/v1/me").json(), other.get("/v1/me").json()
    assert first["principal"] != second["principal"]
    assert (first["tenant"], second["tenant"]) == ("acme", "globex")


def test_an_issuer_cannot_speak_for_a_tenant_that_is_not_its_own(tmp_path: Path) -> None:
    trusted = {ISSUERS[ACME]: issuer(issuer=ISSUERS[ACME], tenants=frozenset({GLOBEX}))}
    application = Application(tmp_path, issuers=trusted)
    with application.client() as client:
        assert client.get("/v1/me").status_code == 403
        assert client.post("/v1/answers", json={"question": "plan"}).status_code == 403


def test_keys_that_cannot_be_had_are_503_with_retry_after_and_counted(tmp_path: Path) -> None:
    """(R-02)."""
    application, _ = application_for(tmp_path)
    application.keys.down = True
    with application.client() as client:
        response = client.get("/v1/me")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert application.metric("antechamber_faults_total", fault="SigningKeysUnavailableError") == 1


def test_a_malformed_token_is_401_even_while_the_keys_cannot_be_had(tmp_path: Path) -> None:
    application, _ = application_for(tmp_path)
    application.keys.down = True
    with application.client(None) as client:
        assert client.get("/v1/me", headers={"Authorization": "Bearer a.b.c"}).status_code == 401


def test_an_expired_token_is_401_the_next_time(tmp_path: Path) -> None:
    application, _ = application_for(tmp_path)
    with application.client() as client:
        assert client.get("/v1/me").status_code == 200
        application.watch.now = application.watch.now.replace(year=application.watch.now.year + 1)
        assert client.get("/v1/me").status_code == 401


def test_refusals_are_counted_by_a_fixed_set_of_reasons_and_no_token_is_logged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    application, attacks = application_for(tmp_path)
    tokens = [token for _, token in attacks[::7] if fits_a_header(token) and len(token) > 20]
    with application.client(None) as client:
        for token in tokens:
            client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    output = "".join(capfd.readouterr())
    assert "token-refused" in output
    assert not any(token in output for token in tokens)


def test_a_key_that_does_not_fit_is_401_whatever_the_issuer_publishes(tmp_path: Path) -> None:
    weak = rsa_key("weak", 1024)
    application = Application(tmp_path, keys=StaticKeys.of(weak))
    with application.client(None) as client:
        token = weak.sign({"iss": ISSUERS[ACME], "sub": "alice"})
        assert client.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
