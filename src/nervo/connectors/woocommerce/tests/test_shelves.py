"""Listings, stock and prices over HTTP with the simulated shop."""

from decimal import Decimal

import msgspec
import pytest

from nervo.connectors.woocommerce.connector import WooCommerce, connect
from nervo.connectors.woocommerce.settings import Settings
from nervo.connectors.woocommerce.simulator import Simulator
from nervo.errors import AuthFailed, BadInput, Misunderstood, OutcomeUnknown, RateLimited, Unsupported
from nervo.kit.http import Exchange, ToolBox
from nervo.kit.settings import parse
from nervo.kit.simulator import Fault, FaultKind
from nervo.ports.common import ItemOutcome, Outcome
from nervo.ports.shop import PriceWrite, StockWrite


async def writes(woo: WooCommerce, **quantities: int) -> list[StockWrite]:
    names = {sku.replace("_", "-"): n for sku, n in quantities.items()}
    found = {listing.sku: listing for listing in await woo.find_listings(list(names))}
    return [StockWrite(sku, found[sku].remote, n) for sku, n in names.items()]


async def test_every_listing_comes_once_page_by_page(shop: Simulator, woo: WooCommerce) -> None:
    for i in range(150):
        shop.add_product(f"P{i}", f"Articolo {i}", [(f"P{i}", None, "1", i)])
    mark, found, pages = None, [], 0
    while True:
        part, mark = await woo.listings(mark)
        found, pages = found + [listing.sku for listing in part], pages + 1
        if mark is None:
            break
    assert pages == 2
    assert sorted(found) == sorted(["MUG-1", "SHIRT-S", "SHIRT-M", "SHIRT-L", *(f"P{i}" for i in range(150))])


@pytest.mark.fault(46)
async def test_what_is_taken_out_between_two_pages_hides_no_other(shop: Simulator, woo: WooCommerce) -> None:
    for i in range(250):
        shop.add_product(f"P{i}", f"Articolo {i}", [(f"P{i}", None, "1", i)])
    first, mark = await woo.listings(None)
    gone = [listing for listing in first if listing.sku in {f"P{i}" for i in range(30)}]
    for listing in gone:
        shop.catalogue.delete(int(listing.remote["product"]), force=True)
    shop.add_product("LATE", "In più", [("LATE", None, "1", 1)])
    found = [listing.sku for listing in first]
    while mark:
        part, mark = await woo.listings(mark)
        found += [listing.sku for listing in part]
    assert sorted(found) == sorted(["MUG-1", "SHIRT-S", "SHIRT-M", "SHIRT-L", *(f"P{i}" for i in range(250)), "LATE"])


async def test_more_variations_than_a_page_all_come(shop: Simulator, woo: WooCommerce) -> None:
    shop.add_product("WIDE", "Largo", [(f"W{i}", None, "1", 1) for i in range(130)])
    found, _ = await woo.listings(None)
    assert len([listing for listing in found if listing.sku.startswith("W")]) == 130


async def test_listings_are_read_again_by_their_ids_and_the_gone_are_absent(shop: Simulator, woo: WooCommerce) -> None:
    found = await woo.find_listings(["SHIRT-M", "MUG-1", "NOPE", "SHIRT", "mug-1"])
    assert {listing.sku for listing in found} == {"MUG-1", "SHIRT-M"}
    again = await woo.read_listings([listing.remote for listing in found])
    assert sorted(again, key=lambda x: x.sku) == sorted(found, key=lambda x: x.sku)
    mug = next(x for x in found if x.sku == "MUG-1")
    shop.catalogue.delete(int(mug.remote["product"]), force=False)
    left = await woo.read_listings(
        [*(x.remote for x in again), {"product": "99999"}, {"product": "99999", "variation": "5"}]
    )
    assert [x.sku for x in left] == ["SHIRT-M"]


async def test_stock_of_simple_products_and_variations_is_set(shop: Simulator, woo: WooCommerce) -> None:
    outcomes = await woo.put_stock(await writes(woo, MUG_1=3, SHIRT_S=0, SHIRT_M=9))
    assert set(outcomes) == {ItemOutcome(sku, Outcome.DONE, observed=n) for sku, n in
                             (("MUG-1", "3"), ("SHIRT-S", "0"), ("SHIRT-M", "9"))}  # fmt: skip
    assert [shop.quantity(sku) for sku in ("MUG-1", "SHIRT-S", "SHIRT-M")] == [3, 0, 9]
    assert len([s for s in shop.seen if s.path.endswith("/batch")]) == 2


