"""A local cloud with the demo company in it, as `make demo` loads it, and no process yet that serves it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.cloud import Cloud
from tests.support.demo import Site, clean_environment, free_port, kept_vectors


def seeded(folder: Path, cloud: Cloud) -> Site:
    """Load the demo company into `cloud`, and return where to serve it."""
    port = free_port()
    told = {name: getattr(cloud, name) for name in ("aws", "bedrock", "answers", "embeddings")}
    told |= {"port": str(port), "password": "Served-apart-1"}
    with kept_vectors(folder, "demo"):
        subprocess.run(
            [sys.executable, "-m", "service.local.seed", ".local/demo.env"],
            cwd=folder,
            env=clean_environment(),
            input=json.dumps(told),
            stdout=subprocess.DEVNULL,
            text=True,
            check=True,
        )
    return Site(folder, port)
