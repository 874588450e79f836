"""The documents of a real community as this application holds them: tenant, groups, people, access manifest, questions.

What the corpus is, and the one rule by which its documents may be read, stands in its SOURCE.md.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from authz.enrolment import Enrolment
from authz.policy_set import write_manifest

TENANT = "k8s"
ISSUER = "https://login.k8s.test"
AUDIENCE = "antechamber"
POLICIES = Path(__file__).parents[1] / "e2e/policies"
_CLASSIFICATION = {"public": 0, "internal": 1, "confidential": 2}


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the document that answers it, and a piece of that document that the answer holds."""

    question: str
    path: str
    phrase: str


@dataclass(frozen=True)
class Corpus:
    """The corpus in `folder`, which is only read."""

    folder: Path

    @cached_property
    def documents(self) -> Mapping[str, Mapping[str, Any]]:
        """Every document by its path, which is its id too."""
        return {each["path"]: each for each in self._read("access")["documents"]}

    @cached_property
    def groups(self) -> Mapping[str, Mapping[str, list[str]]]:
        """Every group with its members and parents."""
        groups: Mapping[str, Mapping[str, list[str]]] = self._read("groups")["groups"]
        return groups

    @cached_property
    def users(self) -> Mapping[str, Mapping[str, Any]]:
        """The users whose readable documents are counted, by handle."""
        users: Mapping[str, Mapping[str, Any]] = self._read("users")["users"]
        return users

    @cached_property
    def questions(self) -> list[Question]:
        """Every question."""
        return [Question(**each) for each in self._read("questions")["questions"]]

    @cached_property
    def handles(self) -> list[str]:
        """Everybody: members of groups, owners who are in none, and users who are in none."""
        members = {handle for group in self.groups.values() for handle in group["members"]}
        owners = {handle for each in self.documents.values() for handle in each["owner_users"]}
        return sorted(members | owners | self.users.keys())

    def may_read(self, handle: str, path: str) -> bool:
        """Return what the corpus's own rule says, by its own list of each user's groups."""
        document, groups = self.documents[path], set(self.users[handle]["groups"])
        return bool(groups & set(document["readers"])) or handle in document["owner_users"]

    def text(self, path: str) -> str:
        """Return the text of a document."""
        return (self.folder / path).read_text()

    def nesting(self) -> dict[str, list[str]]:
        """Return every group with its parents."""
        return {name: list(group["parents"]) for name, group in self.groups.items()}

    def enrolments(self) -> list[Enrolment]:
        """Return everybody with the groups that they are directly in."""
        direct: dict[str, list[str]] = {handle: [] for handle in self.handles}
        for name, group in self.groups.items():
            for handle in group["members"]:
                direct[handle].append(name)
        held: dict[str, object] = {"clearance": 0, "compartments": [], "employment": "member"}
        return [Enrolment(ISSUER, handle, handle, held, groups) for handle, groups in direct.items()]

    def write_policies(self, to: Path) -> Path:
        """Write the corpus's policy directory, its tenant's collections included, and return it."""
        shutil.copytree(POLICIES, to)
        collections: dict[str, list[str]] = {each["collection"]: [] for each in self.documents.values()}
        (to / "tenants.json").write_text(json.dumps({TENANT: {"groups": [], "collections": collections}}))
        write_manifest(to)
        return to

    def write_tree(self, to: Path) -> Path:
        """Copy the documents into `to`, an access manifest beside them, and return it."""
        for path in self.documents:
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.folder / path, to / path)
        entries = {path: _entry(each) for path, each in self.documents.items()}
        # A manifest is YAML, and so is JSON.
        (to / "access.yaml").write_text(json.dumps({"tenant": TENANT, "folders": {}, "documents": entries}, indent=1))
        return to

    def _read(self, name: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads((self.folder / f"{name}.json").read_text())


def _entry(document: Mapping[str, Any]) -> dict[str, object]:
    return {
        "title": document["title"],
        "classification": _CLASSIFICATION[document["classification"]],
        "audience": "readers",
        "readers": document["readers"],
        "owners": document["owner_users"],
        "collections": [document["collection"]],
        "markings": [],
        "quarantined": False,
        "legal_hold": False,
    }
