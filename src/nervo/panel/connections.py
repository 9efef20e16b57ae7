"""Connessioni: the systems that are connected, and those that can be."""

from typing import Any

from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from nervo import registry
from nervo.kit.settings import form
from nervo.panel import pages, today
from nervo.panel.pages import now_ms
from nervo.ports.common import Identity
from nervo.store.codec import parse
from nervo.store.models import ConnectionState, Inbox, SourceCursor

DAY_MS = 86_400_000


def listed(request: HttpRequest) -> HttpResponse:
    """A card for each connection, then the connectors there are."""
    identities = {s.connection: _identity(s.identity) for s in ConnectionState.objects.all()}
    hooks, cursors = _hooks(), _cursors()
    known = registry.connectors()
    cards = [
        {
            "light": light,
            "connector": known.get(light.system),
            "identity": identities.get(light.name),
            "hooks": hooks.get(light.name),
            "read_ms": cursors.get(light.name, 0),
        }
        for light in today.lights()
    ]
    return render(request, "panel/connections.html", {"cards": cards, "connectors": list(known.values())})


def _identity(text: str) -> Identity | None:
    return parse(text, Identity) if text != "{}" else None


def _hooks() -> dict[str, dict[str, Any]]:
    rows = Inbox.objects.filter(received_ms__gte=now_ms() - DAY_MS).values("connection")
    return {r["connection"]: r for r in rows.annotate(n=Count("id"), last_ms=Max("received_ms"))}


def _cursors() -> dict[str, int]:
    return dict(SourceCursor.objects.values_list("connection").annotate(Max("updated_ms")))


def connector(request: HttpRequest, name: str) -> HttpResponse:
    """How to add one: its command, and what it asks for."""
    found = registry.connector(name)
    italian = (get_language() or "it").startswith("it")
    fields = [{"field": f, "label": f.label_it if italian else f.label} for f in form(found.settings)]
    return render(
        request, "panel/connector.html", {"connector": found, "fields": fields, "company": pages.config().company}
    )
