"""What the tests of faults share."""

from __future__ import annotations

import pytest

from nervo.staging.world import WorldShop
from tests.faults.line import Erp, Line
from tests.hub import TestHub


@pytest.fixture
async def line(store: str):
    erp, shop = Erp(), WorldShop(["A"])
    erp.stock("A", 100)
    hub = await TestHub(erp, {"shop": shop}).start()
    yield Line(hub, erp, shop)
    await hub.close()
