"""From an issuer's published key set to a copy in the keys bucket. Runs as a function, outside the network."""

import json
import os
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3

MOST = 256 * 1024
MOST_KEYS = 100


def checked(body: bytes) -> bytes:
    """Return `body` if it is a set of public keys, and nothing beside them. Raises `ValueError`."""
    keys = json.loads(body)["keys"] if len(body) <= MOST else []
    if not isinstance(keys, list) or not 0 < len(keys) <= MOST_KEYS:
        message = "not a set of 1 to 100 keys"
        raise ValueError(message)
    if any(key.get("kty") not in {"RSA", "EC"} or "d" in key for key in keys):
        message = "not all are public RSA or EC keys"
        raise ValueError(message)
    return json.dumps({"keys": keys}).encode()


class Staying(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: a redirect is an error."""

    def redirect_request(self, *_: Any) -> None:
        """Return no request to follow."""


def fetched(address: str) -> bytes:
    """Return what is published at `address`. Raises `OSError` and `ValueError`."""
    if not address.startswith("https://"):
        message = "keys are fetched by https only"
        raise ValueError(message)
    with urllib.request.build_opener(Staying).open(address, timeout=5) as response:
        return bytes(response.read(MOST + 1))


def handler(_event: object, _context: object, fetch: Callable[[str], bytes] = fetched, s3: Any = None) -> None:
    """Carry the keys of every issuer; one that fails keeps its last copy, and fails the run, which is an alarm."""
    s3, failed = s3 or boto3.client("s3"), []
    for name, address in json.loads(os.environ["ISSUERS"]).items():
        try:
            body = checked(fetch(address))
            s3.put_object(Bucket=os.environ["BUCKET"], Key=name, Body=body, ContentType="application/json")
        except Exception as error:  # noqa: BLE001 - whatever it is, the others' keys are still carried
            failed.append(f"{name}: {type(error).__name__}")
    if failed:
        raise RuntimeError("; ".join(failed))
