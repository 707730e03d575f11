"""The files of results: written as runs end, and never in place of a file of the user."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from membench.plan.scenarios import load_catalogue
from membench.report.exports import ExportError, to_csv, to_hgrm, to_json, to_markdown
from membench.report.outputs import ResultFiles, rescue
from membench.results.history import history_files
from membench.session.measurement import Measurement
from membench.settings import config_path
from membench.spec.run import Corpus


@pytest.fixture
def record(spec, tick):
    """A record with latencies."""
    measurement = Measurement(spec(clients=2))
    measurement.feed(tick())
    return measurement.record("ok")


def test_a_plan_is_written_in_every_format(tmp_path, record):
    paths = {kind: tmp_path / f"a.{kind}" for kind in ("json", "csv", "markdown", "hgrm")}
    files = ResultFiles(**paths)
    files.check([record])

    assert files.write([record]) == list(paths.values())
    assert (tmp_path / "a.markdown").read_bytes() == to_markdown([record])
    assert (tmp_path / "a.json").read_bytes() == to_json([record])
    assert (tmp_path / "a.csv").read_bytes() == to_csv([record])
    assert (tmp_path / "a.hgrm").read_bytes() == to_hgrm(record)


def test_several_runs_have_numbered_percentile_tables(tmp_path, record):
    files = ResultFiles(hgrm=tmp_path / "a.hgrm")
    files.check([record] * 3)

    assert files.write([record], more_to_come=True) == [tmp_path / "a-1.hgrm"]
    assert files.write([record, record, record]) == [tmp_path / f"a-{number}.hgrm" for number in (1, 2, 3)]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_that_cannot_be_written_does_not_prevent_the_others(tmp_path, record):
    files = ResultFiles(json=Path("/dev/full"), csv=tmp_path / "a.csv")
    with pytest.raises(ExportError, match="/dev/full"):
        files.write([record])

    assert (tmp_path / "a.csv").read_bytes() == to_csv([record])


def test_pipes_and_devices_are_written_only_once(tmp_path, record):
    files = ResultFiles(json=Path("/dev/full"), csv=tmp_path / "a.csv")

    assert files.write([record], more_to_come=True) == [tmp_path / "a.csv"]


def test_one_file_for_two_formats_is_refused(tmp_path):
    with pytest.raises(ExportError, match=r"a\.json: is named twice"):
        ResultFiles(json=tmp_path / "a.json", csv=tmp_path / "a.json").check([])


ALIASES = {
    "itself": lambda target, path: target,
    "a symbolic link": lambda target, path: path.symlink_to(target) or path,
    "a hard link": lambda target, path: path.hardlink_to(target) or path,
    "a relative path": lambda target, path: Path(os.path.relpath(target)),
}


@pytest.fixture
def inputs(tmp_path, spec, tiny_twin):
    """Every kind of file that a plan reads or this program keeps, and the run that reads them."""
    corpus, scenarios, settings = tmp_path / "corpus.txt", tmp_path / "mine.toml", config_path()
    corpus.write_text("a text\n")
    scenarios.write_text(
        f'schema = 2\n[scenario.mine]\nsummary = "mine"\noperation = "add"\nitems = 4\ncorpus = "{corpus}"\n'
    )
    for path in (settings, *history_files()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    run = spec(corpus=Corpus(kind="file", path=str(corpus)), model=str(tiny_twin))
    named = {
        "the scenario file": scenarios,
        "a corpus": corpus,
        "the settings file": settings,
        "a file of the model": tiny_twin / "model.onnx",
        **{f"a file of the history {number}": path for number, path in enumerate(history_files())},
    }
    return run, load_catalogue(scenarios), named


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("force", [False, True], ids=["", "force"])
def test_results_never_replace_an_input(tmp_path, inputs, alias, force):
    run, catalogue, named = inputs
    for number, (kind, target) in enumerate(named.items()):
        path = ALIASES[alias](target, tmp_path / f"alias-{number}")
        with pytest.raises(ExportError) as caught:
            ResultFiles(json=path, force=force).check([run], catalogue)
        assert str(caught.value).startswith(f"{path}: is {kind.rstrip(' 0123')}, which results never replace")


def test_an_input_that_does_not_exist_yet_is_protected_too(spec):
    for path in (config_path(), *history_files()):
        path.parent.mkdir(parents=True, exist_ok=True)
        with pytest.raises(ExportError, match="which results never replace"):
            ResultFiles(json=path).check([spec()])


def test_a_file_that_exists_is_replaced_only_with_force(tmp_path, record):
    path = tmp_path / "a.json"
    path.write_text("mine")
    with pytest.raises(ExportError, match=r"a\.json: exists already; choose another file, or replace it with --force"):
        ResultFiles(json=path).check([record])
    files = ResultFiles(json=path, force=True)
    files.check([record])
    files.write([record])

    assert path.read_bytes() == to_json([record])


def test_numbered_percentile_tables_are_checked_as_well(tmp_path, record):
    (tmp_path / "a-2.hgrm").write_text("mine")
    with pytest.raises(ExportError, match=r"a-2\.hgrm: exists already"):
        ResultFiles(hgrm=tmp_path / "a.hgrm").check([record] * 2)
    with pytest.raises(ExportError, match=r"b-1\.hgrm: is named twice"):
        ResultFiles(json=tmp_path / "b-1.hgrm", hgrm=tmp_path / "b.hgrm").check([record] * 2)
    (tmp_path / "c.hgrm").write_text("mine")
    ResultFiles(hgrm=tmp_path / "c.hgrm").check([record] * 2)


def test_one_file_under_two_names_is_refused(tmp_path, record):
    (tmp_path / "link.csv").symlink_to("a.json")
    with pytest.raises(ExportError, match=r"a\.json: is named twice|link\.csv: is named twice"):
        ResultFiles(json=tmp_path / "a.json", csv=tmp_path / "link.csv").check([record])


def test_a_file_is_rewritten_as_runs_end(tmp_path, record):
    files = ResultFiles(json=tmp_path / "a.json")
    files.check([record] * 2)
    files.write([record], more_to_come=True)
    files.write([record] * 2)

    assert (tmp_path / "a.json").read_bytes() == to_json([record] * 2)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]


@pytest.mark.parametrize("when", ["before the first run ends", "between two runs"])
def test_a_file_that_another_program_writes_meanwhile_stays(tmp_path, record, when):
    path, files = tmp_path / "a.json", ResultFiles(json=tmp_path / "a.json")
    files.check([record])
    if when == "between two runs":
        files.write([record], more_to_come=True)
    path.write_text("theirs")
    with pytest.raises(ExportError, match=r"a\.json: another program has created or changed it meanwhile"):
        files.write([record])

    assert path.read_text() == "theirs" and list(tmp_path.iterdir()) == [path]


def test_a_new_file_is_created_without_hard_links(tmp_path, record, monkeypatch):
    def link(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("membench.files.os.link", link)
    files = ResultFiles(json=tmp_path / "a.json")
    files.write([record])
    assert (tmp_path / "a.json").read_bytes() == to_json([record])
    with pytest.raises(ExportError, match="another program has created"):
        ResultFiles(json=tmp_path / "a.json").write([record])


def test_rescued_results_are_json_in_the_temporary_folder(temporary, record):
    path = rescue([record])

    assert path.parent == temporary
    assert json.loads(path.read_bytes())["runs"][0]["run_id"] == "run-1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert rescue([record]) != path, "an earlier file stays"


def test_a_rescue_that_fails_leaves_no_part_of_a_file(temporary, record, monkeypatch):
    monkeypatch.setattr("membench.report.outputs.to_json", lambda records: _raise(OSError(28, "No space left")))
    with pytest.raises(ExportError, match=r"membench-.*\.json: cannot be written: No space left"):
        rescue([record])
    assert list(temporary.iterdir()) == []


def _raise(error):
    raise error
