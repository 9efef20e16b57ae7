"""Scheda ordine: everything about one order, and correcting it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext

from nervo.model.orders import Order, sum_of_parts
from nervo.model.parties import Address
from nervo.model.units import ZERO
from nervo.panel import access, causes, corrections, fiscal, masks, pages, words
from nervo.store import orders
from nervo.store.codec import parse, plain, text
from nervo.store.models import Event, Exchange, Hold, Problem, SaleOrder, VariantFact

MOST = 200
STOPPED = ("held", "waiting")


@dataclass(frozen=True, slots=True)
class Balance:
    """Quadratura: the parts against the channel's total, and the ERP's total against it. None: not known yet."""

    parts: Decimal
    parts_agree: bool
    tax_parts: Decimal
    erp: str | None
    erp_agrees: bool | None


def shown(request: HttpRequest, number: int) -> HttpResponse:
    """One order."""
    row, order = _read(number)
    masked = not access.may(request, access.OPERATOR)
    known = _personal(row, order) if masked else ()
    problems = list(Problem.objects.filter(order_id=number).order_by("-id")[:MOST])
    open_codes = {p.code for p in problems if p.state == "open"}
    context = {
        "row": row,
        "order": masks.order(order) if masked else order,
        "masked": masked,
        "balance": _balance(row, order, problems),
        "checks": _checks(order),
        "addresses": _addresses(masks.order(order) if masked else order),
        "shipments": _shipments(number),
        "problems": [_problem(p, known, masked) for p in problems],
        "events": [
            _event(e, order.currency, known, masked)
            for e in Event.objects.filter(order_id=number).order_by("id")[:MOST]
        ],
        "holds": _holds(number),
        "exchanges": _exchanges(number),
        "can_approve": row.state == "held" and bool(open_codes & causes.TOTALS),
        "can_correct": row.state in STOPPED and not row.erp_id,
        "can_ignore": row.state in (*STOPPED, "received") and not row.confirmed_ms,
    }
    return render(request, "panel/order.html", context)


def _read(number: int) -> tuple[SaleOrder, Order]:
    """The order's row, and the channel's reading with a person's corrections on it."""
    row = get_object_or_404(SaleOrder, id=number)
    kept = pages.db().read_now(lambda tx: orders.get(tx, number))
    assert kept
    return row, kept.order


def _personal(row: SaleOrder, order: Order) -> tuple[str, ...]:
    """What was personal before the corrections, too."""
    return tuple({*masks.personal(order), *masks.personal(parse(row.doc, Order))})


def _balance(row: SaleOrder, order: Order, problems: list[Problem]) -> Balance:
    parts = sum_of_parts(order)
    tax = sum((x.total_tax for x in order.lines), ZERO) + sum((x.total_tax for x in order.charges), ZERO)
    differs = next((p for p in problems if p.code == "erp_total_differs"), None)
    erp, agrees = None, None
    if differs:
        erp, agrees = str(plain(differs.values).get("erp", "")), False
    elif row.confirmed_ms and not row.approved:
        erp, agrees = f"{order.total_gross} {order.currency}", True
    return Balance(parts, parts == order.total_gross, tax, erp, agrees)


def _problem(p: Problem, known: tuple[str, ...], masked: bool) -> dict[str, Any]:
    says = causes.detail(p.code, plain(p.values), p.said)
    return {
        "row": p,
        "title": causes.title(p.code),
        "says": masks.prose(says, known) if masked else says,
        "todo": causes.todo(p.code, p.fix),
    }


def _event(e: Event, currency: str, known: tuple[str, ...], masked: bool) -> dict[str, Any]:
    values = plain(e.values)
    if "reason" in values and e.code in ("order_held", "step_failed"):
        values["reason"] = causes.title(str(values["reason"]))
    if e.code == "order_corrected":
        values["changes"] = corrections.told(values.get("changes", []), masked=masked)
    if e.code == "problem_ignored":
        values["problem"] = causes.title(str(values.get("problem", "")))
    for name in ("total", "amount"):
        if name in values:
            values[name] = f"{values[name]} {currency}"
    values["found_by"] = words.word(words.FOUND_BY, str(values.get("found_by", "")))
    if e.code == "payment_changed":
        values["status"] = words.pill("payment", str(values.get("status", ""))).word
    says = words.filled(words.EVENT.get(e.code, e.code.replace("_", " ")), {"said": "", "reason": "", **values})
    icon, colour = words.EVENT_ICON.get(e.code, ("info-circle", "secondary"))
    return {"at_ms": e.at_ms, "says": masks.prose(says, known) if masked else says, "icon": icon, "colour": colour,
            "actor": "" if e.actor in ("", "nervo") else e.actor}  # fmt: skip


