"""Against the real programs, where NERVO_PEERS is set (`./dev demo --real` shows the whole; here are its sharp corners)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from graphql import build_client_schema, get_introspection_query, parse, validate

from nervo import registry
from nervo.connectors.vendure import queries
from nervo.errors import AuthFailed, Rejected
from nervo.kit import settings as kit
from nervo.kit.http import ToolBox
from nervo.model.catalog import Product, Variant
from nervo.model.fulfilment import FulfilmentStatus
from nervo.model.orders import Order, OrderLine, OrderStatus
from nervo.model.parties import Address, FiscalData, Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.ports.erp import ErpOrderState, OrderDraft
from nervo.staging.peers.tryton import TrytonPeer
from nervo.staging.peers.vendure import VendurePeer
from nervo.staging.real import TrytonWarehouse

pytestmark = [
    pytest.mark.skipif(not os.environ.get("NERVO_PEERS"), reason="NERVO_PEERS is not set"),
    pytest.mark.asyncio(loop_scope="module"),
]
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PLACE = Address("Anna Verdi", street="Via Garibaldi 5", postal_code="10122", city="Torino", province="TO", country="IT")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tryton(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TrytonPeer]:
    peer = TrytonPeer(templates=50, rundir=tmp_path_factory.mktemp("tryton"))
    await peer.start()
    yield peer
    await peer.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VendurePeer]:
    peer = VendurePeer(rundir=tmp_path_factory.mktemp("vendure"))
    await peer.start()
    yield peer
    await peer.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def erp(tryton: TrytonPeer) -> AsyncIterator[Any]:
    port = connected("tryton", settings_of(tryton))
    yield port
    await port.close()


def settings_of(peer: TrytonPeer) -> dict[str, Any]:
    return {"url": peer.url, "database": peer.database, "user": peer.user, "password": peer.password, "web_shop": "Sito",
            "payment_term": "Immediate", "price_lists": "Web"}  # fmt: skip


def connected(name: str, values: dict[str, Any]) -> Any:
    found = registry.connector(name)
    return found.connect(kit.parse(found.settings, values), ToolBox())


def party(name: str, **fiscal: str) -> Party:
    return Party(name, email=f"{name.replace(' ', '.').lower()}@example.it", fiscal=FiscalData(**fiscal))


def order(number: str, gross: str, *, sku: str = "ART-00001-M", quantity: int = 1) -> Order:
    total = Decimal(gross)
    net = (total / Decimal("1.22")).quantize(Decimal("0.01"))
    line = OrderLine("1", sku, sku, Decimal(quantity), net, total - net, total, Decimal("0.22"))
    paid = Payment("p1", "card", PaymentStatus.PAID, total, "EUR", "tx-1")
    return Order(
        number, number, "1", OrderStatus.OPEN, "open", PaymentStatus.PAID, FulfilmentStatus.UNFULFILLED, "EUR", (line,), total,
        total - net, NOON, NOON, party("Anna Verdi"), PLACE, PLACE, payments=(paid,),
    )  # fmt: skip


async def placed(erp: Any, number: str, gross: str) -> tuple[Order, Any]:
    sold = order(number, gross)
    customer = await erp.find_customer(sold.customer) or await erp.create_customer(sold.customer, sold, "shop-anna")
    return sold, await erp.create_order(OrderDraft(f"shop-{number}", sold, customer, "WH"))


async def test_a_wrong_password_is_refused_by_both(tryton: TrytonPeer, vendure: VendurePeer):
    wrong = [
        connected("tryton", settings_of(tryton) | {"password": "wrong"}),
        connected("vendure", {"url": vendure.url, "user": vendure.user, "password": "wrong"}),
    ]
    for port in wrong:
        with pytest.raises(AuthFailed):
            await port.check()
        await port.close()


async def test_a_bad_codice_fiscale_is_refused_with_trytons_words_and_what_to_do(erp: Any):
    bad, sold = party("Carlo Falso", tax_code="RSSMRA85T10A562X"), order("900", "12.20")
    with pytest.raises(Rejected) as refused:
        await erp.create_customer(bad, sold, "shop-carlo")
    assert refused.value.code == "customer_refused"
    assert "RSSMRA85T10A562X" in refused.value.said
    assert refused.value.fix


async def test_a_customer_is_found_by_partita_iva_then_by_e_mail_but_never_as_somebody_else(erp: Any):
    firm = replace(party("Ditta Vera", vat_number="00743110157"), is_company=True, company="Ditta Vera Srl")
    made = await erp.create_customer(
        replace(firm, fiscal=FiscalData(vat_number="12345670017")), order("901", "12.20"), "shop-ditta"
    )
    assert (
        await erp.find_customer(replace(firm, email="other@example.it", fiscal=FiscalData(vat_number="12345670017")))
        == made
    )
    assert await erp.find_customer(replace(firm, fiscal=FiscalData(vat_number="10209790152"))) is None
    assert await erp.create_customer(firm, order("901", "12.20"), "shop-ditta") == made


async def test_an_order_written_twice_under_one_key_is_one_sale(erp: Any):
    _, first = await placed(erp, "902", "12.20")
    _, again = await placed(erp, "902", "12.20")
    assert again.erp_id == first.erp_id


@pytest.mark.parametrize("gross", ["12.20", "29.97", "0.01", "0.07", "1234.56"])
async def test_the_sale_is_what_the_customer_paid_whatever_the_amount(erp: Any, gross: str):
    _, written = await placed(erp, f"903-{gross}", gross)
    confirmed = await erp.confirm_order(written.erp_id)
    assert written.total_gross == confirmed.total_gross == Decimal(gross)


async def test_a_payment_booked_twice_is_one_and_a_confirmed_order_stays_confirmed(erp: Any):
    sold, written = await placed(erp, "904", "12.20")
    await erp.confirm_order(written.erp_id)
    for _ in range(2):
        booked = await erp.record_payment(written.erp_id, sold.payments[0], "shop-904-p1")
    again = await erp.confirm_order(written.erp_id)
    assert (booked.paid, again.state) == (Decimal("12.20"), ErpOrderState.CONFIRMED)


async def test_a_sale_that_was_cut_off_between_confirming_and_processing_is_processed(erp: Any, tryton: TrytonPeer):
    _, written = await placed(erp, "906", "12.20")
    async with aiohttp.ClientSession() as http:
        clerk = TrytonWarehouse(tryton.url, http)
        await clerk.call("model.sale.sale.quote", [int(written.erp_id)])
    with closing(sqlite3.connect(tryton.rundir / "erp.sqlite", timeout=10)) as books, books:
        confirmed = "UPDATE sale_sale SET state = 'confirmed', sale_date = date('now') WHERE id = ?"
        books.execute(confirmed, (int(written.erp_id),))
    assert (await erp.confirm_order(written.erp_id)).raw_state == "processing"


async def test_a_cancellation_that_was_cut_off_before_the_payment_is_finished(erp: Any, tryton: TrytonPeer):
    sold, written = await placed(erp, "907", "12.20")
    await erp.confirm_order(written.erp_id)
    await erp.record_payment(written.erp_id, sold.payments[0], "shop-907-p1")
    async with aiohttp.ClientSession() as http:
        clerk = TrytonWarehouse(tryton.url, http)
        (sale,) = await clerk.call("model.sale.sale.read", [int(written.erp_id)], ["shipments", "invoices"])
        await clerk.press("stock.shipment.out", "cancel", *sale["shipments"])
        await clerk.press("account.invoice", "cancel", *sale["invoices"])
    cancelled = await erp.cancel_order(written.erp_id)
    assert (cancelled.state, cancelled.paid) == (ErpOrderState.CANCELLED, Decimal(0))


async def test_an_invoice_that_is_posted_in_tryton_comes_by_the_feed_with_its_number(erp: Any, tryton: TrytonPeer):
    sold, written = await placed(erp, "908", "12.20")
    await erp.confirm_order(written.erp_id)
    await erp.record_payment(written.erp_id, sold.payments[0], "shop-908-p1")
    cursor = await behind(erp)
    async with aiohttp.ClientSession() as http:
        clerk = TrytonWarehouse(tryton.url, http)
        (sale,) = await clerk.call("model.sale.sale.read", [int(written.erp_id)], ["invoices"])
        day = await clerk.call("model.ir.date.today")
        await clerk.call("model.account.invoice.write", sale["invoices"], {"invoice_date": day})
        await clerk.press("account.invoice", "post", *sale["invoices"])
    page = await erp.changed_orders(cursor)
    (changed,) = [o for o in page.items if o.key == "shop-908"]
    (invoice,) = changed.invoices
    assert (invoice.state, invoice.total_gross, bool(invoice.number)) == ("paid", Decimal("12.20"), True)


async def behind(erp: Any) -> Any:
    """The cursor behind everything that has changed so far."""
    page = await erp.changed_orders(None)
    while page.more:
        page = await erp.changed_orders(page.next)
    return page.next


async def test_a_promotion_that_is_a_share_of_the_price_is_read(erp: Any):
    (promotion,) = (await erp.promotions(None)).items
    assert (promotion.discount_rate, promotion.min_quantity, promotion.skus) == (Decimal("0.1"), 3, ("ART-00000-M",))


async def test_a_cancelled_order_gives_its_goods_back_and_can_be_cancelled_again(erp: Any):
    async def left() -> Decimal:
        return next(f.quantity for f in await erp.stock_of(["ART-00001-M"]) if f.warehouse == "WH")

    before = await left()
    sold, written = await placed(erp, "905", "12.20")
    await erp.confirm_order(written.erp_id)
    await erp.record_payment(written.erp_id, sold.payments[0], "shop-905-p1")
    assert await left() == before - 1
    for _ in range(2):
        cancelled = await erp.cancel_order(written.erp_id)
    assert (cancelled.state, cancelled.paid, await left()) == (ErpOrderState.CANCELLED, Decimal(0), before)


async def test_vendure_keeps_the_words_that_are_the_shops_own(vendure: VendurePeer):
    values = {"url": vendure.url, "user": vendure.user, "password": vendure.password}
    shop, product = connected("vendure", values), Product("ZZ-1", "Vaso", (Variant("ZZ-1-A"),), "Dell'ERP")
    made = await shop.put_product(product, {}, "k", frozenset())
    known = {listing.sku: listing.remote for listing in made}
    changed = replace(product, name="Vaso nuovo", description="Nuova")
    for fields in ({"name"}, set()):
        await shop.put_product(changed, known, "k2", frozenset(fields))
        document = "query P($id: ID!) { product(id: $id) { name description enabled } }"
        seen = await shop.client.query(document, {"product": dict[str, Any]}, id=made[0].remote["product"])
        assert seen["product"] == {"name": "Vaso nuovo", "description": "Dell'ERP", "enabled": True}
    await shop.close()


async def test_every_document_that_we_send_fits_vendures_own_schema(vendure: VendurePeer):
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{vendure.url}/admin-api", json={"query": get_introspection_query()}) as answer:
            schema = build_client_schema((await answer.json())["data"])
    assert {
        document: validate(schema, parse(document)) for document in queries.ALL if validate(schema, parse(document))
    } == {}
