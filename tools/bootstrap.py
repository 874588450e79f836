"""From a bare machine with Python and pip to `.venv` with exactly the pinned packages. Standard library only.

Usage: python3 tools/bootstrap.py {core,local,dev}

A pinned uv goes into `.tools`, also where the system's pip may not touch the system (PEP 668). Every package is checked
against the hashes in `requirements/`. What is there already is not fetched again, so that a second run works offline.
What was interrupted, or made for another folder or another Python, is made anew.
"""

from __future__ import annotations  # so that a Python that is too old gets as far as being told so

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
OLDEST = (3, 11)
PROFILES = {"core": ("core", "local", "dev"), "local": ("local", "dev"), "dev": ("dev",)}
"""Each profile with those that contain it."""
MENDS = (
    (("hash mismatch", "do not match the hashes"), "a package is not the one that requirements/ pins: do not use it"),
    (("no space left", "disk quota", "file too large"), "the disk is full: .venv takes about 1 GB, uv's cache as much"),
    (("no module named pip",), "this Python has no pip: apt-get install python3-pip, or python3 -m ensurepip --user"),
    (("permission denied", "read-only"), "a folder cannot be written: this one, or the one that is named above"),
    (("unknownissuer", "certificate"), "the network has a certificate of its own: SSL_CERT_FILE and PIP_CERT name it"),
    (
        ("connect", "timed out", "error sending request", "failed to fetch", "dns error", "no matching distribution"),
        "the first set-up needs the network; HTTPS_PROXY names a proxy, PIP_INDEX_URL and UV_DEFAULT_INDEX a mirror",
    ),
)
"""What a failed command says, in lower case, with what mends it; the first that fits."""


class SetUpError(Exception):
    """The set-up cannot go on; the message names the mend."""


def main(arguments: list[str]) -> int:
    """Set up one profile and return the exit code."""
    if len(arguments) != 1 or arguments[0] not in PROFILES:
        print(__doc__)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        check_python()
        set_up(arguments[0])
    except SetUpError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error}; is the disk full, or the folder not yours?")
    except KeyboardInterrupt:
        print("\nstopped in the middle of the set-up; the same command completes it", file=sys.stderr)
        return 130
    return 0


def check_python() -> None:
    """Raise `SetUpError`, naming a newer Python of this machine if there is one, unless this one is new enough."""
    if sys.version_info >= OLDEST:
        return
    names = [f"python3.{minor}" for minor in range(20, OLDEST[1] - 1, -1)]
    found = next((name for name in names if runs(name)), None)
    mend = f"add PYTHON={found}" if found else "install one, and add PYTHON=python3.12 if that is its name"
    message = f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: {mend} to the command"
    raise SetUpError(message)


def runs(name: str) -> bool:
    """Return whether this Python is there, and is more than the placeholder of a version manager."""
    return (
        bool(shutil.which(name)) and not subprocess.run([name, "-c", ""], check=False, capture_output=True).returncode
    )


def set_up(profile: str) -> None:
    """Bring `.venv` to `profile`, unless it is there already."""
    if is_ready(profile):
        return
    if not os.access(ROOT, os.W_OK):
        message = f"{ROOT} cannot be written: clone into a folder of your own"
        raise SetUpError(message)
    with alone() as lock:
        if not is_ready(profile):
            install(profile, lock)


def is_ready(profile: str) -> bool:
    """Return whether what `profile` needs is installed, by it or by one that contains it."""
    return any(stamp(each).is_file() and stamp(each).read_text() == state(each) for each in PROFILES[profile])


def install(profile: str, lock: int) -> None:
    """Make `.venv`, if none fits, and install `profile` in it; `lock` stays held until what does it has ended."""
    uv = bring_uv(lock)
    if not fits():
        anew = " anew: it was not finished, or made for another folder or Python"
        say("Making .venv" + anew * VENV.exists())
        remove(VENV)
        run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)], lock)
    pinned = ROOT / "requirements" / f"{profile}.txt"
    number = sum("==" in line and not line.startswith((" ", "#")) for line in pinned.read_text().splitlines())
    say(f"Installing {number} pinned packages, checked by hash: a minute or two, this once")
    forget_stamps()  # before the first change: an environment without any is not gone on with
    command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(VENV / "bin" / "python")]
    run([*command, "--require-hashes", "-r", str(pinned)], lock)
    run([*command, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], lock)
    stamp(profile).write_text(state(profile))


def bring_uv(lock: int) -> str:
    """Return the path of the pinned uv, fetched with pip into `.tools` if it is not there."""
    uv, pins = TOOLS / "bin" / "uv", ROOT / "requirements" / "uv.txt"
    mark = TOOLS / "pinned.txt"
    if uv.exists() and mark.is_file() and mark.read_text() == pins.read_text():
        return str(uv)
    say("Fetching uv, which installs the rest, into .tools")
    remove(TOOLS)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--retries=2", "--disable-pip-version-check"]
    run([*pip, "--root-user-action=ignore", "--target", str(TOOLS), "--require-hashes", "-r", str(pins)], lock)
    mark.write_text(pins.read_text())
    return str(uv)


def fits() -> bool:
    """Return whether `.venv` was once finished, for this folder and this Python: its scripts hold absolute paths."""
    made_for = f" {sys.version_info[:2]} {ROOT}"
    stamps = [path.read_text() for path in VENV.glob(".installed-*")]
    return (VENV / "bin" / "python").exists() and any(each.endswith(made_for) for each in stamps)


def forget_stamps() -> None:
    """Remove what says that something is installed."""
    for path in VENV.glob(".installed-*"):
        path.unlink()


def stamp(profile: str) -> Path:
    """Return the file that says which state of `profile` is installed."""
    return VENV / f".installed-{profile}"


def state(profile: str) -> str:
    """Return a digest over all that decides what `profile` installs, then Python's version and this folder."""
    parts = [ROOT / "requirements" / f"{profile}.txt", ROOT / "pyproject.toml"]
    digest = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
    return f"{digest} {sys.version_info[:2]} {ROOT}"


@contextmanager
def alone() -> Iterator[int]:
    """Hold this folder against another set-up, for which it waits; yield the lock, for commands to inherit."""
    lock = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another set-up in this folder to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def remove(folder: Path) -> None:
    """Remove `folder` with what is in it, if it is there."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def run(command: list[str], lock: int) -> None:
    """Run `command`, without what another environment may have left in the variables.

    Raises `SetUpError` with what it said and the mend. It inherits `lock`, so that one left behind by a killed set-up
    is waited for by the next.
    """
    left = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_REQUIRE_VIRTUALENV"}
    clean = {name: value for name, value in os.environ.items() if name not in left}
    ended = subprocess.run(
        command, check=False, env=clean, cwd=ROOT, pass_fds=(lock,), stderr=subprocess.PIPE, text=True, errors="replace"
    )
    if ended.returncode:
        message = f"{mend(ended.stderr, Path(command[0]).name)}; then run the same command again"
        print(ended.stderr.strip(), file=sys.stderr)
        raise SetUpError(message)


def mend(said: str, name: str) -> str:
    """Return what mends a command `name` that failed and `said` this."""
    words = said.lower()
    return next((mend for signs, mend in MENDS if any(sign in words for sign in signs)), f"{name} failed: see above")


def say(message: str) -> None:
    """Tell the person at the terminal what is going on."""
    print(f"• {message} …", flush=True)


def fail(message: str) -> int:
    """Tell what went wrong and how to mend it, and return the exit code."""
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
