"""From an OIDC issuer to a proof: authorization code with PKCE by Authlib, every token through the strict gate."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx2
from authlib.oauth2 import OAuth2Error  # type: ignore[import-untyped]  # Authlib has no types
from authlib.oauth2.auth import ClientAuth  # type: ignore[import-untyped]
from authlib.oauth2.client import OAuth2Client  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc.errors import JoseError

from authz.errors import InvalidTokenError, SigningKeysUnavailableError
from authz.identity import BearerToken, Issuer, SigningKeys, identify
from authz.token import read_unverified
from retrieval.deadline import Clock
from service.web.errors import SignInError, SignInUnavailableError
from service.web.parts import Proof

CALLBACK = "/sign-in/callback"
_SILENCE: Final = 5.0
"""Seconds for a connection, and without a byte."""
_SIZE: Final = 256 * 1024
"""Largest answer in bytes."""
_PAUSE: Final = 5.0
"""Seconds for which an issuer that failed is not asked again."""
_FRESH: Final = 3600.0
"""Seconds that a discovery document serves."""
_NAMES = ("name", "preferred_username", "email", "sub")
_NAME = 80
"""Most characters of a name on a page."""
_DOWN = "the issuer's sign-in cannot be reached"


@dataclass(frozen=True, slots=True)
class Client:
    """What this application is to the issuer."""

    id: str
    secret: str | None = field(repr=False)
    redirect: str
    """The one redirect address, exactly as it is registered (RFC 9700 §2.1)."""
    scope: str
    resource: str | None
    """Names our API where the issuer asks for which one a token is (RFC 8707)."""
    home: str
    """Where the issuer may send the browser after its own session has ended."""


class OidcSignIn:
    """`Redirecting` at one issuer: the one whose access tokens the application believes."""

    def __init__(self, issuer: Issuer, id_issuer: Issuer, client: Client, keys: SigningKeys, clock: Clock) -> None:
        """Sign in at `issuer`; `id_issuer` is the same, as the gate must read its ID tokens: we are their audience."""
        self.name = urlsplit(issuer.issuer).netloc
        self._issuer = issuer
        self._id_issuer = id_issuer
        self._client = client
        self._keys = keys
        self._clock = clock
        self._http = _Http()
        self._found: tuple[float, Mapping[str, Any]] | None = None
        self._failed = float("-inf")

    def address(self, state: str, nonce: str, verifier: str) -> str:
        """Return where the browser signs in. Raises `SignInUnavailableError`."""
        extra = {"resource": self._client.resource} if self._client.resource else {}
        address, _ = self._oauth().create_authorization_url(
            self._endpoint("authorization_endpoint"), state=state, nonce=nonce, code_verifier=verifier, **extra
        )
        return str(address)

    def complete(self, code: str, nonce: str, verifier: str) -> Proof:
        """Return the proof that the issuer gives for `code`.

        1. The code is exchanged over our own connection, with the verifier that only we know.
        2. The ID token passes the strict gate, made for us as a client.
        3. It answers this very sign-in: the nonce is ours, and it belongs to the access token that came with it.
        4. The access token passes the gate of every request, for the same person.

        Raises `SignInError` whatever is wrong with what came, and `SignInUnavailableError` if nothing came.
        """
        # (1): the exchange.
        tokens = self._exchanged(code, verifier)
        access, id_token = tokens.get("access_token"), tokens.get("id_token")
        if not isinstance(access, str) or not isinstance(id_token, str):
            message = "the issuer gave no access token, or no ID token"
            raise SignInError(message)
        now = self._clock()
        try:
            # (2): the ID token.
            person = identify(BearerToken(id_token), self._keys, {self._id_issuer.issuer: self._id_issuer}, now)
            # (3): this sign-in. What was just verified is read, nothing else.
            verified = read_unverified(id_token)
            claims, header = verified.unverified_claims, verified.unverified_header
            _check(claims, header, {"nonce": nonce, "client_id": self._client.id, "access_token": access}, now)
            # (4): the access token.
            bearer = identify(BearerToken(access), self._keys, {self._issuer.issuer: self._issuer}, now)
        except InvalidTokenError as error:
            message = "the issuer's tokens are not accepted here: see its settings (audience, type, token_use)"
            raise SignInError(message) from error
        except SigningKeysUnavailableError as error:
            raise SignInUnavailableError(_DOWN) from error
        if bearer.subject != person.subject:
            message = "the issuer's two tokens speak of two people"
            raise SignInError(message)
        return Proof(BearerToken(access), _name(claims))

    def leaving(self) -> str | None:
        """Return where the issuer ends its own session (RP-Initiated Logout 1.0): by our id, with no token in it."""
        try:
            address = self._discovered().get("end_session_endpoint")
        except SignInUnavailableError:
            return None
        if not isinstance(address, str) or not self._is_sound(address):
            return None
        return f"{address}?{urlencode({'client_id': self._client.id, 'post_logout_redirect_uri': self._client.home})}"

    def _exchanged(self, code: str, verifier: str) -> Mapping[str, Any]:
        try:
            found = self._oauth().fetch_token(
                self._endpoint("token_endpoint"), grant_type="authorization_code", code=code, code_verifier=verifier
            )
        except OAuth2Error as error:
            message = "the issuer does not accept the code"
            raise SignInError(message) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise SignInUnavailableError(_DOWN) from error
        return dict(found)

    def _oauth(self) -> Any:  # noqa: ANN401 - Authlib has no types
        client = self._client
        return OAuth2Client(
            self._http,
            client_id=client.id,
            client_secret=client.secret,
            scope=client.scope,
            redirect_uri=client.redirect,
            code_challenge_method="S256",
        )

    def _endpoint(self, name: str) -> str:
        address = self._discovered().get(name)
        if not isinstance(address, str) or not self._is_sound(address):
            raise SignInUnavailableError(_DOWN)
        return address

    def _is_sound(self, address: str) -> bool:
        # An issuer on loopback may name an address there; one out in the world may not.
        return address.startswith("https://") or not self._issuer.issuer.startswith("https://")

    def _discovered(self) -> Mapping[str, Any]:
        """Return the issuer's metadata (Discovery 1.0 §4.3). Raises `SignInUnavailableError`."""
        if self._found is not None and time.monotonic() - self._found[0] < _FRESH:
            return self._found[1]
        if time.monotonic() - self._failed < _PAUSE:  # or every stranger would wait for it, and hold a place
            raise SignInUnavailableError(_DOWN)
        try:
            response = self._http.get(self._issuer.issuer.removesuffix("/") + "/.well-known/openid-configuration")
            response.raise_for_status()
            plain = json.loads(response.content)
        except (httpx2.HTTPError, ValueError) as error:
            self._failed = time.monotonic()
            raise SignInUnavailableError(_DOWN) from error
        if not isinstance(plain, dict) or plain.get("issuer") != self._issuer.issuer:
            self._failed = time.monotonic()
            raise SignInUnavailableError(_DOWN)
        self._found = time.monotonic(), plain
        return plain


