"""The web process of the demo."""

import sys

from service.local.child import settings_from_parent
from service.main import main

if __name__ == "__main__":
    settings_from_parent()
    sys.exit(main())
