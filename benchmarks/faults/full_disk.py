"""Fill the disk under each kind of file that the program writes, and show that nothing is lost and nothing crashes.

Sixteen cases: settings, saved plans, history, exports, results, logs, temporary files, model cache, standard output.
No command may end with a traceback, old files stay as they were, and a finished run is in the history, on standard
output, or in a file that the output names. Takes about a minute. As root, a full tmpfs is mounted on the folder;
otherwise, no file of the command may grow (RLIMIT_FSIZE), which is harder on it. The output says which was used.

python benchmarks/faults/full_disk.py [--seed N] [--cases N]
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.sandbox import Sandbox

RUN = ("run", "concurrent-add", "--backend", "null", "--items", "40", "--clients", "2", "--repeats", "1")
EMBED = ("run", "concurrent-add", "--backend", "fastembed", "--strategy", "mutex", "--items", "8", "--clients", "1")
THEME = "from membench.settings import save_theme; save_theme('light')"
PRESET = (
    "from membench.plan.presets import save_preset; from membench.plan.options import Choice; "
    "save_preset('mine', Choice())"
)


class Case(NamedTuple):
    """One command on a full disk."""

    name: str
    folders: tuple[str, ...]
    """The folders of the sandbox that are full."""
    command: tuple[str, ...]
    codes: tuple[int, ...]
    """The exit codes that are right."""
    is_python: bool = False
    """Whether the command is a line of Python, of which only the last line of the error counts."""
    is_run: bool = False
    """Whether it measures a run, which then must be found somewhere."""


CASES = (
    Case("new settings", ("config",), (THEME,), (1,), is_python=True),
    Case("existing settings", ("config/membench-tui",), (THEME,), (1,), is_python=True),
    Case("saved plans", ("config",), (PRESET,), (1,), is_python=True),
    Case("history of a run", ("data/membench-tui",), RUN, (0,), is_run=True),
    Case("history and temporary files", ("data/membench-tui", "tmp"), RUN, (0, 1)),
    Case("forget", ("data/membench-tui",), ("forget", "last"), (2,)),
    Case("reading the history", ("data/membench-tui",), ("history",), (0, 2)),
    Case("export --csv", ("work",), ("export", "last", "--csv", "o.csv"), (1, 2)),
    Case("export --json", ("work",), ("export", "last", "--json", "o.json"), (1, 2)),
    Case("export --markdown", ("work",), ("export", "last", "--markdown", "o.md"), (1, 2)),
    Case("export --hgrm", ("work",), ("export", "last", "--hgrm", "o.hgrm"), (1, 2)),
    Case("results of a run", ("work",), (*RUN, "--json", "o.json"), (1, 2), is_run=True),
    Case("logs", ("state",), RUN, (0, 1, 2)),
    Case("temporary files", ("tmp",), RUN, (0, 1, 2)),
    Case("model cache", ("cache",), EMBED, (1, 2)),
    Case("standard output", (), ("export", "last", "--csv", "-"), (1, 2)),
)


def can_mount() -> bool:
    """Return whether this process may mount a tmpfs."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True).returncode:
            return False
        subprocess.run(["umount", folder], check=True)
    return True


@contextmanager
def full_disk(folder: Path, generator: random.Random) -> Iterator[None]:
    """Mount a full tmpfs on a folder, with what the folder held and a few bytes that are left."""
    folder.mkdir(parents=True, exist_ok=True)
    held = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    try:
        for name, content in held.items():
            (folder / name).write_bytes(content)
        with suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(generator.randint(1, 4096)))
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def limit_files() -> None:
    """Let no file of this process grow."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def check(case: Case, history: Path, mounts: bool, generator: random.Random) -> list[str]:
    """Return what went wrong in a case."""
    with Sandbox() as sandbox:
        settings = sandbox.root / "config" / "membench-tui" / "config.toml"
        stored = sandbox.root / "data" / "membench-tui" / "history.sqlite3"
        stored.parent.mkdir()
        shutil.copyfile(history, stored)
        if case.name == "existing settings":
            settings.parent.mkdir()
            settings.write_text("fps = 2\n")
        if "cache" in case.folders:
            sandbox.environment["XDG_CACHE_HOME"] = str(sandbox.root / "cache")
        disks = [full_disk(sandbox.root / folder, generator) for folder in case.folders] if mounts else []
        options: dict[str, Any] = {} if mounts or not case.folders else {"preexec_fn": limit_files}
        if not case.folders:
            options |= {"capture_output": False, "stdout": open("/dev/full", "wb"), "stderr": subprocess.PIPE}  # noqa: SIM115
        for disk in disks:
            disk.__enter__()
        try:
            if case.is_python:
                done = subprocess.run(
                    [sys.executable, "-c", *case.command], env=sandbox.environment, capture_output=True, **options
                )
            else:
                done = sandbox.run(case.command, **options)
            problems = judge(case, done)
            if case.name == "existing settings" and settings.read_text() != "fps = 2\n":
                problems.append("the settings were damaged")
            if stored.read_bytes()[:15] != b"SQLite format 3":
                problems.append("the history was damaged")
        finally:
            for disk in reversed(disks):
                disk.__exit__(None, None, None)
        return [f"{case.name}: {problem}" for problem in problems]


def judge(case: Case, done: subprocess.CompletedProcess[bytes]) -> list[str]:
    """Return what is wrong with the outcome of a command."""
    error, problems = done.stderr.decode(errors="replace"), []
    if done.returncode not in case.codes:
        problems.append(f"exit code {done.returncode}, expected {case.codes}: {error[-400:]}")
    last = error.strip().splitlines()[-1:] or [""]
    if case.is_python and "Error: " not in last[0]:
        problems.append(f"no error of ours: {last[0]}")
    if not case.is_python and "Traceback" in error:
        problems.append(f"traceback: {error[-600:]}")
    if case.is_run and done.returncode != 2:
        rescued = re.search(r"the results are in (\S+)", error)
        if rescued is None or not Path(rescued[1]).is_file():
            problems.append(f"the run is lost: {error[-400:]}")
    return problems


def main() -> int:
    """Check as many cases as asked for, in turn, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=len(CASES))
    arguments = parser.parse_args()
    mounts, failures = can_mount(), 0
    print(f"full disks: {'tmpfs mounts' if mounts else 'RLIMIT_FSIZE, because nothing can be mounted here'}")
    with Sandbox() as source:
        source.run(RUN)
        history = source.root / "data" / "membench-tui" / "history.sqlite3"
        for number in range(arguments.cases):
            case = CASES[number % len(CASES)]
            if problems := check(case, history, mounts, random.Random(arguments.seed + number)):
                failures += 1
                if failures <= 5:
                    print(*problems, sep="\n", flush=True)
    print(f"{arguments.cases} cases, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
