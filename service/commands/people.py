"""`antechamber token` and `ask`: being one of the demo company's people."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import boto3
import httpx2
import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from service.commands.terminal import AsJson, Exit, Person, console, demo_variable, errors, fail, print_json, settings

_SECONDS = 150
"""Longest that a whole answer may take."""


def token(person: Person) -> None:
    """Print an access token of the local Cognito for one of the demo's people."""
    typer.echo(access_token(person))


def ask(
    question: Annotated[str, typer.Argument(help="What to ask.")],
    person: Person,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Ask as one of the demo's people; the answer streams, its citations follow. Exit code 3: nothing to be found."""
    bearer = access_token(person)
    configured = settings()
    address = f"http://{configured.host}:{configured.port}/v1/answers"
    heard: list[tuple[str, dict[str, Any]]] = []
    try:
        for name, data in _events(address, bearer, question):
            heard.append((name, data))
            if name == "token" and not as_json:
                console.print(data["text"], end="", markup=False, soft_wrap=True)
    except httpx2.HTTPError as error:
        fail(f"the application at {address} does not answer ({type(error).__name__}); is `make demo` running?")
    if as_json:
        print_json(_summary(heard))
    else:
        _print_rest(heard)
    _exit(heard)


def access_token(person: str) -> str:
    """Return an access token for `person`, or end and say why there is none."""
    client = boto3.client(
        "cognito-idp",
        endpoint_url=settings().aws_endpoint,
        region_name=settings().region,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the local cloud looks at none
    )
    try:
        response = client.initiate_auth(
            ClientId=demo_variable("ANTECHAMBER_DEMO_CLIENT"),
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": person, "PASSWORD": demo_variable("ANTECHAMBER_DEMO_PASSWORD")},
        )
    except ClientError:
        fail(f'the demo has nobody called "{person}"; `antechamber directory people` lists them')
    except BotoCoreError as error:
        fail(f"the local cloud does not answer ({type(error).__name__}); is `make demo` running?")
    return str(response["AuthenticationResult"]["AccessToken"])


def _events(address: str, bearer: str, question: str) -> Iterator[tuple[str, dict[str, Any]]]:
    headers = {"Authorization": f"Bearer {bearer}"}
    with httpx2.stream("POST", address, json={"question": question}, headers=headers, timeout=_SECONDS) as response:
        if response.status_code != httpx2.codes.OK:
            problem = json.loads(response.read())
            fail(f"{response.status_code}: {problem.get('detail', 'refused')}")
        name = ""
        for line in response.iter_lines():
            field, _, value = line.partition(":")
            if field == "event":
                name = value.strip()
            elif field == "data":
                yield name, json.loads(value)


def _summary(heard: list[tuple[str, dict[str, Any]]]) -> dict[str, object]:
    last = heard[-1][1] if heard else {}
    return {
        "receipt": next((data["id"] for name, data in heard if name == "receipt"), None),
        "answer": "".join(data["text"] for name, data in heard if name == "token"),
        "citations": [data for name, data in heard if name == "citation"],
        "outcome": last.get("outcome"),
        "abstained": last.get("abstained"),
    }


def _print_rest(heard: list[tuple[str, dict[str, Any]]]) -> None:
    console.print("\n")
    for name, data in heard:
        if name == "citation":
            console.print(
                rf"  \[{data['number']}] {escape(data['title'])} · {escape(data['document'])}", soft_wrap=True
            )
        if name == "receipt":
            errors.print(f"[dim]record {data['id']}[/dim]")
        if name == "error":
            errors.print(f"[red]{escape(data['detail'])}[/red]")


def _exit(heard: list[tuple[str, dict[str, Any]]]) -> None:
    name, data = heard[-1] if heard else ("error", {})
    if name != "done":
        raise typer.Exit(Exit.FAILED)
    raise typer.Exit(Exit.NOTHING if data["abstained"] else Exit.OK)
