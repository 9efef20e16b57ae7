"""Conformance suites: one abstract test class a port. A connector's test names the connector and nothing else.

They need pytest and pytest-asyncio. A suite starts the connector's simulator on loopback, builds the port as the hub does, and asks
its capabilities which tests apply.
"""

import pytest

pytest.register_assert_rewrite(
    *(
        f"{__name__}.{module}"
        for module in "common courier erp erp_orders shop_faults shop_orders shop_webhooks shop_shelves".split()
    )
)

from nervo.testing.courier import CourierConformance  # noqa: E402
from nervo.testing.erp import ErpConformance  # noqa: E402
from nervo.testing.shop import ShopConformance  # noqa: E402

__all__ = ["CourierConformance", "ErpConformance", "ShopConformance"]
