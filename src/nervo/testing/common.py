"""What every connector has to show: its settings, who answers, and that no secret gets out."""

import base64
import dataclasses
import logging
import traceback
from typing import Any

import pytest

from nervo.errors import AuthFailed, BadInput, MachineError, Misunderstood, NervoError, RateLimited, Unavailable
from nervo.kit.secrets import Secret
from nervo.kit.settings import form, parse
from nervo.kit.simulator import FaultKind
from nervo.ports.common import Identity
from nervo.testing.world import Act, World


class Common:
    """Tests of any port. A suite gives `reads` and `writes`: what the port is asked to do, by name, on things that are there."""

    connector = ""
    pytestmark = pytest.mark.asyncio

    async def reads(self, world: World) -> dict[str, Act]:
        raise NotImplementedError

    async def writes(self, world: World) -> dict[str, Act]:
        raise NotImplementedError

    # The settings

    async def test_the_form_says_each_field_in_english_and_italian(self, world: World) -> None:
        for field in form(world.connector.settings):
            assert field.label and field.label_it, f"{field.name} has no label"
            assert field.label != field.name, f"{field.name} has no label"

    async def test_the_settings_come_back_from_the_form_as_they_were(self, world: World) -> None:
        given = world.settings
        names = [f.name for f in form(world.connector.settings)]
        again: Any = parse(world.connector.settings, {name: _plain(getattr(given, name)) for name in names})
        assert again == given

    async def test_a_missing_field_is_named(self, world: World) -> None:
        for field in form(world.connector.settings):
            if field.required:
                given = {k: v for k, v in world.simulator.settings().items() if k != field.name}
                with pytest.raises(BadInput, match=field.name):
                    parse(world.connector.settings, given)

    async def test_an_unknown_field_is_named(self, world: World) -> None:
        with pytest.raises(BadInput, match="no_such_field"):
            parse(world.connector.settings, {**world.simulator.settings(), "no_such_field": "1"})

    # Who answers, and how it fails

    async def test_it_says_who_answers(self, world: World) -> None:
        found = await world.port.check()
        assert isinstance(found, Identity)
        assert found.name and found.account
        assert [c for c in found.checks if not c.ok] == []

    async def test_building_it_calls_nothing(self, world: World) -> None:
        before = len(world.simulator.seen)
        world.connect()
        assert len(world.simulator.seen) == before

    async def test_revoked_access_is_auth_failed(self, world: World) -> None:
        await _all_raise(
            world, FaultKind.UNAUTHORISED, AuthFailed, {**await self.reads(world), **await self.writes(world)}
        )

    async def test_too_many_calls_is_rate_limited_with_seconds(self, world: World) -> None:
        acts = {**await self.reads(world), **await self.writes(world)}
        for name, error in (await _all_raise(world, FaultKind.RATE_LIMITED, RateLimited, acts)).items():
            assert isinstance(error, RateLimited)
            assert error.retry_after_s is not None and error.retry_after_s > 0, f"{name}: no seconds"

    async def test_a_read_of_a_system_that_is_down_is_unavailable(self, world: World) -> None:
        await _all_raise(world, FaultKind.UNAVAILABLE, Unavailable, await self.reads(world))

    async def test_a_write_to_a_system_that_is_down_is_tried_again_by_the_machine(self, world: World) -> None:
        await _all_raise(world, FaultKind.UNAVAILABLE, MachineError, await self.writes(world))

    async def test_a_read_whose_connection_breaks_is_unavailable(self, world: World) -> None:
        await _all_raise(world, FaultKind.DROP, Unavailable, await self.reads(world))

    async def test_an_unreadable_answer_is_misunderstood(self, world: World) -> None:
        await _all_raise(world, FaultKind.GARBAGE, Misunderstood, await self.reads(world))

    # Secrets

    async def test_no_secret_stands_in_the_settings_as_text(self, world: World) -> None:
        assert not _leaks(world, repr(world.settings) + str(world.settings))

    async def test_no_secret_gets_into_errors_logs_or_kept_exchanges(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        acts = {"check": world.port.check, **await self.reads(world), **await self.writes(world)}
        texts = []
        for act in acts.values():
            for kind in (FaultKind.UNAUTHORISED, FaultKind.GARBAGE, FaultKind.DROP, FaultKind.UNAVAILABLE, None):
                texts.append(await _told(world, act, kind))
        assert world.exchanges, "the connector keeps no exchanges: give it ToolBox.keep"
        assert not _leaks(world, "\n".join(texts)), "an error tells a secret"
        assert not _leaks(world, caplog.text), "a log line tells a secret"
        assert not _leaks(world, "\n".join(map(repr, world.exchanges))), "a kept exchange tells a secret"


async def _told(world: World, act: Act, kind: FaultKind | None) -> str:
    """What an operation says when it fails so."""
    try:
        if kind is None:
            await act()
        else:
            with world.fault(kind):
                await act()
    except NervoError as error:
        return "".join(traceback.format_exception(error)) + repr(vars(error))
    return ""


async def _all_raise(
    world: World, kind: FaultKind, expected: type[NervoError], acts: dict[str, Act]
) -> dict[str, NervoError]:
    raised, wrong = {}, []
    for name, act in acts.items():
        try:
            with world.fault(kind):
                await act()
            wrong.append(f"{name} raised nothing")
        except expected as error:
            raised[name] = error
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the wrong one
            wrong.append(f"{name} raised {type(error).__name__}: {error}")
    assert wrong == [], f"expected {expected.__name__}"
    return raised


def _plain(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


def _leaks(world: World, text: str) -> list[str]:
    """The secrets that stand in a text, as they are or as Basic auth carries them."""
    return [s for s in _secrets(world) if s in text]


def _secrets(world: World) -> list[str]:
    settings = world.settings
    known = [
        _plain(getattr(settings, f.name))
        for f in dataclasses.fields(settings)
        if f.type is Secret or isinstance(getattr(settings, f.name), Secret)
    ]
    sent = [value for seen in world.simulator.seen for name, value in seen.headers.items() if _bears(name)]
    encoded = [base64.b64encode(s.encode()).decode() for s in known]
    return sorted({s for s in (*known, *sent, *encoded) if len(s) >= 6})


def _bears(header: str) -> bool:
    return any(word in header for word in ("authorization", "token", "api-key", "secret", "cookie"))
