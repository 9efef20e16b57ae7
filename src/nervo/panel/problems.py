"""Da sistemare: what cannot go on by itself, grouped by cause, so that one fix clears the group."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Count, Max, Min, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from nervo.model.orders import Order
from nervo.model.units import ZERO
from nervo.panel import access, causes, masks, pages, words
from nervo.store.codec import parse, plain
from nervo.store.models import Problem, SaleOrder

Group = dict[str, Any]
Money = dict[str, Decimal]  # by currency


def listed(request: HttpRequest) -> HttpResponse:
    """The groups, those with money at stake first."""
    owner = request.GET.get("owner", "")
    found = groups(owner)
    context = {"groups": found, "owner": owner, "owners": [(code, words.word(words.ACTS, code)) for code in words.ACTS],
               "money": total(g["money"] for g in found)}  # fmt: skip
    return render(request, "panel/problems.html", context)


def groups(owner: str = "") -> list[Group]:
    """Open problems by cause, connection and owner."""
    rows = _open(owner).values("code", "connection", "owner").annotate(
        n=Count("id"), times=Sum("count"), first_ms=Min("first_ms"), last_ms=Max("last_ms"), some_fix=Max("fix"),
        kind=Max("subject"))  # fmt: skip
    stakes = _stakes(owner)
    found = [
        row | {"title": causes.title(row["code"]), "todo": causes.todo(row["code"], row["some_fix"]),
               "money": stakes.get((row["code"], row["connection"], row["owner"]), {})}
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda g: (-sum(g["money"].values()), -g["n"], g["code"]))


def _open(owner: str) -> "QuerySet[Problem]":
    found = Problem.objects.filter(state="open")
    return found.filter(owner=owner) if owner else found


def _stakes(owner: str) -> dict[tuple[str, str, str], Money]:
    """Money at stake of each group, by currency."""
    stakes: dict[tuple[str, str, str], list[Money]] = {}
    for code, connection, who, money in (
        _open(owner).exclude(money="").values_list("code", "connection", "owner", "money")
    ):
        number, _, currency = money.partition(" ")
        stakes.setdefault((code, connection, who), []).append({currency: amount(number)})
    return {key: total(parts) for key, parts in stakes.items()}


def amount(text: str) -> Decimal:
    """An amount from its text; 0 where it is none."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return ZERO


def total(parts: Iterable[Money]) -> Money:
    """Amounts by currency, added up."""
    whole: Money = {}
    for part in parts:
        for currency, more in part.items():
            whole[currency] = whole.get(currency, ZERO) + more
    return whole


def group(request: HttpRequest, code: str, connection: str) -> HttpResponse:
    """The rows of one cause on one connection, oldest first."""
    found = Problem.objects.filter(state="open", code=code, connection=connection).order_by("id")
    count = found.count()
    if after := pages.whole(request.GET.get("after")):
        found = found.filter(id__gt=after)
    rows: list[dict[str, Any]] = list(found.values()[: pages.PAGE + 1])
    page = pages.paged(rows, "id")
    masked = not access.may(request, access.OPERATOR)
    _worded(page.rows, masked)
    context = {
        "code": code,
        "connection": connection,
        "count": count,
        "title": causes.title(code),
        "todo": causes.todo(code, rows[0]["fix"] if rows else ""),
        "page": page,
        "guard": code in causes.GUARDS,
        "kind": rows[0]["subject"] if rows else "",
        "approvable": code in causes.TOTALS,
    }
    return render(request, "panel/problem_group.html", context)


def _worded(rows: Any, masked: bool) -> None:
    ids = [r["order_id"] for r in rows if r["order_id"]]
    orders = {o.pk: o for o in SaleOrder.objects.filter(id__in=ids)} if ids else {}
    for row in rows:
        order = orders.get(row["order_id"])
        says = causes.detail(row["code"], plain(row["values"]), row["said"])
        known = masks.personal(parse(order.doc, Order)) if order and masked else ()
        row["says"] = masks.prose(says, known) if masked else says
        row["order_number"] = order.number if order else ""
        row["mendable"] = bool(order and order.state in ("held", "waiting") and not order.erp_id)
