"""What comes in wrong: it is clamped and named, held and asked about, or told to a developer; the rest goes on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nervo.errors import Misunderstood
from nervo.model.orders import OrderStatus
from nervo.model.payments import PaymentStatus
from nervo.model.prices import Price
from nervo.ports.common import Page
from nervo.ports.shop import Hint, Listing
from nervo.rules.config import Guards
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import inbox as inbox_store
from nervo.store import refresh
from nervo.sync import inbox, orders, source
from nervo.sync.availability import many
from nervo.sync.kinds import PriceKind
from tests.hub import TestHub

SKUS = [f"S{i}" for i in range(10)]


@pytest.fixture
async def world(store):
    erp, shop = WorldErp(), WorldShop(SKUS)
    for sku in SKUS:
        erp.stock(sku, 7)
    hub = await TestHub(erp, {"shop": shop}, guards=Guards(mass_zero_least=3)).start()
    yield erp, shop, hub
    await hub.close()


def problems(hub: TestHub) -> list[tuple[object, ...]]:
    return hub.ask("SELECT code, key FROM store_problem WHERE state = 'open' ORDER BY code, key")


async def prices(hub: TestHub, *found: Price) -> None:
    async def feed(after):
        return Page(found, None, False)

    hub.erp.prices = feed
    await source.catalogue(hub.hub)
    await hub.settle()


@pytest.mark.fault(45)
@pytest.mark.parametrize(("figure", "shown"), [("-3", 0), ("-0.5", 0), ("7.9", 7), ("0.99", 0)])
async def test_a_negative_or_fractional_figure_is_rounded_down_and_never_below_zero(world, figure, shown):
    erp, shop, hub = world
    erp.on_hand["S0"] = Decimal(figure)
    erp.journal.append("S0")
    await hub.settle()
    assert (shop.shown["S0"], shop.shown["S1"]) == (shown, 7)


@pytest.mark.fault(45)
async def test_a_figure_that_was_clamped_says_so_when_it_is_asked_why(world):
    erp, _, hub = world
    erp.on_hand["S0"] = Decimal("-3")
    erp.journal.append("S0")
    await hub.settle()
    found = await hub.hub.db.read(lambda tx: many(tx, hub.hub.channels()[0].stock, ["S0"]))
    terms = [(t.code, t.quantity) for t in found["S0"].terms]
    assert terms == [("erp", Decimal(-3)), ("clamp", Decimal(3))]


@pytest.mark.fault(43)
@pytest.mark.parametrize(
    ("price", "reason"),
    [
        (Price("S0", "Web", "EUR", price_gross=Decimal("0")), "price_zero"),
        (Price("S0", "Web", "EUR", price_gross=Decimal("-1")), "price_zero"),
        (Price("S0", "Web", "EUR", price_gross=Decimal("1000.00")), "price_jump"),
        (Price("S0", "Web", "EUR", price_gross=Decimal("0.10")), "price_jump"),
        (Price("S0", "Web", "USD", price_gross=Decimal("10.00")), "currency_change"),
    ],
)
async def test_an_unusual_price_waits_for_a_person_and_the_others_go_out(world, price, reason):
    _, shop, hub = world
    await prices(hub, price, Price("S1", "Web", "EUR", price_gross=Decimal("10.50")))
    assert (shop.price["S0"], shop.price["S1"]) == (Decimal("10.00"), Decimal("10.50"))
    assert problems(hub) == [(reason, "S0")]


async def test_a_price_under_its_floor_waits_for_a_person(world):
    _, shop, hub = world
    connections = hub.hub.config.connections
    connections["shop"] = replace(connections["shop"], price=replace(connections["shop"].price, floor=Decimal("9.00")))
    await prices(hub, Price("S0", "Web", "EUR", price_gross=Decimal("8.00")))
    assert (shop.price["S0"], problems(hub)) == (Decimal("10.00"), [("price_floor", "S0")])


@pytest.mark.fault(44)
async def test_a_wave_of_zeros_waits_though_it_comes_in_drops(world):
    erp, shop, hub = world
    for sku in SKUS:
        erp.stock(sku, 0)
        await hub.settle()
    assert sum(quantity == 0 for quantity in shop.shown.values()) < 4
    assert problems(hub) == [("stock_mass_zero", "*")]


@pytest.mark.fault(44)
async def test_after_a_wave_of_zeros_was_a_mistake_the_right_figures_go_out_by_themselves(world):
    erp, shop, hub = world
    for sku in SKUS:
        erp.stock(sku, 0)
    await hub.settle()
    for sku in SKUS:
        erp.stock(sku, 5)
    await hub.settle()
    assert (set(shop.shown.values()), problems(hub)) == ({5}, [])


@pytest.mark.fault(48)
@pytest.mark.parametrize(
    ("currency", "stored", "expected"),
    [
        ("EUR", "19.9000", "19.90||EUR"),
        ("JPY", "1990.00", "1990||JPY"),
        ("KWD", "1.9900", "1.990||KWD"),
        ("EUR", "19.905", "19.905||EUR"),
    ],
)
def test_a_price_is_read_back_with_the_decimals_of_its_currency(currency, stored, expected):
    listing = Listing("A", {}, price=Decimal(stored))
    assert PriceKind().shown(listing, f"0||{currency}", WorldShop([]).capabilities) == expected


@pytest.mark.fault(48)
@pytest.mark.parametrize(("currency", "amount"), [("JPY", "1990"), ("KWD", "1.995")])
async def test_a_price_in_a_currency_without_cents_or_with_mils_comes_to_rest(store, currency, amount):
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 1)

    async def feed(after):
        return Page((Price("A", "Web", currency, price_gross=Decimal(amount)),), None, False)

    erp.prices = feed
    hub = await TestHub(erp, {"shop": shop}).start()
    assert shop.price["A"] == Decimal(amount)
    shop.price["A"] = Decimal(amount).quantize(Decimal("0.0001"))
    await hub.command("sync.channel", channel="shop")
    calls = shop.calls["put_prices"]
    await hub.settle()
    assert (shop.calls["put_prices"], hub.ask("SELECT count(*) FROM store_drift")) == (calls, [(0,)])
    await hub.close()


@pytest.mark.fault(20)
async def test_an_unknown_status_holds_the_order_with_the_raw_code_and_others_go_on(world):
    erp, shop, hub = world
    strange, fine = shop.sell({"S0": 1}), shop.sell({"S1": 1})
    shop.change(strange, status=OrderStatus.UNKNOWN, raw_status="on-hold-2")
    await hub.settle()
    assert [key.split("-")[1] for key in erp.book] == [fine]
    ((values,),) = hub.ask("SELECT \"values\" FROM store_problem WHERE code = 'unknown_status'")
    assert "on-hold-2" in str(values)


@pytest.mark.fault(20)
async def test_a_hinted_order_that_cannot_be_read_is_a_problem_and_the_others_are_read(world):
    erp, shop, hub = world
    bad, fine = shop.sell({"S0": 1}), shop.sell({"S1": 1})
    read = shop.order

    async def order(external_id):
        if external_id == bad:
            raise Misunderstood(f"reading order {bad}", "field currency is missing")
        return await read(external_id)

    shop.order = order
    shop.orders = None
    await hub.hub.db.write(lambda tx: refresh.want(tx, "shop", "order", [bad, fine], "webhook", hub.hub.now_ms()))
    await orders.read_hinted(hub.hub, hub.hub.channels()[0])
    await hub.engine.idle()
    assert ([key.split("-")[1] for key in erp.book], problems(hub)) == ([fine], [("unreadable_order", bad)])


async def test_a_webhook_is_read_once_and_what_nobody_reads_leaves_nothing_behind(world):
    erp, shop, hub = world
    number = shop.sell({"S0": 1})
    rows = [("shop", "t", str(i), f"sha{i}", "{}", b"x", 1) for i in range(3)]
    await hub.hub.db.write(lambda tx: inbox_store.add(tx, rows))

    def reader(topic, headers, body):
        return Hint("order", number), Hint("stock", "item-1"), Hint("product", "p-1")

    assert await inbox.drain(hub.hub, {"shop": reader}) == 3
    assert hub.ask("SELECT entity, key FROM store_refresh") == [("order", number)]
    await hub.settle()
    assert len(erp.book) == 1
    assert hub.ask("SELECT count(*) FROM store_refresh") == [(0,)]


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"lines": ()}, "total_differs"), ({"lines": (), "total_gross": Decimal(0)}, "unreadable_order")],
)
async def test_an_order_without_lines_is_held(world, fields, code):
    erp, shop, hub = world
    number = shop.sell({"S0": 1})
    shop.sold[number] = replace(shop.sold[number], **fields)
    await hub.settle()
    assert (erp.book, problems(hub)) == ([], [(code, number)])


READINGS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 3), st.booleans(), st.booleans()), min_size=1, max_size=12
)


@pytest.mark.fault(6)
@given(readings=READINGS, order=st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_readings_in_any_order_and_number_end_in_the_same_state(readings, order):
    """Whatever is read twice, late or out of order: the newest reading of each order is what is kept."""
    made = [_reading(*reading) for reading in readings]
    shuffled = [*made, *order.choices(made, k=len(made))]
    order.shuffle(shuffled)
    assert _kept(shuffled) == _kept(sorted(made, key=lambda o: o.version))


def _reading(number: int, version: int, paid: bool, cancelled: bool):
    shop = WorldShop([])
    for _ in range(number):
        shop.sell({"A": 1})
    version = 4 if cancelled else version  # no channel takes a cancellation back
    return replace(
        shop.sold[str(number)],
        version=f"{version}{int(cancelled)}{int(paid)}",
        payment_status=PaymentStatus.PAID if paid else PaymentStatus.PENDING,
        status=OrderStatus.CANCELLED if cancelled else OrderStatus.OPEN,
    )


class _Rollback(Exception):
    """Nothing of this is kept."""


def _kept(readings) -> list[tuple[object, ...]]:
    """What a hub keeps of these readings."""
    found: list[tuple[object, ...]] = []

    def work(tx):
        hub = HUBS[-1].hub
        channel = hub.channels()[0]
        for reading in readings:
            orders.accept(hub, tx, channel, reading, "sweep")
        found.extend(tx.rows(KEPT))
        raise _Rollback

    with pytest.raises(_Rollback):
        HUBS[-1].hub.db.write_now(work)
    return found


HUBS: list[TestHub] = []
KEPT = (
    "SELECT external_id, version, payment_status, status, CASE WHEN cancel_wanted OR cancelled_ms > 0 THEN 1 ELSE 0 END "
    "FROM store_saleorder ORDER BY external_id"
)


@pytest.fixture(autouse=True)
def hub_for_readings(request, tmp_path):
    if "readings" not in request.node.name:
        yield
        return
    from tests.hub import use_database

    use_database(f"sqlite:///{tmp_path / 'readings.sqlite3'}")
    HUBS.append(TestHub(WorldErp(), {"shop": WorldShop(["A"])}))
    yield
    HUBS.pop().hub.db.close()
