"""From an issuer to its signing keys, over HTTP: discovery and JWKS, cached, bounded, and never a token's own idea."""

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import httpx2
import structlog
from jose.backends.cryptography_backend import CryptographyECKey, CryptographyRSAKey

from authz.errors import SigningKeysUnavailableError
from authz.identity import CURVES, RSA_ALGORITHMS, Issuer, Key, fits
from authz.oidc_fetch import fetch_object
from authz.token import JsonObject, Reason, RefusedTokenError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what an issuer can cost us, and on how long its last word holds. Times are in seconds."""

    window: float = 60
    """At most one fetch per issuer in this time, once there is a set."""
    retry: float = 5
    """At most one fetch per issuer in this time, while there is none: at start, and past `stale`."""
    fresh: float = 3600
    """A set older than this is fetched again: the longest that a withdrawn key is still believed."""
    stale: float = 86_400
    """A set that cannot be fetched again serves until this age, and then no more."""
    silence: float = 2
    """Longest wait for a connection, or for the next bytes."""
    patience: float = 5
    """Longest time for one answer as a whole, and for waiting on another thread's fetch."""
    size: int = 256 * 1024
    """Largest answer in bytes."""
    keys: int = 100
    """Most keys in a set."""


DEFAULTS = Limits()

Fetch = Callable[[str], JsonObject]
"""From an address to the object published there. Raises `SigningKeysUnavailableError`."""


@dataclass(frozen=True, slots=True)
class _Published:
    key: Key
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class _KeySet:
    keys: Mapping[str, _Published]
    fetched: float


