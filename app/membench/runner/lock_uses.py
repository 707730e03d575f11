"""The use of metered locks since a repeat started, by the line that created them."""

from __future__ import annotations

from collections.abc import Mapping

from membench.messages.run import Component, HoldSplit, LockUse
from membench.runner import lock_usage, schedstat
from membench.runner.sites import Site
from membench.runner.usage import Holds, LockKey, Usage

LOCKS_SHOWN = 24
INSTRUMENT = "membench/"
"""Path prefix of the instrument's own locks and sleeps, which are not reported."""
NS_PER_S = 1e9
NS_PER_MS = 1e6


class LockUses:
    """The use of all locks since the object was created. Belongs to the sampling thread."""

    def __init__(self, components: Mapping[str, Component]) -> None:
        """Start.

        Args:
            components: The part of the run that creates locks in a file, by the file's path as in a site.
        """
        self._components = components
        lock_usage.start_period()
        self._before = lock_usage.usage_by_key()

    def read(self, metered_s: float) -> tuple[LockUse, ...]:
        """Return the locks that were used, those that clients waited for the longest first.

        Args:
            metered_s: Seconds since the start.
        """
        uses = [
            _use(key, now, self._before.get(key) or Usage(), metered_s, self._components.get(key.site.path))
            for key, now in lock_usage.usage_by_key().items()
            if not is_own(key.site)
        ]
        used = [use for use in uses if use.acquisitions or use.contended or use.other_contended or use.hold_s]
        used.sort(key=lambda use: (use.wait_s, use.other_wait_s, use.hold_s), reverse=True)
        return tuple(used[:LOCKS_SHOWN])


def is_own(site: Site) -> bool:
    """Return whether a site is in the instrument itself."""
    return site.path.startswith(INSTRUMENT)


def _use(key: LockKey, now: Usage, then: Usage, metered_s: float, component: Component | None) -> LockUse:
    clients, others = now.client_waits, now.other_waits
    handover_ns = now.handover_ns + now.overtaken_ns - then.handover_ns - then.overtaken_ns
    handover_queued_ns = now.handover_queued_ns - then.handover_queued_ns
    sampled = _since(then.sampled, now.sampled)
    return LockUse(
        site=str(key.site),
        name=key.site.name,
        acquisitions=now.acquisitions - then.acquisitions,
        contended=clients.contended - then.client_waits.contended,
        wait_s=(clients.wait_ns - then.client_waits.wait_ns) / NS_PER_S,
        hold_s=(now.hold_ns - then.hold_ns) / NS_PER_S,
        longest_wait_ms=clients.longest_ns / NS_PER_MS,
        longest_queue=clients.longest_queue,
        component=component,
        kind=key.kind,
        permits=now.permits,
        locks=now.locks,
        failed=now.failed - then.failed,
        other_contended=others.contended - then.other_waits.contended,
        other_wait_s=(others.wait_ns - then.other_waits.wait_ns) / NS_PER_S,
        utilisation=min(now.busiest_hold_ns / NS_PER_S / metered_s, 1.0),
        handover=min(now.busiest_handover_ns / NS_PER_S / metered_s, 1.0),
        handover_runqueue=handover_queued_ns / handover_ns if handover_ns > 0 else None,
        hold_split=_split(sampled),
        inner_site=str(sampled.inner.most_common(1)[0][0].site) if sampled.lock_ns > 0 and sampled.inner else None,
    )


def _since(then: Holds | None, now: Holds | None) -> Holds:
    """Return the sampled holds that ended between two readings."""
    holds = Holds()
    if now:
        holds.add(now)
    if then:
        holds.add(then, -1)
    return holds


def _split(holds: Holds) -> HoldSplit | None:
    """Return the shares of the sampled holds; what they overlap by goes off the share of other blocking."""
    if not holds.hold_ns or not schedstat.AVAILABLE:
        return None
    known_ns = (holds.cpu_ns, holds.queued_ns, holds.lock_ns, holds.result_ns, holds.slept_ns)
    whole_ns = max(holds.hold_ns, sum(known_ns))
    shares = [part_ns / whole_ns for part_ns in known_ns]
    return HoldSplit(*[*shares, max(1.0 - sum(shares), 0.0)])
