"""From `pom.xml`, `checksums.txt` and `java/` to what a node is started from, made once and kept in `.tools`.

(1) Maven fetches the files into a folder that takes its name only when all of them are there.
(2) They are exactly those of `checksums.txt`: checked before each start, and before anything of them is run.
(3) The launcher is compiled against them.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.opensearch.errors import NodeError, say
from tests.opensearch.jdk import OLDEST, Jdk, find_jdk
from tests.opensearch.locks import locked
from tests.opensearch.maven import fetch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass(frozen=True, slots=True)
class Installed:
    """What a node is started from. Made by `install`."""

    jdk: Jdk
    folder: Path
    launcher: Path
    files: tuple[Path, ...]

    @property
    def class_path(self) -> str:
        """The class path, always in the same order."""
        return os.pathsep.join(map(str, (self.launcher / "launcher.jar", *self.files)))


def install(recipe: Path = HERE, tools: Path = ROOT / ".tools") -> Installed:
    """Return what a node is started from, fetched and compiled if it is not there.

    Raises `NodeError` if it cannot be had, or if a file is not the one that `checksums.txt` names.
    """
    jdk = find_jdk()
    listed, sources = recipe / "checksums.txt", sorted(path for path in recipe.glob("java/**/*") if path.is_file())
    folder = tools / f"opensearch-{_digest([recipe / 'pom.xml', listed])}"
    with locked(folder / "lock"):
        if not (folder / "files").exists():
            _fetch(recipe, jdk, folder / "files")  # (1)
        check(folder / "files", listed, f"delete {folder}")  # (2)
        files = tuple(sorted((folder / "files").rglob("*.jar")))
        launcher = folder / f"launcher-{_digest(sources, jdk.version, str(folder))}"
        installed = Installed(jdk, folder, launcher, files)
        if not launcher.exists():
            _compile(sources, installed)  # (3)
    return installed


def check(folder: Path, listed: Path, mend: str) -> None:
    """Raise `NodeError`, with `mend`, unless the files of `folder` are exactly those of `listed`."""
    named, there = _by_path(listed.read_text()), _by_path(checksums(folder))
    for path in sorted(named.keys() | there.keys()):
        if named.get(path) != there.get(path):
            what = (
                "is missing" if path not in there else "is another file than" if path in named else "is none of those"
            )
            message = f"{path} {what} that checksums.txt names: {mend}, and run the same command again"
            raise NodeError(message)


def checksums(folder: Path) -> str:
    """Return the SHA-256 of every file under `folder`, as sha256sum writes them."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return "".join(f"{_sha256(folder / path)}  {path}\n" for path in paths)


def _by_path(text: str) -> dict[str, str]:
    return {path: digest for digest, path in (line.split("  ", 1) for line in text.splitlines())}


def _fetch(recipe: Path, jdk: Jdk, folder: Path) -> None:
    say("fetching OpenSearch with Maven, about 80 MB; the first time takes about a minute")
    with _part(folder) as part:
        fetch(recipe / "pom.xml", jdk, part)
        check(part, recipe / "checksums.txt", "delete it from Maven's local repository (~/.m2/repository)")


def _compile(sources: Sequence[Path], installed: Installed) -> None:
    say("compiling its launcher")
    jdk = installed.jdk
    with _part(installed.launcher) as part:
        classes, code = part / "classes", [str(path) for path in sources if path.suffix == ".java"]
        _run([jdk.tool("javac"), "--release", str(OLDEST), "-proc:none", "-d", str(classes), *code], installed)
        for path in sources:
            if path.suffix == ".properties":
                shutil.copy(path, classes)
        _run([jdk.tool("jar"), "--create", "--file", str(part / "launcher.jar"), "-C", str(classes), "."], installed)
        shutil.rmtree(classes)


def _run(command: Sequence[str], installed: Installed) -> None:
    environment = os.environ | {"CLASSPATH": installed.class_path}
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)  # noqa: S603 - of the JDK
    if ended.returncode:
        message = f"`{Path(command[0]).name}` failed, mend java/: {(ended.stderr or ended.stdout).strip()[:300]}"
        raise NodeError(message)


@contextmanager
def _part(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` if all goes well, and is deleted otherwise."""
    for old in folder.parent.glob("*.part-*"):  # of a run that was killed: we hold the lock
        shutil.rmtree(old, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
    try:
        yield part
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _digest(files: Sequence[Path], *more: str) -> str:
    return hashlib.sha256("\n".join([*map(_sha256, files), *more]).encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
