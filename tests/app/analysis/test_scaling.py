"""The Universal Scalability Law: its parameters, their intervals, and the data that it does not fit."""

from __future__ import annotations

import math
import random

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
    scaling = fit(curve(contention=0.1, coherency=0.002))
    peak = max(range(1, 200), key=lambda n: law(n, 100, 0.1, 0.002))
    highest = law(peak, 100, 0.1, 0.002)

    assert scaling.peak_clients.value == pytest.approx(peak, abs=0.6)
    assert scaling.peak_memories_per_s.value == pytest.approx(highest, rel=0.01)
    enough_clients = next(n / 100 for n in range(100, 20000) if law(n / 100, 100, 0.1, 0.002) >= 0.95 * highest)
    assert scaling.enough_clients.value == pytest.approx(enough_clients, rel=0.02)


def test_a_serial_system_peaks_at_one_client():
    scaling = fit({n: [100.0] for n in CLIENTS})

    assert scaling.contention.value == pytest.approx(1, abs=0.01)
    assert scaling.peak_memories_per_s.value == pytest.approx(100, rel=0.02)
    assert scaling.enough_clients.value == pytest.approx(1, abs=0.3)


def test_a_system_that_levels_off_has_a_highest_throughput_but_no_peak():
    scaling = fit(curve(contention=0.25))

    assert scaling.peak_clients is None
    assert scaling.peak_memories_per_s.value == pytest.approx(400, rel=0.02)


def test_a_system_that_grows_without_bound_has_neither():
    scaling = fit(curve(contention=0.0))

    assert scaling.contention.value == pytest.approx(0, abs=1e-3)
    assert scaling.peak_clients is None


@pytest.mark.parametrize("repeats", [1, 3, 5])
def test_intervals_cover_the_true_value_in_most_cases(repeats):
    covered = 0
    for seed in range(8):
        generator = random.Random(seed)
        noisy = {n: [rate * generator.gauss(1, 0.03) for _ in range(repeats)] for n, (rate,) in curve().items()}
        scaling = fit(noisy, seed)
        assert scaling.contention.low <= scaling.contention.value <= scaling.contention.high
        assert scaling.contention.value == pytest.approx(0.2, abs=0.1)
        covered += scaling.contention.low <= 0.2 <= scaling.contention.high
    # Bootstrap intervals from few values are too narrow: half of the cases is a lower bound, not the aim.
    assert covered >= 4


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
