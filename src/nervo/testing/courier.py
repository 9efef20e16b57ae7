"""The conformance suite of the courier port."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio

from nervo.errors import OutcomeUnknown, Unsupported
from nervo.kit.simulator import FaultKind
from nervo.model.fulfilment import Parcel
from nervo.model.parties import Address
from nervo.ports.courier import Consignment, Courier
from nervo.testing.common import Common
from nervo.testing.world import Act, World, opened

HOME = Address("Niccolò D’Agata", "", "Via dell’Università 7", "", "95131", "Catania", "CT", "IT", "+39 095 000000")


class CourierConformance(Common):
    """Every courier."""

    @pytest_asyncio.fixture
    async def world(self) -> AsyncIterator[World]:
        async with opened(self.connector, Courier, ["settings"]) as world:
            yield world

    async def reads(self, world: World) -> dict[str, Act]:
        port = world.port
        found: dict[str, Act] = {"check": port.check, "tracking": lambda: port.tracking(None)}
        if port.capabilities.lookup:
            found["find"] = lambda: port.find("ORDER-1")
        return found

    async def writes(self, world: World) -> dict[str, Act]:
        return {"buy": lambda: world.port.buy(consignment(world, "ORDER-1"))}

    async def test_a_waybill_is_bought_with_its_label(self, world: World) -> None:
        waybill = await world.port.buy(consignment(world, "ORDER-1"))
        assert waybill.number and waybill.label and waybill.label_format in world.port.capabilities.label_formats
        assert len(waybill.parcels) == 1

    async def test_a_waybill_whose_reply_was_lost_is_found_never_bought_again(self, world: World) -> None:
        if not world.port.capabilities.lookup:
            pytest.skip(f"{world.connector.name} has no lookup")
        assert await world.port.find("ORDER-1") is None
        with world.fault(FaultKind.LOST_REPLY), pytest.raises(OutcomeUnknown):
            await world.port.buy(consignment(world, "ORDER-1"))
        assert (await world.port.find("ORDER-1")).number

    async def test_voiding_twice_is_voiding_once(self, world: World) -> None:
        if not world.port.capabilities.void:
            pytest.skip(f"{world.connector.name} has no void")
        waybill = await world.port.buy(consignment(world, "ORDER-1"))
        await world.port.void(waybill.number)
        await world.port.void(waybill.number)

    async def test_what_it_cannot_do_is_unsupported_before_any_call(self, world: World) -> None:
        can, port, calls = world.port.capabilities, world.port, len(world.exchanges)
        cash = consignment(world, "ORDER-1", Decimal("10.00"))
        acts: dict[str, Act] = {
            "cash_on_delivery": lambda: port.buy(cash),
            "void": lambda: port.void("1"),
            "manifest": lambda: port.close_day(["1"]),
            "lookup": lambda: port.find("1"),
        }
        for act in (act for name, act in acts.items() if not getattr(can, name)):
            with pytest.raises(Unsupported):
                await act()
        assert len(world.exchanges) == calls


def consignment(world: World, reference: str, cash: Decimal | None = None) -> Consignment:
    """One parcel of 1.2 kg to Catania."""
    label = world.port.capabilities.label_formats[0]
    return Consignment(reference, HOME, (Parcel("1", Decimal(1200)),), label, cash)
