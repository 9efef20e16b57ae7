"""Returns, refunds, invoices and credit notes."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class InvoiceKind(StrEnum):
    """What the ERP issued."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


@dataclass(frozen=True, slots=True)
class ReturnLine:
    """So many of a SKU coming back; `restock` says whether they are sellable again."""

    sku: str
    quantity: Decimal
    restock: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReturnAuthorisation:
    """The permission to send goods back (RMA)."""

    external_id: str
    order_id: str
    lines: tuple[ReturnLine, ...]
    authorised_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back on an order. `amount` is gross and positive."""

    external_id: str
    amount: Decimal
    currency: str
    lines: tuple[ReturnLine, ...] = ()
    refunded_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice or credit note in the ERP's books."""

    external_id: str
    kind: InvoiceKind
    number: str
    total_gross: Decimal
    currency: str
    issued_on: date | None = None
    state: str = ""
    pdf_url: str = ""
