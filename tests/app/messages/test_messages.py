"""What crosses the process border: frames however they arrive, and ticks that add up."""

from __future__ import annotations

import random
from collections import Counter
from functools import reduce

import msgspec
import pytest

from membench.messages.run import (
    Audit,
    Auditing,
    Failed,
    Finished,
    Frames,
    Loading,
    Prepared,
    Progress,
    RepeatEnded,
    Started,
    WarmingUp,
    decode_message,
    decode_spec,
    frame,
    merge,
)


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


def test_messages_survive_being_cut_at_every_byte(every_kind):
    stream = b"".join(map(frame, every_kind))
    for cut in range(len(stream) + 1):
        frames = Frames()
        bodies = frames.feed(stream[:cut]) + frames.feed(stream[cut:])
        assert [decode_message(body) for body in bodies] == every_kind


def test_messages_survive_arriving_byte_by_byte(every_kind):
    frames = Frames()
    arrived = [frames.feed(bytes([byte])) for byte in b"".join(map(frame, every_kind))]

    assert max(map(len, arrived)) == 1
    assert [decode_message(body) for bodies in arrived for body in bodies] == every_kind


def test_half_a_frame_is_kept_back():
    frames = Frames()
    whole = frame(Loading(stage="loading"))

    assert frames.feed(whole + whole[:-1]) == [whole[4:]]
    assert frames.feed(b"") == []
    assert frames.feed(whole[-1:]) == [whole[4:]]


def test_a_run_survives_the_way_to_its_runner(spec):
    sent = spec(target_operations_per_s=2.5, duration_s=3.0, items=None)

    assert decode_spec(Frames().feed(frame(sent))[0]) == sent


def test_what_is_no_message_is_refused(spec):
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
        rss_mb=generator.uniform(100, 200),
        client_items=clients,
    )


def test_merged_ticks_say_what_the_ticks_said(tick):
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
    assert one.rss_mb == max(t.rss_mb for t in ticks)
    assert one.client_items == tuple(sum(t.client_items[i] for t in ticks) for i in range(2))
    for core in range(2):
        assert one.cpu_percent_per_core[core] == pytest.approx(sum(t.cpu_percent_per_core[core] for t in ticks) / 50)


def test_ticks_weigh_by_their_length(tick):
    one = merge(
        tick(duration_s=0.1, cpu_percent_per_core=(100.0, 0.0)), tick(duration_s=0.3, cpu_percent_per_core=(0.0, 100.0))
    )

    assert one.cpu_percent_per_core == pytest.approx((25, 75))
