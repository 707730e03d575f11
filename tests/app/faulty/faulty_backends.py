"""Backends that misbehave, as a plugin provides them. They do so only after the warm-up."""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import signal
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import numpy as np

from membench_backends.base import BackendInfo, Capabilities, Parts, StoredMemory

SIGNPOST_AT = 50


class Faithful:
    """A backend that keeps memories in a list; the checksum of a text chooses the axis that is its vector."""

    def __init__(self, parts: Parts) -> None:
        self._memories: list[StoredMemory] = []
        self._calls = itertools.count(1)
        self._axes = np.eye(parts.dimensions, dtype=np.float32)
        self.user_id = threading.local()

    def add(self, text: str, user_id: str) -> None:
        if user_id == "warm-up":
            self.keep(text, user_id)
            return
        self.user_id.value = user_id
        call = next(self._calls)
        if call == SIGNPOST_AT and "FAULTY_SIGNPOST" in os.environ:
            with open(os.environ["FAULTY_SIGNPOST"], "w") as signpost:
                signpost.write(str(os.getpid()))
        self.measured(call, text)

    def add_batch(self, texts: Sequence[str], user_id: str) -> None:
        for text in texts:
            self.add(text, user_id)

    def measured(self, call: int, text: str) -> None:
        self.keep(text)

    def keep(self, text: str, user_id: str | None = None) -> None:
        """Store a text, under the user of the operation in progress if no other is given."""
        self._memories.append(StoredMemory(text, self.vectors([text])[0], user_id or self.user_id.value))

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        return self._axes[[zlib.crc32(text.encode()) % len(self._axes) for text in texts]]

    def stored(self) -> Iterator[StoredMemory]:
        return iter(self._memories)

    def close(self) -> None:
        pass


class RaisesSome(Faithful):
    def measured(self, call: int, text: str) -> None:
        if call % 3 == 0:
            raise ValueError("every third")
        self.keep(text)


class RaisesAll(Faithful):
    def measured(self, call: int, text: str) -> None:
        raise ConnectionError("nobody\nis there")


class Hangs(Faithful):
    def measured(self, call: int, text: str) -> None:
        if call > 5:
            threading.Event().wait()
        self.keep(text)


class Segfaults(Faithful):
    def measured(self, call: int, text: str) -> None:
        if call > 5:
            ctypes.string_at(0)
        self.keep(text)


class Exits(Faithful):
    def measured(self, call: int, text: str) -> None:
        if call > 5:
            os._exit(7)
        self.keep(text)


class Loses(Faithful):
    def measured(self, call: int, text: str) -> None:
        if call % 10:
            self.keep(text)


class Duplicates(Faithful):
    def measured(self, call: int, text: str) -> None:
        self.keep(text)
        if call <= 2:
            self.keep(text)


class Corrupts(Faithful):
    def measured(self, call: int, text: str) -> None:
        if call == 1:
            self.keep(text[::-1])
        elif call == 2:
            zeros = np.zeros(self._axes.shape[0], np.float32)
            self._memories.append(StoredMemory(text, zeros, self.user_id.value))
        else:
            self.keep(text)


class WrongUsers(Faithful):
    def measured(self, call: int, text: str) -> None:
        self.keep(text, None if call % 10 else "somebody else")


class Historian(Faithful):
    """A sound backend with a history."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._rows: list[str] = []

    def measured(self, call: int, text: str) -> None:
        self.keep(text)
        self._rows.append(text)

    def history(self) -> Iterator[str]:
        return iter(self._rows)


class ForgetsHistory(Historian):
    def measured(self, call: int, text: str) -> None:
        self.keep(text)
        if call % 10:
            self._rows.append(text)


class OwnVectors(Faithful):
    """A sound backend that gives each text a vector of its own."""

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        vectors = [np.random.default_rng(zlib.crc32(text.encode())).standard_normal(384) for text in texts]
        return np.asarray([vector / np.linalg.norm(vector) for vector in vectors], np.float32)


class SharesVectors(OwnVectors):
    """A backend that answers one text with the vector of the one before, as a cache with a wrong key does."""

    def measured(self, call: int, text: str) -> None:
        if call % 10:
            self.keep(text)
        else:
            self._memories.append(self._memories[-1]._replace(text=text))


class Flushes(Faithful):
    """A sound store on disk: a file of JSON lines."""

    flushes = True

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._path = parts.folder / "memories.jsonl"
        self._buffer: list[str] = []
        self._lock = threading.Lock()

    def keep(self, text: str, user_id: str | None = None) -> None:
        line = json.dumps([text, self.vectors([text])[0].tolist(), user_id or self.user_id.value])
        with self._lock:
            super().keep(text, user_id)
            self._buffer.append(f"{line}\n")
            if self.flushes or len(self._memories) <= 20:
                with self._path.open("a") as file:
                    file.writelines(self._buffer)
                self._buffer.clear()

    def reopen(self) -> bool:
        """Read the file; what is still buffered in this process is gone."""
        self._memories = [StoredMemory(*json.loads(line)) for line in self._path.read_text().splitlines()]
        return True


class ForgetsToFlush(Flushes):
    flushes = False


class Unreadable(Faithful):
    def stored(self) -> Iterator[StoredMemory]:
        yield from self._memories[:3]
        raise RuntimeError("page 4 is torn\nand cannot be read")


class Prints(Faithful):
    def measured(self, call: int, text: str) -> None:
        print("junk on stdout", flush=True)
        print("junk on stderr", file=sys.stderr, flush=True)
        os.write(1, b"\x00\x00\x00\xffjunk past Python\n")
        self.keep(text)


class SystemExits(Faithful):
    def measured(self, call: int, text: str) -> None:
        if call == 5:
            raise SystemExit("the library has had enough")
        self.keep(text)


class Slow(Faithful):
    def measured(self, call: int, text: str) -> None:
        time.sleep(0.005)
        self.keep(text)


class Daemonises(Faithful):
    """Starts a process that leaves its session and its parent, keeps all pipes open, and hangs; then it hangs too."""

    def measured(self, call: int, text: str) -> None:
        if call == 5:
            start_daemon()
        if call > SIGNPOST_AT:
            threading.Event().wait()
        self.keep(text)


def start_daemon() -> None:
    """Start a process that leaves its session and its parent, keeps all pipes open, and hangs."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                time.sleep(60)
        os._exit(0)
    os.wait()