async def test_setting_stock_turns_counting_on(shop: Simulator, woo: WooCommerce) -> None:
    (item,) = await writes(woo, MUG_1=4)
    shop.catalogue.update(int(item.remote["product"]), {"manage_stock": False})
    assert (await woo.find_listings(["MUG-1"]))[0].quantity is None
    await woo.put_stock([item])
    assert (await woo.find_listings(["MUG-1"]))[0].quantity == 4


@pytest.mark.fault(24)
async def test_a_batch_names_the_items_that_failed(shop: Simulator, woo: WooCommerce) -> None:
    (good,) = await writes(woo, MUG_1=3)
    gone = StockWrite("GONE", {"product": "99999"}, 1)
    lost = StockWrite("LOST", {"product": "99999", "variation": "5"}, 1)
    by_sku = {o.sku: o for o in await woo.put_stock([gone, good, lost])}
    assert by_sku["MUG-1"].outcome is Outcome.DONE
    assert (by_sku["GONE"].outcome, by_sku["GONE"].code) == (Outcome.MISSING, "woocommerce_rest_product_invalid_id")
    assert by_sku["LOST"].outcome is Outcome.MISSING


@pytest.mark.fault(24)
@pytest.mark.parametrize("fails", ["before", "after"])
async def test_an_item_at_which_a_plugin_failed_may_have_been_saved(
    shop: Simulator, woo: WooCommerce, fails: str
) -> None:
    items = await writes(woo, MUG_1=3)
    shop.catalogue.plugin_fails = lambda: fails
    (outcome,) = await woo.put_stock(items)
    assert (outcome.outcome, outcome.code) == (Outcome.UNKNOWN, "internal_server_error")
    assert (await woo.find_listings(["MUG-1"]))[0].quantity == (3 if fails == "after" else 7)


@pytest.mark.fault(24)
async def test_one_call_of_two_that_fails_leaves_the_other_done(shop: Simulator, woo: WooCommerce) -> None:
    items = await writes(woo, MUG_1=1, SHIRT_S=1)
    kinds = {
        FaultKind.LOST_REPLY: Outcome.UNKNOWN,
        FaultKind.GARBAGE: Outcome.UNKNOWN,
        FaultKind.UNAVAILABLE: Outcome.UNKNOWN,
    }
    for kind, outcome in kinds.items():
        shop.faults.append(Fault(kind, "variations/batch"))
        outcomes = {o.sku: o.outcome for o in await woo.put_stock(items)}
        assert outcomes == {"MUG-1": Outcome.DONE, "SHIRT-S": outcome}


FAILURES = [
    (FaultKind.UNAVAILABLE, OutcomeUnknown), (FaultKind.RATE_LIMITED, RateLimited), (FaultKind.BUSY, RateLimited),
    (FaultKind.UNAUTHORISED, AuthFailed),
    (FaultKind.DROP, OutcomeUnknown), (FaultKind.LOST_REPLY, OutcomeUnknown), (FaultKind.GARBAGE, Misunderstood),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "error"), FAILURES)
async def test_a_batch_that_fails_as_a_whole_raises(
    shop: Simulator, woo: WooCommerce, fault: FaultKind, error: type[Exception]
) -> None:
    items = await writes(woo, MUG_1=1)
    shop.faults.append(Fault(fault, "batch"))
    with pytest.raises(error) as raised:
        await woo.put_stock(items)
    if isinstance(raised.value, RateLimited):
        assert raised.value.retry_after_s == (None if fault is FaultKind.BUSY else 1.0)


@pytest.mark.parametrize("quantity", [-1, 3.5])
async def test_a_fraction_or_a_negative_quantity_never_leaves(shop: Simulator, woo: WooCommerce, quantity: int) -> None:
    with pytest.raises(BadInput):
        await woo.put_stock([StockWrite("MUG-1", {"product": "16"}, quantity)])
    assert not shop.seen


