"""The worker of the demo: takes what is dropped into the bucket, and what is uploaded."""

import sys

import service.compose_worker  # noqa: F401 - imported while the others start: parsers take a second
from authz.errors import AuthzError
from retrieval.errors import RetrievalError
from service.commands.terminal import settings
from service.commands.worker import run
from service.local.child import settings_from_parent

_WAIT = 1
"""Seconds of one poll: the demo ends no sooner."""


def main() -> int:
    """Work until the demo ends; return the exit status."""
    settings_from_parent()
    try:
        return 1 if run(settings(), wait=_WAIT) else 0
    except (AuthzError, RetrievalError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
