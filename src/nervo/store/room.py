"""How much room is left for the database."""

import shutil
from pathlib import Path

from django.db import connection

MEGABYTE = 1 << 20


def free_mb() -> int | None:
    """Megabytes left on SQLite's disk; None where the database keeps its own house."""
    if connection.vendor != "sqlite":
        return None
    return shutil.disk_usage(Path(str(connection.settings_dict["NAME"])).parent).free // MEGABYTE
