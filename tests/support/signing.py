"""Signing keys made once per test run, and tokens signed by them, well-formed or not."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from authz.identity import BearerToken, Key

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

    def jwk(self, **overrides: object) -> dict[str, object]:
        """Return the public half as a JWK; an override of None removes the member."""
        return without_nones({**_members(self.public), "kid": self.kid, "use": "sig", **overrides})

    def sign(
        self, claims: Mapping[str, object], headers: Mapping[str, object] | None = None, alg: str = ""
    ) -> BearerToken:
        """Return `claims` as a signed token; a header of None is removed."""
        algorithm = alg or ("RS256" if isinstance(self.private, rsa.RSAPrivateKey) else "ES256")
        header = without_nones({"alg": algorithm, "kid": self.kid, "typ": "at+jwt", **(headers or {})})
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


@dataclass(frozen=True, slots=True)
class Forge:
    """Makes good tokens with one thing wrong."""

    key: SigningKey
    good: Mapping[str, object]
    headers: Mapping[str, object]

    def token(self, headers: Mapping[str, object] | None = None, **changed: object) -> str:
        """Return a token that differs from a good one by these headers and claims; None removes."""
        return self.key.sign(without_nones({**self.good, **changed}), {**self.headers, **(headers or {})})

    def header_text(self, **changed: object) -> str:
        """Return the header of a good token, but for `changed`."""
        return json.dumps(without_nones({"alg": "RS256", "kid": self.key.kid, **self.headers, **changed}))

    def claims_text(self, **changed: object) -> str:
        """Return the claims of a good token, but for `changed`."""
        return json.dumps(without_nones({**self.good, **changed}))

    def raw(self, name: str, value: str) -> str:
        """Sign with the claim `name` written as the text `value`, which no JSON writer would produce."""
        text = self.claims_text(**{name: None})
        return self.key.sign_text(self.header_text(), f'{text[:-1]}, "{name}": {value}}}')


@cache
def rsa_key(kid: str = "key-1", bits: int = 2048) -> SigningKey:
    """Return the RSA key of this name and size, made once per run."""
    return SigningKey(kid, rsa.generate_private_key(public_exponent=65537, key_size=bits))


@cache
def ec_key(kid: str = "ec-1", curve: type[ec.EllipticCurve] = ec.SECP256R1) -> SigningKey:
    """Return the elliptic-curve key of this name and curve, made once per run."""
    return SigningKey(kid, ec.generate_private_key(curve()))


def segment(data: bytes) -> str:
    """Return `data` as a segment of a token: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def without_nones(values: Mapping[str, object]) -> dict[str, object]:
    """Return `values` but for those that are None: an override of None takes a name away."""
    return {name: value for name, value in values.items() if value is not None}


def _members(key: Key) -> dict[str, object]:
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    point, size = key.public_numbers(), key.key_size // 8
    return {"kty": "EC", "crv": f"P-{key.key_size}", "x": _number(point.x, size), "y": _number(point.y, size)}


def _number(value: int, size: int = 0) -> str:
    return segment(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))
