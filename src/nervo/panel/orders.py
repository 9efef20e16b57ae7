"""Ordini: the list, its saved views, its search."""

from collections.abc import Iterator

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_noop as _

from nervo.panel import access, masks, pages, words
from nervo.store.models import Event, Hold, SaleOrder

LATE_MS = 10 * 60 * 1000
MOST_FOUND = 500
VIEWS = {
    "all": _("All"),
    "to-fix": _("To fix"),
    "late": _("Late"),
    "unpaid": _("Waiting for payment"),
    "to-ship": _("To ship"),
    "shipped": _("Shipped orders"),
    "invoice": _("Invoice wanted"),
    "cancelled": _("Cancelled orders"),
}
FIELDS = ("id", "connection", "number", "erp_number", "placed_ms", "customer_name", "total", "currency", "payment_status",
          "state", "found_by")  # fmt: skip


def listed(request: HttpRequest) -> HttpResponse:
    """Orders, newest first, a page at a time."""
    view, channel, asked = (request.GET.get(k, "") for k in ("view", "channel", "q"))
    view = view if view in VIEWS else "all"
    found = _of(view, channel)
    if asked.strip():
        found = found.filter(id__in=search(asked.strip(), people=access.may(request, access.OPERATOR)))
    if before := pages.whole(request.GET.get("before")):
        found = found.filter(id__lt=before)
    page = pages.paged(list(found.order_by("-id").values(*FIELDS)[: pages.PAGE + 1]), "id")
    context = {
        "page": page,
        "view": view,
        "views": [(code, words.word(VIEWS, code)) for code in VIEWS],
        "channel": channel,
        "channels": [c.name for c in pages.config().channels()],
        "q": asked,
        "masked": not access.may(request, access.OPERATOR),
    }
    for row in page.rows:
        row["customer"] = masks.name(row["customer_name"]) if context["masked"] else row["customer_name"]
    return render(request, "panel/orders.html", context)


def _of(view: str, channel: str) -> "QuerySet[SaleOrder]":
    found = SaleOrder.objects.all()
    if channel:
        found = found.filter(connection=channel)
    filters = {
        "to-fix": Q(state="held"),
        "late": Q(state="received", received_ms__lt=pages.now_ms() - LATE_MS),
        "unpaid": Q(state="waiting"),
        "to-ship": Q(state="in_erp"),
        "shipped": Q(state="shipped"),
        "invoice": Q(doc__contains='"wants_invoice":true'),
        "cancelled": Q(state="cancelled"),
    }
    return found.filter(filters[view]) if view in filters else found


def search(asked: str, *, people: bool) -> list[int]:
    """Ids of the orders that a text names: a number at the channel or in the ERP, an SKU, a tracking number; with `people` also
    a customer's name, e-mail address or fiscal code."""
    return next((found for found in _steps(asked, people) if found), [])


def _steps(asked: str, people: bool) -> Iterator[list[int]]:
    """The surest and quickest first; the next one is only tried where nothing was found."""
    plain = asked.removeprefix("#")
    channels = [*pages.config().connections]
    yield _ids(SaleOrder.objects.filter(number__in=(asked, plain, f"#{plain}")))
    yield _ids(SaleOrder.objects.filter(Q(connection__in=channels, external_id=asked) | Q(erp_id=asked)))
    yield _ids(SaleOrder.objects.filter(erp_number__in=(asked, asked.upper())))
    yield [
        *Hold.objects.filter(sku__iexact=asked).order_by("-order_id").values_list("order_id", flat=True)[:MOST_FOUND]
    ]
    shipped = Event.objects.filter(code="fulfilled_at_channel", values__icontains=asked)
    yield [*shipped.values_list("order_id", flat=True)[:MOST_FOUND]]
    named = Q(number__icontains=plain) | Q(external_id__icontains=plain) | Q(erp_number__icontains=asked)
    yield _ids(SaleOrder.objects.filter(named))
    if people:
        yield _ids(SaleOrder.objects.filter(Q(customer_name__icontains=asked) | Q(doc__icontains=asked)))


def _ids(found: "QuerySet[SaleOrder]") -> list[int]:
    return list(found.order_by("-id").values_list("id", flat=True)[:MOST_FOUND])
