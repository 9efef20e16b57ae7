"""Where a connection's pace makes calls wait, stock goes out before catalogues."""

import asyncio

import pytest

from nervo.kit.clock import SystemClock
from nervo.kit.pacing import Pace, urgency
from nervo.sync.remote import Remote


class Slow:
    """A port behind a pace of 50 calls a second that notes the order in which they left."""

    def __init__(self) -> None:
        self.pace, self.left = Pace(SystemClock(), 50.0, 1.0), list[str]()

    async def _call(self, name: str) -> None:
        await self.pace.of().take(1.0, urgency.get())
        self.left.append(name)

    async def put_product(self) -> None:
        await self._call("put_product")

    async def fulfil(self) -> None:
        await self._call("fulfil")

    async def put_stock(self) -> None:
        await self._call("put_stock")


@pytest.mark.fault(36)
async def test_stock_overtakes_fulfilments_and_products_that_wait() -> None:
    port = Slow()
    remote = Remote("shop", port, SystemClock(), writable=True)
    await remote.call("put_product")
    waiting = ("put_product", "fulfil", "put_stock", "put_product", "put_stock")
    await asyncio.gather(*(asyncio.create_task(remote.call(name)) for name in waiting))
    assert port.left[1:] == ["put_stock", "put_stock", "fulfil", "put_product", "put_product"]
