"""The company's configuration: connections, and per channel what it shows. TOML in, frozen objects out, every mistake named."""

import tomllib
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from typing import Any

from nervo.errors import BadInput
from nervo.model.catalog import PRODUCT_FIELDS

KINDS: dict[str, type] = {"tuple": list, "dict": dict, "bool": bool, "int": int, "str": str}
WORDS = {
    "Decimal": "a number",
    "tuple": "a list of texts",
    "dict": "a table",
    "bool": "true or false",
    "int": "a whole number",
    "str": "a text",
}


@dataclass(frozen=True, slots=True)
class StockRule:
    """How a channel's stock is made from the ERP's: these warehouses, this share, less the safety stock, at most the cap; at or
    below `last_units` it shows 0, so that another channel sells the last ones. `oversell_per_1000`: how many oversold units in 1,000
    stock-outs the company accepts; above 0, a channel that is told late keeps as many units back as today's sales demand."""

    warehouses: tuple[str, ...] = ()
    share: Decimal = Decimal(1)
    safety: Decimal = Decimal(0)
    cap: Decimal | None = None
    last_units: Decimal = Decimal(0)
    oversell_per_1000: Decimal = Decimal(0)
    location: str = ""


@dataclass(frozen=True, slots=True)
class PriceRule:
    """How a channel's price is made: a list of the ERP, a percentage on top, rounded to a step (0: the currency's
    smallest unit), with or without tax, and not under a floor."""

    price_list: str = ""
    percent: Decimal = Decimal(0)
    rounding: Decimal = Decimal(0)
    includes_tax: bool = True
    floor: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class OrderRule:
    """Which orders go to the ERP and where they take the goods from."""

    warehouse: str = ""
    import_unpaid: bool = True


@dataclass(frozen=True, slots=True)
class Guards:
    """What is stopped before it is published and asks a person. Stock jumps when it rises by at least `stock_jump_least` units to
    more than `stock_jump_times` what is shown."""

    mass_zero_percent: Decimal = Decimal(30)
    mass_zero_least: int = 20
    price_jump_percent: Decimal = Decimal(50)
    stock_jump_least: int = 10_000
    stock_jump_times: int = 10


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One connection. `mode` read: nothing is ever written there. `publishes` names the kinds whose owner is the ERP, and
    `product_fields` what of a product: the channel is given the others when the product is created there, and then owns them."""

    name: str
    connector: str
    mode: str = "read"
    settings: dict[str, Any] = field(default_factory=dict)
    publishes: tuple[str, ...] = ("stock", "price", "product")
    product_fields: tuple[str, ...] = PRODUCT_FIELDS
    stock: StockRule = StockRule()
    price: PriceRule = PriceRule()
    orders: OrderRule = OrderRule()
    sweep_s: int = 60
    readback_s: int = 3600
    subscriptions_s: int = 600

    @property
    def writable(self) -> bool:
        return self.mode == "write"


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a company has decided. `erp` names the connection that is the source of truth, `public_url` where the channels
    reach us (empty: they cannot). The ERP's stock is read whole every `snapshot_s`, or where that is 0, daily at `snapshot_hour` UTC."""

    company: str = ""
    erp: str = ""
    environment: str = "production"
    public_url: str = ""
    snapshot_s: int = 0
    snapshot_hour: int = 2
    guards: Guards = Guards()
    connections: dict[str, ConnectionConfig] = field(default_factory=dict)

    def channels(self) -> list[ConnectionConfig]:
        return [c for c in self.connections.values() if c.name != self.erp]


def parse(document: str) -> Config:
    """Raises BadInput that names every line's mistake: unknown keys, wrong kinds, a missing ERP."""
    try:
        raw = tomllib.loads(document)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(
            "reading the configuration", str(error), code="bad_config", fix="Correct the TOML and apply it again."
        ) from error
    wrong: list[str] = []
    connections = {name: _connection(name, body, wrong) for name, body in raw.pop("connections", {}).items()}
    config = Config(
        connections=connections,
        guards=_build(Guards, raw.pop("guards", {}), "guards", wrong),
        **_known(Config, raw, "", wrong),
    )
    if config.connections and config.erp not in config.connections:
        wrong.append(f'erp = "{config.erp}": no connection has this name')
    if wrong:
        raise BadInput(
            "reading the configuration",
            "; ".join(wrong),
            code="bad_config",
            fix="Correct these entries and apply again.",
        )
    return config


def _connection(name: str, body: dict[str, Any], wrong: list[str]) -> ConnectionConfig:
    where, body = f"connections.{name}", dict(body)
    parts = {
        "stock": _build(StockRule, body.pop("stock", {}), f"{where}.stock", wrong),
        "price": _build(PriceRule, body.pop("price", {}), f"{where}.price", wrong),
        "orders": _build(OrderRule, body.pop("orders", {}), f"{where}.orders", wrong),
    }
    known = _known(ConnectionConfig, body, where, wrong)
    if known.get("mode", "read") not in ("read", "write"):
        wrong.append(f'{where}.mode: "{known["mode"]}" is neither read nor write')
    wrong += [
        f'{where}.product_fields: "{field}" is none of {", ".join(PRODUCT_FIELDS)}'
        for field in known.get("product_fields", ())
        if field not in PRODUCT_FIELDS
    ]
    if "connector" not in known:
        wrong.append(f"{where}.connector: missing")
        known["connector"] = ""
    return ConnectionConfig(name=name, **known, **parts)


def _build(kind: type, body: dict[str, Any], where: str, wrong: list[str]) -> Any:
    return kind(**_known(kind, body, where, wrong))


def _known(kind: type, body: dict[str, Any], where: str, wrong: list[str]) -> dict[str, Any]:
    declared = {f.name: str(f.type) for f in fields(kind)}
    wrong += [f"{where}.{key}: unknown" for key in body if key not in declared]
    values = {}
    for key, value in body.items():
        if key in declared:
            try:
                values[key] = _convert(value, declared[key])
            except (ValueError, InvalidOperation):
                wrong.append(f"{where}.{key}: {value!r} is not {_expected(declared[key])}")
    return values


def _convert(value: Any, kind: str) -> Any:
    """The value as the field's kind. Raises ValueError or InvalidOperation where it is another."""
    if "Decimal" in kind:
        number = Decimal(str(value))
        if isinstance(value, bool) or not number.is_finite():
            raise ValueError(value)
        return number
    wanted = next(python for name, python in KINDS.items() if name in kind)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise ValueError(value)
    if not isinstance(value, list):
        return value
    if not all(isinstance(entry, str) for entry in value):
        raise ValueError(value)
    return tuple(value)


def _expected(kind: str) -> str:
    return next(words for name, words in WORDS.items() if name in kind)
