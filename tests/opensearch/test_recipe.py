"""How the node comes here: nothing runs that is not exactly what the recipe names, and every failure names its mend."""

import re
from pathlib import Path

import pytest
import yaml

from tests.opensearch.errors import NodeError
from tests.opensearch.jdk import find_jdk
from tests.opensearch.locks import is_held, locked
from tests.opensearch.recipe import HERE, ROOT, checksums, install

HALF = """
for each; do case $each in -Dinto=*) into=${each#-Dinto=} ;; esac; done
mkdir -p "$into/lib"; printf one > "$into/lib/one.jar"
"""
GOOD = HALF + 'printf two > "$into/lib/two.jar"'


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return the folder of a small recipe: two files, and a launcher that compiles."""
    folder = tmp_path / "recipe"
    (folder / "java").mkdir(parents=True)
    (folder / "java/Launcher.java").write_text("class Launcher {}")
    (folder / "pom.xml").write_text("<project/>")
    (folder / "lib").mkdir()
    (folder / "lib/one.jar").write_text("one")
    (folder / "lib/two.jar").write_text("two")
    listed = [line for line in checksums(folder).splitlines(keepends=True) if "lib/" in line]
    (folder / "checksums.txt").write_text("".join(listed))
    return folder


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a script in place of mvn, which a test fills; a small one stands for the compiler."""
    home = jdk(tmp_path / "jdk", "25.0.1")
    script(home / "bin/javac", 'while [ "$1" != -d ]; do shift; done; mkdir -p "$2"')
    script(home / "bin/jar", 'touch "$3"')
    monkeypatch.setenv("ANTECHAMBER_JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return script(tmp_path / "bin/mvn", GOOD)


def script(path: Path, does: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return path


def jdk(folder: Path, version: str, *, compiler: bool = True) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    if compiler:
        script(folder / "bin/javac", "exit 1")
    return folder


def test_second_time_needs_neither_maven_nor_compiler(recipe: Path, maven: Path, tmp_path: Path) -> None:
    first = install(recipe, tmp_path / "tools")
    assert [path.read_text() for path in first.files] == ["one", "two"]
    assert (first.launcher / "launcher.jar").is_file()
    script(maven, "exit 1")
    assert install(recipe, tmp_path / "tools") == first


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("lib/two.jar", "twO", "another file than"),
        ("lib/two.jar", None, "missing"),
        ("lib/ten.jar", "", "none of those"),
    ],
)
@pytest.mark.usefixtures("maven")
def test_file_that_is_not_the_named_one_is_refused(
    recipe: Path, tmp_path: Path, name: str, content: str | None, why: str
) -> None:
    changed = install(recipe, tmp_path / "tools").folder / "files" / name
    changed.unlink(missing_ok=True) if content is None else changed.write_text(content)
    with pytest.raises(NodeError, match=f"{name} is {why}.*: delete .*opensearch-"):
        install(recipe, tmp_path / "tools")


def test_download_of_other_files_is_refused_and_not_kept(recipe: Path, maven: Path, tmp_path: Path) -> None:
    script(maven, GOOD.replace("two >", "evil >"))
    with pytest.raises(NodeError, match=r"lib/two.jar is another file than .*\.m2"):
        install(recipe, tmp_path / "tools")
    assert not list((tmp_path / "tools").rglob("*.jar"))


def test_half_a_download_is_not_taken_for_all_of_it(recipe: Path, maven: Path, tmp_path: Path) -> None:
    script(maven, f"{HALF}exit 1")
    with pytest.raises(NodeError):
        install(recipe, tmp_path / "tools")
    script(maven, HALF)
    with pytest.raises(NodeError, match=r"lib/two.jar is missing"):
        install(recipe, tmp_path / "tools")
    (folder,) = (tmp_path / "tools").iterdir()
    (folder / "files.part-killed").mkdir()
    (folder / "files.part-killed/old.jar").touch()
    script(maven, GOOD)
    assert len(install(recipe, tmp_path / "tools").files) == 2
    assert not list(folder.glob("*.part-*"))


@pytest.mark.parametrize(
    ("told", "mend"),
    [
        ("[ERROR] Could not transfer artifact a:b:1", "needs the network"),
        ("[ERROR] write failed: No space left on device", "the disk is full"),
        ("", "mend it"),
    ],
)
def test_failure_of_maven_is_told_in_one_line(recipe: Path, maven: Path, tmp_path: Path, told: str, mend: str) -> None:
    script(maven, f"echo '{told}'; exit 1")
    with pytest.raises(NodeError, match=mend) as error:
        install(recipe, tmp_path / "tools")
    assert "\n" not in str(error.value)


def test_machine_without_maven_is_told_so(
    recipe: Path, maven: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maven.unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(NodeError, match="there is no mvn: install it"):
        install(recipe, tmp_path / "tools")


def test_first_jdk_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    old, runtime, new, newest = (
        jdk(tmp_path / "old", "17.0.15"),
        jdk(tmp_path / "jvm/a", "21.0.1", compiler=False),
        jdk(tmp_path / "jvm/b", "21.0.2"),
        jdk(tmp_path / "named", "25"),
    )
    usual = [f"{tmp_path}/jvm/*"]
    assert find_jdk({"JAVA_HOME": str(old)}, usual).home == new
    assert find_jdk({"JAVA_HOME": str(runtime), "PATH": f"{newest}/bin"}, usual).home == newest.resolve()
    assert find_jdk({"JAVA_HOME": str(old), "ANTECHAMBER_JAVA_HOME": str(newest)}, usual).home == newest


def test_machine_without_a_fitting_jdk_is_told_what_there_is(tmp_path: Path) -> None:
    old = jdk(tmp_path / "old", "17.0.15")
    with pytest.raises(NodeError, match=r"too old \(17.0.15 in .*old\): install one of 21"):
        find_jdk({"JAVA_HOME": str(old)}, [])
    with pytest.raises(NodeError, match="none is here: install"):
        find_jdk({}, [])
    with pytest.raises(NodeError, match=r"ANTECHAMBER_JAVA_HOME=.* is no JDK of 21 or newer"):
        find_jdk({"ANTECHAMBER_JAVA_HOME": str(old)}, [])


def test_lock_is_held_until_its_holder_leaves(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        assert is_held(tmp_path / "lock")
    assert not is_held(tmp_path / "lock")


def test_compose_runs_the_tested_version_on_loopback_alone() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    version = re.search(r"<opensearch.version>(.*)</opensearch.version>", (HERE / "pom.xml").read_text())
    assert version
    assert services["opensearch"]["image"] == f"opensearchproject/opensearch:{version[1]}"
    assert all(port.startswith("127.0.0.1:") for each in services.values() for port in each.get("ports", []))
    assert [name for name, each in services.items() if each.get("network_mode") == "host"] == ["demo"]
    assert ".:/source:ro" in services["demo"]["volumes"]
    assert f"lib/opensearch-{version[1]}.jar" in (HERE / "checksums.txt").read_text()
