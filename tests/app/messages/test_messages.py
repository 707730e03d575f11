"""Messages: frames in chunks of any size, and merged ticks."""

from __future__ import annotations

import random
from collections import Counter
from functools import reduce

import msgspec
import pytest

from membench.messages.encoding import Frames, decode_message, decode_spec, frame
from membench.messages.preparation import Prepared, Progress
from membench.messages.run import Audit, Auditing, Failed, Finished, Loading, RepeatEnded, Started, WarmingUp, merge


@pytest.fixture
def every_kind(tick):
    audit = Audit(acknowledged=3, stored=2, lost=1, duplicated=0, corrupted=0, problem="1 memory lost")
    return [
        Loading(stage="loading Müßig 🙂"),
        WarmingUp(items=20),
        Started(weights="twin", threads=2, dimensions=32, environment={"cpu": "x" * 300}),
        tick(errors={"ValueError": 3}, latency_ns=(1, 2**62), latency_counts=(2**40, 1)),
        RepeatEnded(repeat=0, wall_s=0.1, operations=2, items=2),
        Auditing(),
        Finished(audit=audit),
        Finished(audit=None),
        Failed(error="no"),
        Progress(done=1, total=2),
        Prepared(weights="real", folder="/tmp"),
    ]


def test_messages_can_be_split_at_any_byte(every_kind):
    stream = b"".join(map(frame, every_kind))
    for cut in range(len(stream) + 1):
        frames = Frames()
        bodies = frames.feed(stream[:cut]) + frames.feed(stream[cut:])
        assert [decode_message(body) for body in bodies] == every_kind


def test_messages_can_arrive_byte_by_byte(every_kind):
    frames = Frames()
    arrived = [frames.feed(bytes([byte])) for byte in b"".join(map(frame, every_kind))]

    assert max(map(len, arrived)) == 1
    assert [decode_message(body) for bodies in arrived for body in bodies] == every_kind


def test_an_incomplete_frame_is_buffered():
    frames = Frames()
    whole = frame(Loading(stage="loading"))

    assert frames.feed(whole + whole[:-1]) == [whole[4:]]
    assert frames.feed(b"") == []
    assert frames.feed(whole[-1:]) == [whole[4:]]


def test_a_spec_can_be_encoded_and_decoded(spec):
    sent = spec(target_operations_per_s=2.5, duration_s=3.0, items=None)

    assert decode_spec(Frames().feed(frame(sent))[0]) == sent


def test_other_bytes_are_not_messages(spec):
    for body in (b"", b"\xc1", b"\x01", frame(spec())[4:]):
        with pytest.raises(msgspec.DecodeError):
            decode_message(body)


def some_tick(tick, generator, elapsed_s):
    counts = Counter(generator.choices([100, 200, 300, 1000, 10**6], k=generator.randrange(0, 20)))
    clients = (generator.randrange(5), generator.randrange(5))
    return tick(
        elapsed_s=elapsed_s,
        operations=counts.total(),
        items=sum(clients),
        errors={kind: generator.randrange(1, 4) for kind in generator.sample(["ValueError", "OSError"], k=1)},
        latency_ns=tuple(sorted(counts)),
        latency_counts=tuple(counts[value] for value in sorted(counts)),
        cpu_percent_per_core=(generator.uniform(0, 100), generator.uniform(0, 100)),
        client_items=clients,
        failure_ns=(500, 700),
        failure_counts=(generator.randrange(1, 4), 2),
    )


def test_merging_ticks_keeps_their_sums(tick):
    generator = random.Random(1)
    ticks = [some_tick(tick, generator, elapsed_s=0.1 * (i + 1)) for i in range(50)]
    one = reduce(merge, ticks)

    assert one.elapsed_s == ticks[-1].elapsed_s
    assert one.duration_s == pytest.approx(5.0)
    assert (one.operations, one.items) == (sum(t.operations for t in ticks), sum(t.items for t in ticks))
    assert one.errors == sum((Counter(t.errors) for t in ticks), Counter())
    latencies = sum((Counter(dict(zip(t.latency_ns, t.latency_counts, strict=True))) for t in ticks), Counter())
    assert dict(zip(one.latency_ns, one.latency_counts, strict=True)) == latencies
    assert list(one.latency_ns) == sorted(one.latency_ns)
    assert (one.failure_ns, one.failure_counts) == ((500, 700), (sum(t.failure_counts[0] for t in ticks), 100))
    assert one.client_items == tuple(sum(t.client_items[i] for t in ticks) for i in range(2))
    for core in range(2):
        assert one.cpu_percent_per_core[core] == pytest.approx(sum(t.cpu_percent_per_core[core] for t in ticks) / 50)


def test_merged_core_use_is_weighted_by_duration(tick):
    one = merge(
        tick(duration_s=0.1, cpu_percent_per_core=(100.0, 0.0)), tick(duration_s=0.3, cpu_percent_per_core=(0.0, 100.0))
    )

    assert one.cpu_percent_per_core == pytest.approx((25, 75))
