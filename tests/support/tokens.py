"""Tokens, issuers and keys for tests: the good ones here, what attackers send in `hostile`."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from authz.errors import SigningKeysUnavailableError
from authz.identity import Issuer, Key
from authz.resource import TenantId
from authz.token import Reason, RefusedTokenError
from tests.support.hostile import ATTACKS, Attacks
from tests.support.signing import Forge, SigningKey, ec_key, rsa_key, segment, without_nones

__all__ = [
    "AUDIENCE",
    "ISSUER",
    "NOW",
    "TENANT",
    "SigningKey",
    "StaticKeys",
    "claims",
    "cognito",
    "ec_key",
    "fits_a_header",
    "hostile_tokens",
    "issuer",
    "rsa_key",
    "segment",
]

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ISSUER = "https://login.acme.test"
AUDIENCE = "antechamber"
TENANT = TenantId("acme")


@dataclass(slots=True)
class StaticKeys:
    """`SigningKeys` without a network; remembers what it was asked for."""

    keys: dict[str, Key]
    down: bool = False
    asked: int = 0

    @classmethod
    def of(cls, *keys: SigningKey) -> "StaticKeys":
        """Return the published halves of `keys`."""
        return cls({key.kid: key.public for key in keys})

    def key(self, issuer: Issuer, kid: str, algorithm: str) -> Key:  # noqa: ARG002 - the port's signature
        """Return the key named `kid`."""
        self.asked += 1
        if self.down:
            message = "the issuer's signing keys cannot be had"
            raise SigningKeysUnavailableError(message)
        if kid not in self.keys:
            raise RefusedTokenError(Reason.KID)
        return self.keys[kid]


def issuer(**overrides: Any) -> Issuer:  # noqa: ANN401 - fields of several types
    """Return the issuer of `claims`, after RFC 9068."""
    usual = Issuer(ISSUER, frozenset({TENANT}), AUDIENCE, token_use="access")
    return replace(usual, **overrides)


def cognito(**overrides: Any) -> Issuer:  # noqa: ANN401 - fields of several types
    """Return an issuer whose access tokens look like Cognito's: `client_id` for `aud`, no `typ`."""
    return issuer(**{"audience_claim": "client_id", "types": frozenset({"", "jwt"}), **overrides})


def claims(now: datetime = NOW, /, **overrides: object) -> dict[str, object]:
    """Return the claims of a good access token, one hour long; an override of None removes the claim."""
    issued = int(now.timestamp())
    usual = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": AUDIENCE,
        "client_id": AUDIENCE,
        "token_use": "access",
        "iat": issued,
        "exp": issued + 3600,
    }
    return without_nones({**usual, **overrides})


def hostile_tokens(key: SigningKey, now: datetime = NOW, typ: str = "at+jwt", **overrides: object) -> Attacks:
    """Return tokens that must all be refused, each with its id in the threat model and a few words.

    They are signed by the true `key` unless the attack is in the signature; `typ` and `overrides` fit them to the
    issuer under test (which must demand a `token_use`), so that nothing but the named defect can be the reason.
    """
    forge = Forge(key, claims(now, **overrides), {"typ": typ})
    return [attack for attacks in ATTACKS for attack in attacks(forge, int(now.timestamp()))]


def fits_a_header(token: str) -> bool:
    """Return whether an HTTP client can send `token` unchanged: printable ASCII, trimmed, at most 16 KB."""
    return token.isascii() and token.isprintable() and token == token.strip() and 0 < len(token) <= 16_384
