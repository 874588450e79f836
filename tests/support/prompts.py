"""Prompts in the application's template, for tests of models."""

from html import escape


def prompt(question: str, *passages: tuple[str, str]) -> str:
    """Return the prompt that asks `question` of `passages`, each a title and a text."""
    parts = [
        f'<passage n="{number}" title="{escape(title)}">\n{escape(text)}\n</passage>'
        for number, (title, text) in enumerate(passages, 1)
    ]
    return "\n".join(["<passages>", *parts, "</passages>", f"<question>{escape(question)}</question>"])
