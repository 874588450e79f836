"""From a machine to a JDK that is new enough for OpenSearch 3."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.opensearch.errors import NodeError

OLDEST = 21
USUAL = ("/usr/lib/jvm/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home")
"""Where Linux distributions and macOS keep their JDKs."""
_MEND = f"install one of {OLDEST} or newer, or name its folder in ANTECHAMBER_JAVA_HOME"


@dataclass(frozen=True, slots=True)
class Jdk:
    """A JDK: its folder and its version."""

    home: Path
    version: str

    @property
    def is_new_enough(self) -> bool:
        """Whether OpenSearch 3 runs on it."""
        return int(self.version.split(".")[0]) >= OLDEST

    def tool(self, name: str) -> str:
        """Return the path of one of its commands."""
        return str(self.home / "bin" / name)


def find_jdk(environment: Mapping[str, str] = os.environ, usual: Sequence[str] = USUAL) -> Jdk:
    """Return the first JDK that is new enough. Raises `NodeError` if there is none, or if the one asked for is not."""
    if named := environment.get("ANTECHAMBER_JAVA_HOME"):
        jdk = _jdk(Path(named))
        if jdk is None or not jdk.is_new_enough:
            message = f"ANTECHAMBER_JAVA_HOME={named} is no JDK of {OLDEST} or newer: name another, or unset it"
            raise NodeError(message)
        return jdk
    found = [jdk for jdk in map(_jdk, _candidates(environment, usual)) if jdk is not None]
    for jdk in found:
        if jdk.is_new_enough:
            return jdk
    known = ", ".join(sorted({f"{jdk.version} in {jdk.home}" for jdk in found}))
    message = (
        f"OpenSearch needs a JDK, and {f'what is here is too old ({known})' if known else 'none is here'}: {_MEND}"
    )
    raise NodeError(message)


def _candidates(environment: Mapping[str, str], usual: Sequence[str]) -> Iterator[Path]:
    if home := environment.get("JAVA_HOME"):
        yield Path(home)
    if compiler := shutil.which("javac", path=environment.get("PATH", "")):
        yield Path(compiler).resolve().parents[1]
    for pattern in usual:
        yield from sorted(Path("/").glob(pattern.removeprefix("/")))


def _jdk(home: Path) -> Jdk | None:
    """Return the JDK in `home`: its `release` file names the version, and only a JDK has a compiler."""
    try:
        version = re.search(r'^JAVA_VERSION="(\d[^"]*)"', (home / "release").read_text(), re.MULTILINE)
    except OSError:
        return None
    return Jdk(home, version[1]) if version and (home / "bin" / "javac").exists() else None
