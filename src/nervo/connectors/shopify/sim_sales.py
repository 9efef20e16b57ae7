"""The simulated shop's answers about orders, fulfilments and webhooks, in the shape of the connector's documents."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from nervo.connectors.shopify.sim_books import CURRENCY, Books, Line, Order, Shipment
from nervo.connectors.shopify.sim_catalogue import Answer, Handler, page
from nervo.model.parties import Address


def handlers(books: Books) -> dict[str, Handler]:
    """By operation name; variables in, data out."""
    sales = Sales(books)
    return {
        "Orders": sales.orders,
        "NewestOrder": sales.newest,
        "Order": sales.order,
        "MoreLines": sales.more_lines,
        "ToShip": sales.to_ship,
        "MoreToShip": sales.more_to_ship,
        "Fulfil": sales.fulfil,
        "Cancel": sales.cancel,
    }


class Sales:
    """Reads and writes of orders."""

    def __init__(self, books: Books) -> None:
        self.books = books

    def orders(self, v: dict[str, Any]) -> Answer:
        since = re.search(r"updated_at:>='([^']+)'", v.get("query") or "")
        at = datetime.fromisoformat(since[1].replace("Z", "+00:00")) if since else datetime.min.replace(tzinfo=UTC)
        rows = sorted((o for o in self.books.orders.values() if o.updated >= at), key=lambda o: (o.updated, -o.id))
        chosen, info = page(rows, v["first"], v.get("after"))
        return {"orders": {"nodes": [order_node(o) for o in chosen], "pageInfo": info}}

    def newest(self, v: dict[str, Any]) -> Answer:
        rows = sorted(self.books.orders.values(), key=lambda o: (o.updated, o.id))[-1:]
        return {"orders": {"nodes": [{"id": o.gid, "updatedAt": stamp(o.updated)} for o in rows]}}

    def order(self, v: dict[str, Any]) -> Answer:
        found = self.books.orders.get(v["id"])
        return {"order": order_node(found) if found else None}

    def more_lines(self, v: dict[str, Any]) -> Answer:
        found = self.books.orders.get(v["id"])
        return {"order": {"lineItems": _lines(found, 50, v.get("after"))} if found else None}

    def to_ship(self, v: dict[str, Any]) -> Answer:
        order = self.books.orders.get(v["id"])
        if order is None:
            return {"order": None}
        status = "CANCELLED" if order.cancelled else "OPEN" if any(x.open for x in order.lines) else "CLOSED"
        node = {
            "id": f"gid://shopify/FulfillmentOrder/{order.id}", "status": status,
            "assignedLocation": {"location": {"id": order.location}}, "lineItems": _ship_lines(order, 50, None),
        }  # fmt: skip
        shipped = [_shipment(s) for s in order.shipments]
        name = f"#{order.number}"
        return {
            "order": {"id": order.gid, "name": name, "fulfillments": shipped, "fulfillmentOrders": {"nodes": [node]}}
        }

    def more_to_ship(self, v: dict[str, Any]) -> Answer:
        order = self.books.orders.get(v["id"].replace("FulfillmentOrder", "Order"))
        return {"fulfillmentOrder": {"lineItems": _ship_lines(order, 100, v.get("after"))} if order else None}

    def fulfil(self, v: dict[str, Any]) -> Answer:
        """Refuses what is not left, and an order that was cancelled."""
        given = v["fulfillment"]
        chosen: list[tuple[Line, int]] = []
        order, wrong = None, ""
        for part in given["lineItemsByFulfillmentOrder"]:
            order = self.books.orders.get(part["fulfillmentOrderId"].replace("FulfillmentOrder", "Order"))
            if order is None or order.cancelled or not any(x.open for x in order.lines):
                wrong = "The fulfillment order is not in a fulfillable state."
                break
            by_id = {f"gid://shopify/FulfillmentOrderLineItem/{x.id}": x for x in order.lines}
            asked = [(by_id.get(x["id"]), x["quantity"]) for x in part.get("fulfillmentOrderLineItems") or ()]
            asked = asked or [(x, x.open) for x in order.lines if x.open]
            if any(x is None or not 0 < n <= x.open for x, n in asked):
                wrong = "Invalid fulfillment order line item quantity requested."
                break
            chosen += [(x, n) for x, n in asked if x]
        if wrong or order is None:
            errors = [{"field": ["fulfillment"], "message": wrong or "The fulfillment order does not exist."}]
            return {"fulfillmentCreate": {"fulfillment": None, "userErrors": errors}}
        info = given.get("trackingInfo") or {}
        made = self.books.ship(order, chosen, info.get("company", ""), info.get("number", ""), info.get("url", ""))
        return {"fulfillmentCreate": {"fulfillment": {"id": f"gid://shopify/Fulfillment/{made.id}"}, "userErrors": []}}

    def cancel(self, v: dict[str, Any]) -> Answer:
        """Refuses the cancelled and the shipped."""
        order = self.books.orders.get(v["id"])
        wrong = None
        if order is None:
            wrong = ("NOT_FOUND", "Order does not exist")
        elif order.cancelled:
            wrong = ("INVALID", "Order has already been cancelled")
        elif order.shipments:
            wrong = ("INVALID", "Cannot cancel an order that has fulfilled items")
        if wrong or order is None:
            code, message = wrong or ("NOT_FOUND", "")
            errors = [{"field": ["orderId"], "message": message, "code": code}]
            return {"orderCancel": {"job": None, "orderCancelUserErrors": errors}}
        if self.books.slow_jobs is None:
            self.books.cancel(order, v["reason"])
        else:
            self.books.slow_jobs.append((order, v["reason"]))
        job = {"id": f"gid://shopify/Job/{self.books.next_id()}", "done": False}
        return {"orderCancel": {"job": job, "orderCancelUserErrors": []}}


def stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def decimal(amount: Decimal) -> str:
    """As MoneyV2 shows it: "19.9", "10.0"."""
    text = f"{amount:.2f}"
    return text[:-1] if text.endswith("0") else text


def bag(amount: Decimal) -> Answer:
    return {"shopMoney": {"amount": decimal(amount)}}


def _tax_lines(order: Order, amount: Decimal, rate: Decimal) -> list[Answer]:
    return [{"rate": float(rate), "priceSet": bag(order.tax_of(amount, rate))}] if rate else []


def _lines(order: Order, first: int, after: str | None) -> Answer:
    chosen, info = page(order.lines, first, after)
    return {"nodes": [_line(order, x) for x in chosen], "pageInfo": info}


def _line(order: Order, line: Line) -> Answer:
    many = line.variant is not None and line.variant.title != "Default Title"
    return {
        "id": f"gid://shopify/LineItem/{line.id}", "sku": line.sku or None, "title": line.title,
        "variantTitle": line.variant.title if many and line.variant else None, "quantity": line.quantity, "isGiftCard": False,
        "variant": {"id": line.variant.gid} if line.variant else None, "originalTotalSet": bag(line.unit * line.quantity),
        "discountAllocations": [{"allocatedAmountSet": bag(line.discount)}] if line.discount else [],
        "taxLines": _tax_lines(order, order.amount(line), line.rate),
    }  # fmt: skip


def _ship_lines(order: Order, first: int, after: str | None) -> Answer:
    chosen, info = page(order.lines, first, after)
    nodes = [
        {
            "id": f"gid://shopify/FulfillmentOrderLineItem/{x.id}",
            "remainingQuantity": x.open,
            "lineItem": {"id": f"gid://shopify/LineItem/{x.id}", "sku": x.sku or None},
        }
        for x in chosen
    ]
    return {"nodes": nodes, "pageInfo": info}


def _shipment(s: Shipment) -> Answer:
    lines = [
        {"quantity": n, "lineItem": {"id": f"gid://shopify/LineItem/{x.id}", "sku": x.sku or None}}
        for x, n in s.lines[:50]
    ]
    tracking = {"company": s.company or None, "number": s.number or None, "url": s.url or None}
    return {
        "id": f"gid://shopify/Fulfillment/{s.id}", "status": "SUCCESS", "createdAt": stamp(s.at),
        "trackingInfo": [tracking] if s.number else [], "fulfillmentLineItems": {"nodes": lines},
    }  # fmt: skip


def _transactions(order: Order) -> list[Answer]:
    return [
        {
            "id": f"gid://shopify/OrderTransaction/{t.id}", "kind": t.kind, "status": "SUCCESS", "gateway": "shopify_payments",
            "paymentId": f"#{order.number}.{i}", "createdAt": stamp(t.at), "processedAt": stamp(t.at), "amountSet": bag(t.amount),
            "parentTransaction": {"id": f"gid://shopify/OrderTransaction/{t.parent}"} if t.parent else None,
        }
        for i, t in enumerate(order.transactions, 1)
    ]  # fmt: skip


def _refunds(order: Order) -> list[Answer]:
    return [
        {
            "id": f"gid://shopify/Refund/{t.id}", "createdAt": stamp(t.at), "note": None, "totalRefundedSet": bag(t.amount),
            "refundLineItems": {"nodes": []},
        }
        for t in order.transactions
        if t.kind == "REFUND"
    ]  # fmt: skip


def order_node(order: Order) -> Answer:
    """An order as the connector's document selects it."""
    shipping = {
        "title": "Corriere", "code": "Corriere", "discountedPriceSet": bag(order.shipping),
        "taxLines": _tax_lines(order, order.shipping, Decimal("0.22")),
    }  # fmt: skip
    return {
        "id": order.gid, "name": f"#{order.number}", "createdAt": stamp(order.created), "updatedAt": stamp(order.updated),
        "processedAt": stamp(order.created), "currencyCode": None if order.garbled else CURRENCY,
        "taxesIncluded": order.taxes_included, "dutiesIncluded": False,
        "confirmed": True, "cancelledAt": stamp(order.cancelled) if order.cancelled else None, "cancelReason": order.cancel_reason,
        "closedAt": None, "displayFinancialStatus": order.financial(), "displayFulfillmentStatus": order.fulfilment(),
        "email": order.email, "phone": None, "note": None, "customerLocale": "it", "totalPriceSet": bag(order.total()),
        "totalTaxSet": bag(order.tax()), "totalTipReceivedSet": bag(Decimal(0)), "originalTotalDutiesSet": None,
        "lineItems": _lines(order, 20, None), "shippingLines": {"nodes": [shipping] if order.shipping else []}, "additionalFees": [],
        "transactions": _transactions(order), "refunds": _refunds(order), "fulfillments": [_shipment(s) for s in order.shipments],
        "customer": {"id": order.customer, "displayName": order.buyer.name, "defaultEmailAddress": {"emailAddress": order.email}},
        "purchasingEntity": {}, "billingAddress": _address(order.buyer), "shippingAddress": _address(order.buyer),
        "customAttributes": [{"key": k, "value": t} for k, t in order.attributes.items()], "metafields": {"nodes": []},
        "localizedFields": {"nodes": []},
    }  # fmt: skip


def _address(buyer: Address) -> Answer:
    return {
        "name": buyer.name, "company": buyer.company or None, "address1": buyer.street, "address2": buyer.street2 or None,
        "zip": buyer.postal_code, "city": buyer.city, "provinceCode": buyer.province, "countryCodeV2": buyer.country,
        "phone": buyer.phone,
    }  # fmt: skip
