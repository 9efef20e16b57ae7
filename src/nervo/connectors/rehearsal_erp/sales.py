"""The simulator's books: customers and sales orders, with what a gestionale refuses."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import cast
from zoneinfo import ZoneInfo

import msgspec
from stdnum.it import codicefiscale, iva

from nervo.connectors.rehearsal_erp import wire
from nervo.connectors.rehearsal_erp.books import ZERO, Books, Refused

CENT = Decimal("0.01")
ROME = ZoneInfo("Europe/Rome")
LONGEST_KEY = 128
OPEN = ("draft", "confirmed")


@dataclass(slots=True)
class Sale:
    """A sales order in the books."""

    id: str
    number: str
    doc: wire.NewOrder
    warehouse: str
    created_at: datetime
    state: str = "draft"
    change: int = 0
    changed_at: datetime | None = None
    payments: dict[str, wire.NewPayment] = field(default_factory=dict)
    shipments: list[wire.Shipment] = field(default_factory=list)
    invoices: list[wire.InvoiceRow] = field(default_factory=list)
    garbled: bool = False

    @property
    def paid(self) -> Decimal:
        return sum((p.amount for p in self.payments.values()), ZERO)

    def ordered(self) -> dict[str, Decimal]:
        """SKU → quantity."""
        found: dict[str, Decimal] = {}
        for line in self.doc.lines:
            found[line.sku] = found.get(line.sku, ZERO) + line.quantity
        return found

    def left(self) -> dict[str, Decimal]:
        """SKU → quantity that has not been shipped."""
        gone = self.ordered()
        for line in (line for s in self.shipments for line in s.lines):
            gone[line.sku] -= line.quantity
        return {sku: q for sku, q in gone.items() if q > 0}

    def row(self) -> wire.Order:
        number = cast(str, None) if self.garbled else self.number
        return wire.Order(
            id=self.id, number=number, reference=self.doc.reference, state=self.state, total=self.doc.total,
            currency=self.doc.currency, paid=self.paid, warehouse=self.warehouse, shipments=self.shipments,
            invoices=self.invoices, change=self.change, changed_at=self.changed_at or self.created_at,
        )  # fmt: skip


class Sales:
    """Customers and orders. With `unique_keys` off a second order under one key is taken, as most ERPs do."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.unique_keys = True
        self.closed_until: date | None = None
        self.customers: dict[str, tuple[wire.Customer, wire.NewCustomer]] = {}
        self.orders: dict[str, Sale] = {}
        self.journal: list[tuple[int, str]] = []
        self._by_reference: dict[str, list[str]] = {}

    def customer(self, new: wire.NewCustomer) -> wire.Customer:
        """Refuses identifiers that cannot be, and a second owner of a key, a partita IVA or a codice fiscale."""
        if not new.name or not new.reference:
            raise Refused(422, "missing_field", "name and reference are required")
        if new.vat_number and not iva.is_valid(new.vat_number):
            raise Refused(422, "bad_vat_number", f"partita IVA errata: {new.vat_number}")
        if new.tax_code and not (codicefiscale.is_valid(new.tax_code) or iva.is_valid(new.tax_code)):
            raise Refused(422, "bad_tax_code", f"codice fiscale errato: {new.tax_code}")
        for name in ("reference", "vat_number", "tax_code"):
            if (value := getattr(new, name)) and (owner := self.find(name, value)):
                code = "reference_taken" if name == "reference" else "customer_exists"
                raise Refused(409, code, f"{name} {value}", owner[0].id)
        row = wire.Customer(
            id=f"C{len(self.customers) + 1:05}", reference=new.reference, name=new.name, email=new.email,
            vat_number=new.vat_number, tax_code=new.tax_code,
        )  # fmt: skip
        self.customers[row.id] = row, new
        return row

    def find(self, by: str, value: str) -> list[wire.Customer]:
        """Customers with this reference, vat_number, tax_code or e-mail; case does not matter."""
        wanted = value.casefold()
        return [row for row, _ in self.customers.values() if getattr(row, by).casefold() == wanted]

    def create(self, new: wire.NewOrder) -> Sale:
        if not 0 < len(new.reference) <= LONGEST_KEY:
            raise Refused(422, "bad_reference", f"1 to {LONGEST_KEY} characters")
        if self.unique_keys and (known := self._by_reference.get(new.reference)):
            raise Refused(409, "reference_taken", new.reference, known[0])
        self._check_head(new)
        self._check_lines(new)
        number = len(self.orders) + 1
        sale = Sale(
            f"{number}",
            f"OV/{new.date.astimezone(ROME).year}/{number:05}",
            new,
            self._warehouse(new),
            self.books.clock.now(),
        )
        self.orders[sale.id] = sale
        self._by_reference.setdefault(new.reference, []).append(sale.id)
        return self._changed(sale)

    def with_reference(self, reference: str) -> list[Sale]:
        return [self.orders[i] for i in self._by_reference.get(reference, [])]

    def get(self, id: str) -> Sale:
        if id not in self.orders:
            raise Refused(404, "not_found", f"order {id}")
        return self.orders[id]

    def confirm(self, sale: Sale) -> Sale:
        if sale.state == "cancelled":
            raise Refused(409, "order_cancelled", sale.number)
        if sale.state != "draft":
            return sale
        for sku, quantity in sale.ordered().items():
            self.books.allocate(sku, sale.warehouse, quantity, "reservation")
        sale.state = "confirmed"
        return self._changed(sale)

    def cancel(self, sale: Sale) -> Sale:
        if sale.state == "cancelled":
            return sale
        if sale.shipments or sale.state not in OPEN:
            raise Refused(409, "already_shipped", sale.number)
        if sale.state == "confirmed":
            for sku, quantity in sale.ordered().items():
                self.books.allocate(sku, sale.warehouse, -quantity, "release")
        sale.state = "cancelled"
        return self._changed(sale)

    def pay(self, sale: Sale, payment: wire.NewPayment) -> Sale:
        """Once per key: the same payment again changes nothing, another one under that key is refused."""
        if known := sale.payments.get(payment.key):
            if known.amount != payment.amount:
                raise Refused(409, "key_reused", f"{payment.key} paid {known.amount}")
            return sale
        if sale.state == "cancelled":
            raise Refused(409, "order_cancelled", sale.number)
        if payment.currency != sale.doc.currency:
            raise Refused(422, "bad_currency", payment.currency)
        if payment.amount <= 0 or not payment.key:
            raise Refused(422, "bad_payment", f"{payment.amount}")
        if sale.paid + payment.amount > sale.doc.total:
            raise Refused(422, "overpaid", f"{sale.paid + payment.amount} of {sale.doc.total}")
        sale.payments[payment.key] = payment
        self._settle(sale)
        return self._changed(sale)

    def ship(self, sale: Sale, tracking_number: str, carrier: str, lines: dict[str, Decimal] | None = None) -> Sale:
        """What leaves: everything, or these quantities. The last parcel brings the invoice."""
        if sale.state != "confirmed":
            raise Refused(409, "not_confirmed", f"{sale.number} is {sale.state}")
        left = sale.left()
        leaving = left if lines is None else lines
        if any(quantity <= 0 or quantity > left.get(sku, ZERO) for sku, quantity in leaving.items()):
            raise Refused(422, "bad_quantity", f"{sale.number}: {leaving}")
        for sku, quantity in leaving.items():
            self.books.take(sku, sale.warehouse, quantity)
        rows = [wire.ShippedLine(sku=s, quantity=q) for s, q in leaving.items()]
        sale.shipments.append(wire.Shipment(
            id=f"{sale.number}-S{len(sale.shipments) + 1}", carrier=carrier, tracking_number=tracking_number,
            shipped_at=self.books.clock.now(), lines=rows,
        ))  # fmt: skip
        if not sale.left():
            sale.state = "shipped"
            self._invoice(sale)
            self._settle(sale)
        return self._changed(sale)

    def mark(self, sale: Sale, state: str) -> Sale:
        sale.state = state
        return self._changed(sale)

    def changed_after(self, after: int) -> list[Sale]:
        """Each order once, at its latest change."""
        return [self.orders[i] for number, i in self.journal if number > after and self.orders[i].change == number]

    def _changed(self, sale: Sale) -> Sale:
        sale.change, sale.changed_at = self.books.next(), self.books.clock.now()
        self.journal.append((sale.change, sale.id))
        return sale

    def _invoice(self, sale: Sale) -> None:
        today = self.books.clock.now().astimezone(ROME).date()
        number = 1 + sum(len(s.invoices) for s in self.orders.values())
        sale.invoices.append(wire.InvoiceRow(
            id=f"{number}", kind="invoice", number=f"FT/{today.year}/{number:05}", total=sale.doc.total, issued_on=today, state="posted"
        ))  # fmt: skip

    def _settle(self, sale: Sale) -> None:
        if sale.state == "shipped" and sale.paid >= sale.doc.total:
            sale.state = "done"

    def _warehouse(self, new: wire.NewOrder) -> str:
        return self.books.known(new.warehouse or self.books.warehouses[0])

    def _check_head(self, new: wire.NewOrder) -> None:
        if new.customer not in self.customers:
            raise Refused(422, "unknown_customer", new.customer)
        if new.currency != self.books.currency:
            raise Refused(422, "bad_currency", new.currency)
        if new.date.tzinfo is None:
            raise Refused(422, "bad_date", "a time without a zone")
        if self.closed_until and new.date.astimezone(ROME).date() <= self.closed_until:
            raise Refused(422, "period_closed", f"the books are closed until {self.closed_until}")
        self._warehouse(new)

    def _check_lines(self, new: wire.NewOrder) -> None:
        if not new.lines:
            raise Refused(422, "no_lines", new.reference)
        for line in new.lines:
            if line.quantity <= 0:
                raise Refused(422, "bad_quantity", f"{line.sku}: {line.quantity}")
            rate = line.vat_rate if line.vat_rate is not None else self.books.article(line.sku).vat_rate
            self.books.article(line.sku)
            _check_vat(line.sku, line, rate, line.quantity)
        for charge in new.charges:
            _check_vat(charge.title, charge, charge.vat_rate, Decimal(1))
        total = _sum(line.gross for line in new.lines) + _sum(charge.gross for charge in new.charges)
        if total != new.total:
            raise Refused(422, "total_differs", f"lines and charges are {total}, the order says {new.total}")


def _check_vat(name: str, part: wire.NewLine | wire.NewCharge, rate: Decimal | None, pieces: Decimal) -> None:
    """net + VAT = gross to the cent, and the VAT is the rate's, but for a cent a piece: shops round each piece or each line."""
    if part.net + part.vat != part.gross or any(amount % CENT for amount in (part.net, part.vat, part.gross)):
        raise Refused(422, "bad_amounts", f"{name}: {part.net} + {part.vat} is not {part.gross}")
    if rate is not None and abs(part.net * rate - part.vat) > CENT * max(Decimal(1), pieces):
        raise Refused(422, "bad_vat", f"{name}: {part.vat} is not {rate:%} of {part.net}")


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def decoded(body: bytes, kind: Callable[..., wire.Document]) -> wire.Document:
    """A request's body; anything that the ERP does not know is refused."""
    try:
        found: wire.Document = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Refused(422, "bad_document", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, "not_json", str(error)) from error
    return found
