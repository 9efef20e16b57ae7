"""WooCommerce against the conformance suite of its port."""

from nervo.testing import ShopConformance


class TestConformance(ShopConformance):
    connector = "woocommerce"
