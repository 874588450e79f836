"""From BearerToken to Identity: the strict gate in front of the JWT library."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NewType, Protocol, final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jose import jws
from jose.backends.cryptography_backend import CryptographyECKey, CryptographyRSAKey

from authz.resource import TenantId
from authz.seal import Seal
from authz.token import JsonObject, Reason, RefusedTokenError, read_unverified, seconds, strict_object, text

_SEAL = Seal("Identity")

BearerToken = NewType("BearerToken", str)
Key = RSAPublicKey | EllipticCurvePublicKey
"""A public key as an object: neither a shared secret nor a text that could be taken for one."""

RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512"})
CURVES = {"ES256": SECP256R1, "ES384": SECP384R1}
"""Each algorithm with its one curve (RFC 7518 §3.4)."""
RSA_BITS = range(2048, 8192 + 1)
"""Below is too weak (RFC 7518 §3.3), above makes each verification slow."""
MAX_LEEWAY = 300
"""Widest difference of clocks that a setting may allow, in seconds."""
MAX_METHODS = 32
"""Most authentication methods a token may name."""

_CHANGES_THE_RULES = frozenset({"b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5u", "zip"})
"""Header names that bring their own key, or make the rest mean something else: a token with one is refused."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority whose tokens are believed, for which tenants, and what its access tokens look like."""

    issuer: str
    tenants: frozenset[TenantId]
    audience: str
    audience_claim: Literal["aud", "client_id"] = "aud"
    """Cognito's access tokens name the client in `client_id` and have no `aud`."""
    token_use: str | None = None
    """What `token_use` must say ("access" for Cognito); None where the issuer has no such claim. Then only `types` and
    `audience` tell an access token from an ID token, so that the audience must not be a client's id."""
    types: frozenset[str] = frozenset({"at+jwt"})
    """Accepted `typ` values in lower case (RFC 9068 §2.1); "" accepts a header without one."""
    algorithms: tuple[str, ...] = ("RS256",)
    jwks_uri: str | None = None
    """None: from the issuer's discovery document."""
    leeway: int = 60
    """How far the clocks may differ, in seconds."""
    max_age: timedelta = timedelta(hours=24)
    """Longest life that a token may give itself, from `iat` to `exp`."""

    def __post_init__(self) -> None:
        """Refuse settings under which the gate would be open, or never open. Raises `ValueError`."""
        sound = {
            "issuer and audience are given": bool(self.issuer and self.audience),
            "audience_claim is aud or client_id": self.audience_claim in ("aud", "client_id"),
            "token_use is not empty": self.token_use != "",
            "types are given, in lower case": isinstance(self.types, frozenset)
            and bool(self.types)
            and all(name == name.lower() for name in self.types),
            "algorithms are RS256, RS384, RS512, ES256 or ES384": bool(self.algorithms)
            and RSA_ALGORITHMS.union(CURVES).issuperset(self.algorithms),
            f"leeway is 0 to {MAX_LEEWAY} seconds": 0 <= self.leeway <= MAX_LEEWAY,
            "max_age is positive": self.max_age > timedelta(0),
        }
        for rule, holds in sound.items():
            if not holds:
                message = f"issuer setting: {rule}"
                raise ValueError(message)


Issuers = Mapping[str, Issuer]
"""By the exact text of `iss`."""


class SigningKeys(Protocol):
    """Where the issuers' public keys come from."""

    def key(self, issuer: Issuer, kid: str, algorithm: str) -> Key:
        """Return the key that `issuer` itself publishes as `kid`, for `algorithm`.

        Raises `RefusedTokenError` if the issuer has no such key, and `SigningKeysUnavailableError` if its keys
        cannot be had.
        """
        ...


@final
@dataclass(frozen=True, slots=True)
class Identity:
    """The verified claims of a token. Made only by `identify`."""

    issuer: str
    subject: str
    tenants: frozenset[TenantId]
    """Those that this issuer may speak for; the directory says which one the subject is in."""
    authenticated_at: datetime | None
    """When the person signed in (`auth_time`), if the issuer says so."""
    strength: frozenset[str]
    """How they did (`amr`, RFC 8176); empty if the issuer does not say."""
    expires_at: datetime
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        """Refuse to be made elsewhere."""
        _SEAL.check(seal)


