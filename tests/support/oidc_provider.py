"""An OIDC provider that somebody else wrote (oidc-provider-mock), on loopback.

Its access tokens are made JWTs (RFC 9068), and its ID tokens are signed again with the key named, as the gate demands.
"""

import base64
import json
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it still uses parts of Authlib that Authlib wants to be rid of
    import flask
    import oidc_provider_mock  # type: ignore[import-untyped]
    from joserfc import jws
    from joserfc.jwk import RSAKey
    from oidc_provider_mock._storage import storage  # type: ignore[import-untyped]
    from werkzeug.serving import make_server

AUDIENCE = "antechamber"
CLIENT = "antechamber-page"


@dataclass(slots=True)
class Provider:
    """A running provider, and what it is told to do wrong."""

    issuer: str
    access: dict[str, object] = field(default_factory=dict)
    """Claims of the next access tokens that differ from the usual ones."""
    id_claims: dict[str, object] = field(default_factory=dict)
    """Claims of the next ID tokens that differ from those the provider gives."""
    down: bool = False
    speaks_for: str = ""
    """Another issuer, whose metadata it serves as its own."""
    discovered: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    """The forms that its token endpoint was sent."""

    def authorize(self, address: str, subject: str) -> str:
        """Sign `subject` in at `address` as a person would, and return where the browser is sent back to."""
        response = httpx2.post(address, data={"sub": subject}, trust_env=False)
        assert response.status_code == 302, response.text
        return str(response.headers["location"])


def parameters(address: str) -> dict[str, str]:
    """Return the query of `address`."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Run the provider until the block ends."""
    app = flask.Flask(oidc_provider_mock.__name__)  # where its templates are
    provider = Provider("")
    app.config["OAUTH2_ACCESS_TOKEN_GENERATOR"] = lambda client, grant_type, user, scope: _access(provider, user)  # noqa: ARG005 - Authlib's call
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oidc_provider_mock.init_app(app, require_nonce=True, issue_refresh_token=False)
    app.debug = False
    app.secret_key = b"of the test"

    @app.before_request
    def fail_or_note() -> Any:  # noqa: ANN401 - Flask's
        if provider.down:
            return "down", 503
        if flask.request.path == "/oauth2/token":
            provider.asked.append(dict(flask.request.form))
        return None

    @app.after_request
    def spoil(response: flask.Response) -> flask.Response:
        if flask.request.path == "/.well-known/openid-configuration":
            provider.discovered += 1
            if provider.speaks_for:
                response.set_data(json.dumps({**response.get_json(), "issuer": provider.speaks_for}))
        if flask.request.path == "/oauth2/token" and response.status_code == 200:
            plain = response.get_json()
            plain["id_token"] = _spoiled(plain["id_token"], provider.id_claims)
            response.set_data(json.dumps(plain))
        return response

    server = make_server("127.0.0.1", 0, app, threaded=True)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _key() -> Any:  # noqa: ANN401 - a key of joserfc
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RSAKey.import_key(storage.jwk.as_dict(is_private=True))


def _signed(claims: dict[str, object], typ: str) -> str:
    key = _key()
    return jws.serialize_compact({"alg": "RS256", "kid": key.kid, "typ": typ}, json.dumps(claims), key)


def _access(provider: Provider, user: Any) -> str:  # noqa: ANN401 - the provider's user
    now = int(time.time())
    usual = {"iss": provider.issuer, "sub": user.sub, "aud": AUDIENCE, "iat": now, "exp": now + 600}
    return _signed({**usual, **provider.access}, "at+jwt")


def _spoiled(id_token: str, changed: dict[str, object]) -> str:
    body = id_token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return _signed({name: value for name, value in {**claims, **changed}.items() if value is not None}, "JWT")
