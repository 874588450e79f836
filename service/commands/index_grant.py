"""`antechamber index grant`: who may search and who may write within OpenSearch, told once after it was made."""

from typing import Annotated

import typer

from retrieval.errors import IndexMismatchError
from retrieval.opensearch_security import OpenSearchSecurity
from service.commands.operator import operator
from service.commands.terminal import print_line, told

Roles = Annotated[list[str], typer.Option(help="An IAM role by its ARN; again for each.")]


def grant(search: Roles = [], write: Roles = []) -> None:  # noqa: B006 - typer copies them
    """Map IAM roles to what they need within OpenSearch; it must be asked with the domain's master role.

    Where fine-grained access control is on, nobody else may anything until this is done. Done again, only the roles of
    this call are mapped.
    """
    with told():
        strange = [each for each in (*search, *write) if not each.startswith("arn:") or ":role/" not in each]
        if strange or not (search or write):
            message = f"{strange[0] if strange else 'nothing'} is no ARN of an IAM role"
            raise IndexMismatchError(message)
        on = operator()
        from service.compose_opensearch import opensearch  # noqa: PLC0415 - the client takes a third of a second

        indices = opensearch(on.settings, on.policies)
        with on.maintaining("index grant"):
            OpenSearchSecurity(indices.admin.engine).grant(search, write)
    for what, roles in (("searches", search), ("searches and writes", write)):
        for each in roles:
            print_line(f"{each} {what}")
