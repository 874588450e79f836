"""From a bare machine with Python and pip to `.venv` with exactly the pinned packages. Standard library only.

Usage: python3 tools/bootstrap.py {core,local,dev}

A pinned uv goes into `.tools`, also where the system's pip may not touch the system (PEP 668). Every package is checked
against the hashes in `requirements/`. What is there already is not fetched again, so that a second run works offline.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
OLDEST = (3, 11)
PROFILES = {"core": ("core", "local", "dev"), "local": ("local", "dev"), "dev": ("dev",)}
"""Each profile with those that contain it."""


def main(arguments: list[str]) -> int:
    """Set up one profile and return the exit code."""
    if len(arguments) != 1 or arguments[0] not in PROFILES:
        print(__doc__)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    if sys.version_info < OLDEST:
        return fail(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; try `make PYTHON=python3.12 …`")
    try:
        set_up(arguments[0])
    except subprocess.CalledProcessError as error:
        return fail(f"`{Path(error.cmd[0]).name}` failed (see above); mend it and run the same command again")
    except OSError as error:
        return fail(f"{error}; is the disk full, or the folder not yours?")
    return 0


def set_up(profile: str) -> None:
    """Bring `.venv` to `profile`, unless it is there already."""
    if any(stamp(each).is_file() and stamp(each).read_text() == state(each) for each in PROFILES[profile]):
        return
    uv = bring_uv()
    if not (VENV / "bin" / "python").exists():
        say("Making the environment .venv")
        run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(VENV)])
    say(f"Installing the pinned packages ({profile}); the first time takes about a minute")
    python = str(VENV / "bin" / "python")
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    run([*install, "--require-hashes", "-r", str(ROOT / "requirements" / f"{profile}.txt")])
    run([*install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    stamp(profile).write_text(state(profile))


def bring_uv() -> str:
    """Return the path of the pinned uv, fetched with pip into `.tools` if it is not there."""
    uv, pinned = TOOLS / "bin" / "uv", (ROOT / "requirements" / "uv.txt").read_text()
    mark = TOOLS / "pinned.txt"
    if uv.exists() and mark.is_file() and mark.read_text() == pinned:
        return str(uv)
    say("Fetching uv into .tools")
    shutil.rmtree(TOOLS, ignore_errors=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--root-user-action=ignore",
    ]
    try:
        run([*pip, "--target", str(TOOLS), "--require-hashes", "-r", str(ROOT / "requirements" / "uv.txt")])
    except subprocess.CalledProcessError:
        say("Is pip there? On Debian and Ubuntu: apt-get install python3-pip")
        raise
    mark.write_text(pinned)
    return str(uv)


def stamp(profile: str) -> Path:
    """Return the file that says which state of `profile` is installed."""
    return VENV / f".installed-{profile}"


def state(profile: str) -> str:
    """Return a digest over all that decides what `profile` installs."""
    parts = [ROOT / "requirements" / f"{profile}.txt", ROOT / "pyproject.toml"]
    digest = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
    return f"{digest} {sys.version_info[:2]} {ROOT}"


def run(command: list[str]) -> None:
    """Run `command`, without what another environment may have left in the variables."""
    clean = {
        name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}
    }
    subprocess.run(command, check=True, env=clean, cwd=ROOT)


def say(message: str) -> None:
    """Tell the person at the terminal what is going on."""
    print(f"  {message} …" if not message.endswith("?") else message, flush=True)


def fail(message: str) -> int:
    """Tell what went wrong and how to mend it, and return the exit code."""
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
