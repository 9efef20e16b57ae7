"""What a person asks the hub to do: a row that a worker takes. The page follows the row until it is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from nervo.panel import access, corrections, pages, results
from nervo.panel.words import COMMANDS, word
from nervo.store import operations
from nervo.store.database import Tx
from nervo.store.models import Command

MOST = 1000
MOST_TEXT = 500
Read = Callable[[str], Any]


def _id(text: str) -> int:
    if not text.isdigit() or len(text) > 18:
        raise BadRequest(f"{text[:20]!r} is not a number")
    return int(text)


def _text(text: str) -> str:
    if not text.strip() or len(text) > MOST_TEXT:
        raise BadRequest("empty or too long")
    return text.strip()


@dataclass(frozen=True, slots=True)
class Kind:
    """A command's arguments and the least role that may give it. The first argument may be given many times at once."""

    fields: Mapping[str, Read]
    least: str = access.OPERATOR
    optional: frozenset[str] = frozenset()


KINDS = {
    "order.retry": Kind({"order_id": _id}),
    "order.approve": Kind({"order_id": _id}),
    "order.correct": Kind({"order_id": _id, "changes": corrections.read}),
    "order.ignore": Kind({"order_id": _id, "reason": _text}),
    "problem.retry": Kind({"problem_id": _id}),
    "problem.ignore": Kind({"problem_id": _id, "reason": _text}),
    "guard.approve": Kind({"channel": _text, "kind": _text}, access.OWNER),
    "publication.retry": Kind({"channel": _text, "kind": _text, "key": _text}),
    "sync.stock": Kind({"sku": _text}, optional=frozenset({"sku"})),
    "sync.channel": Kind({"channel": _text}),
    "connection.pause": Kind({"name": _text}),
    "connection.resume": Kind({"name": _text}),
    "connection.check": Kind({"name": _text}),
}
EVERY = frozenset({"connection.pause", "connection.resume"})  # these may be given for all connections at once


@require_POST
def give(request: HttpRequest, kind: str) -> HttpResponse:
    """Writes the command rows and shows how they fare."""
    if kind not in KINDS:
        raise BadRequest(kind)
    if not access.may(request, KINDS[kind].least):
        raise PermissionDenied(kind)
    wanted = _all_of(request, kind)
    actor, now = f"panel:{request.user.get_username()}", pages.now_ms()

    def write(tx: Tx) -> list[int]:
        return [operations.add_command(tx, kind, args, actor, now) for args in wanted]

    ids = pages.db().write_now(write)
    return _told(request, ids[0], ids[-1])


def _all_of(request: HttpRequest, kind: str) -> list[dict[str, object]]:
    shape = KINDS[kind]
    first = next(iter(shape.fields))
    values = request.POST.getlist(first)
    if kind in EVERY and values == ["*"]:
        values = sorted(pages.config().connections)
    if first in shape.optional and not any(values):
        return [{}]
    if not values or len(values) > MOST:
        raise BadRequest(f"{first}: none, or more than {MOST}")
    rest = {name: read(request.POST.get(name, "")) for name, read in shape.fields.items() if name != first}
    return [{first: shape.fields[first](value), **rest} for value in values]


def progress(request: HttpRequest, first: int, last: int) -> HttpResponse:
    """How these commands fare: asked every second until all have ended."""
    return _told(request, first, last)


def _told(request: HttpRequest, first: int, last: int) -> HttpResponse:
    mine = Command.objects.filter(id__range=(first, last), actor=f"panel:{request.user.get_username()}")
    rows = list(mine.order_by("id").values_list("kind", "state", "result")[:MOST])
    if not rows:
        raise BadRequest("no such command")
    waiting = sum(state == "new" for _, state, _ in rows)
    failed = [result for _, state, result in rows if state == "failed"]
    context = {
        "first": first,
        "last": last,
        "what": word(COMMANDS, rows[0][0]),
        "count": len(rows),
        "ended": len(rows) - waiting,
        "state": "new" if waiting else "failed" if failed else "done",
        "said": [results.told(said) for said in dict.fromkeys(failed or [r for *_, r in rows]) if said][:5],
        "asleep": bool(waiting) and not pages.db().read_now(lambda tx: operations.lease_held(tx, pages.now_ms())),
    }
    response = render(request, "panel/command.html" if _by_htmx(request) else "panel/command_page.html", context)
    if not waiting:
        response.headers["HX-Trigger-After-Settle"] = "nervo-changed"
    return response


def _by_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403 in plain words."""
    return _page(request, 403, gettext("Your role may not do this"), gettext("Ask the owner of this installation."))


def wrong(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400 in plain words."""
    return _page(request, 400, gettext("This cannot be done as it was asked"), str(exception or ""))


def missing(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404 in plain words."""
    return _page(request, 404, gettext("This page does not exist"), gettext("Look for it with the search at the top."))


def broken(request: HttpRequest) -> HttpResponse:
    """500 in plain words; the trace is in the log."""
    return _page(
        request, 500, gettext("A fault in nervo"), gettext("It has been logged. Try again; if it stays, report it.")
    )


def _page(request: HttpRequest, code: int, title: str, text: str) -> HttpResponse:
    if _by_htmx(request):
        return render(request, "panel/refusal.html", {"title": title, "text": text}, status=code)
    return render(request, "panel/error.html", {"code": code, "title": title, "text": text}, status=code)
