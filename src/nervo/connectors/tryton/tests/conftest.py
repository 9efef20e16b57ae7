"""A real Tryton for the tests marked `peers`; they are skipped unless NERVO_PEERS is set."""

import os
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from nervo.staging.peers.tryton import TrytonPeer


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "peers: needs the real programs; set NERVO_PEERS=1")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tryton() -> AsyncIterator[TrytonPeer]:
    if not os.environ.get("NERVO_PEERS"):
        pytest.skip("NERVO_PEERS is not set")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    peer = TrytonPeer(port=port)
    await peer.start()
    yield peer
    await peer.stop()
