"""Giacenze: what the ERP has, what is held, what each channel should show and shows, and why."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from nervo.model.stock import Availability, StockTerm
from nervo.model.units import ZERO
from nervo.panel import pages, words
from nervo.rules.config import ConnectionConfig
from nervo.store.database import Tx
from nervo.store.models import Drift, Hold, ProductFact, Publication, SaleOrder, StockFact, VariantFact
from nervo.sync import availability

MOST_DRIFT = 200


def listed(request: HttpRequest) -> HttpResponse:
    """SKUs by code, a page at a time."""
    asked, after = request.GET.get("q", "").strip(), request.GET.get("after", "")
    found = StockFact.objects.all()
    if asked:
        found = found.filter(Q(sku__icontains=asked) | Q(sku__in=_named(asked)))
    if after:
        found = found.filter(sku__gt=after)
    skus = list(found.order_by("sku").values_list("sku", flat=True).distinct()[: pages.PAGE + 1])
    page = pages.paged([{"sku": sku} for sku in skus], "sku")
    shown = [row["sku"] for row in page.rows]
    context = {
        "page": page,
        "q": asked,
        "rows": _rows(shown),
        "channels": list(_channels()),
        "drifts": Drift.objects.count(),
    }
    return render(request, "panel/stock.html", context)


def _named(asked: str) -> list[str]:
    """SKUs of products whose name contains a text, or with this GTIN."""
    codes = ProductFact.objects.filter(name__icontains=asked).values_list("code", flat=True)[:200]
    found = VariantFact.objects.filter(Q(product__in=list(codes)) | Q(gtin=asked))
    return list(found.values_list("sku", flat=True)[:1000])


def _channels() -> dict[str, ConnectionConfig]:
    return {c.name: c for c in pages.config().channels()}


def _rows(skus: Sequence[str]) -> list[dict[str, Any]]:
    channels, names = _channels(), _names(skus)
    wanted = pages.db().read_now(lambda tx: _wanted(tx, channels, skus))
    ledger = {(p.channel, p.key): p for p in Publication.objects.filter(kind="stock", key__in=skus)}
    erp, held = (
        _sums(StockFact.objects.filter(sku__in=skus)),
        _sums(Hold.objects.filter(sku__in=skus, released_tick=None)),
    )
    return [
        {
            "sku": sku,
            "name": names.get(sku, ""),
            "erp": erp.get(sku, ZERO),
            "held": held.get(sku, ZERO),
            "cells": [_cell(wanted[name][sku], ledger.get((name, sku)), c) for name, c in channels.items()],
        }
        for sku in skus
    ]


def _wanted(tx: Tx, channels: dict[str, ConnectionConfig], skus: Sequence[str]) -> dict[str, dict[str, Availability]]:
    return {name: availability.many(tx, channel.stock, skus, name) for name, channel in channels.items()}


def _cell(wanted: Availability, row: Publication | None, channel: ConnectionConfig) -> dict[str, Any]:
    value, published = wanted.available_to_promise, row.published if row else ""
    return {
        "channel": channel.name,
        "wanted": value,
        "published": published,
        "same": value is not None and str(value) == published,
        "state": _state(row, channel) if row else "",
        "error": row.error if row else "",
        "terms": wanted.terms,
    }


def _state(row: Publication, channel: ConnectionConfig | None) -> str:
    """A row's state for people: what is published but has changed since waits again; nothing goes to a read-only channel."""
    if channel and not channel.writable:
        return "read"
    return "new" if row.state == "ok" and row.dirty_tick else row.state


def _term(term: StockTerm, numbers: dict[int, str]) -> dict[str, Any]:
    hold = term.code == "hold"
    return {
        "code": term.code,
        "quantity": term.quantity,
        "says": words.word(words.TERM, term.code),
        "order": term.detail if hold else "",
        "detail": numbers.get(int(term.detail), term.detail) if hold else term.detail,
    }


def _sums(rows: Any) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for sku, quantity in rows.values_list("sku", "quantity"):
        sums[sku] = sums.get(sku, ZERO) + Decimal(quantity)
    return sums


def _names(skus: Sequence[str]) -> dict[str, str]:
    of = dict(VariantFact.objects.filter(sku__in=skus).values_list("sku", "product"))
    names = dict(ProductFact.objects.filter(code__in=set(of.values())).values_list("code", "name"))
    return {sku: names.get(product, "") for sku, product in of.items()}


def article(request: HttpRequest, sku: str) -> HttpResponse:
    """One SKU: "why 7?" for each channel, its holds, what is published, where a channel showed something else."""
    figures = list(StockFact.objects.filter(sku=sku).order_by("warehouse"))
    variant = VariantFact.objects.filter(sku=sku).first()
    if not figures and variant is None:
        raise Http404(sku)
    held = list(Hold.objects.filter(sku=sku, released_tick=None).order_by("id")[:200])
    numbers = dict(SaleOrder.objects.filter(id__in=[h.order_id for h in held]).values_list("id", "number"))
    row, channels = _rows([sku])[0], _channels()
    for cell in row["cells"]:
        cell["why"] = _why(cell["wanted"])
        cell["terms"] = [_term(t, numbers) for t in cell["terms"]]
    context = {
        "row": row,
        "gtin": variant.gtin if variant else "",
        "figures": figures,
        "holds": [(h, numbers.get(h.order_id, "")) for h in held],
        "ledger": [
            (p, _state(p, channels.get(p.channel)))
            for p in Publication.objects.filter(key=sku).order_by("channel", "kind")
        ],
        "drifts": list(Drift.objects.filter(key=sku).order_by("-id")[:20]),
    }
    return render(request, "panel/article.html", context)


def _why(value: int | None) -> str:
    return gettext("Why unknown?") if value is None else gettext("Why {n}?").format(n=value)


def drift(request: HttpRequest) -> HttpResponse:
    """Where a channel showed something else than nervo had published; each has been put right."""
    channel = request.GET.get("channel", "")
    found = Drift.objects.order_by("-id")
    rows = found.filter(channel=channel) if channel else found
    context = {"rows": rows[:MOST_DRIFT], "channel": channel, "channels": list(_channels())}
    return render(request, "panel/drift.html", context)
