"""Whether every command line, however hostile, ends with exit code 0 or 2, one line at most, and nothing left behind.

Each case is a command with random options and values: numbers of every size, NaN, empty texts, Unicode, unknown flags,
duplicates, and paths to what is no file. Every fiftieth case is a new process; the others are forks of one that has
loaded the command line, through the same entry point. Nothing is measured: each `run` names something that is refused,
or asks for help. 2,500 cases take about four minutes.

    python benchmarks/faults/flags.py
    python benchmarks/faults/flags.py --cases 200 --seed 7
"""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import click

from faults.campaign import Outcome, campaign
from faults.in_process import run_forked
from faults.sandbox import Sandbox
from membench.cli.main import cli

NEW_PROCESS_EVERY = 50
_NUMBERS = ("0", "-1", "1", "1.5", "nan", "inf", "-inf", "1e400", "1e-400", "0x10", "١٢", "1_000", "9" * 30, "9" * 5000)
_TEXTS = (
    "",
    " ",
    ",",
    ",,",
    "=",
    "a=b",
    "a=",
    "=a",
    "-",
    "--",
    "é",
    "\u202e",
    "🙂" * 50,
    "%s",
    "{0}",
    "$HOME",
    "a\nb",
    "\x1b[31m",
)
_WORDS = (
    "last",
    "last~0",
    "last~" + "9" * 30,
    "mem0",
    "null",
    "x" * 4000,
    "single-add",
    "auto",
    "turns",
    "fp32",
    "5s",
    "1h",
)
_PATHS = (
    *("/", ".", "..", "/dev/full", "/dev/zero", "/dev/stdin", "/proc/self/mem", "/proc/kmsg", "~nosuchuser/x.txt"),
    *("fifo.txt", "fifo.toml", "socket.csv", "folder.txt", "folder.toml", "large.txt", "large.toml", "empty.toml"),
    *("missing.toml", "missing.txt", "a.pdf", "loop.txt", "loop.toml", "no/such/file.json", "x" * 300 + ".txt"),
)
_VALUES = (_NUMBERS, _TEXTS, _WORDS, _PATHS)
_HARMFUL = ("pull", "twin", "limit")
"""Commands that would work for long, or use the network, if a case happened to be right."""


def main() -> None:
    """Run the campaign."""
    campaign(__doc__ or "", 2500, _outcomes)


def _outcomes(chance: random.Random, cases: int) -> Iterator[Outcome]:
    with Sandbox(HF_HUB_OFFLINE="1") as sandbox:
        prepare(sandbox.work)
        for number in range(cases):
            arguments = command_line(chance)
            if number % NEW_PROCESS_EVERY and not any("\0" in argument for argument in arguments):
                yield run_forked(sandbox, arguments)
                continue
            done = sandbox.run(arguments)
            left = ", ".join(path.name for path in sandbox.leftovers())
            yield Outcome(repr(arguments), done.returncode, done.stderr.decode(errors="replace"), left)


def prepare(folder: Path) -> None:
    """Create the odd files that cases name."""
    import os

    for name in ("fifo.txt", "fifo.toml"):
        os.mkfifo(folder / name)
    with socket.socket(socket.AF_UNIX) as listener:
        current = Path.cwd()
        os.chdir(folder)  # the path of a socket must be short
        listener.bind("socket.csv")
        os.chdir(current)
    for name in ("folder.txt", "folder.toml"):
        (folder / name).mkdir()
    for name in ("loop.txt", "loop.toml"):
        (folder / name).symlink_to(name)
    for name in ("large.txt", "large.toml"):
        with (folder / name).open("wb") as file:
            file.truncate(10 << 30)
    (folder / "empty.toml").touch()


def command_line(chance: random.Random) -> list[str]:
    """Return a random command line that measures nothing."""
    names = list(cli.commands)
    command = cli.commands[name := chance.choice(names)]
    before = _options(chance, cli, 1) if chance.random() < 0.2 else []
    words = [name, *_options(chance, command, 4)]
    words += [chance.choice(chance.choice(_VALUES)) for _ in range(chance.randrange(4))]
    if isinstance(command, click.Group) and chance.random() < 0.5:
        words.append(chance.choice((*command.commands, "pul", "")))
    if name == "run" or name in _HARMFUL or not _HARMFUL_WORDS.isdisjoint(words):
        words.insert(1, chance.choice(("--help", "--no-such-option", "--model=no/such/model")))
        words.append("--corpus=missing.txt" if name == "run" else "--no-such-option")
    return [*before, *words]


_HARMFUL_WORDS = set(_HARMFUL)


def _options(chance: random.Random, command: click.Command, most: int) -> list[str]:
    words: list[str] = []
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    for _ in range(chance.randrange(most + 1) if options else 0):
        option = chance.choice(options)
        flag = chance.choice((*option.opts, *option.opts, *option.opts, "--no-such", "-x", option.opts[0][:-1]))
        value = chance.choice(chance.choice(_VALUES))
        words += [flag] if option.is_flag else [f"{flag}={value}"] if chance.random() < 0.5 else [flag, value]
    return words


if __name__ == "__main__":
    main()
