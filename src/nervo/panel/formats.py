"""Money and numbers as the reader's language writes them."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from babel.numbers import format_currency, format_decimal
from django.utils.translation import get_language

_AMOUNT = re.compile(r"(-?\d+(?:\.\d+)?) ([A-Z]{3})")
_PRICE = re.compile(r"(-?\d+(?:\.\d+)?)\|[\d.]*\|([A-Z]{3})")
_DECIMAL = re.compile(r"-?\d+\.\d+")


def _locale() -> str:
    return get_language() or "it"


def money(amount: Any, currency: str) -> str:
    """An amount as people write it: 1.234,50 €."""
    try:
        return format_currency(Decimal(str(amount)), currency or "EUR", locale=_locale())
    except InvalidOperation:
        return str(amount)


def moneys(text: str) -> str:
    """ "12.50 EUR" as people write it."""
    amount, _, currency = text.partition(" ")
    return money(amount, currency) if currency else text


def number(value: Any) -> str:
    """A number with its separators; an empty text stays empty."""
    try:
        return format_decimal(Decimal(str(value)), locale=_locale(), decimal_quantization=False)
    except InvalidOperation:
        return str(value)


def published(text: str, kind: str) -> str:
    """A value of the ledger as people read it."""
    return number(text) if kind == "stock" else value(text)[:40]


def value(given: Any) -> str:
    """A value of a problem or an event: amounts, prices and decimals in the reader's way, lists joined, anything else as it is."""
    if isinstance(given, list):
        return ", ".join(value(part) for part in given)
    text = str(given)
    if found := _AMOUNT.fullmatch(text) or _PRICE.fullmatch(text):
        return money(found[1], found[2])
    return format_decimal(Decimal(text), "#,##0.00##", locale=_locale()) if _DECIMAL.fullmatch(text) else text
