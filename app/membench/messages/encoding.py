"""The encoding of messages between the console and a runner.

The console writes one `RunSpec` to the runner's standard input and keeps the pipe open: end of file tells the runner
that the console has gone. The runner answers with a stream of messages. Both directions carry frames: four bytes of
length, little-endian, followed by a msgpack body.
"""

from __future__ import annotations

import struct

import msgspec

from membench.messages.preparation import LimitFound, LimitTried, Prepared, Progress
from membench.messages.run import Auditing, Failed, Finished, Loading, RepeatEnded, Started, Tick, WarmingUp
from membench.spec.run import RunSpec

Message = (
    Loading
    | WarmingUp
    | Started
    | Tick
    | RepeatEnded
    | Auditing
    | Finished
    | Failed
    | Progress
    | Prepared
    | LimitTried
    | LimitFound
)

_LENGTH = struct.Struct("<I")
_decode_message = msgspec.msgpack.Decoder(Message).decode
_decode_spec = msgspec.msgpack.Decoder(RunSpec).decode
_encode = msgspec.msgpack.Encoder().encode


def frame(body: Message | RunSpec) -> bytes:
    """Encode a message as one frame."""
    encoded = _encode(body)
    return _LENGTH.pack(len(encoded)) + encoded


def decode_message(body: bytes) -> Message:
    """Decode the body of a frame.

    Raises:
        msgspec.DecodeError: The bytes are not a message.
    """
    message: Message = _decode_message(body)
    return message


def decode_spec(body: bytes) -> RunSpec:
    """Decode the RunSpec in the body of a frame."""
    return _decode_spec(body)


class Frames:
    """A splitter that turns a stream of bytes, in chunks of any size, into the bodies of its frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Append bytes, and return the bodies that are now complete, oldest first."""
        self._buffer += data
        bodies = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[_LENGTH.size : end]))
            del self._buffer[:end]
        return bodies
