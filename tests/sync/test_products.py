"""Products: a channel is told of what the ERP owns there, and keeps the rest."""

from __future__ import annotations

from dataclasses import replace

from nervo.model.catalog import PRODUCT_FIELDS, Variant
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync import source
from tests.hub import TestHub

OURS = tuple(field for field in PRODUCT_FIELDS if field != "description")


async def hub_of(*fields: str) -> tuple[WorldErp, WorldShop, TestHub]:
    """S0 is in the shop already, S1 is not; the shop is given these fields."""
    erp = WorldErp()
    for sku in ("S0", "S1"):
        erp.stock(sku, 7)
        erp.pages[sku] = replace(erp.pages[sku], description="Dell'ERP")
    shop = WorldShop(["S0"])
    shop.pages["S0"] = replace(shop.pages["S0"], description="Scritta a mano")
    hub = TestHub(erp, {"shop": shop})
    connections = hub.hub.config.connections
    connections["shop"] = replace(connections["shop"], product_fields=fields)
    return erp, shop, await hub.start()


async def edit(erp: WorldErp, hub: TestHub, **words: object) -> None:
    """The ERP's product S0 changes, and the hub reads it."""
    erp.pages["S0"] = replace(erp.pages["S0"], **words)  # type: ignore[arg-type]
    await hub.hub.db.write(lambda tx: tx.run("DELETE FROM store_sourcecursor WHERE entity = 'products'"))
    await source.catalogue(hub.hub)
    await hub.settle()


async def test_a_hand_edited_description_stays_where_the_channel_owns_it(store):
    erp, shop, hub = await hub_of(*OURS)
    await edit(erp, hub, name="Nuovo nome", description="Nuova")
    assert (shop.pages["S0"].name, shop.pages["S0"].description) == ("Nuovo nome", "Scritta a mano")
    await hub.close()


async def test_it_is_overwritten_where_the_erp_owns_it(store):
    _, shop, hub = await hub_of(*PRODUCT_FIELDS)
    assert shop.pages["S0"].description == "Dell'ERP"
    await hub.close()


async def test_a_created_product_is_given_the_fields_that_the_channel_owns(store):
    erp, shop, hub = await hub_of()
    assert shop.pages["S1"] == erp.pages["S1"]
    await hub.close()


async def test_a_change_of_what_the_channel_owns_costs_no_call(store):
    erp, shop, hub = await hub_of(*OURS)
    calls = shop.calls["put_product"]
    await edit(erp, hub, description="Nuova")
    assert shop.calls["put_product"] == calls
    await edit(erp, hub, name="Nuovo nome")
    assert shop.calls["put_product"] == calls + 1
    await hub.close()


async def test_a_new_variant_is_created_though_the_channel_owns_every_field(store):
    erp, shop, hub = await hub_of()
    await edit(erp, hub, name="Nuovo nome", variants=(Variant("S0"), Variant("S0-L", options={"taglia": "L"})))
    assert shop.pages["S0"].name == "Articolo S0"
    assert shop.pages["S0"].variants[1].options == {"taglia": "L"}
    await hub.close()