def identify(token: BearerToken, keys: SigningKeys, issuers: Issuers, now: datetime) -> Identity:
    """Return the identity that `token` proves at the instant `now` (aware), to one of `issuers`, by its own `keys`.

    The verification (RFC 8725, RFC 9068 §4):

    1. The token is three segments of canonical base64url around two strict JSON objects.
    2. Its header brings no key and no rules of its own.
    3. Its issuer, not believed yet, is one of ours: it chooses what follows.
    4. Type and algorithm are among those this issuer uses, and the key is named.
    5. The issuer publishes that key, and the key fits the algorithm.
    6. The signature is the key's; only what was signed is read from here on, and it names the same issuer.
    7. The token has been issued, may be used by now, has not expired, and did not give itself too long a life.
    8. It was made for us, as an access token.
    9. It names a subject, and how that subject signed in, if at all, in the proper form.

    Raises `RefusedTokenError` (an `InvalidTokenError`) whatever is wrong with the token, and
    `SigningKeysUnavailableError` if the issuer's keys cannot be had. `ValueError` means that `now` is naive.
    """
    if now.tzinfo is None:
        message = "now has no time zone"
        raise ValueError(message)
    # (1): read it, believing nothing.
    unverified = read_unverified(token)
    header = unverified.unverified_header
    # (2): refuse a header that brings its own key or rules.
    if not _CHANGES_THE_RULES.isdisjoint(header):
        raise RefusedTokenError(Reason.HEADER)
    # (3): choose the issuer.
    issuer = _issuer(unverified.unverified_claims, issuers)
    # (4): judge type, algorithm and key's name.
    algorithm, kid = _algorithm_and_kid(header, issuer)
    # (5): get the issuer's own key.
    key = keys.key(issuer, kid, algorithm)
    # (6): verify the signature.
    claims = _verified_claims(token, key, algorithm)
    if claims.get("iss") != issuer.issuer:
        raise RefusedTokenError(Reason.ISSUER)
    # (7): judge the times.
    expires_at = _check_times(claims, issuer, now)
    # (8): judge for whom and for what it was made.
    _check_audience(claims, issuer)
    # (9): read the subject.
    return Identity(
        issuer=issuer.issuer,
        subject=text(claims.get("sub"), Reason.SUBJECT),
        tenants=issuer.tenants,
        authenticated_at=_authenticated_at(claims, issuer, now),
        strength=_strength(claims),
        expires_at=expires_at,
        seal=_SEAL,
    )


def fits(key: object, algorithm: str) -> bool:
    """Return whether `key` is a public key of the type, size and curve that `algorithm` demands (RFC 7518 §3)."""
    if isinstance(key, RSAPublicKey):
        return algorithm in RSA_ALGORITHMS and key.key_size in RSA_BITS
    curve = CURVES.get(algorithm)
    return isinstance(key, EllipticCurvePublicKey) and curve is not None and isinstance(key.curve, curve)


def _issuer(unverified_claims: JsonObject, issuers: Issuers) -> Issuer:
    name = unverified_claims.get("iss")
    issuer = issuers.get(name) if isinstance(name, str) else None
    if issuer is None or issuer.issuer != name:
        raise RefusedTokenError(Reason.ISSUER)
    return issuer


def _algorithm_and_kid(header: JsonObject, issuer: Issuer) -> tuple[str, str]:
    kind = text(header["typ"], Reason.TYPE) if "typ" in header else ""
    if kind.lower() not in issuer.types:
        raise RefusedTokenError(Reason.TYPE)
    algorithm = text(header.get("alg"), Reason.ALGORITHM)
    if algorithm not in issuer.algorithms:
        raise RefusedTokenError(Reason.ALGORITHM)
    return algorithm, text(header.get("kid"), Reason.KID)


def _verified_claims(token: BearerToken, key: Key, algorithm: str) -> JsonObject:
    if not fits(key, algorithm):
        raise RefusedTokenError(Reason.KEY)
    verifier = CryptographyRSAKey if isinstance(key, RSAPublicKey) else CryptographyECKey
    try:
        # One key object and one algorithm, spelled out: the library's defaults accept any.
        return strict_object(jws.verify(token, verifier(key, algorithm), algorithms=[algorithm], verify=True))
    except Exception:  # noqa: BLE001 - whatever the library raises over a token is a verdict on the token
        raise RefusedTokenError(Reason.SIGNATURE) from None


def _check_times(claims: JsonObject, issuer: Issuer, now: datetime) -> datetime:
    expires = seconds(claims.get("exp"), Reason.TIME)
    issued = seconds(claims.get("iat"), Reason.TIME)
    usable = seconds(claims.get("nbf", 0), Reason.TIME)
    earliest, latest = now.timestamp() - issuer.leeway, now.timestamp() + issuer.leeway
    if not (expires > earliest and issued <= latest and usable <= latest):
        raise RefusedTokenError(Reason.TIME)
    if not 0 < expires - issued <= issuer.max_age.total_seconds():
        raise RefusedTokenError(Reason.TIME)
    return datetime.fromtimestamp(expires, UTC)


def _check_audience(claims: JsonObject, issuer: Issuer) -> None:
    """Refuse a token that is not for us, and for us alone.

    A list with a second audience is refused: any of its readers could replay the token here (RFC 9700 §2.3). `aud`
    binds wherever it is present (RFC 7519 §4.1.3), also where the issuer's rule reads `client_id`.
    """
    ours: tuple[object, ...] = (issuer.audience, [issuer.audience])
    if issuer.audience_claim == "client_id" and claims.get("client_id") != issuer.audience:
        raise RefusedTokenError(Reason.AUDIENCE)
    if (issuer.audience_claim == "aud" or "aud" in claims) and claims.get("aud") not in ours:
        raise RefusedTokenError(Reason.AUDIENCE)
    if issuer.token_use is not None and claims.get("token_use") != issuer.token_use:
        raise RefusedTokenError(Reason.USE)


def _authenticated_at(claims: JsonObject, issuer: Issuer, now: datetime) -> datetime | None:
    if "auth_time" not in claims:
        return None
    signed_in = seconds(claims["auth_time"], Reason.AUTHENTICATION)
    if signed_in > now.timestamp() + issuer.leeway:
        raise RefusedTokenError(Reason.AUTHENTICATION)
    return datetime.fromtimestamp(signed_in, UTC)


def _strength(claims: JsonObject) -> frozenset[str]:
    methods = claims.get("amr", [])
    if not isinstance(methods, list) or len(methods) > MAX_METHODS:
        raise RefusedTokenError(Reason.AUTHENTICATION)
    return frozenset(text(method, Reason.AUTHENTICATION) for method in methods)
