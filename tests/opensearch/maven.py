"""From `pom.xml` to the files it names, by the ordinary Maven."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.opensearch.errors import NodeError
from tests.opensearch.jdk import Jdk

PATIENCE = 900.0
"""Seconds that Maven has, far more than it needs."""
_MENDS = {
    "No space left on device": "the disk is full: make room",
    "not resolve": "the first time needs the network: connect",
    "not transfer": "the first time needs the network: connect",
}


def fetch(pom: Path, jdk: Jdk, into: Path) -> None:
    """Fetch what `pom` names into `into`. Raises `NodeError` if Maven is missing or fails."""
    maven = shutil.which("mvn")
    if maven is None:
        message = "OpenSearch is fetched with Maven, and there is no mvn: install it (apt-get install maven)"
        raise NodeError(message)
    # --strict-checksums: whatever arrives damaged is refused by Maven already.
    command = [maven, "--batch-mode", "--quiet", "--strict-checksums", "-Dstyle.color=never"]
    command += ["--file", str(pom), "generate-resources", f"-Dinto={into.resolve()}"]
    environment = os.environ | {"JAVA_HOME": str(jdk.home)}
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603 - found above
    except subprocess.TimeoutExpired as error:
        message = f"Maven did not end within {PATIENCE:.0f} s: is the network slow? Run the same command again"
        raise NodeError(message) from error
    except subprocess.CalledProcessError as error:
        raise NodeError(_told(error.stdout + error.stderr)) from error
    shutil.rmtree(into / "target", ignore_errors=True)


def _told(output: str) -> str:
    output = re.sub(r"\x1b\[[0-9;]*m", "", output)
    lines = [line.removeprefix("[ERROR]").strip() for line in output.splitlines()]
    cause = next(filter(None, lines), "it did not say why")
    mend = next((mend for sign, mend in _MENDS.items() if sign in output), "mend it")
    return f"Maven could not fetch OpenSearch; {mend}, and run the same command again ({cause[:300]})"
