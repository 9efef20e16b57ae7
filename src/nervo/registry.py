"""Finds connectors: folders of this package with a manifest, and installed entry points `nervo.connectors`. Imports one on first use."""

import importlib
import importlib.metadata
import importlib.util
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from nervo.errors import BadInput
from nervo.kit.clock import Clock
from nervo.kit.http import ToolBox
from nervo.kit.pacing import Pace
from nervo.ports.shop import Delivery, Hint, WebhookRequest

FOLDER = Path(__file__).parent / "connectors"
KINDS = ("erp", "shop", "marketplace", "courier")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one credential may do: requests per second and burst, and operations with their own."""

    rate: float = 10.0
    burst: float = 20.0
    operations: dict[str, tuple[float, float]] = field(default_factory=dict)

    def pace(self, clock: Clock) -> Pace:
        return Pace(clock, self.rate, self.burst, self.operations)


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector's manifest, and its modules on first use."""

    name: str
    kind: str
    title: str
    package: str
    vendor_api_version: str = ""
    vendor_api_end_of_life: date | None = None
    docs: str = ""
    auth: str = ""
    tier: str = "core"
    limits: Limits = Limits()

    @property
    def settings(self) -> type:
        """The dataclass of what the operator fills in."""
        found: type = self._module("settings").Settings
        return found

    @property
    def connect(self) -> Callable[[Any, ToolBox], Any]:
        """Makes the port from settings and tools; calls nothing yet."""
        made: Callable[[Any, ToolBox], Any] = self._module("connector").connect
        return made

    @property
    def verify(self) -> Callable[[WebhookRequest, Any], Delivery] | None:
        """Checks a delivery's signature on its raw body; None where the system sends none."""
        module = self._optional("webhooks")
        return module.verify if module else None

    @property
    def hints(self) -> Callable[[str, Mapping[str, str], bytes], tuple[Hint, ...]] | None:
        """Reads a verified delivery; None where the system sends none."""
        module = self._optional("webhooks")
        return module.hints if module else None

    @property
    def simulator(self) -> type | None:
        """The foreign system in memory, where the connector brings one."""
        module = self._optional("simulator")
        return module.Simulator if module else None

    def _module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{self.package}.{name}")

    def _optional(self, name: str) -> ModuleType | None:
        return self._module(name) if importlib.util.find_spec(f"{self.package}.{name}") else None


def connector(name: str) -> Connector:
    """The connector of this name. Raises BadInput with the names there are."""
    found = connectors()
    if name not in found:
        raise BadInput(
            "looking for a connector", name, code="unknown_connector", fix=f"Use one of: {', '.join(found)}."
        )
    return found[name]


@cache
def connectors() -> dict[str, Connector]:
    """All connectors by name: ours first, then installed ones; none is imported."""
    ours = [_read(path, f"nervo.connectors.{path.parent.name}") for path in sorted(FOLDER.glob("*/manifest.toml"))]
    return {c.name: c for c in [*_installed(), *ours]}


def _installed() -> list[Connector]:
    found = []
    for point in importlib.metadata.entry_points(group="nervo.connectors"):
        spec = importlib.util.find_spec(point.value)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            found.append(_read(Path(folder) / "manifest.toml", point.value))
    return found


def _read(path: Path, package: str) -> Connector:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    limits, end = raw.pop("limits", {}), raw.pop("vendor_api_end_of_life", "")
    raw = {
        key: raw[key] for key in ("name", "kind", "title", "vendor_api_version", "docs", "auth", "tier") if key in raw
    }
    if raw["kind"] not in KINDS:
        raise BadInput(
            f"reading {path.name} of {package}", raw["kind"], code="bad_manifest", fix=f"kind is one of {KINDS}."
        )
    operations = {name: (float(o["rate"]), float(o["burst"])) for name, o in limits.pop("operations", {}).items()}
    end_of_life = date.fromisoformat(end) if isinstance(end, str) and end else (end or None)
    return Connector(**raw, package=package, vendor_api_end_of_life=end_of_life,
                     limits=Limits(**{k: float(v) for k, v in limits.items()}, operations=operations))  # fmt: skip
