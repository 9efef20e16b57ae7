"""Seeds a small Italian company into a fresh Tryton 8.2 database through proteus. Runs inside Tryton's own venv, never imports nervo.

usage: tryton_seed.py CONFIG DATABASE TEMPLATES PASSWORD SEED_JSON
Net prices are multiples of 2.50 (IVA 22) or 0.10 (IVA 10), whose gross price is exact to the cent at any quantity; but every
tenth product costs 24.5656 net, 29.97 gross, which no net amount in cents gives.
"""

import datetime as dt
import json
import sys
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from proteus import Model  # type: ignore[import-not-found]
from proteus import config as proteus_config

get = Model.get
BATCH = 20


def one(model: str, *domain: Any) -> Any:
    """The only record, or the first."""
    return get(model).find(list(domain), limit=1)[0]


def today() -> dt.date:
    """The machine's own day, as Tryton takes it."""
    return dt.datetime.now().astimezone().date()


def company() -> tuple[Any, Any, Any]:
    """The company with its chart of accounts and fiscal year; with it the euro and Italy."""
    from trytond.modules.account.tests.tools import create_chart, create_fiscalyear  # type: ignore[import-not-found]
    from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences  # type: ignore[import-not-found]
    from trytond.modules.company.tests.tools import create_company  # type: ignore[import-not-found]

    italy = get("country.country")(name="Italy", code="IT", code3="ITA", code_numeric="380")
    italy.save()
    get("country.subdivision")(name="Milano", code="IT-MI", type="province", country=italy).save()
    get("country.subdivision")(name="Torino", code="IT-TO", type="province", country=italy).save()
    euro = get("currency.currency")(name="Euro", code="EUR", symbol="€", numeric_code="978", rounding=D("0.01"))
    euro.save()
    party = get("party.party")(name="Demo Italia Srl")
    (address,) = party.addresses
    address.street, address.postal_code, address.city, address.country = "Via Roma 1", "20121", "Milano", italy
    identifier = party.identifiers.new()
    identifier.type, identifier.code = "eu_vat", "IT00743110157"
    party.save()
    create_company(party, euro)
    (made,) = get("company.company").find([])
    proteus_config.get_config()._context = get("res.user").get_preferences(True, {})
    create_chart(made)
    year = today().year
    fiscal = set_fiscalyear_invoice_sequences(create_fiscalyear(made, (dt.date(year, 1, 1), dt.date(year + 1, 12, 31))))
    fiscal.click("create_period")
    return made, euro, italy


def tax_categories(made: Any) -> dict[str, Any]:
    """Accounting categories IVA 22 and IVA 10, each with its customer tax."""
    from trytond.modules.account.tests.tools import get_accounts

    accounts, categories = get_accounts(made), {}
    for name, rate in (("IVA 22", ".22"), ("IVA 10", ".10")):
        tax = get("account.tax")(name=f"{name}%", description=f"{name}%", type="percentage", rate=D(rate),
                                 invoice_account=accounts["tax"], credit_note_account=accounts["tax"])  # fmt: skip
        tax.save()
        category = get("product.category")(
            name=name, accounting=True, account_expense=accounts["expense"], account_revenue=accounts["revenue"]
        )
        category.customer_taxes.append(get("account.tax")(tax.id))
        category.save()
        categories[name] = category
    configuration = get("account.configuration")(1)
    configuration.default_category_account_revenue = accounts["revenue"]
    configuration.default_category_account_expense = accounts["expense"]
    configuration.save()
    return categories


def payments() -> tuple[Any, Any]:
    """A payment journal that clears, and an immediate payment term."""
    cash = one("account.account", ("code", "=", "1.1.1"))
    clearing = get("account.account")(
        name="Web payments clearing", code="1.1.9", type=cash.type, reconcile=True, parent=cash.parent
    )
    clearing.save()
    journal = get("account.payment.journal")(name="Web gateway", process_method="manual", clearing_account=clearing,
                                             clearing_journal=one("account.journal", ("type", "=", "cash")))  # fmt: skip
    journal.save()
    term = get("account.invoice.payment_term")(name="Immediate")
    term.lines.new(type="remainder")
    term.save()
    return journal, term


def second_warehouse() -> Any:
    """The shop in Torino, code TO."""
    location = get("stock.location")
    parts = {}
    for role in ("input", "output", "storage"):
        parts[f"{role}_location"] = location(name=f"TO {role}", type="storage")
        parts[f"{role}_location"].save()
    lost = one("stock.location", ("type", "=", "lost_found"))
    warehouse = location(name="Negozio Torino", code="TO", type="warehouse", lost_found_location=lost, **parts)
    warehouse.save()
    return warehouse


def ean13(number: int) -> str:
    """A valid EAN-13 in Italy's range."""
    digits = f"80{number:010d}"
    return digits + str(-sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(digits)) % 10)


