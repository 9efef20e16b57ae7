"""Problem codes in plain words: what happened, with its values, and what to do. Unknown codes fall back to the error's own words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from nervo.panel.words import filled


@dataclass(frozen=True, slots=True)
class Cause:
    """`title` names it for a whole group, `detail` says it with the values of one row, `todo` is what a person does."""

    title: str
    todo: str
    detail: str = ""


CAUSES = {
    "unknown_sku": Cause(
        _("An SKU that the ERP does not know"),
        _("Create the article in the ERP, or correct the SKU in the order and send it again."),
        _("Not in the ERP: {skus}"),
    ),
    "sku_unknown": Cause(
        _("An SKU that the ERP does not know"),
        _("Create the article in the ERP, or correct the SKU in the order and send it again."),
    ),
    "line_without_sku": Cause(_("An order line without an SKU"), _("Give the line an SKU and send the order again.")),
    "total_differs": Cause(
        _("The order does not add up"),
        _("Compare it with the channel, then approve it as it is or correct it."),
        _("The channel says {total}, its lines make {parts}: {difference} off"),
    ),
    "erp_total_differs": Cause(
        _("The ERP makes another total"),
        _("Compare prices and VAT in the ERP, then approve or correct."),
        _("Channel {channel}, ERP {erp}"),
    ),
    "erp_changed_total": Cause(
        _("The ERP changed the total while confirming"),
        _("Compare prices and VAT in the ERP, then approve or correct."),
    ),
    "currency_differs": Cause(_("Paid in another currency"), _("Book this payment by hand in the ERP.")),
    "unpaid_in_erp": Cause(
        _("Paid at the channel, not in the ERP"),
        _("Book the payment in the ERP, then retry."),
        _("Booked {booked}, in the ERP {erp}"),
    ),
    "unknown_status": Cause(
        _("A status of the channel that nervo does not know"),
        _("Look at the order at the channel; when its status is clear, retry."),
        _("The channel says: {status}"),
    ),
    "unreadable_order": Cause(
        _("An order that cannot be read"),
        _("Look at the order's lines at the channel. If they are right, send the raw exchange to the developer."),
    ),
    "unreadable_row": Cause(
        _("An article or a price of the ERP that cannot be read"),
        _(
            "Look at it in the ERP and save it there again. If it is right, send the raw exchange to the developer. The others go on."
        ),
    ),
    "garbled_text": Cause(
        _("A name or an address with letters that got lost"),
        _("Correct it in the order, or at the channel where it cannot be corrected here."),
        _("Letters are missing in: {fields}"),
    ),
    "order_missing": Cause(
        _("An order that the channel told of but does not show"),
        _("Look for it at the channel. If it was deleted there, cancel it in the ERP too, or ignore this."),
    ),
    "door_blocked": Cause(
        _("Webhooks do not get through to nervo"),
        _("Let what stands in front of nervo (proxy, tunnel, firewall) pass POST /hooks/ on unchanged."),
        _("{address} answers {status} to everybody"),
    ),
    "rejected": Cause(_("The other system said no"), _("Read what it said, correct it there or here, then retry.")),
    "item_rejected": Cause(
        _("The channel refused a value"),
        _("Correct the article at the channel or in the ERP, then retry."),
        _("Refused value: {value}"),
    ),
    "not_found": Cause(_("The other system does not have it"), _("Check that it still exists there, then retry.")),
    "unsupported": Cause(
        _("It cannot be expressed there"), _("Do it by hand in the other system, then ignore it here.")
    ),
    "price_zero": Cause(
        _("A price of zero"),
        _("Check the price list in the ERP. Approve only if it is meant."),
        _("From {from} to {to}"),
    ),
    "price_jump": Cause(
        _("A price moved more than allowed"), _("Check the price list, then approve."), _("From {from} to {to}")
    ),
    "price_floor": Cause(
        _("A price under its floor"), _("Check the price list, then approve."), _("From {from} to {to}")
    ),
    "currency_change": Cause(
        _("A price in another currency"), _("Check the price list, then approve."), _("From {from} to {to}")
    ),
    "stock_mass_zero": Cause(
        _("Many articles would go to zero at once"),
        _("Check the ERP's stock. Approve only if the goods are really gone."),
        _("{count} of {of} articles"),
    ),
    "stock_jump": Cause(
        _("A stock that rose more than is likely"),
        _("Check the ERP's stock, then approve."),
        _("From {from} to {to}"),
    ),
    "strange_figure": Cause(
        _("A figure in the ERP that cannot be right"),
        _("Correct it in the ERP; this closes by itself."),
        _("{sku} ({place}): {figure}"),
    ),
    "duplicate_listing": Cause(_("Two listings with the same SKU"), _("Give each listing at the channel its own SKU.")),
    "auth_failed": Cause(
        _("Access refused"), _("Renew the credentials with nervo connect; what changes meanwhile waits.")
    ),
    "identity_changed": Cause(
        _("Another account answers"),
        _("If this is right, accept it with nervo connect; otherwise correct the settings."),
        _("Before {before}, now {now}"),
    ),
    "ambiguous_customer": Cause(
        _("Several customers in the ERP fit"), _("Merge or correct the customers in the ERP, then retry.")
    ),
    "duplicate_in_erp": Cause(_("It is in the ERP twice"), _("Cancel one of the two in the ERP, then retry.")),
    "cancelled_in_erp": Cause(
        _("Cancelled in the ERP, not at the channel"),
        _("Cancel it at the channel too, or refund the customer; then ignore it here."),
        _("Sale {erp}"),
    ),
    "order_edited": Cause(
        _("Changed at the channel after the ERP had it"),
        _("Change the sale in the ERP in the same way; then ignore it here."),
        _("Sale {erp}; at the channel it is {now} now"),
    ),
    "cancel_taken_back": Cause(
        _("Cancelled, then taken up again at the channel"),
        _(
            "The ERP keeps the cancelled sale: write it there by hand, or cancel it at the channel; then ignore it here."
        ),
        _("Sale {erp}; at the channel it is {now} now"),
    ),
    "already_shipped": Cause(_("It has been shipped already"), _("Agree on a return with the customer.")),
    "already_invoiced": Cause(_("It has been invoiced already"), _("Make a credit note in the ERP.")),
    "nothing_to_fulfil": Cause(
        _("Nothing left to ship at the channel"), _("Look at the order at the channel; usually it can be ignored.")
    ),
    "bad_webhook": Cause(
        _("A webhook that cannot be read"), _("Nothing is lost: the regular check reads the truth anyway.")
    ),
    "tax_rate_unknown": Cause(_("A VAT rate that the ERP does not have"), _("Create the rate in the ERP, then retry.")),
    "warehouse_unknown": Cause(
        _("A warehouse that the ERP does not have"), _("Correct the warehouse in the configuration, then retry.")
    ),
    "no_location": Cause(_("No stock location at the channel"), _("Choose a location in the connection's settings.")),
    "options_differ": Cause(
        _("Variants differ from the channel's"), _("Make the product's options equal, then retry.")
    ),
    "unavailable": Cause(_("The other system does not answer"), _("nervo tries again by itself.")),
    "misunderstood": Cause(
        _("An answer that nervo does not understand"), _("Send the raw exchange to the connector's developer.")
    ),
    "internal_error": Cause(_("A fault in nervo"), _("Report it with the order's raw exchanges; then retry.")),
    "disk_low": Cause(
        _("The disk is nearly full"),
        _("Free space. While it is full, webhooks are refused and nothing can be written down."),
        _("{left_mb} MB are left"),
    ),
    "loop_stuck": Cause(
        _("A part of nervo has stopped moving"), _("Start nervo again; if it comes back, report it."), _("Part: {loop}")
    ),
    "falling_behind": Cause(
        _("Work waits longer than it should"),
        _("Look at the connection it waits for; it goes on by itself when that answers."),
    ),
    "listing_gone": Cause(
        _("A listing that the channel has no more"),
        _("Put it back at the channel, or take the article out in the ERP."),
    ),
    "already_in_erp": Cause(_("It is in the ERP already"), _("Correct it in the ERP, or cancel it there first.")),
    "not_held": Cause(_("It is not held any more"), _("Look at the order: nothing may be left to do.")),
    "customer_refused": Cause(
        _("The ERP refuses the customer"), _("Correct the fiscal data in the order or in the ERP, then retry.")
    ),
    "unknown_record": Cause(
        _("Something that the ERP does not have"), _("Create it in the ERP or correct the settings, then retry.")
    ),
    "warning": Cause(_("The ERP warns and waits for a person"), _("Confirm it in the ERP, then retry.")),
    "not_variable": Cause(
        _("A simple product that should have variants"), _("Make it a variable product at the channel, then retry.")
    ),
    "read_only": Cause(
        _("The connection may only read"), _("Switch it with nervo mode when you are ready, then retry.")
    ),
    "no_webhook_secret": Cause(
        _("No webhook secret"),
        _("Fill in the secret with nervo connect; until then the regular check reads the changes."),
    ),
    "unknown_connection": Cause(_("No such connection"), _("Look at the list of connections.")),
    "bad_settings": Cause(_("Settings that do not fit"), _("Correct them with nervo connect.")),
}
GUARDS = frozenset(("stock_mass_zero", "stock_jump", "price_zero", "price_jump", "price_floor", "currency_change"))
TOTALS = frozenset(("total_differs", "erp_total_differs", "erp_changed_total"))


def title(code: str) -> str:
    """What happened, in the reader's language; a code without words is shown as words."""
    return gettext(CAUSES[code].title) if code in CAUSES else code.replace("_", " ").capitalize()


def todo(code: str, fix: str = "") -> str:
    """What to do, in the reader's language, or what the error itself proposed."""
    return gettext(CAUSES[code].todo) if code in CAUSES else fix


def detail(code: str, values: Mapping[str, Any], said: str = "") -> str:
    """One row's own words: the values, then what the other side said."""
    known = filled(CAUSES[code].detail, values) if code in CAUSES and CAUSES[code].detail else ""
    return " · ".join(part for part in (known, said) if part) or str(values.get("doing", ""))