async def test_prices_are_texts_and_a_reduction_has_both(shop: Simulator, woo: WooCommerce) -> None:
    mug, shirt = sorted(await woo.find_listings(["MUG-1", "SHIRT-S"]), key=lambda x: x.sku)
    items = [
        PriceWrite("MUG-1", mug.remote, Decimal("12.50"), "EUR"),
        PriceWrite("SHIRT-S", shirt.remote, Decimal("8.00"), "EUR", compare_at=Decimal("10.00")),
    ]
    assert {o.observed for o in await woo.put_prices(items)} == {"12.50", "8.00"}
    sent = [msgspec.json.decode(s.body)["update"][0] for s in shop.seen if s.path.endswith("/batch")]
    assert {(s["regular_price"], s["sale_price"]) for s in sent} == {("12.50", ""), ("10.00", "8.00")}
    now = {x.sku: (x.price, x.compare_at) for x in await woo.find_listings(["MUG-1", "SHIRT-S"])}
    assert now == {"MUG-1": (Decimal("12.50"), None), "SHIRT-S": (Decimal("8.00"), Decimal("10.00"))}
    await woo.put_prices([PriceWrite("SHIRT-S", shirt.remote, Decimal("9"), "EUR")])
    assert (await woo.find_listings(["SHIRT-S"]))[0].compare_at is None


async def test_a_price_in_another_currency_is_refused_and_the_others_pass(shop: Simulator, woo: WooCommerce) -> None:
    mug, shirt = sorted(await woo.find_listings(["MUG-1", "SHIRT-S"]), key=lambda x: x.sku)
    items = [
        PriceWrite("MUG-1", mug.remote, Decimal("1"), "USD"),
        PriceWrite("SHIRT-S", shirt.remote, Decimal("1"), "EUR"),
    ]
    outcomes = {o.sku: (o.outcome, o.code) for o in await woo.put_prices(items)}
    assert outcomes == {"MUG-1": (Outcome.REJECTED, "wrong_currency"), "SHIRT-S": (Outcome.DONE, "")}
    assert shop.price("MUG-1") == Decimal("19.90")


async def test_a_location_cannot_be_expressed(shop: Simulator, woo: WooCommerce) -> None:
    with pytest.raises(Unsupported):
        await woo.put_stock([StockWrite("MUG-1", {"product": "16"}, 1, location="2")])
    assert not shop.seen


async def test_check_says_who_answers_and_what_the_key_may_do(shop: Simulator, woo: WooCommerce) -> None:
    identity = await woo.check()
    assert (identity.version, identity.currency, identity.prices_include_tax) == ("10.0.2", "EUR", True)
    assert all(c.ok for c in identity.checks)
    shop.read_only = True
    write = next(c for c in (await woo.check()).checks if c.name == "write")
    assert not write.ok and "Read/Write" in write.detail
    shop.consumer_key = "ck_revoked"
    shop._authorization = ""
    with pytest.raises(AuthFailed):
        await woo.check()


async def test_no_secret_is_in_what_is_recorded(shop: Simulator) -> None:
    kept: list[Exchange] = []
    woo = connect(parse(Settings, shop.settings()), ToolBox(keep=kept.append))
    await woo.find_listings(["MUG-1"])
    shop.faults.append(Fault(FaultKind.UNAUTHORISED))
    with pytest.raises(AuthFailed) as raised:
        await woo.find_listings(["MUG-1"])
    await woo.close()
    shown = repr(kept) + repr(raised.value) + str(raised.value) + repr(parse(Settings, shop.settings()))
    basic = shop._authorization.removeprefix("Basic ")
    assert not [s for s in (shop.consumer_key, shop.consumer_secret, shop.webhook_secret, basic) if s in shown]
    assert len(kept) == 2


@pytest.mark.parametrize(
    "url", ["http://shop.example.it", "http://127.0.0.1.example.it", "ftp://127.0.0.1", "shop.example.it"]
)
def test_a_key_is_never_sent_in_the_clear(url: str) -> None:
    given = {"url": url, "consumer_key": "ck", "consumer_secret": "cs"}
    with pytest.raises(BadInput):
        connect(parse(Settings, given), ToolBox())


async def test_a_missing_api_is_not_a_missing_order(shop: Simulator) -> None:
    given = shop.settings() | {"url": shop.url + "/blog"}
    woo = connect(parse(Settings, given), ToolBox())
    with pytest.raises(Misunderstood) as raised:
        await woo.order("1")
    assert "permalinks" in raised.value.fix
    await woo.close()
