"""Signing keys made for the test run, tokens signed by them, and tokens that an attacker would send."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from authz.errors import SigningKeysUnavailableError
from authz.identity import BearerToken, Issuer, Key
from authz.resource import TenantId
from authz.token import Reason, RefusedTokenError

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ISSUER = "https://login.acme.test"
AUDIENCE = "antechamber"
TENANT = TenantId("acme")

_HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An issuer's private key, and the name it is published under."""

    kid: str
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    @property
    def public(self) -> Key:
        """The public half."""
        return self.private.public_key()

    def jwk(self, **overrides: Any) -> dict[str, Any]:
        """Return the public half as a JWK; an override of None removes the member."""
        return _without_nones({**_members(self.public), "kid": self.kid, "use": "sig", **overrides})

    def sign(self, claims: Mapping[str, Any], headers: Mapping[str, Any] | None = None, alg: str = "") -> BearerToken:
        """Return `claims` as a signed token; a header of None is removed."""
        algorithm = alg or ("RS256" if isinstance(self.private, rsa.RSAPrivateKey) else "ES256")
        header = _without_nones({"alg": algorithm, "kid": self.kid, "typ": "at+jwt", **(headers or {})})
        return self.sign_text(json.dumps(header), json.dumps(claims), algorithm)

    def sign_text(self, header: str, claims: str, alg: str = "RS256") -> BearerToken:
        """Return a token signed over these very texts, well-formed or not."""
        return self.sign_segments(segment(header.encode()), segment(claims.encode()), alg)

    def sign_segments(self, header: str, claims: str, alg: str = "RS256") -> BearerToken:
        """Return a token signed over these very segments, canonical or not."""
        signed = f"{header}.{claims}"
        return BearerToken(f"{signed}.{segment(self.signature(signed.encode(), alg))}")

    def signature(self, data: bytes, alg: str = "RS256") -> bytes:
        """Return the signature of `data` as RFC 7518 §3 lays it out, in SHA-256 where `alg` names no other hash."""
        digest = _HASHES.get(alg[-3:], hashes.SHA256())
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), digest)
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))
        size = self.private.key_size // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def pem(self) -> bytes:
        """Return the public half as PEM."""
        return self.public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def der(self) -> bytes:
        """Return the public half as DER."""
        return self.public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@cache
def rsa_key(kid: str = "key-1", bits: int = 2048) -> SigningKey:
    """Return the RSA key of this name and size, made once per run."""
    return SigningKey(kid, rsa.generate_private_key(public_exponent=65537, key_size=bits))


@cache
def ec_key(kid: str = "ec-1", curve: type[ec.EllipticCurve] = ec.SECP256R1) -> SigningKey:
    """Return the elliptic-curve key of this name and curve, made once per run."""
    return SigningKey(kid, ec.generate_private_key(curve()))


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


def issuer(**overrides: Any) -> Issuer:
    """Return the issuer of `claims`, after RFC 9068."""
    usual = Issuer(ISSUER, frozenset({TENANT}), AUDIENCE, token_use="access")
    return replace(usual, **overrides)


def cognito(**overrides: Any) -> Issuer:
    """Return an issuer whose access tokens look like Cognito's: `client_id` for `aud`, no `typ`."""
    return issuer(**{"audience_claim": "client_id", "types": frozenset({"", "jwt"}), **overrides})


def claims(now: datetime = NOW, **overrides: Any) -> dict[str, Any]:
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
    return _without_nones({**usual, **overrides})


