"""Rows for the panel: one company with an ERP and two shops, orders in every state, problems, stock, exchanges."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nervo.model.catalog import Product, Variant
from nervo.model.fulfilment import FulfilmentStatus
from nervo.model.orders import Charge, ChargeKind, Order, OrderLine, OrderStatus
from nervo.model.parties import Address, FiscalData, Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.model.stock import StockFigure
from nervo.ports.common import Check, Identity
from nervo.store import facts, holds, journal, operations, orders, publications
from nervo.store.codec import moment, text
from nervo.store.database import Database, Tx
from nervo.store.models import ConnectionState, Exchange, Publication
from nervo.sync.orders import erp_key

CONFIG = """company = "Filo & Trama srl"
erp = "gestionale"
[connections.gestionale]
connector = "tryton"
mode = "write"
[connections.negozio]
connector = "shopify"
mode = "write"
[connections.negozio.stock]
safety = "1"
cap = "50"
[connections.outlet]
connector = "woocommerce"
"""
WARES = [
    ("MAGLIA-BLU-M", "Maglia girocollo di lana merino", "38", "8001234567893"),
    ("MAGLIA-BLU-L", "Maglia girocollo di lana merino", "9", "8001234567909"),
    ("SCIARPA-RIGHE", "Sciarpa a righe, tessuta a mano in Valle Camonica", "0", "8001234567916"),
    ("CAPPELLO-FELTRO-VERDE-BOSCO-57", "Cappello di feltro", "124", ""),
    ("FILO-500", "Filo di cotone, matassa da 500 g", "12.5", ""),
]
ROSSI = Party("Mario Rossi", "mario.rossi@example.it", "+39 333 1234567", "c-77", "", False,
              FiscalData("", "RSSMRA85T10A562S", "", "", False), "it")  # fmt: skip
BIANCHI = Party("Lucia Bianchi", "acquisti@tessilbianchi.example", "02 5551234", "c-78", "Tessil Bianchi srl", True,
                FiscalData("IT00743110157", "00743110157", "M5UXCR1", "tessil@pec.example.it", True), "it")  # fmt: skip
HOME = Address("Mario Rossi", "", "Via Garibaldi 12", "scala B", "24121", "Bergamo", "BG", "IT",
               "+39 333 1234567", "mario.rossi@example.it")  # fmt: skip
FIRM = Address("Lucia Bianchi", "Tessil Bianchi srl", "Viale dell'Industria 4", "", "2401", "Milano", "XX", "IT", "02 5551234")  # fmt: skip


def order(number: str, at_ms: int, *, customer: Party = ROSSI, address: Address = HOME, **changes: Any) -> Order:
    """An order of two shirts and a scarf, 117.90 EUR."""
    at = moment(at_ms)
    lines = (
        OrderLine("l1", "MAGLIA-BLU-M", "Maglia girocollo di lana merino, blu, M", Decimal(2), Decimal("65.57"), Decimal("14.43"),
                  Decimal("80.00"), Decimal("0.22")),
        OrderLine("l2", "SCIARPA-RIGHE", "Sciarpa a righe", Decimal(1), Decimal("27.05"), Decimal("5.95"), Decimal("33.00"),
                  Decimal("0.22")),
    )  # fmt: skip
    charges = (
        Charge(
            ChargeKind.SHIPPING, "Corriere espresso", Decimal("4.02"), Decimal("0.88"), Decimal("4.90"), Decimal("0.22")
        ),
    )
    values: dict[str, Any] = dict(
        external_id=f"x-{number.strip('#')}", number=number, version="1", status=OrderStatus.OPEN, raw_status="open",
        payment_status=PaymentStatus.PAID, fulfilment_status=FulfilmentStatus.UNFULFILLED, currency="EUR", lines=lines,
        total_gross=Decimal("117.90"), total_tax=Decimal("21.26"), placed_at=at, updated_at=at, customer=customer, billing=address,
        shipping=address, charges=charges,
        payments=(Payment("p1", "carta", PaymentStatus.PAID, Decimal("117.90"), "EUR", "pi_3Nxyz", at),),
    )  # fmt: skip
    return Order(**values | changes)


class Seed:
    """Writes the rows through the store; `ids` are the orders by number."""

    def __init__(self, db: Database, now_ms: int) -> None:
        self.db, self.now_ms, self.ids = db, now_ms, dict[str, int]()

    def all(self) -> Seed:
        self.db.write_now(self._configuration)
        self.db.write_now(self._stock)
        self.db.write_now(self._orders)
        self._exchanges()
        self._publications()
        return self

    def _configuration(self, tx: Tx) -> None:
        now = self.now_ms
        operations.add_config(tx, CONFIG, "test", "", now)
        who = Identity(
            "Filo & Trama",
            "filo-trama.example",
            "7.4",
            "EUR",
            True,
            (Check("permessi", True), Check("sede", True, "Bergamo")),
        )
        operations.connection_state(tx, "gestionale", "ok", now - 4_000, identity=who)
        operations.connection_state(tx, "negozio", "ok", now - 31_000, identity=who)
        operations.connection_state(tx, "outlet", "ok", now - 7_200_000)
        operations.connection_state(
            tx, "outlet", "unavailable", now, error='reading orders on outlet: "502 Bad Gateway" (unavailable)'
        )
        operations.note_backup(tx, now - 26 * 3_600_000)
        operations.take_lease(tx, "hub", "seed", now, 3_600_000)

    def _stock(self, tx: Tx) -> None:
        products = [
            Product(code=f"P{i}", name=name, variants=(Variant(sku, gtin=gtin or None),))
            for i, (sku, name, _, gtin) in enumerate(WARES)
        ]
        facts.put_products(tx, products, 1)
        facts.put_stock(
            tx, [StockFigure(sku, "MAG-1", Decimal(q), Decimal(q) + 2) for sku, _, q, _ in WARES], 2, self.now_ms
        )
        for channel in ("negozio", "outlet"):
            publications.mark(tx, channel, "stock", [w[0] for w in WARES], self.now_ms)
        publications.mark(tx, "negozio", "price", ["MAGLIA-BLU-M"], self.now_ms)
        journal.drift(tx, [("negozio", "stock", "MAGLIA-BLU-M", "35", "90", self.now_ms - 5_000_000)])

    def _orders(self, tx: Tx) -> None:
        now, minute = self.now_ms, 60_000
        self._put(tx, order("#1042", now - 50 * minute), "in_erp", now - 49 * minute)
        self._put(tx, order("#1043", now - 40 * minute), "shipped", now - 39 * minute)
        self._put(tx, order("#1044", now - 35 * minute, customer=BIANCHI, address=FIRM), "held", now - 34 * minute)
        self._put(tx, order("#1045", now - 30 * minute, total_gross=Decimal("118.00")), "held", now - 30 * minute)
        self._put(
            tx,
            order("#1046", now - 20 * minute, payment_status=PaymentStatus.PENDING, payments=()),
            "waiting",
            now - 20 * minute,
        )
        self._put(tx, order("#1047", now - 15 * minute), "received", now - 15 * minute)
        self._put(tx, order("#1048", now - 10 * minute), "cancelled", now - 10 * minute)
        self._confirmed(tx, "#1042", now - 49 * minute)
        self._confirmed(tx, "#1043", now - 39 * minute)
        told = {"shipment": "s1", "carrier": "BRT", "tracking": "084020012345678", "fulfilment": "f1"}
        journal.event(tx, self.ids["#1043"], "fulfilled_at_channel", now - 20 * minute, **told)
        journal.event(
            tx, self.ids["#1044"], "order_held", now - 34 * minute, reason="unknown_sku", skus=["SCIARPA-RIGHE"]
        )
        journal.event(tx, self.ids["#1045"], "order_held", now - 30 * minute, reason="total_differs")
        self._problems(tx)

    def _put(self, tx: Tx, made: Order, state: str, at_ms: int) -> None:
        id = orders.insert(tx, "negozio", made, erp_key("negozio", made.external_id), state, "webhook", at_ms)
        assert id
        self.ids[made.number] = id
        journal.event(
            tx, id, "order_received", at_ms, found_by="webhook", channel="negozio", total=str(made.total_gross)
        )
        if state not in ("waiting", "cancelled", "shipped"):
            holds.place(tx, id, [(line.sku or "", "MAG-1", line.quantity) for line in made.lines], 3)

    def _confirmed(self, tx: Tx, number: str, at_ms: int) -> None:
        id = self.ids[number]
        name = f"SO-{id:05}"
        orders.set_fields(
            tx, id, erp_id=str(id), erp_number=name, created_ms=at_ms, confirmed_ms=at_ms + 800, paid="117.90"
        )
        journal.event(tx, id, "customer_created", at_ms + 300, customer="412")
        journal.event(tx, id, "erp_order_written", at_ms + 500, number=name)
        journal.event(tx, id, "erp_order_confirmed", at_ms + 800, number=name)
        journal.event(tx, id, "payment_recorded", at_ms + 900, amount="117.90", currency="EUR")

    def _problems(self, tx: Tx) -> None:
        now = self.now_ms
        for number, code, values in (
            ("#1044", "unknown_sku", {"skus": ["SCIARPA-RIGHE"], "order": "#1044"}),
            ("#1045", "total_differs", {"total": "118.00", "parts": "117.90", "difference": "0.10"}),
        ):
            key = f"x-{number.strip('#')}"
            journal.problem(tx, code, "negozio", "order", key, now - 1_800_000, order_id=self.ids[number], values=values,
                            fix="Correct it.", money="117.90 EUR")  # fmt: skip
        journal.problem(
            tx,
            "stock_mass_zero",
            "negozio",
            "stock",
            "*",
            now - 900_000,
            values={"count": 41, "of": 120},
            owner="owner",
        )
        journal.problem(tx, "item_rejected", "outlet", "price", "FILO-500", now - 600_000, said="price must be greater than zero",
                        values={"value": "0.00"}, fix="Correct it there or here, then retry.")  # fmt: skip
        journal.problem(tx, "never_seen_before", "outlet", "webhook", "12", now - 60_000, owner="developer",
                        said="unexpected end of data for mario.rossi@example.it", fix="Ask the developer.")  # fmt: skip

    def _exchanges(self) -> None:
        sent = {
            "email": "mario.rossi@example.it",
            "first_name": "Mario",
            "lines": [{"sku": "MAGLIA-BLU-M", "quantity": 2}],
            "tel": 393331234567,
        }
        Exchange.objects.create(
            connection="gestionale", order_id=self.ids["#1042"], operation="create_customer", at_ms=self.now_ms - 2_940_000, method="POST",
            url="https://erp.example/api/parties?search=mario.rossi@example.it", request_headers=text({"authorization": "••••"}),
            request_body=text(sent), status=200, response_headers=text({"content-type": "application/json"}),
            response_body=text({"id": 412, "status": "active", "name": "Mario Rossi"}), elapsed_ms=84.2,
        )  # fmt: skip
        Exchange.objects.create(
            connection="gestionale", order_id=self.ids["#1042"], operation="create_order", at_ms=self.now_ms - 2_939_000, method="POST",
            url="https://erp.example/api/sales", request_headers="{}", request_body="not json: Mario Rossi", status=503,
            response_headers="{}", response_body="", elapsed_ms=2004.0, error="",
        )  # fmt: skip

    def _publications(self) -> None:
        shop = Publication.objects.filter(channel="negozio", kind="stock")
        shop.update(state="ok", published="3", published_ms=self.now_ms - 60_000, latency_ms=412, dirty_tick=0)
        shop.filter(key="MAGLIA-BLU-M").update(published="27")
        shop.filter(key="CAPPELLO-FELTRO-VERDE-BOSCO-57").update(published="50")
        shop.filter(key="SCIARPA-RIGHE").update(published="0", state="held", dirty_tick=7)
        Publication.objects.filter(channel="outlet", key="FILO-500").update(
            state="failed", error="price must be greater than zero"
        )
        Publication.objects.filter(channel="outlet", key="SCIARPA-RIGHE").update(state="unlinked")
        Publication.objects.filter(kind="price").update(
            state="ok", published="40.00||EUR", published_ms=self.now_ms - 60_000, dirty_tick=0
        )
        assert ConnectionState.objects.count() == 3
