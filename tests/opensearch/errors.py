"""What can go wrong on the way to a running node, and where its progress is told."""

import sys


class NodeError(Exception):
    """There is no node; the message is one line and names the mend."""


def say(message: str) -> None:
    """Tell the person at the terminal, on standard error: output belongs to who uses the node."""
    sys.stderr.write(f"  {message}\n")
    sys.stderr.flush()
