"""Random Cedar policies over any schema: every operator that an index can be asked, nested at random."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from authz.schema import AttributeSchema, AttributeType, datetime_text
from tests.support.worlds import COLLECTIONS, GROUPS, INSTANTS, NUMBERS, PEOPLE, WALL, WORDS, quoted

Leaf = Callable[[str], str]
_INSIDE = 60
"""Characters of a pattern's part behind a wildcard."""


@dataclass(slots=True)
class Grammar:
    """Writes Cedar conditions on documents of `schema`; `shapes` remembers each operator shape it wrote."""

    random: Random
    schema: AttributeSchema
    shapes: set[str] = field(default_factory=set)

    def leaves(self) -> dict[str, Callable[[], str]]:
        """Return a writer for each shape: an operator with the kind of attribute that it is asked of."""
        named = {
            "in collection": lambda: f"resource in {self.collection()}",
            "in collections": lambda: f"resource in [{self.collection()}, {self.collection()}]",
            "is document in": lambda: f"resource is Document in {self.collection()}",
            "is document": lambda: "resource is Document && !resource.quarantined",
        }
        for name, type_ in self.schema.document.items():
            if not type_.required:
                named[f"{name}: has"] = lambda name=name: f"resource has {name}"  # type: ignore[misc]
            for shape, write in self._shapes(type_).items():
                named[f"{name}: {shape}"] = lambda name=name, write=write: self._guarded(name, write)  # type: ignore[misc]
        return named

    def leaf(self, shape: str | None = None) -> str:
        """Return a condition of `shape`, or of any."""
        leaves = self.leaves()
        chosen = shape or self.random.choice(list(leaves))
        self.shapes.add(chosen)
        return leaves[chosen]()

    def expression(self, depth: int) -> str:
        """Return a condition nested at most `depth` deep."""
        if depth == 0 or self.random.random() < 0.2:
            return self.leaf() if self.random.random() < 0.8 else self.guard()
        kind = self.random.choice(("&&", "||", "!", "if", "if has", "&&", "||"))
        self.shapes.add(kind)
        inner = [self.expression(depth - 1) for _ in range(3)]
        if kind == "!":
            return f"!({inner[0]})"
        if kind == "if":
            return f"(if {inner[0]} then {inner[1]} else {inner[2]})"
        if kind == "if has":
            name, write = self._any_leaf()
            return f"(if resource has {name} then {write(f'resource.{name}')} else {inner[0]})"
        return f"({inner[0]} {kind} {inner[1]})"

    def guard(self) -> str:
        """Return a condition on the principal or the time alone."""
        return self.random.choice(
            (
                lambda: f"principal in {self.group()}",
                lambda: f"principal in [{self.group()}, {self.group()}]",
                lambda: f"principal.clearance {self.order()} {self.number()}",
                lambda: f"principal.compartments.contains({self.word()})",
                lambda: f"principal.employment == {self.word()}",
                lambda: f"context.now {self.order()} {self.instant()}",
                lambda: f"principal == {self.person()}",
            )
        )()

    def policy(self, name: str, effect: str, depth: int) -> str:
        """Return a whole policy with a head that is sometimes narrowed."""
        who = ("principal", "principal", f"principal in {self.group()}", f"principal is User in {self.group()}",
               "principal is User", f"principal == {self.person()}")  # fmt: skip
        what = ("resource", "resource is Document", f"resource in {self.collection()}",
                f"resource is Document in {self.collection()}")  # fmt: skip
        head = f'{self.random.choice(who)}, action == Action::"read", {self.random.choice(what)}'
        clauses = [f"{self.random.choice(('when', 'when', 'unless'))} {{ {self.expression(depth)} }}"]
        if self.random.random() < 0.3:
            clauses.append(f"{self.random.choice(('when', 'unless'))} {{ {self.expression(1)} }}")
        return f'@id("{name}") @reason("As the generator wills.")\n{effect} ({head})\n{" ".join(clauses)};'

    def policies(self) -> str:
        """Return a whole set: the tenant wall, permits and forbids."""
        permits = [self.policy(f"permit-{n}", "permit", 3) for n in range(self.random.randint(1, 3))]
        forbids = [self.policy(f"forbid-{n}", "forbid", 2) for n in range(self.random.randint(0, 3))]
        return "\n\n".join([WALL, *permits, *forbids])

    def group(self) -> str:
        """Return a declared group."""
        return f"Group::{quoted(self.random.choice(GROUPS))}"

    def collection(self) -> str:
        """Return a declared collection."""
        return f"Collection::{quoted(self.random.choice(COLLECTIONS))}"

    def person(self) -> str:
        """Return a person."""
        return f"User::{quoted(self.random.choice(PEOPLE))}"

    def word(self) -> str:
        """Return a string literal."""
        return quoted(self.random.choice(WORDS))

    def words(self) -> str:
        """Return a set of string literals."""
        return f"[{', '.join(self.word() for _ in range(self.random.randint(1, 8)))}]"

    def number(self) -> str:
        """Return an integer literal."""
        return str(self.random.choice(NUMBERS))

    def order(self) -> str:
        """Return an order."""
        return self.random.choice(("<", "<=", ">", ">="))

    def instant(self) -> str:
        """Return a datetime that is known before the document is, in one of the ways Cedar allows."""
        text = datetime_text(self.random.choice(INSTANTS))
        middle = datetime_text(self.random.choice(INSTANTS[:6]))
        return self.random.choice(
            (
                f'datetime("{text}")',
                f'datetime("{text[:19]}Z")',
                f'datetime("{text[:10]}")',
                f'datetime("{middle[:-1]}+0130")',
                "context.now",
                "context.now.toDate()",
                f'context.now.offset(duration("{self.random.choice(("1ms", "-1ms", "1d2h3m4s5ms", "-1d"))}"))',
                f'datetime("{middle}").offset(duration("-{self.random.randint(0, 3)}h"))',
            )
        )

    def pattern(self) -> str:
        """Return a `like` pattern: pieces of words, wild cards, and stars that mean themselves."""
        word = self.random.choice(WORDS[1:])
        cut = self.random.randint(0, len(word))
        pieces = (word[:cut], word[cut:], "*", "?", "[", "st", "")
        begin, *inside = (self.random.choice(pieces) for _ in range(3))
        # What follows the first wildcard may not be long.
        first, second = (_literal(each[:_INSIDE]) for each in inside)
        return self.random.choice(
            (f'"{_literal(begin)}*"', f'"*{first}*{second}"', f'"{_literal(word)}"', '"*"', '"st*ff"')
        )

    def _any_leaf(self) -> tuple[str, Leaf]:
        type_ = self.random.choice([each for each in self.schema.document.values() if not each.required])
        return type_.name, self.random.choice(list(self._shapes(type_).values()))

    def _guarded(self, name: str, write: Leaf) -> str:
        text = write(f"resource.{name}")
        return text if self.schema.document[name].required else f"(resource has {name} && {text})"

    def _shapes(self, type_: AttributeType) -> dict[str, Leaf]:
        if type_.is_set:
            return self._of_sets(type_)
        if type_.kind in {"long", "datetime"}:
            return self._of_numbers(type_.kind == "long")
        if type_.kind == "boolean":
            return {
                "itself": lambda a: a,
                "== boolean": lambda a: f"{a} == {self.random.choice(('true', 'false'))}",
                "!= boolean": lambda a: f"{self.random.choice(('true', 'false'))} != {a}",
            }
        return self._of_entities(type_) if type_.kind == "entity" else self._of_strings()

    def _of_strings(self) -> dict[str, Leaf]:
        return {
            "== string": lambda a: f"{a} == {self.word()}",
            "string ==": lambda a: f"{self.word()} == {a}",
            "!= string": lambda a: f"{a} != {self.word()}",
            "== known": lambda a: f"principal.employment == {a}",
            "like": lambda a: f"{a} like {self.pattern()}",
            "known contains": lambda a: f"principal.compartments.contains({a})",
            "one of": lambda a: f"{self.words()}.contains({a})",
        }

    def _of_numbers(self, whole: bool) -> dict[str, Leaf]:  # noqa: FBT001 - longs or datetimes
        known: Callable[[], str] = self.number if whole else self.instant
        shapes: dict[str, Leaf] = {
            "==": lambda a: f"{a} == {known()}",
            "!=": lambda a: f"{known()} != {a}",
        }
        for order in ("<", "<=", ">", ">="):
            shapes[f"{order} known"] = lambda a, order=order: f"{a} {order} {known()}"  # type: ignore[misc]
            shapes[f"known {order}"] = lambda a, order=order: f"{known()} {order} {a}"  # type: ignore[misc]
        if whole:
            shapes["> clearance"] = lambda a: f"principal.clearance {self.order()} {a}"
        return shapes

    def _of_entities(self, type_: AttributeType) -> dict[str, Leaf]:
        known = self.group if type_.entity == "Group" else self._known_person
        return {
            "principal in": lambda a: f"principal in {a}",
            "== entity": lambda a: f"{a} == {known()}",
            "!= entity": lambda a: f"{known()} != {a}",
            "one of": lambda a: f"[{known()}, {known()}].contains({a})",
        }

    def _of_sets(self, type_: AttributeType) -> dict[str, Leaf]:
        known: Callable[[], str] = self.word
        if type_.entity == "Group":
            known = self._known_group
        elif type_.entity == "User":
            known = self._known_person

        def several() -> str:
            return f"[{', '.join(known() for _ in range(self.random.randint(1, 4)))}]"

        shapes: dict[str, Leaf] = {
            "contains": lambda a: f"{a}.contains({known()})",
            "contains any": lambda a: f"{a}.containsAny({several()})",
            "any contained": lambda a: f"{several()}.containsAny({a})",
            "contains all": lambda a: f"{a}.containsAll([{known()}])",
            "contains all of several": lambda a: f"{a}.containsAll([{known()}, {known()}])",
            "subset": lambda a: f"{several()}.containsAll({a})",
            "is empty": lambda a: f"{a}.isEmpty()",
            "== set": lambda a: f"{a} == [{known()}]",
            "!= set": lambda a: f"[{known()}] != {a}",
        }
        if type_.kind == "entity":
            shapes["principal in"] = lambda a: f"principal in {a}"
        else:
            shapes["subset of known"] = lambda a: f"principal.compartments.containsAll({a})"
            shapes["meets known"] = lambda a: f"{a}.containsAny(principal.compartments)"
            shapes["has all known"] = lambda a: f"{a}.containsAll(principal.compartments)"
            shapes["== known set"] = lambda a: f"{a} == principal.compartments"
        return shapes

    def _known_person(self) -> str:
        return self.random.choice((self.person(), "principal"))

    def _known_group(self) -> str:
        return "principal.home" if "home" in self.schema.principal and self.random.random() < 0.3 else self.group()


def _literal(text: str) -> str:
    """Return `text` as a part of a pattern that stands for itself."""
    return quoted(text)[1:-1].replace("*", "\\*")
