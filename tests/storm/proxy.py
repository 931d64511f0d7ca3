"""A TCP proxy that misbehaves on demand: before Redis, PostgreSQL and each stand-in, and as the router before the web.

All proxies of a process share one thread with an event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")
_CHUNK = 65536
_PATIENCE = 20.0


class Mode(StrEnum):
    """What becomes of what passes through: it passes; is refused; waits until the mode ends; comes late; is swallowed
    while the connection stays open."""

    PASS = "pass"
    DROP = "drop"
    HOLD = "hold"
    DELAY = "delay"
    DEAD = "dead"


@dataclass(frozen=True)
class Upstream:
    """Where a connection goes on to: a port on loopback, or a socket's path."""

    port: int = 0
    path: str = ""

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.path:
            return await asyncio.open_unix_connection(self.path)
        return await asyncio.open_connection("127.0.0.1", self.port)


class Loop:
    """The thread in which proxies live."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="proxies", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it there, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_PATIENCE)

    def stop(self) -> None:
        """End the thread; proxies are to be stopped before."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_PATIENCE)
        self.loop.close()


class Proxy:
    """One port, before one upstream or several of the same kind (then in turn, the next one where one refuses)."""

    def __init__(self, loop: Loop, upstreams: Sequence[Upstream], port: int = 0) -> None:
        self._loop, self._upstreams = loop, upstreams
        self._turn = itertools.count()
        self._mode, self._delay_s = Mode.PASS, 0.0
        self._cut_after: int | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = loop.run(self._open(port))

    async def _open(self, port: int) -> int:
        self._changed = asyncio.Event()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    # --- misbehaving ---

    def set(self, mode: Mode, delay_s: float = 0.0) -> None:
        """From now on. What a dead line has swallowed is gone, so its connections are cut when that ends."""
        self._loop.run(self._set(mode, delay_s))

    def cut(self, after: int = 0) -> None:
        """Break off the next connection that has carried so many bytes more; 0: all, now."""
        self._loop.run(self._cut(after))

    def stop(self) -> None:
        """Listen no more, break everything off."""
        self._loop.run(self._stop())

    async def _set(self, mode: Mode, delay_s: float) -> None:
        was, self._mode, self._delay_s = self._mode, mode, delay_s
        if mode is Mode.DROP or was is Mode.DEAD:
            self._break_off()
        self._changed.set()
        self._changed = asyncio.Event()

    async def _cut(self, after: int) -> None:
        if after:
            self._cut_after = after
        else:
            self._break_off()

    async def _stop(self) -> None:
        self._server.close()
        await self._set(Mode.DROP, 0)  # whoever is held comes to an end
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    def _break_off(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    # --- passing on ---

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            found = await self._connect() if self._mode is not Mode.DROP else None
            if found is not None:
                await self._pass_on(reader, writer, *found)
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self._upstreams:
            upstream = self._upstreams[next(self._turn) % len(self._upstreams)]
            with contextlib.suppress(OSError):
                return await upstream.connect()
        return None

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        self._writers.add(far_writer)
        try:
            there = asyncio.create_task(self._pump(reader, far_writer))
            back = asyncio.create_task(self._pump(far_reader, writer))
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
        finally:
            self._writers.discard(far_writer)
            far_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._misbehave()
                if self._mode is Mode.DEAD:
                    continue
                if self._cut_after is not None:
                    self._cut_after -= len(data)
                    if self._cut_after <= 0:
                        self._cut_after = None
                        return
                writer.write(data)
                await writer.drain()

    async def _misbehave(self) -> None:
        if self._mode is Mode.DELAY:
            await asyncio.sleep(self._delay_s)
        while self._mode is Mode.HOLD:
            await self._changed.wait()