class Misbehaves(Faithful):
    """Does once what MISBEHAVES names, at the place that MISBEHAVES_AT names."""

    ACTS: ClassVar[dict[str, Callable[[], object]]] = {
        "raises": lambda: 1 / 0,
        "exits": lambda: sys.exit("enough"),
        "ends": lambda: os._exit(3),
        "kills": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "crashes": lambda: ctypes.string_at(0),
        "hangs": lambda: threading.Event().wait(),
        "holds-gil": lambda: ctypes.PyDLL(None).sleep(1000),
        "closes": lambda: os.closerange(0, 256),
        "forks": start_daemon,
        "floods": lambda: [print("x" * 1_000_000, flush=True) for _ in range(200)],
    }

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._has_acted = False
        self._act("build")

    def _act(self, place: str) -> None:
        if place == os.environ["MISBEHAVES_AT"] and not self._has_acted:
            self._has_acted = True
            self.ACTS[os.environ["MISBEHAVES"]]()

    def add(self, text: str, user_id: str) -> None:
        self._act("warm-up" if user_id == "warm-up" else "add")
        super().add(text, user_id)
        time.sleep(0.001)

    def stored(self) -> Iterator[StoredMemory]:
        self._act("stored")
        return super().stored()

    def close(self) -> None:
        self._act("close")


class HoldsGil(Faithful):
    def measured(self, call: int, text: str) -> None:
        if call > 5:
            time.sleep(0.5)  # long enough for the runner to report the first operations
            ctypes.PyDLL(None).sleep(1000)
        self.keep(text)


class SlowStart(Faithful):
    """A backend whose warm-up takes longer than the tests let an operation take, but progresses."""

    def add(self, text: str, user_id: str) -> None:
        if user_id == "warm-up":
            time.sleep(0.8)
        super().add(text, user_id)


class Floods(Faithful):
    """A backend that prints some 10 MB."""

    def measured(self, call: int, text: str) -> None:
        print(f"call {call}: " + "x" * 400_000, flush=True)
        self.keep(text)


class LateImport(Faithful):
    def __init__(self, parts: Parts) -> None:
        import no_such_module_of_theirs  # noqa: F401


def _info(name: str, build: type[Faithful]) -> BackendInfo:
    return BackendInfo(name, f"Faulty: {name}.", Capabilities(embeds=False, stores=True, batch_call=True), build)


RAISES_SOME = _info("raises-some", RaisesSome)
RAISES_ALL = _info("raises-all", RaisesAll)
HANGS = _info("hangs", Hangs)
SEGFAULTS = _info("segfaults", Segfaults)
EXITS = _info("exits", Exits)
LOSES = _info("loses", Loses)
DUPLICATES = _info("duplicates", Duplicates)
CORRUPTS = _info("corrupts", Corrupts)
WRONG_USERS = _info("wrong-users", WrongUsers)
HISTORIAN = _info("historian", Historian)
FORGETS_HISTORY = _info("forgets-history", ForgetsHistory)
OWN_VECTORS = _info("own-vectors", OwnVectors)
SHARES_VECTORS = _info("shares-vectors", SharesVectors)
FLUSHES = _info("flushes", Flushes)
FORGETS_TO_FLUSH = _info("forgets-to-flush", ForgetsToFlush)
FAITHFUL = _info("faithful", Faithful)
UNREADABLE = _info("unreadable", Unreadable)
PRINTS = _info("prints", Prints)
SYSTEM_EXIT = _info("system-exit", SystemExits)
SLOW = _info("slow", Slow)
DAEMONISES = _info("daemonises", Daemonises)
HOLDS_GIL = _info("holds-gil", HoldsGil)
SLOW_START = _info("slow-start", SlowStart)
FLOODS = _info("floods", Floods)
MISBEHAVES = _info("misbehaves", Misbehaves)
LATE_IMPORT = _info("late-import", LateImport)
