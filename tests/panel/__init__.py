"""The panel's tests read Django's models as they are imported, so Django is set up before."""

from tests.hub import configure

configure()
