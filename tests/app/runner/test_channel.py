"""The runner's end of the pipe: ticks never wait for a console that does not read, and none is lost."""

from __future__ import annotations

import os
import threading
from functools import reduce

import pytest

from membench.messages.encoding import Frames, decode_message
from membench.messages.run import Loading, RepeatEnded, Tick, merge
from membench.runner.channel import Channel

LATENCIES = 5000


@pytest.fixture
def pipe():
    read_end, write_end = os.pipe()
    yield read_end, write_end
    for descriptor in (read_end, write_end):
        try:
            os.close(descriptor)
        except OSError:
            continue


def large_tick(tick, number):
    """Return a tick whose frame has tens of kilobytes, so that a few of them fill the pipe."""
    values = tuple(range(number, number + LATENCIES))
    return tick(elapsed_s=0.1 * (number + 1), operations=LATENCIES, latency_ns=values, latency_counts=(1,) * LATENCIES)


def read_until_closed(descriptor):
    frames, messages = Frames(), []
    while data := os.read(descriptor, 1 << 16):
        messages += map(decode_message, frames.feed(data))
    return messages


def test_a_tick_is_sent_immediately_if_the_pipe_has_room(pipe, tick):
    read_end, write_end = pipe
    Channel(write_end).offer(tick())

    assert [decode_message(body) for body in Frames().feed(os.read(read_end, 1 << 16))] == [tick()]


def test_offering_ticks_to_a_console_that_does_not_read_neither_blocks_nor_loses_any(pipe, tick):
    read_end, write_end = pipe
    channel = Channel(write_end)
    ticks = [large_tick(tick, number) for number in range(100)]
    for each in ticks:  # nothing reads yet: if this blocked, the test would not end
        channel.offer(each)

    last = RepeatEnded(repeat=0, wall_s=10.0, operations=100 * LATENCIES, items=200)
    received = []
    reader = threading.Thread(target=lambda: received.extend(read_until_closed(read_end)))
    reader.start()
    channel.send(last)
    os.close(write_end)
    reader.join()

    received_ticks = [message for message in received if isinstance(message, Tick)]
    assert received[-1] == last
    assert 1 < len(received_ticks) < 20
    assert sum(each.operations for each in received_ticks) == 100 * LATENCIES
    total, expected = reduce(merge, received_ticks), reduce(merge, ticks)
    assert (total.latency_ns, total.latency_counts) == (expected.latency_ns, expected.latency_counts)
    assert total.client_items == expected.client_items
    assert total.duration_s == pytest.approx(expected.duration_s)


def test_messages_arrive_in_order(pipe, tick):
    read_end, write_end = pipe
    channel = Channel(write_end)
    sent = [Loading(stage="a"), tick(), Loading(stage="b"), tick(repeat=1)]
    for message in sent:
        channel.offer(message) if isinstance(message, Tick) else channel.send(message)
    os.close(write_end)

    assert read_until_closed(read_end) == sent


def test_writing_after_the_console_has_gone_raises(pipe, tick):
    read_end, write_end = pipe
    channel = Channel(write_end)
    os.close(read_end)

    with pytest.raises(BrokenPipeError):
        channel.offer(tick())
    with pytest.raises(BrokenPipeError):
        channel.send(Loading(stage="a"))