def segment(data: bytes) -> str:
    """Return `data` as a segment of a token: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hostile_tokens(
    key: SigningKey, now: datetime = NOW, typ: str = "at+jwt", **overrides: Any
) -> list[tuple[str, str]]:
    """Return tokens that must all be refused, each under the id it has in the threat model and a few words.

    All are signed by the true `key` unless the attack is in the signature, and `overrides` fit their good claims to
    the issuer under test, so that nothing but the named defect can be the reason for refusing them.
    """
    forge = _Forge(key, {**claims(now), **overrides}, {"typ": typ})
    parts = (_unsigned, _headers, _times, _audiences, _texts, _keys, _encodings, _sizes)
    return [attack for part in parts for attack in part(forge, int(now.timestamp()))]


@dataclass(frozen=True, slots=True)
class _Forge:
    key: SigningKey
    good: Mapping[str, Any]
    headers: Mapping[str, Any]

    def token(self, headers: Mapping[str, Any] | None = None, **changed: Any) -> str:
        return self.key.sign(_without_nones({**self.good, **changed}), {**self.headers, **(headers or {})})

    def header_text(self, **changed: Any) -> str:
        return json.dumps(_without_nones({"alg": "RS256", "kid": self.key.kid, **self.headers, **changed}))

    def claims_text(self, **changed: Any) -> str:
        return json.dumps(_without_nones({**self.good, **changed}))

    def raw(self, name: str, value: str) -> str:
        """Sign with the claim `name` written as the text `value`, which no JSON writer would produce."""
        text = self.claims_text(**{name: None})
        return self.key.sign_text(self.header_text(), f'{text[:-1]}, "{name}": {value}}}')


Attacks = list[tuple[str, str]]


def _unsigned(forge: _Forge, _now: int) -> Attacks:
    attacks: Attacks = []
    payload = segment(forge.claims_text().encode())
    for none in ("none", "None", "NONE", "nOnE", ""):
        header = segment(forge.header_text(alg=none).encode())
        attacks += [(f"J-01 alg {none!r}, empty signature", f"{header}.{payload}.")]
        attacks += [(f"J-01 alg {none!r}, signed", forge.key.sign_segments(header, payload))]
    good = forge.token()
    attacks += [("J-01 good header, empty signature", good.rsplit(".", 1)[0] + ".")]
    header = segment(forge.header_text(alg="HS256").encode())
    for form, secret in (("PEM", forge.key.pem()), ("DER", forge.key.der()), ("nothing", b"")):
        mac = hmac.new(secret, f"{header}.{payload}".encode(), hashlib.sha256).digest()
        attacks += [(f"J-02 HS256 keyed with the public key as {form}", f"{header}.{payload}.{segment(mac)}")]
    return attacks


def _headers(forge: _Forge, _now: int) -> Attacks:
    own = rsa_key("attacker")
    stranger = _Forge(own, forge.good, {**forge.headers, "kid": forge.key.kid})
    brought = {
        "jwk": own.jwk(),
        "jku": "http://127.0.0.1:9/keys.json",
        "x5u": "http://127.0.0.1:9/cert.pem",
        "x5c": ["AAAA"],
    }
    attacks = [(f"J-03 {name}, signed by its key", stranger.token({name: value})) for name, value in brought.items()]
    attacks += [(f"J-03 {name}, signed by the true key", forge.token({name: value})) for name, value in brought.items()]
    attacks += [("J-03 signed by another key under a known kid", stranger.token())]
    extensions: dict[str, Mapping[str, Any]] = {
        "an unknown crit": {"crit": ["antechamber"], "antechamber": True},
        "crit of exp": {"crit": ["exp"], "exp": 1},
        "an empty crit": {"crit": []},
        "b64 false": {"b64": False},
        "b64 false and crit": {"b64": False, "crit": ["b64"]},
        "zip": {"zip": "DEF"},
    }
    attacks += [(f"J-08 {name}", forge.token(headers)) for name, headers in extensions.items()]
    for wrong in ("secevent+jwt", "dpop+jwt", "id+jwt", 7, ["at+jwt"], "at+jwt "):
        attacks += [(f"J-09 typ {wrong!r}", forge.token({"typ": wrong}))]
    return attacks


def _times(forge: _Forge, now: int) -> Attacks:
    attacks = [("J-04 no exp", forge.token(exp=None)), ("J-04 no iat", forge.token(iat=None))]
    for name in ("exp", "iat", "nbf"):
        later = f"{now + 600}"
        odd = [f'"{later}"', f"{later}.5", f"{later}.0", "1e400", "-1e400", "NaN", "Infinity", "-Infinity"]
        odd += ["true", "null", "[]", "{}", "-1", "1" + "0" * 30, "1" * 5000, "253402300800"]
        attacks += [(f"J-04 {name} of {value[:16]}", forge.raw(name, value)) for value in odd]
    attacks += [
        ("J-04 expired", forge.token(iat=now - 7200, exp=now - 3600)),
        ("J-04 expired at the edge of the skew", forge.token(iat=now - 3600, exp=now - 60)),
        ("J-04 a life of ten years", forge.token(exp=now + 10 * 365 * 86_400)),
        ("J-04 exp before iat", forge.token(iat=now + 30, exp=now + 10)),
        ("J-07 nbf in the future", forge.token(nbf=now + 120)),
        ("J-07 iat in the future", forge.token(iat=now + 120)),
    ]
    return attacks


def _audiences(forge: _Forge, _now: int) -> Attacks:
    ours = forge.good.get("aud", AUDIENCE)
    odd: list[Any] = [None, "other", "", f"{ours} ", str(ours).upper(), [], ["other"], [ours, "other"], ["other", ours]]
    odd += [[ours, ours], {"aud": ours}, True, 0]
    attacks = [(f"J-05 aud {aud!r}", forge.token(aud=aud, client_id="other" if aud is None else ours)) for aud in odd]
    attacks += [("J-05 neither aud nor client_id", forge.token(aud=None, client_id=None))]
    home = str(forge.good["iss"])
    for iss in (None, "", "https://evil.test", home + "/", home.upper(), home + "\u0000", [home], {"iss": home}, 7):
        attacks += [(f"J-06 iss {iss!r}", forge.token(iss=iss))]
    attacks += [("J-09 an ID token", forge.token(token_use="id")), ("J-09 no token_use", forge.token(token_use=None))]
    attacks += [("J-09 a refresh token", forge.token(token_use="refresh"))]
    return attacks


def _texts(forge: _Forge, _now: int) -> Attacks:
    """Claims and header texts that parsers disagree about."""
    header, text = forge.header_text(), forge.claims_text()
    attacks = [
        ("J-11 sub twice", forge.key.sign_text(header, f'{text[:-1]}, "sub": "mallory"}}')),
        ("J-11 sub twice, once escaped", forge.key.sign_text(header, f'{text[:-1]}, "\\u0073ub": "mallory"}}')),
        ("J-11 nested name twice", forge.key.sign_text(header, f'{text[:-1]}, "x": {{"y": 1, "y": 2}}}}')),
        ("J-11 alg twice", forge.key.sign_text(f'{header[:-1]}, "alg": "RS256"}}', text)),
        ("J-11 kid twice", forge.key.sign_text(f'{{"kid": "other", {header[1:]}', text)),
    ]
    for odd in ("[]", "null", "7", '"text"', "", "{", f"{text} {text}", "\ufeff" + text, "{'sub': 1}", f"[{text}]"):
        attacks += [(f"J-14 claims of {odd[:8]!r}", forge.key.sign_text(header, odd))]
        attacks += [(f"J-14 header of {odd[:8]!r}", forge.key.sign_text(odd, text))]
    latin = [segment(header.encode()), segment(text.encode("utf-16"))]
    attacks += [("J-14 claims in UTF-16", forge.key.sign_segments(latin[0], latin[1]))]
    attacks += [("J-14 claims in no encoding", forge.key.sign_segments(latin[0], segment(b'{"sub": "\xff\xfe"}')))]
    for sub in (None, "", 7, True, ["alice"], {"sub": "alice"}, "a\u0000b", "a\nb", "\ud800", "a" * 256, "a\u202eb"):
        attacks += [(f"J-14 sub {str(sub)[:8]!r}", forge.token(sub=sub))]
    return attacks


def _keys(forge: _Forge, _now: int) -> Attacks:
    kids: list[Any] = [None, "", "no-such-key", "../../../../dev/null", "file:///etc/passwd", "x' OR '1'='1", 7, True]
    kids += [[forge.key.kid], {"kid": forge.key.kid}, forge.key.kid + " ", "k\n", "k\u0000", "\ud800", "k" * 256]
    attacks = [(f"J-12 kid {str(kid)[:20]!r}", forge.token({"kid": kid})) for kid in kids]
    attacks += [("J-12 kid of 4 KB", forge.token({"kid": "k" * 4096}))]
    attacks += [("J-12 kid of 64 KB", forge.token({"kid": "k" * 65_536}))]
    odd: list[Any] = ["ES256", "PS256", "EdDSA", "rs256", "RS1", "RSA1_5", "dir", None, 7, ["RS256"], {"alg": "RS256"}]
    attacks += [(f"J-13 alg {alg!r} over an RSA key", forge.token({"alg": alg})) for alg in odd]
    return attacks


def _encodings(forge: _Forge, _now: int) -> Attacks:
    good = forge.token()
    header, payload, signature = good.split(".")
    odd = {
        "leading space": f" {good}",
        "trailing space": f"{good} ",
        "trailing newline": f"{good}\n",
        "inner newline": f"{header}.{payload}.\n{signature}",
        "tab": f"{header}.\t{payload}.{signature}",
        "NUL": f"{good}\u0000",
        "padding": f"{good}==",
        "padded payload": forge.key.sign_segments(header, payload + "=" * (-len(payload) % 4 or 4)),
        "plus and slash": f"{header}.{payload}.{'+/' * (len(signature) // 2)}",
        "foreign characters": f"{header}.{payload}.{signature[:5]}!*{signature[5:]}",
        "unused bits in the signature": f"{header}.{payload}.{_with_unused_bits(forge.key.signature(b''))}",
        "unused bits in the good signature": f"{header}.{payload}.{_with_unused_bits(_decoded(signature))}",
        "unused bits in the claims": _claims_with_unused_bits(forge),
        "full-width letter": f"{header}.{payload}.\uff21{signature[1:]}",
        "lone surrogate": f"{good}\ud800",
        "empty": "",
        "a word": "token",
        "dots": "..",
        "two parts": f"{header}.{payload}",
        "four parts": f"{good}.{signature}",
        "trailing dot": f"{good}.",
        "leading dot": f".{good}",
        "empty header": f".{payload}.{signature}",
        "empty claims": f"{header}..{signature}",
        "a scheme": f"Bearer {good}",
        "half a signature": f"{header}.{payload}.{segment(_decoded(signature)[:128])}",
        "a longer signature": f"{header}.{payload}.{segment(b'\0' + _decoded(signature))}",
    }
    return [(f"J-14 {name}", token) for name, token in odd.items()]


def _sizes(forge: _Forge, _now: int) -> Attacks:
    good = forge.token()
    header = forge.header_text()
    deep, deeper = "[" * 2500 + "]" * 2500, "[" * 100_000 + "]" * 100_000
    jwe = segment(json.dumps({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": forge.key.kid}).encode())
    return [
        ("J-15 JWE", f"{jwe}.AAAA.AAAA.AAAA.AAAA"),
        ("J-15 JWE header on a JWS", forge.token({"enc": "A256GCM"})),
        ("J-15 JWE deflated", f"{jwe}.{'A' * 4000}.AAAA.{'A' * 4000}.AAAA"),
        (
            "J-15 nested",
            forge.key.sign_segments(segment(forge.header_text(cty="JWT").encode()), segment(good.encode())),
        ),
        ("J-15 cty", forge.token({"cty": "JWT"})),
        ("J-15 over 8 KB", forge.token(padding="x" * 8192)),
        ("J-15 10 MB", forge.token(padding="x" * 10_000_000)),
        ("J-15 a million dots", "." * 1_000_000),
        ("J-15 claims nested 2,500 deep", forge.raw("deep", deep)),
        ("J-15 claims nested 100,000 deep", forge.raw("deep", deeper)),
        ("J-15 claims are 5,000 brackets", forge.key.sign_text(header, "[" * 5000)),
        ("J-15 claims are 1,000 nested objects", forge.raw("deep", '{"a":' * 1000 + "1" + "}" * 1000)),
        ("J-15 header nested 2,500 deep", forge.key.sign_text(f'{header[:-1]}, "deep": {deep}}}', forge.claims_text())),
    ]


def _claims_with_unused_bits(forge: _Forge) -> str:
    text = forge.claims_text()
    text += " " * (len(text.encode()) % 3 == 0)  # so that the last character holds unused bits
    return forge.key.sign_segments(segment(forge.header_text().encode()), _with_unused_bits(text.encode()))


def _with_unused_bits(data: bytes) -> str:
    """Return a second text that lenient decoders read as the same `data`, whose length is no multiple of three."""
    canonical = segment(data)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return canonical[:-1] + alphabet[alphabet.index(canonical[-1]) + 1]


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _members(key: Key) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    point, size = key.public_numbers(), key.key_size // 8
    return {"kty": "EC", "crv": f"P-{key.key_size}", "x": _number(point.x, size), "y": _number(point.y, size)}


def _number(value: int, size: int = 0) -> str:
    return segment(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def _without_nones(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