@dataclass(slots=True)
class _Slot:
    """What is known of one issuer. `good` is replaced whole, so that readers need no lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    good: _KeySet | None = None
    attempted: float | None = None
    current: bool = False
    """Whether the latest attempt succeeded."""


class JwksClient:
    """The `SigningKeys` that issuers publish (RFC 7517 §5, OpenID Connect Discovery 1.0 §4), safe for threads."""

    # `authorities` are the certificates to believe, for issuers under a private one; else the usual ones.
    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        limits: Limits = DEFAULTS,
        authorities: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock
        self._limits = limits
        trust = authorities or httpx2.create_ssl_context(trust_env=False)
        self._fetch: Fetch = partial(
            fetch_object, silence=limits.silence, patience=limits.patience, size=limits.size, trust=trust
        )
        self._slots: dict[Issuer, _Slot] = {}

    def key(self, issuer: Issuer, kid: str, algorithm: str) -> Key:
        """Return the key that `issuer` publishes as `kid`, for `algorithm`, fetching at most once per window.

        Raises `RefusedTokenError` if the issuer's current set has no such key, or one for another algorithm, and
        `SigningKeysUnavailableError` if it is not in the last good set and no newer one can be had.
        """
        slot = self._slots.setdefault(issuer, _Slot())
        published = self._find(slot, kid)
        if published is None or not self._is_younger(slot.good, self._limits.fresh):
            # Whoever finds the key in the last good set does not wait for another thread's fetch.
            current = self._refresh(issuer, slot, patience=self._limits.patience if published is None else 0)
            published = self._find(slot, kid)
            if published is None and not current:
                message = "the issuer's signing keys cannot be had"
                raise SigningKeysUnavailableError(message)
        if published is None:
            raise RefusedTokenError(Reason.KID)
        if algorithm not in published.algorithms:
            raise RefusedTokenError(Reason.KEY)
        return published.key

    def _find(self, slot: _Slot, kid: str) -> _Published | None:
        good = slot.good
        return good.keys.get(kid) if good is not None and self._is_younger(good, self._limits.stale) else None

    def _is_younger(self, good: _KeySet | None, age: float) -> bool:
        return good is not None and self._clock() - good.fetched < age

    def _refresh(self, issuer: Issuer, slot: _Slot, patience: float) -> bool:
        """Fetch if the window is open, and return whether the latest attempt, by whatever thread, succeeded."""
        if not slot.lock.acquire(timeout=patience):
            return False
        try:
            if self._is_due(slot):
                self._attempt(issuer, slot)
            return slot.current
        finally:
            slot.lock.release()

    def _attempt(self, issuer: Issuer, slot: _Slot) -> None:
        started = self._clock()
        # Failed until proven otherwise: an error that nobody foresaw must not look like success.
        slot.attempted, slot.current = started, False
        try:
            slot.good = _KeySet(_fetch_keys(issuer, self._fetch, self._limits.keys), started)
            slot.current = True
        except SigningKeysUnavailableError as error:
            structlog.get_logger().warning("signing_keys_not_refreshed", issuer=issuer.issuer, cause=str(error))

    def _is_due(self, slot: _Slot) -> bool:
        usable = self._is_younger(slot.good, self._limits.stale)
        pause = self._limits.window if usable else self._limits.retry
        return slot.attempted is None or self._clock() - slot.attempted >= pause


def _fetch_keys(issuer: Issuer, fetch: Fetch, most: int) -> Mapping[str, _Published]:
    """Return the usable keys of `issuer` by `kid`. Raises `SigningKeysUnavailableError` unless there is one."""
    listed = fetch(issuer.jwks_uri or _discover(issuer, fetch)).get("keys")
    if not isinstance(listed, list) or len(listed) > most:
        message = f"the key set is no list of {most} keys at most"
        raise SigningKeysUnavailableError(message)
    jwks = [jwk for jwk in listed if isinstance(jwk, dict)]
    names = Counter(jwk["kid"] for jwk in jwks if isinstance(jwk.get("kid"), str))
    keys = {}
    for jwk in jwks:
        kid = jwk.get("kid")
        # Two keys of one name, usable or not: which of them is meant is not ours to guess.
        if isinstance(kid, str) and names[kid] == 1 and (published := _published(jwk)):
            keys[kid] = published
    if not keys:
        message = "the key set holds no usable key"
        raise SigningKeysUnavailableError(message)
    return keys


def _published(jwk: JsonObject) -> _Published | None:
    """Return the public key in `jwk` (RFC 7517 §4), or None unless it is sound and meant for verifying signatures."""
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    if "d" in jwk:  # a private key that was published is anyone's
        return None
    key = _public_key(jwk)
    algorithms = frozenset(name for name in RSA_ALGORITHMS.union(CURVES) if fits(key, name))
    if "alg" in jwk:
        algorithms = frozenset(name for name in algorithms if name == jwk["alg"])
    return _Published(key, algorithms) if key is not None and algorithms else None


def _public_key(jwk: JsonObject) -> Key | None:
    try:
        match jwk:
            case {"kty": "RSA", "n": str(n), "e": str(e)}:
                key: object = CryptographyRSAKey({"kty": "RSA", "n": n, "e": e}, "RS256").prepared_key
            case {"kty": "EC", "crv": str(crv), "x": str(x), "y": str(y)}:
                key = CryptographyECKey({"kty": "EC", "crv": crv, "x": x, "y": y}, "ES256").prepared_key
            case _:
                return None
    except Exception:  # noqa: BLE001 - whatever the library raises over a key, the key is not used
        return None
    return key if isinstance(key, Key) else None


def _discover(issuer: Issuer, fetch: Fetch) -> str:
    document = fetch(issuer.issuer.removesuffix("/") + "/.well-known/openid-configuration")
    address = document.get("jwks_uri")
    # Discovery 1.0 §4.3: exactly equal, or one issuer could speak for another.
    if document.get("issuer") != issuer.issuer or not isinstance(address, str):
        message = "the discovery document is not this issuer's, or names no key set"
        raise SigningKeysUnavailableError(message)
    # An issuer on loopback may name an address there; one out in the world may not.
    if issuer.issuer.startswith("https:") and not address.startswith("https:"):
        message = "the discovery document names a key set that is not https"
        raise SigningKeysUnavailableError(message)
    return address
