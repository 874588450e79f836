"""The gate as tests call it: one token, one issuer, one instant."""

from datetime import datetime

import pytest

from authz.errors import InvalidTokenError
from authz.identity import BearerToken, Identity, Issuer, identify
from authz.token import Reason, RefusedTokenError
from tests.support.tokens import NOW, StaticKeys, issuer, rsa_key


def judge(token: str, by: Issuer | None = None, keys: StaticKeys | None = None, now: datetime = NOW) -> Identity:
    """Return what `token` proves to an application that trusts one issuer."""
    trusted = by or issuer()
    return identify(BearerToken(token), keys or StaticKeys.of(rsa_key()), {trusted.issuer: trusted}, now)


def reason_for(token: str, by: Issuer | None = None, keys: StaticKeys | None = None, now: datetime = NOW) -> Reason:
    """Return why `token` is refused; the caller of the gate hears nothing else."""
    with pytest.raises(InvalidTokenError) as refused:
        judge(token, by, keys, now)
    assert isinstance(refused.value, RefusedTokenError)
    assert str(refused.value) == "the bearer token is not accepted"
    return refused.value.reason
