"""Codes in plain words. Tables hold the English source; `gettext` puts them into the reader's language when they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from nervo.panel import formats


@dataclass(frozen=True, slots=True)
class Pill:
    """A status: icon, word and colour together, never colour alone."""

    icon: str
    word: str
    colour: str


QUEUED = Pill("clock", _("Queued"), "azure")
RUNNING = Pill("loader-2", _("In progress"), "blue")
DONE = Pill("circle-check", _("Done"), "green")
TO_FIX = Pill("alert-triangle", _("To fix"), "red")
IGNORED = Pill("eye-off", _("Ignored"), "secondary")

ORDER = {
    "received": RUNNING,
    "waiting": Pill("hourglass", _("Waiting for payment"), "yellow"),
    "held": TO_FIX,
    "in_erp": Pill("building-warehouse", _("In the ERP"), "blue"),
    "shipped": Pill("truck-delivery", _("Shipped"), "green"),
    "cancelled": Pill("ban", _("Cancelled"), "secondary"),
    "ignored": IGNORED,
}
PUBLICATION = {
    "new": QUEUED,
    "ok": Pill("circle-check", _("Published"), "green"),
    "unlinked": Pill("link-off", _("Not on the channel"), "secondary"),
    "unknown": Pill("hourglass", _("Being read back"), "yellow"),
    "failed": TO_FIX,
    "held": Pill("player-pause", _("Waiting for approval"), "orange"),
    "read": Pill("eye-off", _("Read only"), "secondary"),
}
CONNECTION = {
    "new": Pill("circle-dashed", _("Not asked yet"), "secondary"),
    "ok": Pill("circle-check", _("Working"), "green"),
    "unavailable": Pill("alert-triangle", _("Not answering"), "orange"),
    "auth_failed": Pill("lock", _("Access refused"), "red"),
    "paused": Pill("player-pause", _("Paused"), "yellow"),
}
COMMAND = {
    "new": QUEUED,
    "done": DONE,
    "failed": Pill("circle-x", _("Not done"), "red"),
}
PAYMENT = {
    "pending": Pill("hourglass", _("To be paid"), "yellow"),
    "authorised": Pill("shield-check", _("Authorised"), "azure"),
    "partially_paid": Pill("credit-card", _("Partly paid"), "yellow"),
    "paid": Pill("circle-check", _("Paid"), "green"),
    "partially_refunded": Pill("credit-card", _("Partly refunded"), "orange"),
    "refunded": Pill("credit-card", _("Refunded"), "secondary"),
    "voided": Pill("ban", _("Voided"), "secondary"),
}
PROBLEM = {
    "open": TO_FIX,
    "resolved": Pill("circle-check", _("Solved"), "green"),
    "ignored": IGNORED,
}
ENVIRONMENT = {
    "production": Pill("bolt", _("PRODUCTION"), "green"),
    "staging": Pill("flask", _("REHEARSAL"), "orange"),
}
TABLES = {
    "order": ORDER,
    "publication": PUBLICATION,
    "connection": CONNECTION,
    "command": COMMAND,
    "payment": PAYMENT,
    "problem": PROBLEM,
    "environment": ENVIRONMENT,
}
ROLE = {"owner": _("Owner"), "operator": _("Operator"), "viewer": _("Viewer")}
ACTS = {"owner": _("The owner decides"), "operator": _("An operator"), "developer": _("The connector's developer")}
WHO = {"owner": _("Owner"), "operator": _("Operator"), "developer": _("Developer")}
KIND = {"stock": _("Stock"), "price": _("Price"), "product": _("Product"), "order": _("Order"),
        "connection": _("Connection"), "webhook": _("Webhook"), "loop": _("Part of nervo")}  # fmt: skip
SYSTEM = {"erp": _("ERP"), "shop": _("Shop"), "marketplace": _("Marketplace"), "courier": _("Courier")}
CHARGE = {"shipping": _("Shipping"), "fee": _("Fee"), "tip": _("Tip"), "discount": _("Discount"),
          "rounding": _("Rounding")}  # fmt: skip
FOUND_BY = {"webhook": _("a webhook"), "sweep": _("the regular check"), "hub": _("nervo")}
TERM = {
    "erp": _("the ERP says"),
    "hold": _("not in the ERP's figure yet: order"),
    "share": _("this channel's share"),
    "safety": _("safety stock"),
    "buffer": _("kept back: what other channels sell is shown here late"),
    "cap": _("most that this channel may show"),
    "last_units": _("last units are left to other channels"),
    "clamp": _("never below zero"),
    "unknown": _("the ERP has given no figure: unknown is not zero"),
}
COMMANDS = {
    "order.retry": _("Retry the order"),
    "order.approve": _("Approve the order"),
    "order.correct": _("Correct and send again"),
    "order.ignore": _("Ignore the order"),
    "problem.retry": _("Retry"),
    "problem.ignore": _("Ignore"),
    "guard.approve": _("Approve"),
    "publication.retry": _("Publish again"),
    "sync.stock": _("Read the stock again"),
    "inbox.replay": _("Read the webhooks again"),
    "sync.channel": _("Compare the whole channel"),
    "connection.pause": _("Pause"),
    "connection.resume": _("Resume"),
    "connection.check": _("Test"),
}
EVENT = {
    "order_received": _("Order received from {channel}: {total}, found by {found_by}"),
    "order_passed_over": _("Kept for the record only: nothing is done with it"),
    "order_held": _("Held: {reason}"),
    "order_released": _("Nothing is in doubt any more: it goes on"),
    "order_approved": _("Approved by a person"),
    "order_corrected": _("Corrected by a person: {changes}"),
    "problem_ignored": _("Problem ignored ({problem}): {reason}"),
    "order_ignored": _("Ignored: {reason}"),
    "order_retried": _("Tried again by a person"),
    "customer_created": _("Customer created in the ERP ({customer})"),
    "erp_order_written": _("Written in the ERP as {number}"),
    "erp_order_found": _("It was in the ERP already, as {number}: not written twice"),
    "erp_write_unknown": _("The ERP did not answer: nervo looks it up before it writes again"),
    "erp_order_confirmed": _("Confirmed in the ERP as {number}: the goods are reserved"),
    "payment_changed": _("The payment is now: {status}"),
    "payment_recorded": _("Payment of {amount} recorded in the ERP"),
    "cancel_asked": _("The channel asks to cancel it. {reason}"),
    "order_cancelled": _("Cancelled; the goods are free again"),
    "cancel_taken_back": _("The channel has taken the cancellation back"),
    "cancelled_in_erp": _("Somebody cancelled it in the ERP"),
    "fulfilled_at_channel": _("Shipment told to the channel: {carrier} {tracking}"),
    "step_failed": _("It stopped: {reason}. {said}"),
}
EVENT_ICON = {
    "order_received": ("receipt", "azure"),
    "order_held": ("alert-triangle", "red"),
    "step_failed": ("alert-triangle", "red"),
    "erp_write_unknown": ("hourglass", "yellow"),
    "customer_created": ("user", "blue"),
    "erp_order_written": ("building-warehouse", "blue"),
    "erp_order_found": ("building-warehouse", "blue"),
    "erp_order_confirmed": ("circle-check", "green"),
    "payment_changed": ("credit-card", "azure"),
    "payment_recorded": ("credit-card", "green"),
    "fulfilled_at_channel": ("truck-delivery", "green"),
    "cancel_asked": ("ban", "orange"),
    "order_cancelled": ("ban", "secondary"),
    "cancelled_in_erp": ("ban", "orange"),
    "order_corrected": ("pencil", "purple"),
    "order_approved": ("check", "purple"),
    "order_ignored": ("eye-off", "secondary"),
    "problem_ignored": ("eye-off", "secondary"),
    "order_retried": ("refresh", "purple"),
}


def pill(table: str, code: str) -> Pill:
    """The status in the reader's language. A code nobody translated shows as itself."""
    found = TABLES[table].get(code) or Pill("help-circle", code or "unknown", "secondary")
    return Pill(found.icon, gettext(found.word), found.colour)


def word(table: Mapping[str, str], code: str) -> str:
    """The code's word in the reader's language, or the code itself."""
    return gettext(table[code]) if code in table else code


class _Values(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"


def filled(sentence: str, values: Mapping[str, Any]) -> str:
    """A sentence in the reader's language with its values."""
    return gettext(sentence).format_map(_Values({k: formats.value(v) for k, v in values.items()})).strip()