def products(count: int, tax: dict[str, Any], unit: Any) -> Any:
    """ART-00000 … with variants -M and -L, their EANs and attributes; the service SPED."""
    attributes = get("product.attribute.set")(name="Abbigliamento")
    for name, text, options in (("taglia", "Taglia", "m:M\nl:L"), ("colore", "Colore", "rosso:Rosso\nblu:Blu")):
        attributes.attributes.new(name=name, string=text, type_="selection", selection=options)
    attributes.save()
    parent = get("product.category")(name="Abbigliamento")
    parent.save()
    leaves = [get("product.category")(name=name, parent=parent) for name in ("Camicie", "Maglie")]
    for leaf in leaves:
        leaf.save()
    values = []
    for k in range(count):
        low = k % 3 == 0
        net, colour = (D("8.00") + D("0.70") * (k % 20), "rosso") if low else (D("10.00") + D("2.50") * (k % 20), "blu")
        net = D("24.5656") if k % 10 == 4 and not low else net
        variants = [
            {"suffix_code": f"-{size.upper()}", "attributes": {"taglia": size, "colore": colour}, "cost_price": D("2.50"),
             "identifiers": [("create", [{"type": "ean", "code": ean13(k * 2 + n)}])]}
            for n, size in enumerate(("m", "l"))
        ]  # fmt: skip
        values.append(
            {"name": f"Articolo {k:05d}", "code": f"ART-{k:05d}", "default_uom": unit.id, "sale_uom": unit.id, "type": "goods",
             "salable": True, "list_price": net, "account_category": tax["IVA 10" if low else "IVA 22"].id,
             "categories": [("add", [leaves[k % 2].id])], "attribute_set": attributes.id, "cost_price_method": "fixed",
             "products": [("create", variants)]}
        )  # fmt: skip
    template = get("product.template")
    # SQLite's parser gives up on the constraint check of more than 100 codes at once.
    for start in range(0, count, BATCH):
        template._proxy.create(values[start : start + BATCH], proteus_config.get_config().context)
    shipping = template(name="Spedizione", code="SPED", default_uom=unit, type="service", salable=True, list_price=D("7.90"),
                        account_category=tax["IVA 22"])  # fmt: skip
    shipping.save()
    return shipping.products[0]


def price_lists(unit: Any) -> tuple[Any, Any]:
    """Web at the list price; B2B with 10 % off, and breaks on the first variant; a promotion of three for 10 % less."""
    first = one("product.product", ("code", "=", "ART-00000-M"))
    variant = get("product.product")

    def price_list(name: str, lines: list[dict[str, Any]]) -> Any:
        made = get("product.price_list")(name=name, price="list_price", unit="product_default")
        for line in lines:
            made.lines.new(**line)
        made.save()
        return made

    breaks = [{"product": variant(first.id), "quantity": 10.0, "formula": "unit_price * 0.7"},
              {"product": variant(first.id), "formula": "unit_price * 0.8"}, {"formula": "unit_price * 0.9"}]  # fmt: skip
    b2b, web = price_list("B2B", breaks), price_list("Web", [{"formula": "unit_price"}])
    configuration = get("sale.configuration")(1)
    configuration.sale_price_list, configuration.sale_invoice_method, configuration.sale_shipment_method = (
        web,
        "order",
        "order",
    )
    configuration.save()
    promotion = get("sale.promotion")(
        name="3x: -10%", quantity=3.0, unit=unit, formula="0.9 * unit_price", price_list=web
    )
    promotion.products.append(variant(first.id))
    promotion.save()
    return web, b2b


def stock(warehouse: Any, made: Any, quantity: float, limit: int | None) -> None:
    """A confirmed inventory: so many pieces of each variant."""
    inventory = get("stock.inventory")._proxy
    context = proteus_config.get_config().context
    variants = get("product.product").find([("code", "like", "ART-%")], order=[("id", "ASC")], limit=limit)
    lines = [("create", [{"product": v.id, "quantity": quantity} for v in variants])]
    values = {"location": warehouse.storage_location.id, "company": made.id, "date": today(), "lines": lines}
    ids = inventory.create([values], context)
    inventory.confirm(ids, context)


def web_shop(made: Any, euro: Any, language: Any, warehouse: Any, price_list: Any) -> Any:
    """The web shop that orders name."""
    guest = get("party.party")(name="Cliente web")
    guest.save()
    shop = get("web.shop")(name="Sito", company=made, currency=euro, language=language, guest_party=guest)
    shop.warehouses.append(get("stock.location")(warehouse.id))
    shop.sale_price_list = price_list
    shop.save()
    return shop


def integration_user(made: Any, password: str) -> Any:
    """The user `hub` in every group, with a validated key for the REST interface."""
    user = get("res.user")(name="Hub", login="hub", password=password)
    user.companies.append(get("company.company")(made.id))
    user.company = made
    for group in get("res.group").find([]):
        user.groups.append(group)
    user.applications.new(application="rest")
    user.save()
    key = one("res.user.application", ("user", "=", user.id))
    if key.state != "validated":
        key.click("validate")
    return key


def main() -> None:
    config, database, count, password, target = sys.argv[1:6]
    proteus_config.set_trytond(database, config_file=config)
    italian = one("ir.lang", ("code", "=", "it"))
    if not italian.translatable:
        italian.click("load_translations")
    made, euro, italy = company()
    tax = tax_categories(made)
    journal, term = payments()
    first, second = one("stock.location", ("type", "=", "warehouse"), ("code", "=", "WH")), second_warehouse()
    unit = one("product.uom", ("symbol", "=", "u"))
    shipping = products(int(count), tax, unit)
    web, b2b = price_lists(unit)
    stock(first, made, 1000.0, None)
    stock(second, made, 10.0, 20)
    shop = web_shop(made, euro, italian, first, web)
    key = integration_user(made, password)
    records = {"company": made, "wh1": first, "wh2": second, "web_pl": web, "b2b": b2b,
               "unit": unit, "italy": italy, "eur": euro, "shop": shop,
               "payment_journal": journal, "payment_term": term, "ship": shipping}  # fmt: skip
    ids = {name: record.id for name, record in records.items()}
    Path(target).write_text(json.dumps({**ids, "rest_key": key.key, "user": "hub", "password": password}))


if __name__ == "__main__":
    main()
