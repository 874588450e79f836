"""What attackers send instead of a token, each under its id in the threat model."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping

from tests.support.signing import Forge, rsa_key, segment

Attacks = list[tuple[str, str]]
"""The id and a few words, and the token."""


def _unsigned(forge: Forge, _now: int) -> Attacks:
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


def _headers(forge: Forge, _now: int) -> Attacks:
    own = rsa_key("attacker")
    stranger = Forge(own, forge.good, {**forge.headers, "kid": forge.key.kid})
    brought = {
        "jwk": own.jwk(),
        "jku": "http://127.0.0.1:9/keys.json",
        "x5u": "http://127.0.0.1:9/cert.pem",
        "x5c": ["AAAA"],
    }
    attacks = [(f"J-03 {name}, signed by its key", stranger.token({name: value})) for name, value in brought.items()]
    attacks += [(f"J-03 {name}, signed by the true key", forge.token({name: value})) for name, value in brought.items()]
    attacks += [("J-03 signed by another key under a known kid", stranger.token())]
    extensions: dict[str, Mapping[str, object]] = {
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


def _times(forge: Forge, now: int) -> Attacks:
    attacks: Attacks = [("J-04 no exp", forge.token(exp=None)), ("J-04 no iat", forge.token(iat=None))]
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


def _audiences(forge: Forge, _now: int) -> Attacks:
    ours = forge.good.get("aud") or forge.good["client_id"]
    odd: list[object] = [
        None,
        "other",
        "",
        f"{ours} ",
        str(ours).upper(),
        [],
        ["other"],
        [ours, "other"],
        ["other", ours],
    ]
    odd += [[ours, ours], {"aud": ours}, True, 0]
    attacks = [(f"J-05 aud {aud!r}", forge.token(aud=aud, client_id="other" if aud is None else ours)) for aud in odd]
    attacks += [("J-05 neither aud nor client_id", forge.token(aud=None, client_id=None))]
    home = str(forge.good["iss"])
    for iss in (None, "", "https://evil.test", home + "/", home.upper(), home + "\u0000", [home], {"iss": home}, 7):
        attacks += [(f"J-06 iss {iss!r}", forge.token(iss=iss))]
    attacks += [("J-09 an ID token", forge.token(token_use="id")), ("J-09 no token_use", forge.token(token_use=None))]
    attacks += [("J-09 a refresh token", forge.token(token_use="refresh"))]
    return attacks


def _texts(forge: Forge, _now: int) -> Attacks:
    """Claims and header texts that parsers disagree about."""
    header, text = forge.header_text(), forge.claims_text()
    attacks: Attacks = [
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


def _keys(forge: Forge, _now: int) -> Attacks:
    kids: list[object] = [
        None,
        "",
        "no-such-key",
        "../../../../dev/null",
        "file:///etc/passwd",
        "x' OR '1'='1",
        7,
        True,
    ]
    kids += [[forge.key.kid], {"kid": forge.key.kid}, forge.key.kid + " ", "k\n", "k\u0000", "\ud800", "k" * 256]
    attacks = [(f"J-12 kid {str(kid)[:20]!r}", forge.token({"kid": kid})) for kid in kids]
    attacks += [("J-12 kid of 4 KB", forge.token({"kid": "k" * 4096}))]
    attacks += [("J-12 kid of 64 KB", forge.token({"kid": "k" * 65_536}))]
    odd: list[object] = [
        "ES256",
        "PS256",
        "EdDSA",
        "rs256",
        "RS1",
        "RSA1_5",
        "dir",
        None,
        7,
        ["RS256"],
        {"alg": "RS256"},
    ]
    attacks += [(f"J-13 alg {alg!r} over an RSA key", forge.token({"alg": alg})) for alg in odd]
    return attacks


def _encodings(forge: Forge, _now: int) -> Attacks:
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
        "a longer signature": f"{header}.{payload}.{segment(bytes(1) + _decoded(signature))}",
    }
    return [(f"J-14 {name}", token) for name, token in odd.items()]


def _sizes(forge: Forge, _now: int) -> Attacks:
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


def _claims_with_unused_bits(forge: Forge) -> str:
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


ATTACKS: tuple[Callable[[Forge, int], Attacks], ...] = (
    _unsigned,
    _headers,
    _times,
    _audiences,
    _texts,
    _keys,
    _encodings,
    _sizes,
)
"""From a forge and the time, in seconds since 1970, to tokens that must all be refused."""
