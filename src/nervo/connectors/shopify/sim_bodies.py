"""Webhook bodies in the shape of the REST resources, as Shopify still sends them."""

from decimal import Decimal
from typing import Any

from nervo.connectors.shopify.sim_books import CURRENCY, Line, Order, Product, Variant
from nervo.connectors.shopify.sim_sales import stamp
from nervo.model.units import ZERO

Body = dict[str, Any]
PLACE: Body = {"latitude": None, "longitude": None}


def body(subject: Order | Product | tuple[Variant, str]) -> Body:
    """What is sent about an order, a product or a stock level."""
    if isinstance(subject, Order):
        return order_body(subject)
    return product_body(subject) if isinstance(subject, Product) else level_body(*subject)


def level_body(variant: Variant, location: str) -> Body:
    place = int(location.rsplit("/", 1)[-1])
    return {
        "inventory_item_id": variant.item, "location_id": place, "available": variant.available.get(location),
        "updated_at": stamp(variant.product.updated),
        "admin_graphql_api_id": f"gid://shopify/InventoryLevel/{place}?inventory_item_id={variant.item}",
    }  # fmt: skip


def _money(name: str, amount: Decimal) -> Body:
    return {name: f"{amount:.2f}", f"{name}_set": _set(amount)}


def _set(amount: Decimal) -> Body:
    money = {"amount": f"{amount:.2f}", "currency_code": CURRENCY}
    return {"shop_money": money, "presentment_money": dict(money)}


def _tax_lines(order: Order, amount: Decimal, rate: Decimal) -> list[Body]:
    tax = {"channel_liable": False, "rate": float(rate), "title": "IVA", **_money("price", order.tax_of(amount, rate))}
    return [tax] if rate else []


def _line(order: Order, line: Line) -> Body:
    v = line.variant
    status = None if line.open == line.quantity else "partial" if line.open else "fulfilled"
    allocations = {
        "amount": f"{line.discount:.2f}",
        "amount_set": _set(line.discount),
        "discount_application_index": 0,
    }
    return {
        "id": line.id, "admin_graphql_api_id": f"gid://shopify/LineItem/{line.id}", "attributed_staffs": [],
        "current_quantity": 0 if order.cancelled else line.quantity, "discount_allocations": [allocations] if line.discount else [],
        "duties": [], "fulfillable_quantity": line.open, "fulfillment_service": "manual", "fulfillment_status": status,
        "gift_card": False, "grams": 0, "name": line.title, **_money("price", line.unit), "product_exists": v is not None,
        "product_id": v.product.id if v else None, "properties": [], "quantity": line.quantity, "requires_shipping": True,
        "sku": line.sku, "tax_lines": _tax_lines(order, order.amount(line), line.rate), "taxable": True, "title": line.title,
        **_money("total_discount", ZERO), "variant_id": v.id if v else None,
        "variant_inventory_management": "shopify" if v and v.tracked else None, "variant_title": None, "vendor": "nervo",
    }  # fmt: skip


def _customer(order: Order) -> Body:
    id, address = order.customer_id, _address(order)
    return {
        "id": id, "admin_graphql_api_id": order.customer, "created_at": stamp(order.created), "updated_at": stamp(order.updated),
        "currency": CURRENCY, "email": order.email, "first_name": address["first_name"], "last_name": address["last_name"],
        "multipass_identifier": None,
        "note": None, "phone": None, "state": "disabled", "tax_exempt": False, "tax_exemptions": [], "verified_email": True,
        "default_address": {**address, "id": id + 1, "customer_id": id, "country_name": "Italy", "default": True},
    }  # fmt: skip


def _address(order: Order) -> Body:
    buyer = order.buyer
    first, _, last = buyer.name.partition(" ")
    return {
        "first_name": first, "last_name": last, "name": buyer.name, "company": buyer.company or None, "address1": buyer.street,
        "address2": buyer.street2 or None, "city": buyer.city, "zip": buyer.postal_code, "province": buyer.city,
        "province_code": buyer.province, "country": "Italy", "country_code": buyer.country, "phone": buyer.phone,
    }  # fmt: skip


def _shipping(order: Order) -> list[Body]:
    if not order.shipping:
        return []
    return [{
        "id": order.id + 1, "carrier_identifier": None, "code": "Corriere", "current_discounted_price_set": _set(order.shipping),
        "discount_allocations": [], **_money("discounted_price", order.shipping), "is_removed": False, "phone": None,
        **_money("price", order.shipping), "requested_fulfillment_service_id": None, "source": "shopify",
        "tax_lines": _tax_lines(order, order.shipping, Decimal("0.22")), "title": "Corriere",
    }]  # fmt: skip


