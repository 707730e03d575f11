"""Nothing uses the network or leaves files with others, even where the user's settings allow it.

`benchmarks/faults/no_network.py` checks this for every backend, store, strategy and command.
"""

from __future__ import annotations

import sys
from functools import cache

import pytest
from benchmarks.faults.isolation import outspoken, run_isolated, strays, why_unavailable
from benchmarks.faults.sandbox import COMMAND, Sandbox

TIMEOUT_S = 180
REPORTS_AFTER_S = 10
"""ONNX Runtime uploads after this time."""
MEASURED_S = REPORTS_AFTER_S + 3
USES_THE_NETWORK = """
import socket
socket.socket().connect_ex((socket.gethostbyname("looked-up.example"), 80))
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("198.51.100.7", 9))
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname())
"""

why_unavailable = cache(why_unavailable)


@pytest.fixture
def isolated():
    """A function that runs a program in a fresh home and an isolated network; what it tried to send, and strays."""
    if reason := why_unavailable():
        pytest.skip(reason)
    with Sandbox() as sandbox:

        def run(*command, code=0):
            environment = outspoken(sandbox.environment, sandbox.root / "cache")
            done = run_isolated(command, environment, TIMEOUT_S, sandbox.work)
            assert done.returncode == code, done.output
            return done.traffic, [str(path) for path in strays(sandbox.root)]

        yield run


def test_the_check_sees_look_ups_and_packets_but_not_loopback(isolated):
    (look_ups, packets), _ = isolated(sys.executable, "-c", USES_THE_NETWORK)

    assert set(look_ups) == {"looked-up.example"}
    assert packets == ("192.0.2.1 port 80", "198.51.100.7 port 9")


def test_the_check_sees_files_in_the_home_and_temporary_folders(isolated):
    script = "import os, pathlib; [pathlib.Path(os.environ[name], 'stray').touch() for name in ('HOME', 'TMPDIR')]"
    _, left = isolated(sys.executable, "-c", script)

    assert left == ["home/stray", "tmp/stray"]


@pytest.mark.xdist_group("measures")
def test_a_run_of_mem0_uses_no_network_and_leaves_only_its_own_files(isolated, tiny_twin):
    options = ("--backend", "mem0", "--model", tiny_twin, "--clients", "2", "--duration", f"{MEASURED_S}s")

    assert isolated(COMMAND, "run", "steady-add", *options) == (((), ()), [])


@pytest.mark.parametrize("command", ["limit --texts 8 --passes 1 --precision int8 --model", "doctor", "list"])
def test_a_command_uses_no_network_and_leaves_only_its_own_files(isolated, tiny_twin, command):
    words = command.split()

    assert isolated(COMMAND, *words, *([tiny_twin] if words[-1] == "--model" else [])) == (((), ()), [])


def test_only_a_download_uses_the_network_and_only_that_of_the_hub(isolated):
    (look_ups, packets), left = isolated(COMMAND, "models", "pull", code=1)

    assert set(look_ups) == {"huggingface.co"}
    assert set(packets) == {"192.0.2.1 port 443"}
    assert left == []
