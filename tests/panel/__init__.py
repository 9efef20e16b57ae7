"""The panel's tests read Django's models as they are imported: Django is set up before, for the database that tests.hub starts from."""

import tempfile
from pathlib import Path

from nervo.bootstrap import django

_first = Path(tempfile.gettempdir()) / "nervo-tests.sqlite3"
django.configure(f"sqlite:///{_first}", _first.parent, secret_key="tests")
