"""Log lines, written by a thread of their own: a sink that is full, slow or broken costs lines, never time or an effect."""

import queue
import threading
from contextlib import suppress
from typing import TextIO

KEPT = 10_000


class Lines:
    """A text stream for loggers; its `write` neither waits nor raises. Of what the sink does not take, KEPT lines wait and the
    rest is lost; how many is written once the sink takes lines again."""

    def __init__(self, sink: TextIO, kept: int = KEPT) -> None:
        self._sink, self._waiting = sink, queue.Queue[str | None](kept)
        self._lost, self._counting = 0, threading.Lock()
        self._writer = threading.Thread(target=self._run, name="log", daemon=True)
        self._writer.start()

    def write(self, line: str) -> int:
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._lose(1)
        return len(line)

    def flush(self) -> None:
        """The writer flushes."""

    def close(self, at_most_s: float = 2.0) -> None:
        """Writes what waits, if the sink takes it in time."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=at_most_s)
            self._writer.join(at_most_s)

    def _run(self) -> None:
        while (line := self._waiting.get()) is not None:
            lost = self._lost
            try:
                self._sink.write(f'{{"event": "log_lines_lost", "count": {lost}}}\n{line}' if lost else line)
                self._sink.flush()
            except (OSError, ValueError):  # full or broken, or closed
                self._lose(1)
            else:
                self._lose(-lost)

    def _lose(self, count: int) -> None:
        with self._counting:
            self._lost += count
