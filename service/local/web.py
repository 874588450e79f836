"""The web process of the demo: waits for its settings, and ends when the demo that started it has ended."""

import json
import os
import signal
import sys
import threading
import time

from service.main import main

_LOOK = 0.5
"""Seconds between two looks at the parent."""


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    line = sys.stdin.readline()
    if not line:
        sys.exit(1)  # the demo ended before it had settings to give
    os.environ.update(json.loads(line))
    sys.exit(main())
