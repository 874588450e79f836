"""No evidence but by its one function: proved over the syntax trees of everything that ships."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEALED = {"Identity", "Principal", "Scope", "Passage", "Retrieval", "Prompt"}
MAKERS = {
    "Identity": ("authz/identity.py", "identify"),
    "Principal": ("authz/directory.py", "look_up"),
    "Scope": ("authz/scope.py", "scope"),
    "Passage": ("retrieval/admission.py", "_judge"),
    "Retrieval": ("retrieval/record.py", "record"),
    "Prompt": ("service/prompt.py", "build_prompt"),
}
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for package in ("authz", "retrieval", "service")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def called(node: ast.AST) -> str | None:
    """Return the last name of what `node` calls, whatever it was imported through."""
    if not isinstance(node, ast.Call):
        return None
    return (
        node.func.id
        if isinstance(node.func, ast.Name)
        else node.func.attr
        if isinstance(node.func, ast.Attribute)
        else None
    )


def made_seals() -> Iterator[tuple[str, str]]:
    """Yield each module-level `_SEAL = Seal("X")` as its file and X."""
    for file, tree in TREES.items():
        for node in tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id="_SEAL")], value=ast.Call(args=[ast.Constant(value=str(name))])):
                    if called(node.value) == "Seal":
                        yield file, name


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield every function of a module by its name."""
    for node in tree.body:
        for inner in ast.walk(node):
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                yield inner.name, inner


def test_sealed_types_are_exactly_these_each_in_its_module() -> None:
    assert sorted(made_seals()) == sorted((file, name) for name, (file, _) in MAKERS.items())
    assert {name for _, name in made_seals()} == SEALED


def test_a_seal_is_made_nowhere_else() -> None:
    calls = [file for file, tree in TREES.items() for node in ast.walk(tree) if called(node) == "Seal"]
    assert sorted(calls) == sorted(file for file, _ in made_seals())


def test_a_seal_is_named_in_its_own_module_alone() -> None:
    owners = {file for file, _ in made_seals()}
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.Attribute) and node.attr == "_SEAL"), file
            assert not (isinstance(node, ast.Constant) and node.value == "_SEAL"), file
            assert not (isinstance(node, ast.alias) and "_SEAL" in {node.name, node.asname}), file
            assert not (isinstance(node, ast.Name) and node.id == "_SEAL" and file not in owners), file
            assert not (isinstance(node, ast.Global | ast.Nonlocal) and "_SEAL" in node.names), file


@pytest.mark.parametrize("name", sorted(SEALED))
def test_sealed_type_is_final_frozen_and_checks_its_seal(name: str) -> None:
    (definition,) = (
        node for node in ast.walk(TREES[MAKERS[name][0]]) if isinstance(node, ast.ClassDef) and node.name == name
    )
    decorators = [ast.unparse(each) for each in definition.decorator_list]
    assert decorators == ["final", "dataclass(frozen=True, slots=True)"]
    (check,) = (each for each in definition.body if isinstance(each, ast.FunctionDef) and each.name == "__post_init__")
    assert ast.unparse(check.body[-1]) == "_SEAL.check(seal)"
    fields = {ast.unparse(each.target): each for each in definition.body if isinstance(each, ast.AnnAssign)}
    assert ast.unparse(fields["seal"].annotation) == "InitVar[Seal]"
    default = fields["seal"].value
    assert default is None or "default" not in ast.unparse(default)


@pytest.mark.parametrize("name", sorted(SEALED))
def test_sealed_type_is_made_by_its_one_function_with_its_module_s_seal(name: str) -> None:
    file, maker = MAKERS[name]
    made = [(at, node) for at, tree in TREES.items() for node in ast.walk(tree) if called(node) == name]
    assert [at for at, _ in made] == [file]
    ((_, call),) = made
    assert isinstance(call, ast.Call)
    assert [function for function, body in functions(TREES[file]) if call in ast.walk(body)] == [maker]
    given = [each.value for each in call.keywords if each.arg == "seal"] or call.args[-1:]
    assert [ast.unparse(each) for each in given] == ["_SEAL"]


@pytest.mark.parametrize("name", sorted(SEALED))
def test_sealed_type_is_not_got_round(name: str) -> None:
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                assert name not in {ast.unparse(base).rpartition(".")[2] for base in node.bases}, file
            if isinstance(node, ast.alias):
                assert not (node.name == name and node.asname), f"{file} renames {name}"
            if called(node) in {"__new__", "__setattr__", "__reduce__", "__setstate__"}:
                pytest.fail(f"{file} makes or changes an object behind its class's back")
