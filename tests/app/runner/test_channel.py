"""The runner's end of the pipe: it never waits for a console that does not read, and loses nothing."""

from __future__ import annotations

import os
import threading
from functools import reduce

import pytest

from membench.messages.run import Frames, Loading, RepeatEnded, Tick, decode_message, merge
from membench.runner.channel import Channel

WIDE = 5000


@pytest.fixture
def pipe():
    read_end, write_end = os.pipe()
    yield read_end, write_end
    for descriptor in (read_end, write_end):
        try:
            os.close(descriptor)
        except OSError:
            continue


def wide_tick(tick, number):
    """A tick whose frame is tens of kilobytes, so that a few fill the pipe."""
    values = tuple(range(number, number + WIDE))
    return tick(elapsed_s=0.1 * (number + 1), operations=WIDE, latency_ns=values, latency_counts=(1,) * WIDE)


def read_until_closed(descriptor):
    frames, messages = Frames(), []
    while data := os.read(descriptor, 1 << 16):
        messages += map(decode_message, frames.feed(data))
    return messages


def test_a_tick_is_sent_at_once_when_there_is_room(pipe, tick):
    read_end, write_end = pipe
    Channel(write_end).offer(tick())

    assert [decode_message(body) for body in Frames().feed(os.read(read_end, 1 << 16))] == [tick()]


def test_a_console_that_does_not_read_holds_nothing_up_and_loses_nothing(pipe, tick):
    read_end, write_end = pipe
    channel = Channel(write_end)
    ticks = [wide_tick(tick, number) for number in range(100)]
    for each in ticks:  # nobody reads: if this waited, the test would not end
        channel.offer(each)

    last = RepeatEnded(repeat=0, wall_s=10.0, operations=100 * WIDE, items=200)
    received = []
    reader = threading.Thread(target=lambda: received.extend(read_until_closed(read_end)))
    reader.start()
    channel.send(last)
    os.close(write_end)
    reader.join()

    arrived = [message for message in received if isinstance(message, Tick)]
    assert received[-1] == last
    assert 1 < len(arrived) < 20
    assert sum(each.operations for each in arrived) == 100 * WIDE
    total, expected = reduce(merge, arrived), reduce(merge, ticks)
    assert (total.latency_ns, total.latency_counts) == (expected.latency_ns, expected.latency_counts)
    assert total.client_items == expected.client_items
    assert total.duration_s == pytest.approx(expected.duration_s)


def test_messages_keep_their_order(pipe, tick):
    read_end, write_end = pipe
    channel = Channel(write_end)
    sent = [Loading(stage="a"), tick(), Loading(stage="b"), tick(repeat=1)]
    for message in sent:
        channel.offer(message) if isinstance(message, Tick) else channel.send(message)
    os.close(write_end)

    assert read_until_closed(read_end) == sent


def test_a_console_that_is_gone_is_noticed(pipe, tick):
    read_end, write_end = pipe
    channel = Channel(write_end)
    os.close(read_end)

    with pytest.raises(BrokenPipeError):
        channel.offer(tick())
    with pytest.raises(BrokenPipeError):
        channel.send(Loading(stage="a"))
