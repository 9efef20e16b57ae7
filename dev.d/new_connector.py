"""./dev new-connector KIND NAME: a connector's folder with every file that the house wants and a conformance run that fails.

What it writes lints and imports; the failures of its conformance run say which methods and verbs are still to be written.
"""

import argparse
import os
import re
import sys
from pathlib import Path
from string import Template

HERE = Path(__file__).parent
CONNECTORS = HERE.parent / "src" / "nervo" / "connectors"
TEMPLATES = HERE / "templates"
SHOP = {
    "port": "Shop", "capabilities": "ShopCapabilities", "suite": "ShopConformance", "port_module": "shop",
    "port_imports": "from nervo.ports.shop import Shop, ShopCapabilities",
    "status_module": "model.orders", "status": "OrderStatus", "example": '"on-hold": OrderStatus.PENDING',
}  # fmt: skip
KINDS = {
    "shop": SHOP,
    "marketplace": {
        **SHOP, "port": "Marketplace", "port_module": "marketplace",
        "port_imports": "from nervo.ports.marketplace import Marketplace\nfrom nervo.ports.shop import ShopCapabilities",
    },
    "erp": {
        "port": "Erp", "capabilities": "ErpCapabilities", "suite": "ErpConformance", "port_module": "erp",
        "port_imports": "from nervo.ports.erp import Erp, ErpCapabilities",
        "status_module": "ports.erp", "status": "ErpOrderState", "example": '"quotation": ErpOrderState.DRAFT',
    },
    "courier": {
        "port": "Courier", "capabilities": "CourierCapabilities", "suite": "CourierConformance", "port_module": "courier",
        "port_imports": "from nervo.ports.courier import Courier, CourierCapabilities",
        "status_module": "model.fulfilment", "status": "TrackingStatus", "example": '"020": TrackingStatus.IN_TRANSIT',
    },
}  # fmt: skip
WITH_WEBHOOKS = ("shop", "marketplace")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev new-connector", description="Writes a new connector's folder.")
    parser.add_argument("kind", choices=KINDS, metavar="KIND", help=" · ".join(KINDS))
    parser.add_argument("name", metavar="NAME", help="the folder's name: small letters, digits and _")
    parser.add_argument("--into", type=Path, default=CONNECTORS, help="where the folder goes")
    given = parser.parse_args(arguments)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", given.name):
        parser.error(f"{given.name!r}: a name is small letters, digits and _, and begins with a letter")
    if (given.into / given.name).exists():
        parser.error(f"{given.into / given.name} is there already")
    for path in write(given.kind, given.name, given.into / given.name):
        print(os.path.relpath(path))
    place = os.path.relpath(given.into / given.name)
    print(f"\nNow make this pass:  ./dev test {place}\ndocs/connectors.md says what each file must hold.")
    return 0


def write(kind: str, name: str, folder: Path) -> list[Path]:
    """Writes the folder from the templates; the files written."""
    values = words(kind, name)
    written = []
    for template in sorted(TEMPLATES.rglob("*.txt")):
        relative = template.relative_to(TEMPLATES).with_suffix("")
        if relative.name == "webhooks.py" and kind not in WITH_WEBHOOKS:
            continue
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(template.read_text(encoding="utf-8")).substitute(values), encoding="utf-8")
        written.append(path)
    return written


def words(kind: str, name: str) -> dict[str, str]:
    """What the templates need to know."""
    title = name.replace("_", " ").title()
    return {**KINDS[kind], "kind": kind, "name": name, "title": title, "type": title.replace(" ", "")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