def _checks(order: Order) -> list[dict[str, Any]]:
    """Findings with their field's name: "Shipping address · Postal code"."""
    found = []
    for check in fiscal.checks(order):
        part, _, name = check.field.rpartition(".")
        label = words.word(corrections.LABEL, name)
        where = f"{words.word(corrections.PART, part)} · {label}" if part else label
        found.append({"label": where, "good": check.good, "words": gettext(check.says)})
    return found


def _addresses(order: Order) -> list[tuple[str, Address]]:
    if order.billing == order.shipping:
        return [(gettext("Billing and shipping address"), order.billing)]
    return [
        (words.word(corrections.PART, "shipping"), order.shipping),
        (words.word(corrections.PART, "billing"), order.billing),
    ]


def _shipments(number: int) -> list[dict[str, Any]]:
    """What has been told to the channel."""
    told = Event.objects.filter(order_id=number, code="fulfilled_at_channel").order_by("id")[:MOST]
    return [{**plain(e.values), "at_ms": e.at_ms} for e in told]


def _holds(number: int) -> list[Hold]:
    return list(Hold.objects.filter(order_id=number).order_by("id")[:MOST])


def _exchanges(number: int) -> list[Exchange]:
    fields = ("id", "connection", "operation", "at_ms", "method", "status", "elapsed_ms", "error")
    return list(Exchange.objects.filter(order_id=number).only(*fields).order_by("id")[:MOST])


def exchange(request: HttpRequest, number: int, exchange: int) -> HttpResponse:
    """One raw exchange of an order: request and answer. Secrets were masked when it was kept; people are masked here by role."""
    found = get_object_or_404(Exchange, id=exchange, order_id=number)
    context: dict[str, Any] = {"exchange": found, "masked": not access.may(request, access.OPERATOR)}
    if context["masked"]:
        known = _personal(*_read(number))
        context |= {
            "url": masks.url(found.url, known),
            "sent": masks.body(found.request_body, known),
            "came": masks.body(found.response_body, known),
        }
    else:
        context |= {
            "url": found.url,
            "sent": _pretty(found.request_body),
            "came": _pretty(found.response_body),
            "sent_headers": plain(found.request_headers or "{}"),
            "came_headers": plain(found.response_headers or "{}"),
        }
    return render(request, "panel/exchange.html", context)


def _pretty(body: str) -> str:
    try:
        return msgspec.json.format(body, indent=2)
    except msgspec.DecodeError:
        return body


@access.least(access.OPERATOR)
def correct(request: HttpRequest, number: int) -> HttpResponse:
    """The form; then, before anything is sent, what would differ."""
    row, order = _read(number)
    if row.erp_id or row.state not in STOPPED:
        raise Http404("this order is not held, or in the ERP already")
    if request.method == "POST":
        changes = corrections.asked(order, request.POST)
        return _preview(request, row, order, changes)
    known = set(
        VariantFact.objects.filter(sku__in=[line.sku or "" for line in order.lines]).values_list("sku", flat=True)
    )
    context = {
        "row": row,
        "order": order,
        "lines": [(line, (line.sku or "") in known) for line in order.lines],
        "parts": _parts(order),
        "wants_invoice": order.customer.fiscal.wants_invoice,
    }
    return render(request, "panel/correct.html", context)


def _parts(order: Order) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    owners: dict[str, Any] = {"billing": order.billing, "shipping": order.shipping, "fiscal": order.customer.fiscal}
    return [
        (part, words.word(corrections.PART, part),
         [(name, words.word(corrections.LABEL, name), getattr(owners[part], name)) for name in corrections.NAMES[part]
          if name != "wants_invoice"])
        for part in corrections.PARTS
    ]  # fmt: skip


def _preview(request: HttpRequest, row: SaleOrder, order: Order, changes: corrections.Changes) -> HttpResponse:
    if not changes:
        raise BadRequest("nothing changes")
    skus = set(changes.get("skus", {}).values())
    known = set(VariantFact.objects.filter(sku__in=skus).values_list("sku", flat=True))
    context = {
        "row": row,
        "changes": text(changes),
        "differences": [
            (words.word(corrections.PART, c.part), words.word(corrections.LABEL, c.name), c)
            for c in corrections.differences(order, changes)
        ],
        "unknown": sorted(skus - known),
    }
    return render(request, "panel/correct_preview.html", context)


@access.least(access.OPERATOR)
def skus(request: HttpRequest) -> HttpResponse:
    """SKUs of the ERP that contain what is being typed."""
    asked = str(next((v for k, v in request.GET.items() if k.startswith("skus.")), "")).strip()
    found = (
        VariantFact.objects.filter(sku__icontains=asked).order_by("sku").values_list("sku", flat=True)[:20]
        if asked
        else []
    )
    return render(request, "panel/sku_options.html", {"skus": list(found)})
