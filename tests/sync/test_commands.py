"""Commands: what a person asks is carried out once, with the result in plain words; what cannot be is refused with a reason."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from nervo.errors import AuthFailed, Rejected
from nervo.flows.catalogue import flows_of
from nervo.model.orders import OrderStatus
from nervo.rules.config import Guards
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import operations
from nervo.store import orders as order_store
from nervo.sync import orders, source
from nervo.sync.fence import Paused
from tests.hub import TestHub


@pytest.fixture
async def world(store):
    erp, shop = WorldErp(), WorldShop(["A", "B"])
    erp.stock("A", 10)
    erp.stock("B", 5)
    hub = await TestHub(erp, {"shop": shop}, guards=Guards(mass_zero_least=2)).start()
    yield erp, shop, hub
    await hub.close()


def problem(hub: TestHub) -> int:
    ((id,),) = hub.ask("SELECT id FROM store_problem WHERE state = 'open'")
    return int(str(id))


async def kept(hub: TestHub):
    return await hub.hub.db.read(lambda tx: order_store.get(tx, 1))


@pytest.mark.parametrize(
    ("kind", "args", "said"),
    [
        ("order.explode", {}, "unknown_command"),
        ("order.retry", {}, "order_id"),
        ("order.retry", {"order_id": "1"}, "order_id"),
        ("order.retry", {"order_id": 1, "force": True}, "force"),
        ("order.retry", {"order_id": 99}, "unknown_order"),
        ("problem.retry", {"problem_id": 99}, "unknown_problem"),
        ("guard.approve", {"channel": "nowhere", "kind": "stock"}, "unknown_channel"),
        ("guard.approve", {"channel": "shop", "kind": "weather"}, "unknown_kind"),
        ("publication.retry", {"channel": "shop", "kind": "stock", "key": "NONE"}, "unknown_key"),
        ("sync.channel", {"channel": "nowhere"}, "unknown_channel"),
        ("sync.stock", {"sku": "NONE"}, "unknown_sku"),
        ("connection.pause", {"name": "nowhere"}, "unknown_connection"),
        ("connection.check", {"name": "nowhere"}, "unknown_connection"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(world, kind, args, said):
    _, _, hub = world
    state, result = await hub.command(kind, **args)
    assert (state, said in result) == ("failed", True), result


async def test_a_bug_in_a_command_fails_that_command_only(world, monkeypatch):
    _, _, hub = world
    monkeypatch.setattr(operations, "paused", lambda tx: set())

    def broken(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(operations, "pause", broken)
    assert (await hub.command("connection.pause", name="shop"))[0] == "failed"
    assert (await hub.command("order.retry", order_id=99))[0] == "failed"


@pytest.mark.fault(25)
async def test_an_order_that_the_erp_refused_goes_on_when_it_is_retried(world):
    erp, shop, hub = world
    erp.faults.fail("create_order", Rejected("writing", "periodo chiuso"))
    shop.sell({"A": 1})
    await hub.settle()
    assert (await hub.command("problem.retry", problem_id=problem(hub)))[0] == "done"
    await hub.settle()
    assert len(erp.book) == 1
    assert hub.ask("SELECT state, closed_by FROM store_problem") == [("resolved", "anna")]
    assert ("order_retried", "anna") in hub.ask("SELECT code, actor FROM store_event")


async def test_a_retry_given_twice_places_one_order(world):
    erp, shop, hub = world
    erp.faults.fail("create_order", Rejected("writing", "no"))
    shop.sell({"A": 1})
    await hub.settle()
    for _ in range(2):
        await hub.hub.db.write(lambda tx: operations.add_command(tx, "order.retry", {"order_id": 1}, "anna", 1))
    await hub.settle()
    assert (len(erp.book), hub.ask("SELECT state FROM store_command")) == (1, [("done",), ("done",)])


async def test_approving_accepts_the_totals_difference_and_nothing_else(world):
    erp, shop, hub = world
    shop.sell({"A": 1}, total="10.01")
    shop.sell({"NEW": 1}, total="10.01")
    await hub.settle()
    assert (await hub.command("order.approve", order_id=1))[0] == "done"
    state, result = await hub.command("order.approve", order_id=2)
    assert "still held" in result
    await hub.settle()
    assert [key.split("-")[1] for key in erp.book] == ["1"]
    assert hub.ask("SELECT state FROM store_saleorder ORDER BY id") == [("in_erp",), ("held",)]
    assert hub.ask("SELECT code FROM store_problem WHERE state = 'open'") == [("unknown_sku",)]


async def test_an_order_that_is_not_held_cannot_be_approved(world):
    _, shop, hub = world
    shop.sell({"A": 1})
    await hub.settle()
    state, result = await hub.command("order.approve", order_id=1)
    assert (state, "not_held" in result) == ("failed", True)


async def test_a_corrected_sku_goes_to_the_erp_and_the_channels_reading_is_kept(world):
    erp, shop, hub = world
    shop.sell({"OLD-A": 2})
    await hub.settle()
    changes = {
        "skus": {"0": "A"},
        "billing": {"city": "Torino"},
        "fiscal": {"sdi_code": "ABC1234", "wants_invoice": True},
    }
    assert (await hub.command("order.correct", order_id=1, changes=changes))[0] == "done"
    await hub.settle()
    (lines,) = erp.lines.values()
    order = (await kept(hub)).order
    assert (lines, order.billing.city, order.customer.fiscal.sdi_code) == ([("A", Decimal(2))], "Torino", "ABC1234")
    assert '"sku":"OLD-A"' in (await kept(hub)).doc
    assert shop.shown["A"] == 8


async def test_a_correction_is_on_the_timeline_with_before_after_and_person(world):
    _, shop, hub = world
    shop.sell({"OLD-A": 2})
    await hub.settle()
    await hub.command("order.correct", order_id=1, changes={"skus": {"0": "A"}, "shipping": {"postal_code": "10121"}})
    ((actor, values),) = hub.ask("SELECT actor, \"values\" FROM store_event WHERE code = 'order_corrected'")
    assert actor == "anna"
    assert json.loads(values)["changes"] == [
        {"field": "skus.0", "before": "OLD-A", "after": "A"},
        {"field": "shipping.postal_code", "before": "", "after": "10121"},
    ]


async def test_a_correction_stays_when_the_channels_order_is_read_again(world):
    _, shop, hub = world
    number = shop.sell({"OLD-A": 2, "OLD-B": 1})
    await hub.settle()
    await hub.command("order.correct", order_id=1, changes={"skus": {"0": "A"}})
    shop.change(number, note="please ring twice")
    await hub.settle()
    order = (await kept(hub)).order
    assert ([line.sku for line in order.lines], order.note) == (["A", "OLD-B"], "please ring twice")
    await hub.command("order.correct", order_id=1, changes={"skus": {"1": "B"}})
    await hub.settle()
    assert hub.ask("SELECT state FROM store_saleorder") == [("in_erp",)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "nothing changes"),
        ({"skus": {"0": "NOWHERE"}}, "unknown_sku"),
        ({"skus": {"9": "A"}}, "unknown_line"),
        ({"skus": {"0": ""}}, "skus.0"),
        ({"billing": {"colour": "red"}}, "billing.colour"),
        ({"billing": {"city": 7}}, "billing.city"),
        ({"fiscal": {"wants_invoice": "yes"}}, "fiscal.wants_invoice"),
        ({"total": {"amount": "1"}}, "total"),
    ],
)
async def test_a_wrong_correction_is_refused_and_changes_nothing(world, changes, said):
    erp, shop, hub = world
    shop.sell({"OLD-A": 2})
    await hub.settle()
    state, result = await hub.command("order.correct", order_id=1, changes=changes)
    assert (state, said in result) == ("failed", True), result
    assert hub.ask("SELECT state, corrections FROM store_saleorder") == [("held", "{}")]


async def test_an_order_that_the_erp_has_is_not_corrected_here(world):
    _, shop, hub = world
    shop.sell({"A": 2})
    await hub.settle()
    state, result = await hub.command("order.correct", order_id=1, changes={"billing": {"city": "Torino"}})
    assert (state, "already_in_erp" in result) == ("failed", True)


async def test_an_ignored_order_gives_its_goods_back_and_never_comes_to_the_erp(world):
    erp, shop, hub = world
    number = shop.sell({"A": 4, "NEW": 1})
    await hub.settle()
    assert shop.shown["A"] == 6
    assert (await hub.command("order.ignore", order_id=1, reason="a test"))[0] == "done"
    shop.change(number, note="again")
    await hub.settle()
    assert (erp.book, shop.shown["A"]) == ([], 10)
    assert hub.ask("SELECT state, closed_by FROM store_problem") == [("ignored", "anna")]
    assert hub.ask("SELECT count(*) FROM store_hold WHERE released_tick IS NULL") == [(0,)]


async def test_an_order_that_the_erp_has_confirmed_is_not_ignored(world):
    _, shop, hub = world
    shop.sell({"A": 4})
    await hub.settle()
    assert (await hub.command("order.ignore", order_id=1, reason="x"))[0] == "failed"


async def test_an_ignored_order_that_the_channel_cancels_is_cancelled(world):
    _, shop, hub = world
    number = shop.sell({"NEW": 1})
    await hub.settle()
    await hub.command("order.ignore", order_id=1, reason="x")
    shop.change(number, status=OrderStatus.CANCELLED)
    await hub.settle()
    assert hub.ask("SELECT state FROM store_saleorder") == [("cancelled",)]


async def test_a_problem_is_ignored_with_its_reason(world):
    _, shop, hub = world
    shop.reject.add("A")
    await hub.hub.db.write(lambda tx: hub.hub.mark(tx, "stock", ["A"]))
    hub.erp.stock("A", 1)
    await hub.settle()
    assert await hub.command("problem.ignore", problem_id=problem(hub), reason="old listing") == (
        "done",
        "Ignored: old listing",
    )
    assert hub.ask("SELECT state FROM store_problem") == [("ignored",)]


@pytest.mark.fault(24)
async def test_a_refused_key_is_published_again_on_request(world):
    erp, shop, hub = world
    shop.reject.add("A")
    erp.stock("A", 1)
    await hub.settle()
    shop.reject.clear()
    await hub.settle()
    assert shop.shown["A"] == 10
    assert (await hub.command("publication.retry", channel="shop", kind="stock", key="A"))[0] == "done"
    await hub.settle()
    assert (shop.shown["A"], hub.ask("SELECT state FROM store_problem")) == (1, [("resolved",)])


@pytest.mark.fault(43, 44)
async def test_an_approved_guard_lets_the_held_values_out_though_the_hub_was_restarted(world):
    erp, shop, hub = world
    erp.stock("A", 0)
    erp.stock("B", 0)
    await hub.settle()
    assert shop.shown == {"A": 10, "B": 5}
    assert await hub.command("guard.approve", channel="shop", kind="stock") == ("done", "2 released.")
    again = hub.beside("hub-b")
    hub.clock.advance(60)
    await again.lease()
    await again.settle()
    assert (shop.shown, again.ask("SELECT state FROM store_problem")) == ({"A": 0, "B": 0}, [("resolved",)])
    await again.close()


@pytest.mark.fault(43, 44)
async def test_an_approval_is_for_the_values_that_were_held_and_no_others(world):
    erp, shop, hub = world
    await price(hub, A="100.00")
    assert await hub.command("guard.approve", channel="shop", kind="price") == ("done", "1 released.")
    await price(hub, A="900.00")
    assert shop.price["A"] == Decimal("10.00")
    assert hub.ask("SELECT code FROM store_problem WHERE state = 'open'") == [("price_jump",)]


async def test_a_held_price_that_the_erp_corrects_goes_out_by_itself(world):
    _, shop, hub = world
    await price(hub, A="100.00")
    await price(hub, A="11.00")
    assert (shop.price["A"], hub.ask("SELECT state FROM store_problem")) == (Decimal("11.00"), [("resolved",)])


async def price(hub: TestHub, **prices: str) -> None:
    hub.erp.price |= {sku: Decimal(value) for sku, value in prices.items()}
    await hub.hub.db.write(lambda tx: tx.run("DELETE FROM store_sourcecursor WHERE entity = 'prices'"))
    await source.catalogue(hub.hub)
    await hub.settle()


async def test_one_sku_or_the_whole_stock_is_read_again(world):
    erp, shop, hub = world
    erp.on_hand |= {"A": Decimal(3), "B": Decimal(2)}
    assert (await hub.command("sync.stock", sku="A"))[0] == "done"
    await hub.settle()
    assert shop.shown == {"A": 3, "B": 5}
    assert await hub.command("sync.stock") == ("done", "The ERP's stock is read: 1 SKUs differed.")
    await hub.settle()
    assert shop.shown == {"A": 3, "B": 2}


async def test_a_channel_is_compared_whole_and_repaired(world):
    _, shop, hub = world
    shop.shown["A"] = 99
    state, result = await hub.command("sync.channel", channel="shop")
    assert (state, "1 differed" in result) == ("done", True), result
    await hub.settle()
    assert shop.shown["A"] == 10


async def test_a_paused_connection_gets_nothing_until_it_is_resumed_and_the_pause_survives_a_restart(world):
    erp, shop, hub = world
    await hub.command("connection.pause", name="shop")
    erp.stock("A", 3)
    await hub.settle()
    assert shop.shown["A"] == 10
    again = hub.beside("hub-b")
    hub.clock.advance(60)
    await again.lease()
    await again.settle()
    assert shop.shown["A"] == 10
    await again.command("connection.resume", name="shop")
    await again.settle()
    assert shop.shown["A"] == 3
    await again.close()


async def test_while_the_erp_is_paused_orders_wait_and_go_on_afterwards(world):
    erp, shop, hub = world
    hub.engine._longest = 5.0
    await hub.command("connection.pause", name="erp")
    hub.hub.start_flow = lambda flow, order: None
    shop.sell({"A": 1})
    await orders.sweep(hub.hub, hub.hub.channels()[0])
    with pytest.raises(Paused):
        await flows_of(hub.hub)["place_order"](1)
    hub.hub.start_flow = hub.engine.start
    await hub.command("connection.resume", name="erp")
    await hub.settle()
    assert (len(erp.book), hub.ask("SELECT state FROM store_saleorder")) == (1, [("in_erp",)])


async def test_a_check_keeps_who_answered(world):
    _, shop, hub = world
    state, result = await hub.command("connection.check", name="shop")
    assert (state, "World shop" in result) == ("done", True)
    ((identity,),) = hub.ask("SELECT identity FROM store_connectionstate WHERE connection = 'shop'")
    assert json.loads(identity)["account"] == "shop"
    shop.faults.fail("check", AuthFailed("calling the shop", "token revoked"))
    state, result = await hub.command("connection.check", name="shop")
    assert (state, "token revoked" in result) == ("failed", True)
