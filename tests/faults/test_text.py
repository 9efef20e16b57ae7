"""Text that comes in any encoding, or in none: kept as it came, read right or asked about, never garbled in the ERP."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp import web

from nervo.kit.http import Http, ToolBox
from nervo.kit.simulator import Simulator
from nervo.kit.text import as_utf8
from nervo.model.parties import Address
from tests.faults.line import Line

CITY = "Città d'Oro – שלום \N{RIGHT-TO-LEFT OVERRIDE} 😀"


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"city": "Città"}'.encode("latin-1"), "application/json; charset=ISO-8859-1"),
        ('{"city": "Città"}'.encode("utf-16"), "application/json"),
        ('{"city": "Città"}'.encode("utf-16-be"), "application/json; charset=utf-16-be"),
        ('\ufeff{"city": "Città"}'.encode(), "application/json"),
        (b'{"city": "Citt\\u00e0"}', ""),
    ],
    ids=["latin-1", "UTF-16", "UTF-16 without mark", "BOM", "escaped"],
)
def test_text_is_read_as_its_mark_or_its_header_says(body: bytes, content_type: str) -> None:
    assert as_utf8(body, content_type).replace(b"\\u00e0", "à".encode()) == '{"city": "Città"}'.encode()


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    ("body", "read"),
    [
        (rb'"a \ud800 b"', rb'"a \ufffd b"'),
        (rb'"\udc00\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"NUL \u0000"', rb'"NUL \ufffd"'),
        (rb'"a path C:\\ud800 \\u0000"', rb'"a path C:\\ud800 \\u0000"'),
        (CITY.encode(), CITY.encode()),
        ('"Città"'.encode("latin-1"), '"Città"'.encode("latin-1")),
    ],
    ids=["half", "the other half", "NUL", "no escape at all", "right to left", "undeclared latin-1"],
)
def test_half_characters_are_marked_and_everything_else_is_left_alone(body: bytes, read: bytes) -> None:
    assert as_utf8(body, "application/json") == read


@pytest.mark.fault(19)
async def test_an_answer_with_a_mark_before_it_is_read(store: str) -> None:
    class Marked(Simulator):
        def routes(self) -> list[web.RouteDef]:
            return [web.get("/orders", self.orders)]

        async def orders(self, request: web.Request) -> web.Response:
            return web.Response(body='\ufeff{"city": "Città \\ud800"}'.encode(), content_type="application/json")

    server = Marked()
    async with server.serve():
        http = Http(server.url, ToolBox())
        answer = await http.call("GET", "/orders")
        await http.close()
    assert answer.json("reading") == {"city": "Città \ufffd"}


@pytest.mark.fault(19)
@pytest.mark.parametrize("body", ["7".encode("utf-16"), "\ufeff7".encode(), b"7"], ids=["UTF-16", "BOM", "ASCII"])
async def test_a_delivery_in_another_encoding_is_kept_as_it_came_and_read(line: Line, body: bytes) -> None:
    for _ in range(7):
        line.shop.sell({"A": 1})
    assert await line.post(body) == 200
    await line.drain()
    assert bytes(line.kept()[0][0]) == body  # type: ignore[arg-type]
    assert line.problems() == []


@pytest.mark.fault(19)
async def test_a_customers_own_script_reaches_the_erp_letter_for_letter(line: Line) -> None:
    number = line.shop.sell({"A": 1})
    line.shop.change(number, billing=Address(name="Łukasz 'O’Neil'", city=CITY))
    await line.drain()
    (draft,) = line.erp.drafts
    assert (draft.order.billing.name, draft.order.billing.city) == ("Łukasz 'O’Neil'", CITY)


@pytest.mark.fault(19)
async def test_a_garbled_address_is_held_until_a_person_has_corrected_it(line: Line) -> None:
    bad, fine = line.shop.sell({"A": 1}), line.shop.sell({"A": 1})
    line.shop.change(bad, billing=Address(city="Citt\ufffd"))
    await line.drain()
    assert (len(line.erp.book), line.problems()) == (1, [("garbled_text", bad)])
    ((id,),) = line.hub.ask("SELECT id FROM store_saleorder WHERE external_id = %s", bad)
    await line.hub.command("order.correct", order_id=id, changes={"billing": {"city": "Città"}})
    await line.hub.settle()
    assert (len(line.erp.book), line.problems(), line.erp.drafts[-1].order.billing.city) == (2, [], "Città")
    assert fine


@pytest.mark.fault(19, 57)
@pytest.mark.parametrize("text", ["half \ud800 a character", "NUL \0"], ids=["surrogate", "NUL"])
async def test_an_order_that_no_database_can_keep_is_a_problem_and_the_others_go_on(line: Line, text: str) -> None:
    bad, fine = line.shop.sell({"A": 1}), line.shop.sell({"A": 1})
    party = line.shop.sold[bad].customer
    line.shop.change(bad, customer=replace(party, name=text))
    await line.drain()
    later = line.shop.sell({"A": 1})
    await line.post(bad.encode())
    await line.post(later.encode())
    await line.drain()
    assert [key.split("-")[1] for key in line.erp.book] == [fine, later]
    assert line.problems() == [("unreadable_order", bad)]
    line.shop.change(bad, customer=party)
    line.hub.clock.advance(120)
    await line.hub.settle()
    assert (len(line.erp.book), line.problems()) == (3, [])
