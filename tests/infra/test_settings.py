"""The settings that the stack passes to the tasks, held against the application's."""

import re
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from infra.settings import LEFT
from infra.template import environment_of, text
from service.settings import Settings
from tests.infra.conftest import SIZES, Json

PROCESSES = ("answer", "documents", "ingest", "operator")
_PREFIX = "ANTECHAMBER_"


def _passed(template: Json) -> dict[str, set[str]]:
    named = {each: environment_of(template, each) for each in PROCESSES}
    return {each: {name.removeprefix(_PREFIX).lower() for name in variables} for each, variables in named.items()}


def test_every_variable_of_a_task_is_a_setting(template: Json) -> None:
    orphans = {process: sorted(names - Settings.model_fields.keys()) for process, names in _passed(template).items()}

    assert orphans == {process: [] for process in PROCESSES}


def test_every_setting_is_passed_to_some_task_or_left_at_its_default_on_purpose(template: Json) -> None:
    passed = set().union(*_passed(template).values())

    assert (passed & LEFT, sorted(Settings.model_fields.keys() - passed - LEFT)) == (set(), [])
    assert Settings.model_fields.keys() >= LEFT


def _filled(value: Json) -> str:
    """Return what CloudFormation might fill in."""
    return re.sub(r"<[^>]+>", "example", text(value))


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("size", SIZES)
def test_the_settings_of_a_task_are_understood(
    process: str, size: str, synthesised: Callable[[str], Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of(synthesised(size), process).items():
        monkeypatch.setenv(name, "a secret of 32 characters or more" if value is None else _filled(value))

    settings = Settings()  # type: ignore[call-arg]  # from the environment

    assert settings.opensearch_auth == "sigv4"
    assert settings.writes == (process == "documents")
    assert settings.guardrail_version != "DRAFT"
    assert (settings.limits_table is not None) == (process in {"answer", "documents"})
    assert (settings.aws_endpoint, settings.bedrock_endpoint, settings.aws_access_key_id) == (None, None, None)
    [issuer] = settings.issuers
    assert issuer.jwks_uri is not None
    assert issuer.jwks_uri.startswith("https://")
    assert issuer.issuer_of().audience_claim == "client_id"


def test_no_secret_is_a_plain_variable(template: Json) -> None:
    secret = {
        name for name, field in Settings.model_fields.items() if SecretStr in getattr(field.annotation, "__args__", ())
    }

    for process in PROCESSES:
        plain = {
            name.removeprefix(_PREFIX).lower() for name, value in environment_of(template, process).items() if value
        }
        assert not plain & secret
    assert "limits_salt" in secret


def test_no_two_tasks_disagree_about_where_things_are(template: Json) -> None:
    named = [environment_of(template, each) for each in PROCESSES]

    for name in set().union(*named):
        assert len({str(each[name]) for each in named if name in each}) == 1, name
