"""What may be chosen, and what is refused before anything is made."""

import pytest

from infra.choice import Choice, read
from infra.size import DEMO, PRODUCTION

OUTSIDE = '[{"issuer": "https://login.example.com/", "tenants": ["acme"], "audience": "x", "jwks_uri": "https://login.example.com/jwks"}]'


def _read(**context: str) -> Choice:
    return read(context.get)


def test_nothing_chosen_is_a_demo() -> None:
    choice = _read()

    assert (choice.size, choice.stack, choice.lock, choice.lock_days) == (DEMO, "antechamber-demo", "GOVERNANCE", 1)


@pytest.mark.parametrize(
    ("region", "model"),
    [
        ("eu-central-1", "eu.amazon.nova-lite-v1:0"),
        ("us-east-1", "us.amazon.nova-lite-v1:0"),
        ("ap-northeast-1", "apac.amazon.nova-lite-v1:0"),
    ],
)
def test_the_default_model_is_the_profile_of_the_regions_geography(region: str, model: str) -> None:
    assert (_read(region=region).model, _read(region=region).profile) == (model, True)


def test_a_models_own_id_is_no_profile() -> None:
    assert not _read(model="amazon.nova-lite-v1:0").profile


def test_everything_can_be_chosen() -> None:
    choice = _read(
        size="production", tenants="acme,globex", dimensions="1024", lock="COMPLIANCE", lock_days="30", issuers=OUTSIDE
    )

    assert (choice.size, choice.tenants, choice.dimensions) == (PRODUCTION, ("acme", "globex"), 1024)
    assert (choice.lock, choice.lock_days, len(choice.issuers)) == ("COMPLIANCE", 30, 1)


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"size": "huge"}, "size is one of"),
        ({"lock": "NONE"}, "GOVERNANCE or COMPLIANCE"),
        ({"name": "Antechamber"}, "small letters"),
        ({"name": "a-name-that-is-too-long-for-a-domain"}, "28"),
        ({"issuers": '[{"issuer": "https://login.example.com/"}]'}, "jwks_uri"),
    ],
)
def test_what_cannot_be_deployed_is_refused_by_name(context: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _read(**context)
