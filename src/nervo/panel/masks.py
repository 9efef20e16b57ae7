"""Personal data hidden from those who may only look: in pages, in problems, in raw exchanges."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import msgspec

from nervo.model.orders import Order
from nervo.model.parties import Address, FiscalData, Party

DOTS = "•••"
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_TAX_CODE = re.compile(
    r"\b[A-Z]{6}[0-9LMNPQRSTUV]{2}[A-EHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]\b", re.I
)
_LONG_NUMBER = re.compile(r"(?<![\w-])\+?\d(?:[ /.]?\d){8,}(?![\w-])")
# What a raw exchange may show to a viewer; every other value is hidden.
SHOWN = frozenset(
    "sku skus status state quantity qty available amount total subtotal price currency currencycode tax taxrate rate weight "
    "createdat updatedat datecreated datemodified placedat processedat date version page perpage limit hasnextpage "
    "endcursor cursor method operation operationname jsonrpc query kind type code error errors message usererrors typename "
    "totalprice totaltax subtotalprice taxlines unitprice unitpricewithtax linepricewithtax totalwithtax shipping discount manage "
    "managestock stockquantity stockonhand regularprice saleprice financialstatus fulfillmentstatus trackingnumber carrier".split()
)


def name(text: str) -> str:
    """ "Mario Rossi" is "M••• R•••"."""
    return " ".join(word[0] + DOTS for word in text.split())


def email(text: str) -> str:
    """ "mario@rossi.it" is "m•••@•••"."""
    return f"{text[0]}{DOTS}@{DOTS}" if text else ""


def hidden(text: str) -> str:
    """Nothing of it, but that there is something."""
    return DOTS if text else ""


def ending(text: str) -> str:
    """The last two characters, to tell two apart on the telephone."""
    return f"{DOTS}{text[-2:]}" if len(text) > 4 else hidden(text)


def address(a: Address) -> Address:
    return Address(
        name(a.name), name(a.company), hidden(a.street), hidden(a.street2), hidden(a.postal_code), hidden(a.city),
        a.province, a.country, ending(a.phone), email(a.email),
    )  # fmt: skip


def fiscal(f: FiscalData) -> FiscalData:
    return FiscalData(ending(f.vat_number), ending(f.tax_code), ending(f.sdi_code), email(f.pec), f.wants_invoice)


def party(p: Party) -> Party:
    return replace(p, name=name(p.name), email=email(p.email), phone=ending(p.phone), company=name(p.company),
                   external_id=hidden(p.external_id), fiscal=fiscal(p.fiscal))  # fmt: skip


def order(o: Order) -> Order:
    """The order without who bought it."""
    return replace(
        o, customer=party(o.customer), billing=address(o.billing), shipping=address(o.shipping), note=hidden(o.note)
    )


def personal(o: Order) -> tuple[str, ...]:
    """Every personal text of an order, longest first, to be found again elsewhere."""
    people: list[Any] = [o.customer, o.customer.fiscal, o.billing, o.shipping]
    found = {v for p in people for v in (getattr(p, f) for f in p.__dataclass_fields__) if isinstance(v, str)}
    words = {word for text in (o.customer.name, o.billing.name, o.shipping.name) for word in text.split()}
    return tuple(sorted((t for t in found | words if len(t) > 3), key=len, reverse=True))


def prose(text: str, known: Iterable[str] = ()) -> str:
    """Free text without e-mail addresses, tax codes, long numbers and the texts that are known to be personal."""
    for part in known:
        text = re.sub(re.escape(part), DOTS, text, flags=re.I)
    for pattern in (_EMAIL, _TAX_CODE, _LONG_NUMBER):
        text = pattern.sub(DOTS, text)
    return text


def body(text: str, known: Iterable[str] = ()) -> str:
    """A JSON body with its structure, and only those values that are known to be about the goods. Other bodies: hidden."""
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return hidden(text)
    return msgspec.json.format(msgspec.json.encode(_masked(document, "", tuple(known))), indent=2).decode()


def url(text: str, known: Iterable[str] = ()) -> str:
    """An address whose query is hidden."""
    parts = urlsplit(text)
    return prose(f"{parts.scheme}://{parts.netloc}{parts.path}{'?' + DOTS if parts.query else ''}", known)


def _masked(value: Any, key: str, known: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {k: _masked(v, k, known) for k, v in value.items()}
    if isinstance(value, list):
        return [_masked(v, key, known) for v in value]
    if value is None or isinstance(value, bool):
        return value
    if key.replace("_", "").lower() not in SHOWN:
        return DOTS
    return prose(value, known) if isinstance(value, str) else value
