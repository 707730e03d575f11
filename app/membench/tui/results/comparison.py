"""Several runs held against each other: charts, and what they say in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from membench.analysis.comparison import Ratio, compare, differences, ratio_in_words
from membench.report.headline import is_sound, names_of
from membench.results.record import Record
from membench.tui.common.colours import hue_of
from membench.tui.common.plot import sign_of
from membench.tui.common.snapshot import RunView
from membench.tui.common.words import FAINT, verdict_style
from membench.tui.results.bars import Bars, bar_of
from membench.tui.results.curves import Curves, ScalingCurve
from membench.tui.results.percentiles import Percentiles, curve_of
from membench.tui.results.scaling import Fitted, Group
from membench.units import format_rate, plural

Chart = Literal["throughput", "latency", "scaling"]
RATIOS_MAX = 3
"""Runs that the fastest is held against in words."""
SECOND_RUN = "mark a second run with space to compare the two"
TOO_FEW_CLIENTS = "a curve needs at least 6 numbers of clients, in runs that differ in nothing else"
NOTHING_MEASURED = "none of these runs measured anything"
NO_LATENCIES = "none of these runs has latencies"


class Look(NamedTuple):
    """How a run is drawn in every chart and marked in the table."""

    run_id: str
    sign: str
    hue: int


def looks_of(runs: Sequence[RunView], groups: Sequence[Group]) -> list[Look]:
    """A look for each run; where several systems scale, each system has one look, that of its run with most clients."""
    looks = [Look(run.spec.run_id, sign_of(position), run.hue) for position, run in enumerate(runs)]
    if len(groups) < 2:
        return looks
    hues = {look.run_id: look.hue for look in looks}
    return [
        Look(record.run_id, sign_of(position), hues[group.largest.run_id])
        for position, group in enumerate(groups)
        for record in group.records
    ]


class Comparison(Vertical):
    """Charts of the runs beside each other, or one of them where there is little room; words below."""

    chart: var[Chart] = var("throughput", init=False)
    """What is looked at: beside throughput or scaling stand the latencies, where there is room."""
    single: var[bool] = var(False, init=False)
    """Whether there is room for one chart only."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._ratios: dict[tuple[str, str], Ratio | None] = {}
        """Of each pair that was compared: resampling takes its time."""

    def compose(self) -> ComposeResult:
        """Throughput or scaling at the left, latencies at the right, words below."""
        with Horizontal(id="comparison-charts"):
            yield _panel("Throughput", Bars(), "bars-panel")
            yield _panel("Throughput over clients", Curves(), "curves-panel")
            yield _panel("Latency by percentile", Percentiles(), "percentiles-panel")
        with VerticalScroll(id="comparison-words", can_focus=True):
            yield Static(markup=False)

    def on_mount(self) -> None:
        """Show the chart that is looked at first."""
        self._arrange()

    def watch_chart(self) -> None:
        """Show another chart."""
        self._arrange()

    def watch_single(self) -> None:
        """Show as many charts as there is room for."""
        self._arrange()

    def show(self, runs: Sequence[RunView], groups: Sequence[tuple[Group, Fitted]]) -> None:
        """Draw runs, each of which has a record, and how the systems among them scale."""
        records = {run.spec.run_id: run.record for run in runs if run.record}
        looks = {look.run_id: look for look in looks_of(runs, [group for group, _ in groups])}
        names = names_of(list(records.values()))
        if self.chart == "scaling":
            self._draw_scaling(groups, looks, records, names)
            self._say(Content(line) for _, fitted in groups for line in fitted.beside_chart)
        else:
            self._draw_throughput(records, looks, names)
            self._draw_latencies(records, looks, names)
            self._say(self._in_words(list(records.values()), looks, names))

    def _arrange(self) -> None:
        bars = self.chart == "throughput" or (self.chart == "latency" and not self.single)
        self.query_one("#bars-panel").display = bars
        self.query_one("#curves-panel").display = self.chart == "scaling"
        self.query_one("#percentiles-panel").display = self.chart == "latency" or not self.single

    def _draw_throughput(
        self, records: Mapping[str, Record], looks: Mapping[str, Look], names: Mapping[str, str]
    ) -> None:
        limit = next((record.limit_memories_per_s for record in records.values() if record.limit_memories_per_s), None)
        drawn = [bar_of(record, names[run], looks[run].sign, looks[run].hue) for run, record in records.items()]
        bars = self.query_one(Bars)
        bars.limit, bars.empty = limit, NOTHING_MEASURED
        bars.bars = tuple(bar for bar in drawn if bar)
        self.query_one("#bars-panel").border_subtitle = f"┊ limit {format_rate(limit)} /s" if limit else ""

    def _draw_latencies(
        self, records: Mapping[str, Record], looks: Mapping[str, Look], names: Mapping[str, str]
    ) -> None:
        drawn = [curve_of(record, names[run], looks[run].sign, looks[run].hue) for run, record in records.items()]
        latencies = self.query_one(Percentiles)
        latencies.empty = NO_LATENCIES
        latencies.curves = tuple(curve for curve in drawn if curve)
        missing = drawn.count(None)
        panel = self.query_one("#percentiles-panel")
        panel.border_subtitle = f"{plural(missing, 'run')} without latencies" if missing else ""

    def _draw_scaling(
        self,
        groups: Sequence[tuple[Group, Fitted]],
        looks: Mapping[str, Look],
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
                sign=looks[group.largest.run_id].sign,
                hue=looks[group.largest.run_id].hue,
                measured=group.measured,
                fitted=fitted.curve,
                bound=group.bound,
            )
            for group, fitted in groups
        )
        self.query_one("#curves-panel").border_subtitle = "· possible at most: min(N / R1, limit)"
        if len(groups) > 1:
            self._draw_latencies(largest, looks, {run: f"{systems[run]}, {_clients(largest[run])}" for run in largest})
        else:
            self._draw_latencies(records, looks, names)

    def _say(self, words: Iterable[Content]) -> None:
        self.query_one("#comparison-words Static", Static).update(Content("\n").join(list(words)))

    def _in_words(
        self, records: Sequence[Record], looks: Mapping[str, Look], names: Mapping[str, str]
    ) -> Iterator[Content]:
        """How many times faster the fastest is, what each run waits for, and what else is not the same."""
        if len(records) < 2:
            yield Content.styled(SECOND_RUN, FAINT)
        ranked = sorted(filter(is_sound, records), key=lambda record: record.memories_per_s or 0.0)
        for other in ranked[:-1][:RATIOS_MAX]:
            ratio = self._ratio(ranked[-1], other)
            if ratio is not None:
                words = ratio_in_words(names[ranked[-1].run_id], names[other.run_id], ratio)
                yield Content.styled(words, "bold")
        for record in records:
            look = looks[record.run_id]
            yield Content.assemble((f"{look.sign} {names[record.run_id]}", hue_of(look.hue)), "  ", _verdict(record))
        if len(records) == 2 and (others := differences(*records)):
            yield Content.styled(f"not the same in both: {'; '.join(others)}", FAINT)

    def _ratio(self, above: Record, below: Record) -> Ratio | None:
        pair = above.run_id, below.run_id
        if pair not in self._ratios:
            self._ratios[pair] = compare(above, below)
        return self._ratios[pair]


def _verdict(record: Record) -> Content:
    """Why a run is as fast as it is, or why it tells nothing."""
    if not is_sound(record):
        return Content.styled(record.error or record.status, "$error")
    verdict = record.verdict or "no verdict"
    evidence = f": {record.verdict_evidence[0]}" if record.verdict_evidence else ""
    return Content.assemble((verdict, verdict_style(verdict)), evidence)


def _clients(record: Record) -> str:
    return plural(record.clients, "client")


def _panel(title: str, chart: Widget, id: str) -> Vertical:
    panel = Vertical(chart, id=id, classes="panel")
    panel.border_title = title
    return panel
