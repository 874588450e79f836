"""From a cookie to the sign-ins of one browser: kept here, sealed by a key of which the cookie holds one half."""

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from authz.identity import BearerToken
from retrieval.deadline import Clock

SlotName = Literal["a", "b"]
SLOTS: tuple[SlotName, ...] = ("a", "b")
_NONCE = 12
_RANDOM = 32
"""Bytes of a cookie: 256 bits that cannot be guessed."""
_TOUCH = timedelta(minutes=1)
"""A session that is used is written again at most this often."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One person's own sign-in: the evidence that every request of theirs is verified by, anew."""

    token: BearerToken = field(repr=False)
    name: str
    """How the page calls them: for the eye only, no decision reads it."""
    expires: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in that went to the issuer and has not come back."""

    slot: SlotName
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    back: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """What one browser holds here: at most two people, and sign-ins under way, by their `state`."""

    begun: datetime
    seen: datetime
    slots: Mapping[SlotName, SignedIn] = field(default_factory=dict)
    started: Mapping[str, Started] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A session as it is stored: `version` counts its writes, so that none is lost between two tabs."""

    content: bytes = field(repr=False)
    version: int
    expires: datetime


class SessionStore(Protocol):
    """Where sealed sessions lie. Every method raises `SessionsUnavailableError` if that cannot be reached."""

    def get(self, key: str) -> Sealed | None:
        """Return what is stored at `key`, read consistently."""
        ...

    def put(self, key: str, sealed: Sealed) -> bool:
        """Store `sealed` if what is there has the version before (for version 1: if nothing is); return whether."""
        ...

    def delete(self, key: str) -> None:
        """Remove what is stored at `key`."""
        ...


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session lasts, whatever its tokens say; a token that expires earlier ends its sign-in earlier."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class Held:
    """A session that a cookie opened, and the version it was read at."""

    session: Session
    version: int


class Sessions:
    """Opens, renews and ends sessions.

    The store's key is SHA-256 of the cookie, the sealing key is derived (HKDF, RFC 5869) from the cookie and this
    deployment's secret: the table alone opens nothing, nor does it with the secret, nor a cookie without the table.
    """

    def __init__(self, store: SessionStore, secret: bytes, lifetimes: Lifetimes, clock: Clock) -> None:
        self._store = store
        self._secret = secret
        self._lifetimes = lifetimes
        self._clock = clock

    def read(self, cookie: str | None) -> Held | None:
        """Return the session of `cookie`; None if it is unknown, expired or cannot be opened."""
        sealed = self._store.get(_key(cookie)) if cookie and _random(cookie) else None
        session = self._open(cookie, sealed) if cookie and sealed else None
        now = self._clock()
        if session is None or sealed is None or cookie is None or now >= self._expiry(session):
            return None
        if now - session.seen < _TOUCH:
            return Held(session, sealed.version)
        touched = replace(session, seen=now)
        kept = self.write(cookie, Held(touched, sealed.version))
        if kept:
            return Held(touched, sealed.version + 1)
        # Another tab was quicker: its write says that the session is used as well as ours would, or it signed out.
        return Held(session, sealed.version) if self._store.get(_key(cookie)) else None

    def write(self, cookie: str, held: Held) -> bool:
        """Store what was `held`, changed, unless somebody else did since; return whether."""
        return self._store.put(_key(cookie), self._seal(cookie, held.session, held.version + 1))

    def create(self, session: Session) -> str:
        """Store `session` under a new cookie and return it."""
        cookie = _encoded(secrets.token_bytes(_RANDOM))
        self._store.put(_key(cookie), self._seal(cookie, session, 1))
        return cookie

    def exchange(self, old: str | None, change: Callable[[Session], Session]) -> str | None:
        """Store the session of `old`, changed, under a new cookie and return it: at every sign-in.

        Whoever planted or stole `old` has nothing of it, wherever this breaks off: (1) `old` opens an empty session,
        (2) the changed one is stored, (3) `old` is forgotten. None if another tab changed it meanwhile, or signed out.
        """
        held = self.read(old)
        if old is None or held is None or not (held.session.slots or held.session.started):
            return self.create(change(self.fresh()))
        empty = replace(held.session, slots={}, started={})
        if not self.write(old, Held(empty, held.version)):
            return None
        new = self.create(change(held.session))
        if not self.write(old, Held(empty, held.version + 1)):
            self.end(new)
            return None
        self.end(old)
        return new

    def end(self, cookie: str | None) -> None:
        """Forget the session of `cookie`, with every token in it."""
        if cookie and _random(cookie):
            self._store.delete(_key(cookie))

    def probe(self) -> None:
        """Raise `SessionsUnavailableError` if the store does not answer."""
        self._store.get(_key("readiness probe"))

    def fresh(self) -> Session:
        """Return an empty session that begins now."""
        now = self._clock()
        return Session(now, now)

    def _expiry(self, session: Session) -> datetime:
        return min(session.begun + self._lifetimes.absolute, session.seen + self._lifetimes.idle)

    def _seal(self, cookie: str, session: Session, version: int) -> Sealed:
        nonce, key = secrets.token_bytes(_NONCE), _key(cookie)
        content = AESGCM(self._sealing_key(cookie)).encrypt(nonce, _bytes(session), key.encode())
        return Sealed(nonce + content, version, self._expiry(session))

    def _open(self, cookie: str, sealed: Sealed) -> Session | None:
        nonce, content = sealed.content[:_NONCE], sealed.content[_NONCE:]
        try:
            return _session(AESGCM(self._sealing_key(cookie)).decrypt(nonce, content, _key(cookie).encode()))
        except (InvalidTag, ValueError, KeyError, TypeError):  # altered, moved, or sealed by another deployment
            return None

    def _sealing_key(self, cookie: str) -> bytes:
        derive = HKDF(SHA256(), length=32, salt=self._secret, info=b"antechamber session 1")
        return derive.derive(_random(cookie) or b"")


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _encoded(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()


def _random(cookie: str) -> bytes | None:
    """Return the bytes of a cookie of ours, None for anything else: nobody chooses what is looked up."""
    try:
        random = base64.b64decode(f"{cookie}=".encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return random if len(random) == _RANDOM and _encoded(random) == cookie else None


def _bytes(session: Session) -> bytes:
    return json.dumps(
        {
            "begun": session.begun.isoformat(),
            "seen": session.seen.isoformat(),
            "slots": {
                name: {"token": each.token, "name": each.name, "expires": each.expires.isoformat()}
                for name, each in session.slots.items()
            },
            "started": {
                state: [each.slot, each.nonce, each.verifier, each.back, each.until.isoformat()]
                for state, each in session.started.items()
            },
        }
    ).encode()


def _session(content: bytes) -> Session:
    plain = json.loads(content)
    slots = {
        name: SignedIn(BearerToken(each["token"]), each["name"], _instant(each["expires"]))
        for name, each in plain["slots"].items()
    }
    started = {
        state: Started(slot, nonce, verifier, back, _instant(until))
        for state, (slot, nonce, verifier, back, until) in plain["started"].items()
    }
    return Session(_instant(plain["begun"]), _instant(plain["seen"]), slots, started)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