def _amounts(order: Order) -> Body:
    lines = sum((x.unit * x.quantity for x in order.lines), ZERO)
    discounts = sum((x.discount for x in order.lines), ZERO)
    left = max(ZERO, order.total() - order.sum_of("SALE", "CAPTURE"))
    return {
        **_money("current_subtotal_price", lines - discounts), **_money("current_total_discounts", discounts),
        **_money("current_total_price", order.total()), **_money("current_total_tax", order.tax()),
        **_money("subtotal_price", lines - discounts), **_money("total_discounts", discounts),
        **_money("total_line_items_price", lines), **_money("total_price", order.total()), **_money("total_tax", order.tax()),
        "current_shipping_price_set": _set(order.shipping), "total_shipping_price_set": _set(order.shipping),
        "total_cash_rounding_payment_adjustment_set": _set(ZERO), "total_cash_rounding_refund_adjustment_set": _set(ZERO),
        "current_total_additional_fees_set": None, "current_total_duties_set": None, "original_total_additional_fees_set": None,
        "original_total_duties_set": None, "total_outstanding": f"{left:.2f}", "total_tip_received": "0.00", "total_weight": 0,
    }  # fmt: skip


def order_body(order: Order) -> Body:
    """An order. Ids are numbers; the global id is beside them."""
    status = {"UNFULFILLED": None, "PARTIALLY_FULFILLED": "partial", "FULFILLED": "fulfilled"}[order.fulfilment()]
    cancelled = stamp(order.cancelled) if order.cancelled else None
    nothing = dict.fromkeys(
        "app_id browser_ip cart_token checkout_token client_details closed_at confirmation_number device_id landing_site "
        "landing_site_ref location_id merchant_of_record_app_id note payment_terms phone po_number reference referring_site "
        "source_identifier source_url user_id".split()
    )
    return {
        **nothing, **_amounts(order), "id": order.id, "admin_graphql_api_id": order.gid, "billing_address": {**_address(order), **PLACE},
        "shipping_address": {**_address(order), **PLACE}, "buyer_accepts_marketing": False,
        "cancel_reason": (order.cancel_reason or "").lower() or None, "cancelled_at": cancelled, "confirmed": True,
        "contact_email": order.email, "email": order.email, "created_at": stamp(order.created), "processed_at": stamp(order.created),
        "updated_at": stamp(order.updated), "currency": CURRENCY, "presentment_currency": CURRENCY, "customer": _customer(order),
        "customer_locale": "it", "discount_applications": [], "discount_codes": [], "duties_included": False, "estimated_taxes": False,
        "financial_status": order.financial().lower(), "fulfillment_status": status, "fulfillments": [], "line_item_groups": [],
        "line_items": [_line(order, x) for x in order.lines], "merchant_business_entity_id": "1", "name": f"#{order.number}",
        "note_attributes": [{"name": k, "value": v} for k, v in order.attributes.items()], "number": order.number - 1000,
        "order_number": order.number, "order_status_url": f"https://shop.example/orders/{order.id}",
        "payment_gateway_names": ["shopify_payments"], "refunds": [], "returns": [], "shipping_lines": _shipping(order),
        "source_name": "web", "tags": "", "tax_exempt": False, "taxes_included": order.taxes_included, "test": False,
        "tax_lines": _tax_lines(order, order.total(), Decimal("0.22")), "token": f"token{order.id}",
    }  # fmt: skip


def product_body(product: Product) -> Body:
    at = stamp(product.updated)
    return {
        "id": product.id, "admin_graphql_api_id": product.gid, "body_html": product.description, "category": None, "created_at": at,
        "handle": product.handle, "has_variants_that_requires_components": False, "image": None, "images": [], "media": [],
        "options": [
            {"id": product.id * 10 + i, "name": n, "position": i, "product_id": product.id,
             "values": list(dict.fromkeys(v.options.get(n, "") for v in product.variants))}
            for i, n in enumerate(product.options, 1)
        ],
        "product_type": "", "published_at": None, "published_scope": "global", "status": product.status.lower(), "tags": "",
        "template_suffix": None, "title": product.title, "updated_at": at, "vendor": "nervo",
        "variant_gids": [{"admin_graphql_api_id": v.gid, "updated_at": at} for v in product.variants],
        "variants": [_variant(v, i, at) for i, v in enumerate(product.variants, 1)],
    }  # fmt: skip


def _variant(v: Variant, position: int, at: str) -> Body:
    values = [*v.options.values(), None, None, None]
    stock = sum(v.available.values())
    return {
        "id": v.id, "admin_graphql_api_id": v.gid, "barcode": v.barcode, "compare_at_price": str(v.compare_at) if v.compare_at else None,
        "created_at": at, "image_id": None, "inventory_item_id": v.item, "inventory_policy": "deny", "inventory_quantity": stock,
        "old_inventory_quantity": stock, "option1": values[0] or "Default Title", "option2": values[1], "option3": values[2],
        "position": position, "price": f"{v.price:.2f}", "product_id": v.product.id, "sku": v.sku or None, "taxable": True,
        "title": v.title, "updated_at": at,
    }  # fmt: skip
