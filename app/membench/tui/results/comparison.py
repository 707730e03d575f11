"""The comparison of several runs: charts, and the ratios between the runs as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import var

from membench.analysis.comparison import compare
from membench.report.comparison import differences, names_of, ratio_text
from membench.report.explanation import starvation_text
from membench.report.scaling import IDEAL, FittedScaling, ScalingGroup
from membench.report.wording import DASHBOARD
from membench.results.record import Record
from membench.tui.common.colours import hue_of
from membench.tui.common.panel import panel
from membench.tui.common.plain import Static, plain
from membench.tui.common.plot import marker_of
from membench.tui.common.snapshot import RunView
from membench.tui.common.words import FAINT, verdict_style
from membench.tui.results.bars import Bars, bar_of
from membench.tui.results.curves import Curves, ScalingCurve
from membench.tui.results.percentiles import MAXIMUM_MARKER, Percentiles, curve_of
from membench.units import format_rate, plural

Chart = Literal["throughput", "latency", "scaling"]
RATIOS_MAX = 3
"""Most runs that the fastest is compared with as text."""
SECOND_RUN = "mark a second run with space to compare the two"
TOO_FEW_CLIENTS = "a scaling curve needs runs that differ only in the number of clients, at least 6 of them"
NOTHING_MEASURED = "none of these runs measured anything"
NO_LATENCIES = "none of these runs has latencies"


class Appearance(NamedTuple):
    """How a run looks in every chart and in the table."""

    run_id: str
    marker: str
    """The character of its points."""
    hue: int


def appearances_of(runs: Sequence[RunView], groups: Sequence[ScalingGroup]) -> list[Appearance]:
    """Return the appearance of each run. Where several systems scale, all runs of a system share one."""
    if len(groups) < 2:
        return [Appearance(run.run_id, marker_of(position), run.hue) for position, run in enumerate(runs)]
    hues = {run.run_id: run.hue for run in runs}
    return [
        Appearance(record.run_id, marker_of(position), hues[group.largest.run_id])
        for position, group in enumerate(groups)
        for record in group.records
    ]


class Comparison(Vertical):
    """Charts side by side, or a single one where space is limited, with text below."""

    chart: var[Chart] = var("throughput", init=False)
    """The chart on the left; latencies are on the right if they fit."""
    single: var[bool] = var(False, init=False)
    """Whether only one chart fits."""

    def compose(self) -> ComposeResult:
        """Compose throughput or scaling on the left, latencies on the right, text below."""
        yield Horizontal(
            panel("Throughput", Bars(), id="bars-panel"),
            panel("Throughput by clients", Curves(), id="curves-panel"),
            panel("Latency by percentile", Percentiles(), id="percentiles-panel"),
            id="comparison-charts",
        )
        with VerticalScroll(id="comparison-words", can_focus=True):
            yield Static()

    def on_mount(self) -> None:
        """Arrange the charts for the first time."""
        self._arrange()

    def watch_chart(self) -> None:
        """Display another chart."""
        self._arrange()

    def watch_single(self) -> None:
        """Display as many charts as fit."""
        self._arrange()

    def show(self, runs: Sequence[RunView], groups: Sequence[tuple[ScalingGroup, FittedScaling]]) -> None:
        """Draw finished runs, and how the systems among them scale."""
        records = {run.run_id: run.record for run in runs if run.record}
        looks = {look.run_id: look for look in appearances_of(runs, [group for group, _ in groups])}
        names = names_of(list(records.values()))
        if self.chart == "scaling":
            self._draw_scaling(groups, looks, records, names)
            self._update_text(Content(line) for _, fitted in groups for line in fitted.lines_beside_chart)
        else:
            self._draw_throughput(records, looks, names)
            self._draw_latencies(records, looks, names)
            self._update_text(self._texts(list(records.values()), looks, names))

    def _arrange(self) -> None:
        bars = self.chart == "throughput" or (self.chart == "latency" and not self.single)
        self.query_one("#bars-panel").display = bars
        self.query_one("#curves-panel").display = self.chart == "scaling"
        self.query_one("#percentiles-panel").display = self.chart == "latency" or not self.single

    def _draw_throughput(
        self, records: Mapping[str, Record], looks: Mapping[str, Appearance], names: Mapping[str, str]
    ) -> None:
        limit = next((record.limit_memories_per_s for record in records.values() if record.limit_memories_per_s), None)
        drawn = [bar_of(record, names[run], looks[run].marker, looks[run].hue) for run, record in records.items()]
        bars = self.query_one(Bars)
        bars.limit, bars.empty = limit, NOTHING_MEASURED
        bars.bars = tuple(bar for bar in drawn if bar)
        self.query_one("#bars-panel").border_subtitle = f"┊ best found {format_rate(limit)} /s" if limit else ""

    def _draw_latencies(
        self, records: Mapping[str, Record], looks: Mapping[str, Appearance], names: Mapping[str, str]
    ) -> None:
        drawn = [curve_of(record, names[run], looks[run].marker, looks[run].hue) for run, record in records.items()]
        latencies = self.query_one(Percentiles)
        latencies.empty = NO_LATENCIES
        latencies.curves = tuple(curve for curve in drawn if curve)
        missing = drawn.count(None)
        subtitles = [f"{MAXIMUM_MARKER} the longest"] if latencies.curves else []
        starved = sum(bool(starvation_text(record)) for record in records.values())
        subtitles += [f"{plural(starved, 'run')} with starved clients, see below"] if starved else []
        subtitles += [f"{plural(missing, 'run')} without latencies"] if missing else []
        self.query_one("#percentiles-panel").border_subtitle = plain(" · ".join(subtitles))

    def _draw_scaling(
        self,
        groups: Sequence[tuple[ScalingGroup, FittedScaling]],
        looks: Mapping[str, Appearance],
        records: Mapping[str, Record],
        names: Mapping[str, str],
    ) -> None:
        largest = {group.largest.run_id: group.largest for group, _ in groups}
        systems = names_of(list(largest.values()))
        curves = self.query_one(Curves)
        curves.empty = TOO_FEW_CLIENTS
        curves.curves = tuple(
            ScalingCurve(
                name=systems[group.largest.run_id],
                marker=looks[group.largest.run_id].marker,
                hue=looks[group.largest.run_id].hue,
                measured=group.measured,
                fitted=fitted.curve,
                ideal=group.ideal,
            )
            for group, fitted in groups
        )
        self.query_one("#curves-panel").border_subtitle = f"· {IDEAL}"
        if len(groups) > 1:
            clients = {run: plural(record.clients, "client") for run, record in largest.items()}
            self._draw_latencies(largest, looks, {run: f"{systems[run]}, {clients[run]}" for run in largest})
        else:
            self._draw_latencies(records, looks, names)

    def _update_text(self, lines: Iterable[Content]) -> None:
        self.query_one("#comparison-words Static", Static).update(Content("\n").join(list(lines)))

    def _texts(
        self, records: Sequence[Record], looks: Mapping[str, Appearance], names: Mapping[str, str]
    ) -> Iterator[Content]:
        """Yield how much faster the fastest run is, the verdict of each, and the conditions that differ."""
        if len(records) < 2:
            yield Content.styled(SECOND_RUN, FAINT)
        sound = (record for record in records if record.is_sound)
        ranked = sorted(sound, key=lambda record: record.memories_per_s or 0.0)
        for other in ranked[:-1][:RATIOS_MAX]:
            if ratio := compare(ranked[-1], other):
                yield Content.styled(ratio_text(names[ranked[-1].run_id], names[other.run_id], ratio), "bold")
        for record in records:
            look = looks[record.run_id]
            name = f"{look.marker} {names[record.run_id]}"
            yield Content.assemble((name, hue_of(look.hue)), "  ", _verdict(record))
            if starved := starvation_text(record):
                yield Content.assemble((name, hue_of(look.hue)), "  ", starved)
        if len(records) == 2 and (different := differences(*records)):
            yield Content.styled(f"different conditions: {'; '.join(different)}", FAINT)


def _verdict(record: Record) -> Content:
    """Return why a run is as fast as it is, or why it has no valid result."""
    if not record.is_sound:
        return Content.styled(record.error or record.status, "$error")
    verdict, evidence = record.verdict or "no verdict", DASHBOARD.evidence(record)[:1]
    return Content.assemble((verdict, verdict_style(verdict)), *(f": {phrase}" for phrase in evidence))
