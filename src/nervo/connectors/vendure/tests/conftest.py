"""A real Vendure for the tests marked `peers`; they are skipped unless NERVO_PEERS is set."""

import os
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from nervo.staging.peers.vendure import VendurePeer


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "peers: needs the real programs; set NERVO_PEERS=1")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def vendure() -> AsyncIterator[VendurePeer]:
    if not os.environ.get("NERVO_PEERS"):
        pytest.skip("NERVO_PEERS is not set")
    if VendurePeer.missing():
        pytest.skip(VendurePeer.missing())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    peer = VendurePeer(port=port)
    await peer.start()
    yield peer
    await peer.stop()
