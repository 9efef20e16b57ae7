"""The data-flow map, written from the live configuration: what goes where, who is right, what sets it off, under which rule."""

from dataclasses import dataclass

from nervo.model.catalog import PRODUCT_FIELDS
from nervo.rules.config import Config, ConnectionConfig, PriceRule, StockRule

KINDS = ("product", "price", "stock")
DOORBELL = "webhook or doorbell; sweep"


@dataclass(frozen=True, slots=True)
class DataFlow:
    """One line of the map. `rule` is empty where nothing is changed on the way; `runs` False: the connection is read-only."""

    entity: str
    source: str
    target: str
    source_of_truth: str
    trigger: str
    fields: str
    rule: str
    runs: bool


def data_flows(config: Config) -> list[DataFlow]:
    """Every flow that this configuration lets run, ERP to channels first."""
    erp = config.erp
    down = [
        _published(erp, channel, kind) for channel in config.channels() for kind in KINDS if kind in channel.publishes
    ]
    return down + [flow for channel in config.channels() for flow in _documents(config, channel)]


def _published(erp: str, channel: ConnectionConfig, kind: str) -> DataFlow:
    fields, rule = {
        "product": (", ".join(channel.product_fields), _product(channel.product_fields)),
        "price": ("price, compare-at price", _price(channel.price)),
        "stock": ("available to promise", _stock(channel.stock)),
    }[kind]
    trigger = "ERP change, order accepted; read-back sweep" if kind == "stock" else "ERP change; sweep"
    return DataFlow(kind, erp, channel.name, erp, trigger, fields, rule, channel.writable)


def _documents(config: Config, channel: ConnectionConfig) -> list[DataFlow]:
    erp, name = config.erp, channel.name
    runs = config.connections[erp].writable if erp in config.connections else False
    sweep = f"{DOORBELL} every {channel.sweep_s} s"
    warehouse = f"from warehouse {channel.orders.warehouse}" if channel.orders.warehouse else ""
    unpaid = "" if channel.orders.import_unpaid else "only once paid"
    rule = "; ".join(part for part in (warehouse, unpaid, "held whole unless SKUs and totals fit") if part)
    return [
        DataFlow("order", name, erp, name, sweep, "lines, discounts, shipping, taxes, addresses", rule, runs),
        DataFlow(
            "customer",
            name,
            erp,
            erp,
            "with the order",
            "name, e-mail, fiscal data, addresses",
            "matched, never by name",
            runs,
        ),
        DataFlow("payment", name, erp, name, "with the order; when it changes", "amount, method, reference", "", runs),
        DataFlow("cancellation", name, erp, name, sweep, "state", "until it has been shipped", runs),
        DataFlow(
            "shipment", erp, name, erp, "ERP order change", "lines, carrier, tracking number", "", channel.writable
        ),
    ]


def _product(owned: tuple[str, ...]) -> str:
    kept = [field for field in PRODUCT_FIELDS if field not in owned]
    return f"given once, then the channel's own: {', '.join(kept)}" if kept else ""


def _stock(rule: StockRule) -> str:
    parts = [f"warehouses {', '.join(rule.warehouses)}" if rule.warehouses else "all warehouses"]
    parts += [f"{rule.share:%}"] if rule.share != 1 else []
    parts += [f"less {rule.safety}"] if rule.safety else []
    parts += [f"at most {rule.cap}"] if rule.cap is not None else []
    parts += [f"0 at or below {rule.last_units}"] if rule.last_units else []
    parts += [f"{rule.oversell_per_1000} oversold in 1,000 stock-outs accepted"] if rule.oversell_per_1000 else []
    return "; ".join(parts)


def _price(rule: PriceRule) -> str:
    parts = [f"list {rule.price_list}" if rule.price_list else "no list"]
    parts += [f"{rule.percent:+} %"] if rule.percent else []
    return "; ".join(
        [*parts, f"rounded to {rule.rounding or 'the cent'}", "with tax" if rule.includes_tax else "without tax"]
    )
