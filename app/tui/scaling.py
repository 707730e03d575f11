"""The scaling of a system in words, for a run of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.explain import SCALING_MIN, explain_scaling, scaling_group, scaling_groups
from app.results.record import Record


class Group(NamedTuple):
    """The runs that differ from each other in nothing but the number of clients."""

    key: tuple[str, ...]
    """Their names: as long as these are the same, so are the words."""
    records: tuple[Record, ...]

    def in_words(self) -> tuple[str, ...]:
        """The fitted curve, or why there is none; takes up to seconds, and imports scipy."""
        return tuple(explain_scaling(self.records))


def group_of(record: Record, records: Sequence[Record]) -> Group | None:
    """The group that a run belongs to, if enough numbers of clients were measured."""
    name = scaling_group(record)
    peers = tuple(other for other in records if scaling_group(other) == name)
    if not any(len(points) >= SCALING_MIN for points in scaling_groups(peers).values()):
        return None
    return Group(tuple(peer.run_id for peer in peers), peers)
