"""Oggi: is everything running, what sold, what is stuck."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from nervo.panel import pages, problems
from nervo.rules.config import ConnectionConfig
from nervo.store import operations, overview
from nervo.store.codec import ms
from nervo.store.models import ConnectionState, Counter, Publication, SaleOrder

STATES = ("received", "waiting", "held", "in_erp", "shipped", "cancelled", "ignored")


@dataclass(frozen=True, slots=True)
class Light:
    """How one connection is doing. Lag in milliseconds from the ERP's change to the channel; None before the first."""

    name: str
    system: str
    role: str
    mode: str
    state: str
    last_ok_ms: int
    error: str
    paused: bool
    p50_ms: int | None
    p99_ms: int | None
    waiting: int


def shown(request: HttpRequest) -> HttpResponse:
    """The first page."""
    groups = problems.groups()
    counts = _orders_today()
    context = {
        "lights": lights(),
        "orders": [
            (state, counts.get(state, 0)) for state in STATES if counts.get(state) or state in ("in_erp", "shipped")
        ],
        "orders_count": sum(counts.values()),
        "sold": _sold_today(),
        "groups": groups[:5],
        "owners": _by_owner(groups),
        "money": problems.total(g["money"] for g in groups),
        "late": SaleOrder.objects.filter(state="received", received_ms__lt=pages.now_ms() - 600_000).count(),
        "backup_ms": Counter.objects.filter(name="backup_ms").values_list("value", flat=True).first() or 0,
        "working": pages.db().read_now(lambda tx: operations.lease_held(tx, pages.now_ms())),
        "waiting": Publication.objects.filter(dirty_tick__gt=0).count(),
    }
    return render(request, "panel/today.html", context)


def lights() -> list[Light]:
    """The ERP first, then the channels."""
    config = pages.config()
    states = {s.connection: s for s in ConnectionState.objects.all()}
    names = sorted(config.connections, key=lambda n: (n != config.erp, n))
    return [_light(config.connections[n], n == config.erp, states.get(n)) for n in names]


def _light(connection: ConnectionConfig, erp: bool, state: ConnectionState | None) -> Light:
    lag = None if erp else pages.db().read_now(lambda tx: overview.lag_ms(tx, connection.name))
    return Light(
        connection.name,
        connection.connector,
        "erp" if erp else "channel",
        connection.mode,
        "new" if state is None else "paused" if state.paused else state.state,
        state.last_ok_ms if state else 0,
        state.error if state else "",
        bool(state and state.paused),
        lag[0] if lag else None,
        lag[1] if lag else None,
        lag[2] if lag else 0,
    )


def midnight_ms() -> int:
    """When today began, where the company is."""
    return ms(timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0))


def _today() -> "QuerySet[SaleOrder]":
    """Today's orders: those after the newest of an earlier day, so that old ones are not looked at."""
    earlier = (
        SaleOrder.objects.filter(received_ms__lt=midnight_ms()).order_by("-id").values_list("id", flat=True).first()
    )
    return SaleOrder.objects.filter(id__gt=earlier or 0)


def _orders_today() -> dict[str, int]:
    rows = _today().values("state").annotate(n=Count("id"))
    return {row["state"]: row["n"] for row in rows}


def _sold_today() -> list[tuple[str, Any]]:
    """Turnover of today's orders, by currency."""
    rows = _today().exclude(state__in=("cancelled", "ignored"))
    return sorted(
        problems.total({currency: problems.amount(t)} for currency, t in rows.values_list("currency", "total")).items()
    )


def _by_owner(groups: list[problems.Group]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for group in groups:
        counts[group["owner"]] = counts.get(group["owner"], 0) + group["n"]
    return sorted(counts.items(), key=lambda item: -item[1])
