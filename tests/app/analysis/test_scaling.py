"""The Universal Scalability Law: its parameters, their intervals, and the data that it does not fit."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from membench.analysis.scaling import POINTS_MIN, ScalingError, ceiling, fit, karp_flatt

CLIENTS = (1, 2, 4, 8, 16, 32)


def law(clients, single, contention, coherency):
    return single * clients / (1 + contention * (clients - 1) + coherency * clients * (clients - 1))


def curve(single=100.0, contention=0.2, coherency=0.0, clients=CLIENTS):
    return {n: [law(n, single, contention, coherency)] for n in clients}


@pytest.mark.parametrize("single", [0.5, 100.0, 1e6])
@pytest.mark.parametrize("contention", [0.0, 0.02, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("coherency", [0.0, 0.0005, 0.01])
def test_noiseless_data_give_their_parameters(single, contention, coherency):
    scaling = fit(curve(single, contention, coherency))

    assert scaling.single_memories_per_s.value == pytest.approx(single, rel=0.01)
    assert scaling.contention.value == pytest.approx(contention, abs=0.005)
    assert scaling.coherency.value == pytest.approx(coherency, abs=0.0005)
    assert scaling.residual < 0.005
    assert scaling.memories_per_s(8) == pytest.approx(law(8, single, contention, coherency), rel=0.01)


def test_the_peak_is_the_maximum_of_the_curve():
    found = fit(curve(contention=0.1, coherency=0.002)).peak
    peak = max(range(1, 200), key=lambda n: law(n, 100, 0.1, 0.002))
    highest = law(peak, 100, 0.1, 0.002)

    assert found.clients.value == pytest.approx(peak, abs=0.6)
    assert found.memories_per_s.value == pytest.approx(highest, rel=0.01)
    enough_clients = next(n / 100 for n in range(100, 20000) if law(n / 100, 100, 0.1, 0.002) >= 0.95 * highest)
    assert found.enough_clients.value == pytest.approx(enough_clients, rel=0.02)


def test_a_serial_system_peaks_at_one_client():
    scaling = fit({n: [100.0] for n in CLIENTS})

    assert scaling.contention.value == pytest.approx(1, abs=0.01)
    assert scaling.peak.memories_per_s.value == pytest.approx(100, rel=0.02)
    assert scaling.peak.enough_clients.value == pytest.approx(1, abs=0.3)


def test_a_system_that_levels_off_has_a_highest_throughput_at_no_number_of_clients():
    peak = fit(curve(contention=0.25)).peak

    assert peak.clients.value == math.inf
    assert peak.memories_per_s.value == pytest.approx(400, rel=0.02)


def test_a_system_that_grows_without_bound_has_neither():
    scaling = fit(curve(contention=0.0))

    assert scaling.contention.value == pytest.approx(0, abs=1e-3)
    assert scaling.peak.clients.value == scaling.peak.memories_per_s.value == math.inf


def disturbed(noise, repeats, seed, contention=0.2, coherency=0.002, deviation=0.04):
    """Rates of fresh processes whose relative errors have this distribution and standard deviation."""
    generator = random.Random(seed)
    errors = {
        "lognormal": lambda: generator.gauss(0, 1),
        "heavy tails": lambda: generator.gauss(0, 1) / math.sqrt(generator.gammavariate(1.5, 2)),  # Student's t, 3
    }
    true = {n: law(n, 100, contention, coherency) for n in CLIENTS}
    return {n: [rate * math.exp(deviation * errors[noise]()) for _ in range(repeats)] for n, rate in true.items()}


@pytest.mark.parametrize("noise", ["lognormal", "heavy tails"])
@pytest.mark.parametrize("repeats", [1, 3])
def test_intervals_cover_the_true_value_as_often_as_they_claim(noise, repeats):
    true = {
        "contention": 0.2,
        "coherency": 0.002,
        "single": 100.0,
        "peak clients": 20.0,
        "peak rate": law(20, 100, 0.2, 0.002),
    }
    printed = dict.fromkeys(true, 0)
    covered = dict.fromkeys(true, 0)
    for seed in range(100):
        try:
            scaling = fit(disturbed(noise, repeats, seed))
        except ScalingError:  # an outlier: nothing is printed
            continue
        found = [scaling.contention, scaling.coherency, scaling.single_memories_per_s]
        if scaling.peak:
            found += [scaling.peak.clients, scaling.peak.memories_per_s]
        for (name, value), estimate in zip(true.items(), found, strict=False):
            assert estimate.low <= estimate.value <= estimate.high
            printed[name] += 1
            covered[name] += estimate.low <= value <= estimate.high
    # Of 100 intervals of 95 %, 88 or fewer cover in 0.4 % of the cases.
    # Uncorrected, resampled residuals cover in 65 to 75 % of the cases where there is one repeat.
    assert all(printed[name] > 85 and covered[name] >= 0.89 * printed[name] for name in true), (covered, printed)


def test_repeats_narrow_an_interval():
    widths = []
    for repeats in (1, 5):
        contention = fit(disturbed("lognormal", repeats, seed=1)).contention
        widths.append(contention.high - contention.low)
    assert widths[1] < 0.6 * widths[0]


def test_points_off_the_curve_widen_intervals_however_well_they_repeat():
    exact = {n: [rate * (1 + 0.06 * (-1) ** index)] * 5 for index, (n, (rate,)) in enumerate(curve().items())}
    scaling = fit(exact)
    assert scaling.contention.high - scaling.contention.low > 0.1


def test_cores_are_named_where_clients_share_them():
    on_two_cores = {n: [100.0 * min(n, 2)] for n in CLIENTS}
    scaling = fit(on_two_cores, cores=2)

    assert not scaling.up_to_cores
    assert scaling.contention.value == pytest.approx(0.42, abs=0.01)
    assert scaling.cores_contention == pytest.approx(scaling.contention.value, abs=0.001)
    assert fit(curve(), cores=32).cores_contention is None
    assert fit(curve(), cores=0).cores_contention is None


def test_only_points_up_to_the_cores_are_fitted_where_there_are_enough():
    numbers = (1, 2, 4, 8, 12, 16, 32, 64)
    saturated = {n: [law(min(n, 16), 100, 0.02, 0.0)] for n in numbers}
    scaling = fit(saturated, cores=16)

    assert scaling.up_to_cores and scaling.clients == numbers[:6]
    assert scaling.contention.value == pytest.approx(0.02, abs=0.001)
    assert scaling.peak is None, "the points say nothing of more clients than cores"
    assert fit(saturated, cores=8).clients == numbers


def test_no_curve_has_its_peak_below_a_measured_median():
    above = 0
    for seed in range(30):
        rates = disturbed("lognormal", 3, seed, contention=0.9, coherency=0.0)
        scaling = fit(rates)
        highest = max(statistics.median(repeats) for repeats in rates.values())
        if scaling.above_peak is None:
            assert scaling.peak.memories_per_s.value >= highest * (1 - 1e-9)
        else:
            above += 1
            assert scaling.peak is None and statistics.median(rates[scaling.above_peak]) == highest
    assert 0 < above < 25, "both cases must occur"


def test_the_same_data_give_the_same_intervals():
    noisy = {n: [rate * (1 + 0.01 * n % 0.03), rate] for n, (rate,) in curve().items()}

    assert fit(noisy) == fit(noisy)


def test_the_order_of_the_data_does_not_matter():
    assert fit(dict(reversed(curve().items()))) == fit(curve())


def test_too_few_numbers_of_clients_are_refused():
    few = curve(clients=CLIENTS[: POINTS_MIN - 1])
    with pytest.raises(ScalingError, match="needs 6 numbers of clients or more, and there are 5"):
        fit(few)
    with pytest.raises(ScalingError, match="there are 5"):
        fit({**few, 32: []})


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_a_number_of_clients_without_throughput_is_refused(rate):
    with pytest.raises(ScalingError, match="has no throughput"):
        fit({**curve(), 16: [rate]})


def test_data_that_no_curve_fits_are_refused():
    with pytest.raises(ScalingError, match=r"the best curve is off by \d+ %, and at most 15 % is accepted"):
        fit({n: [100.0 if index % 2 else 900.0] for index, n in enumerate(CLIENTS)})


@pytest.mark.parametrize("serial", [0.0, 0.05, 0.2, 1.0])
def test_karp_flatt_of_amdahls_law_is_its_serial_share(serial):
    medians = {n: 50 / (serial + (1 - serial) / n) for n in CLIENTS}

    assert karp_flatt(medians) == pytest.approx(dict.fromkeys(CLIENTS[1:], serial), abs=1e-9)


def test_karp_flatt_needs_one_client():
    assert karp_flatt({2: 100.0, 4: 150.0}) == {}


def test_the_ceiling_is_the_lower_of_two_lines():
    assert ceiling(4, 0.01, None) == 400
    assert ceiling(4, 0.01, 1000) == 400
    assert ceiling(40, 0.01, 1000) == 1000
    assert math.isfinite(ceiling(1, 1e-9, None))
