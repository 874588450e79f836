"""The seed of this run: fresh, unless `ANTECHAMBER_SEED` repeats one. Whatever fails prints it."""

import os
import secrets

SEED = os.environ.get("ANTECHAMBER_SEED") or str(secrets.randbelow(2**32))
