"""One synthesis of each size for the whole session, also where several processes run it."""

import json
import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from infra.app import build
from tests.opensearch.locks import locked

SIZES = ("demo", "production")
Json = dict[str, Any]
"""A template, or a part of one."""


@pytest.fixture(scope="session")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Json]:
    """Return the template of a size; the processes of pytest-xdist share the folder above their own."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    known: dict[str, Json] = {}

    def template(size: str) -> Json:
        if size not in known:
            known[size] = _template(shared / f"synthesis-{size}", size)
        return deepcopy(known[size])

    return template


@pytest.fixture(params=SIZES)
def template(request: pytest.FixtureRequest, synthesised: Callable[[str], Json]) -> Json:
    """Return a template that the test may change, of each size."""
    return synthesised(request.param)


def _template(folder: Path, size: str) -> Json:
    file = folder / f"antechamber-{size}.template.json"
    with locked(folder.with_suffix(".lock")):
        if not file.is_file():
            build({"size": size}, str(folder))[0].synth()
    found: Json = json.loads(file.read_text())
    return found