class _Http:
    """What Authlib asks of an HTTP session, bounded in time and size, without redirects."""

    def get(self, address: str) -> httpx2.Response:
        """Get."""
        return self._bounded(lambda client: client.build_request("GET", address))

    def post(
        self, address: str, data: Mapping[str, str], headers: Mapping[str, str], auth: ClientAuth, **_: object
    ) -> httpx2.Response:
        """Post a form, with the client's own authentication."""
        to, with_, body = auth.prepare("POST", address, dict(headers), urlencode(data))
        return self._bounded(lambda client: client.build_request("POST", to, headers=with_, content=body))

    def _bounded(self, build: Callable[[httpx2.Client], httpx2.Request]) -> httpx2.Response:
        with httpx2.Client(timeout=_SILENCE, follow_redirects=False, trust_env=False) as client:
            request, content, until = build(client), b"", time.monotonic() + 2 * _SILENCE
            response = client.send(request, stream=True)
            for piece in response.iter_bytes():
                content += piece
                if len(content) > _SIZE or time.monotonic() > until:
                    message = "the answer is too large, or too slow"
                    raise ValueError(message)
            return httpx2.Response(response.status_code, content=content, request=request)


def _check(claims: Mapping[str, object], header: Mapping[str, object], params: dict[str, str], now: datetime) -> None:
    try:
        CodeIDToken(dict(claims), dict(header), {}, params).validate(int(now.timestamp()), leeway=60)
    except JoseError as error:
        message = "the ID token does not belong to this sign-in"
        raise SignInError(message) from error


def _name(claims: Mapping[str, object]) -> str:
    found = (claims.get(name) for name in _NAMES)
    name = next((each for each in found if isinstance(each, str) and each.strip() and each.isprintable()), "you")
    return name[:_NAME]
