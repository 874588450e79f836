"""What the tests of faults share: a local cloud for each file, and the application over it, behind proxies."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults import raw
from tests.faults.deployment import Deployment, deployed
from tests.support.application import BOUNDS, Application
from tests.support.cloud import Cloud, running_cloud
from tests.support.log import logging_here
from tests.support.seeded_cloud import seeded
from tests.support.server import serving


@pytest.fixture(scope="module")
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """Return a local cloud that waits as many seconds before a word as the file of tests says."""
    with running_cloud(faults=False, word_delay=request.module.WORD_DELAY) as running:
        yield running


@pytest.fixture(scope="module")
def deployment(
    request: pytest.FixtureRequest, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Return the running application, with the deadline that the file of tests says."""
    site = seeded(tmp_path_factory.mktemp("faults"), cloud)
    with deployed(site, cloud, request.module.DEADLINE) as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[raw.Site]:
    """Return the application over fakes, to be spoken to in bytes."""
    application = Application(tmp_path_factory.mktemp("wire"), replace(BOUNDS, deadline=raw.DEADLINE))
    with logging_here() as log, serving(application.app) as running:
        yield raw.Site(application, running, log)
