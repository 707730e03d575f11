"""The files that results go to: none is an input, no two are the same, and none replaces a file unasked."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from membench.files import (
    ExistingFileError,
    FileError,
    check_writable,
    is_own_stdout,
    is_same_file,
    is_stream,
    write_atomically,
)
from membench.plan.presets import presets_path
from membench.plan.scenarios import Scenario, built_in_scenarios_path
from membench.report.exports import ExportError, Render, numbered_path, to_csv, to_hgrm, to_json, to_markdown
from membench.results.history import history_files
from membench.results.limits import limits_folder
from membench.results.record import Record
from membench.settings import config_path
from membench.spec.run import RunSpec
from membench_backends.embedding.models.cache import cached_files, files_of


def check_outputs(paths: Sequence[Path], specs: Sequence[RunSpec], catalogue: Mapping[str, Scenario] | None) -> None:
    """Check that files can be written, that no two are the same, and that nothing reads any of them.

    Args:
        paths: The files.
        specs: The runs, whose corpora and models are inputs.
        catalogue: The scenarios that were loaded.

    Raises:
        ExportError: A file cannot be written, is an input, or is named twice under whatever names.
    """
    inputs = list(_inputs(specs, catalogue or {}))
    seen: list[Path] = []
    for path in paths:
        try:
            check_writable(path)
        except FileError as error:
            raise ExportError(str(error)) from error
        streams = is_stream(path)
        if any(path == other if streams else is_same_file(path, other) for other in seen):
            raise ExportError(f"{path}: is named twice; use a different file for each format and run")
        seen.append(path)
        for kind, file in () if streams else inputs:
            if is_same_file(path, file):
                raise ExportError(f"{path}: is {kind}, which results never replace; choose another file")


def _inputs(specs: Sequence[RunSpec], catalogue: Mapping[str, Scenario]) -> Iterator[tuple[str, Path]]:
    """Yield every file that this program reads or keeps, and what it is."""
    files = {Path(scenario.file) for scenario in catalogue.values() if scenario.file}
    yield from (("the scenario file", file) for file in (*files, built_in_scenarios_path()))
    yield "the settings file", config_path()
    yield "the file of saved plans", presets_path()
    yield from (("a file of the history", path) for path in history_files())
    yield from (("a stored limit", path) for path in limits_folder().glob("*.json"))
    corpora = {spec.corpus.path for spec in specs if spec.corpus and spec.corpus.path}
    corpora |= {scenario.corpus for scenario in catalogue.values() if Path(scenario.corpus).suffix}
    yield from (("a corpus", Path(corpus)) for corpus in corpora)
    for model in {spec.model for spec in specs if spec.model}:
        yield from (("a file of the model", path) for path in files_of(model))
    yield from (("a file of the model cache", path) for path in cached_files())


class Output:
    """One file of results. It replaces what it wrote itself, and nothing else unless it may."""

    def __init__(self, path: Path, *, may_replace: bool = False) -> None:
        """Name the file, and say whether a file that exists may be replaced."""
        self.path = path
        self._may_replace = may_replace
        self._own: tuple[int, ...] | None = None
        """What identifies the file as it was written; None before."""

    def write(self, content: bytes) -> None:
        """Write the whole content.

        Raises:
            FileError: It cannot be written, or another program has created or changed the file.
        """
        is_own = self._own is not None and self._own == _identity(self.path)
        try:
            write_atomically(self.path, content, only_new=not (self._may_replace or is_own))
        except ExistingFileError as error:
            reason = "another program has created or changed it meanwhile; it stays as it is"
            raise FileError(self.path, reason) from error
        self._own = _identity(self.path)


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class ResultFiles:
    """The files of one plan's results, rewritten after every run so that no result is lost."""

    def __init__(
        self,
        json: Path | None = None,
        csv: Path | None = None,
        hgrm: Path | None = None,
        markdown: Path | None = None,
        *,
        force: bool = False,
    ) -> None:
        """Name the files; `-` is standard output. With `force`, files that exist are replaced."""
        renders = ((json, to_json), (csv, to_csv), (markdown, self._to_markdown))
        self._renders: list[tuple[Path, Render]] = [(_real_path(path), render) for path, render in renders if path]
        self._hgrm = _real_path(hgrm) if hgrm else None
        self._is_numbered = False
        self._catalogue: Mapping[str, Scenario] | None = None
        self._force = force
        self._outputs: dict[Path, Output] = {}

    @property
    def use_stdout(self) -> bool:
        """Whether one of the files is standard output, which then must carry nothing else."""
        return any(map(is_own_stdout, self._paths(runs=1)))

    @property
    def has_all(self) -> bool:
        """Whether a file that stays has all that is known of the runs."""
        return any(render is to_json and not is_stream(path) for path, render in self._renders)

    def check(self, specs: Sequence[RunSpec], catalogue: Mapping[str, Scenario] | None = None) -> None:
        """Check that all files can be written, and that none replaces another file.

        Args:
            specs: The runs; the percentile tables of more than one are numbered.
            catalogue: The scenarios of the plan, with their published figures; by default the built-in ones.

        Raises:
            ExportError: A file cannot be written, exists already, is an input, or two are the same.
        """
        self._is_numbered, self._catalogue = len(specs) > 1, catalogue
        paths = self._paths(len(specs))
        check_outputs(paths, specs, catalogue)
        for path in paths:
            if not self._force and path.exists() and not is_stream(path):
                raise ExportError(f"{path}: exists already; choose another file, or replace it with --force")

    def write(self, records: Sequence[Record], more_to_come: bool = False) -> list[Path]:
        """Write all files. A file that cannot be written does not prevent the others.

        Args:
            records: The runs finished so far.
            more_to_come: More runs follow. Skip pipes and devices, which cannot be rewritten.

        Returns:
            The files written.

        Raises:
            ExportError: At least one file could not be written.
        """
        problems, written = [], []
        for path, content in self._contents(records):
            if more_to_come and is_stream(path):
                continue
            try:
                self._outputs.setdefault(path, Output(path, may_replace=self._force)).write(content)
                written.append(path)
            except FileError as error:
                problems.append(str(error))
        if problems:
            raise ExportError("; ".join(problems))
        return written

    def _paths(self, runs: int) -> list[Path]:
        tables = [self._table_path(number) for number in range(1, runs + 1)] if self._hgrm else []
        # A pipe takes the tables of all runs under its one name.
        return [*(path for path, _ in self._renders), *dict.fromkeys(tables)]

    def _contents(self, records: Iterable[Record]) -> list[tuple[Path, bytes]]:
        records = list(records)
        contents = [(path, render(records)) for path, render in self._renders]
        if self._hgrm:
            contents += [(self._table_path(number), to_hgrm(record)) for number, record in enumerate(records, 1)]
        return contents

    def _to_markdown(self, records: Sequence[Record]) -> bytes:
        return to_markdown(records, self._catalogue)

    def _table_path(self, number: int) -> Path:
        assert self._hgrm
        return numbered_path(self._hgrm, number) if self._is_numbered and not is_stream(self._hgrm) else self._hgrm


def rescue(records: Sequence[Record]) -> Path:
    """Write results as JSON to a new file in the temporary folder, because their own file could not be written.

    Only the user can read the file: the folder is shared with others, and so is its name.

    Raises:
        ExportError: This file cannot be written either.
    """
    name = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f"membench-{records[0].plan_id}-", suffix=".json")
        with open(descriptor, "wb") as file:
            file.write(to_json(records))
        return Path(name)
    except OSError as error:
        if name:
            os.unlink(name)
        folder = Path(name or tempfile.gettempdir())
        raise ExportError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _real_path(path: Path) -> Path:
    return Path("/dev/stdout") if str(path) == "-" else path
