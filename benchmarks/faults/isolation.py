"""What a program looks up, connects to and leaves behind: a network namespace that nothing gets out of.

Its only interface is loopback. Every address leads back into the namespace, where each packet to an address other than
loopback is logged, whatever code sent it. A resolver logs every name, and answers with an address, so that what would
follow a look-up is seen as well. Needs Linux, `unshare` and `ip`; root or user namespaces.

python isolation.py LOG COMMAND [ARGUMENT]...    is what runs in the namespace, and runs the command there
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from membench_backends.privacy import SWITCHES

LOOK_UP, PACKET = "look-up", "packet"
_ANSWER = "192.0.2.1"
"""The address of every name: one reserved for documentation."""
_ETH_P_ALL, _PACKET_OUTGOING = 3, 4
_TCP, _UDP = 6, 17
_SYN, _ACK = 0x02, 0x10
_NSCD = ("/run/nscd", "/var/run/nscd")
_SETTLE_S = 0.2
_OWN = "membench-tui"
_CI = [
    "CI",
    "TF_BUILD",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "CIRCLECI",
    "TRAVIS",
    "JENKINS_URL",
    "CODEBUILD_BUILD_ID",
    "BUILDKITE",
    "TEAMCITY_VERSION",
    "APPVEYOR",
    "BITBUCKET_BUILD_NUMBER",
    "ORT_RUNNING_UNIT_TESTS",
]
_Write = Callable[[str, str], None]


class Traffic(NamedTuple):
    """What a program tried to reach, in order."""

    look_ups: tuple[str, ...]
    """Names that it asked the resolver for."""
    packets: tuple[str, ...]
    """Addresses other than loopback, with their ports, that it sent something to."""


class Isolated(NamedTuple):
    """A command that has run in such a namespace."""

    returncode: int
    output: str
    """Its standard output and its standard error."""
    traffic: Traffic


def why_unavailable() -> str:
    """Return why there can be no such namespace here; empty if there can."""
    for program in ("unshare", "ip"):
        if shutil.which(program) is None:
            return f"needs {program}, which is not installed"
    attempt = run_isolated(["true"], os.environ, timeout_s=30)
    return f"no network namespace here: {attempt.output.strip()}" if attempt.returncode else ""


def run_isolated(
    command: Sequence[str | Path], environment: Mapping[str, str], timeout_s: float, folder: Path | None = None
) -> Isolated:
    """Run a command in a namespace of its own, to its end.

    Args:
        command: A program and its arguments.
        environment: Its environment variables.
        timeout_s: How long it may take.
        folder: Its current folder.

    Raises:
        subprocess.TimeoutExpired: It took too long, and has been killed.
    """
    with tempfile.TemporaryDirectory(prefix="isolation-") as own_folder:
        log = Path(own_folder) / "traffic"
        process = subprocess.Popen(
            isolated_command(log, command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout_s)
        finally:
            with suppress(ProcessLookupError):  # of a command that took too long
                os.killpg(process.pid, signal.SIGKILL)
        return Isolated(process.returncode, output.decode(errors="replace"), traffic_in(log))


def isolated_command(log: Path, command: Sequence[str | Path]) -> list[str]:
    """Return the command line that runs a command in a namespace and logs its traffic to a file."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *as_root, "--net", "--mount", sys.executable, __file__, str(log), *map(str, command)]


def traffic_in(log: Path) -> Traffic:
    """Return what a log contains; a log that does not exist is empty."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    pairs = [line.split(" ", 1) for line in lines]
    return Traffic(
        tuple(name for kind, name in pairs if kind == LOOK_UP),
        tuple(name for kind, name in pairs if kind == PACKET),
    )


def outspoken(environment: Mapping[str, str], cache: Path) -> dict[str, str]:
    """Return an environment in which libraries report whatever they ever would, if the program lets them.

    Args:
        environment: What to start from. Where it says that this is a CI build, libraries are silent; where it names a
            proxy, what they send would look like traffic to that.
        cache: The folder for caches, which libraries would use for their own as well.
    """
    opposites = {"1": "0", "0": "1", "true": "false", "false": "true", "True": "False", "False": "True"}
    dropped = {*_CI, "FASTEMBED_CACHE_PATH", "HF_ENDPOINT", "HF_HUB_OFFLINE", "MEM0_DIR"}
    kept = (name for name in environment if name not in dropped and not name.lower().endswith("_proxy"))
    return {
        **{name: environment[name] for name in kept},
        **{switch.variable: opposites[switch.value] for switch in SWITCHES},
        "XDG_CACHE_HOME": str(cache),
    }


def strays(root: Path) -> list[Path]:
    """Return the files and the empty folders below the folders of a sandbox that are not in a folder of this program.

    Args:
        root: The folder that contains the home folder, the one for temporary files, and the like.
    """
    return sorted(
        path.relative_to(root)
        for path in root.glob("*/**/*")
        if _OWN not in path.relative_to(root).parts and not (path.is_dir() and any(path.iterdir()))
    )


def main() -> None:
    """Set the namespace up, run the command in it, and end with its exit code."""
    log_path, *command = sys.argv[1:]
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "route", "add", "local", "default", "dev", "lo")
    subprocess.run(["ip", "-6", "route", "add", "local", "default", "dev", "lo"], check=False, capture_output=True)
    with tempfile.TemporaryDirectory(prefix="isolation-") as folder, open(log_path, "a", buffering=1) as log:
        _ask_own_resolver(Path(folder))
        resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        resolver.bind(("127.0.0.1", 53))
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        wire.bind(("lo", _ETH_P_ALL))

        def write(kind: str, name: str) -> None:
            log.write(f"{kind} {name}\n")

        threading.Thread(target=_answer, args=(resolver, write), daemon=True).start()
        threading.Thread(target=_watch, args=(wire, write), daemon=True).start()
        process = subprocess.Popen(command)
        for number in (signal.SIGHUP, signal.SIGTERM):  # are for the command, which is watched until its end
            signal.signal(number, lambda number, _: process.send_signal(number))
        code = process.wait()
        threading.Event().wait(_SETTLE_S)
    sys.exit(code if code >= 0 else 128 - code)


def _ask_own_resolver(folder: Path) -> None:
    """Let this namespace's processes look names up at 127.0.0.1, and nowhere else, such as at a daemon outside."""
    files = {
        "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1\n",
        "/etc/nsswitch.conf": "hosts: files dns\n",
    }
    for path, content in files.items():
        if Path(path).exists():
            own = folder / Path(path).name
            own.write_text(content, encoding="ascii")
            _run("mount", "--bind", str(own), path)
    (folder / "empty").mkdir()
    for path in {str(Path(path).resolve()) for path in _NSCD if Path(path).is_dir()}:
        _run("mount", "--bind", str(folder / "empty"), path)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")


def _answer(resolver: socket.socket, write: _Write) -> None:
    """Log and answer queries: an IPv4 address for each name, and nothing for other types of records."""
    while True:
        query, sender = resolver.recvfrom(4096)
        labels, position = [], 12
        while length := query[position]:
            labels.append(query[position + 1 : position + 1 + length].decode("latin-1"))
            position += length + 1
        question = query[12 : position + 5]
        write(LOOK_UP, ".".join(labels))
        is_address = struct.unpack("!H", question[-4:-2])[0] == 1
        header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, int(is_address), 0, 0)
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(_ANSWER)
        resolver.sendto(header + question + record * is_address, sender)


def _watch(wire: socket.socket, write: _Write) -> None:
    """Log the first packet of each TCP connection, and each UDP packet, to an address that is not loopback."""
    while True:
        packet, (_, _, direction, *_) = wire.recvfrom(1 << 16)
        if direction == _PACKET_OUTGOING and (destination := _destination(packet)):
            write(PACKET, destination)


def _destination(packet: bytes) -> str | None:
    if packet[0] >> 4 == 4:
        protocol, address, payload = packet[9], packet[16:20], packet[4 * (packet[0] & 0xF) :]
    else:
        protocol, address, payload = packet[6], packet[24:40], packet[40:]
    to = ipaddress.ip_address(address)
    is_first = protocol == _UDP or (protocol == _TCP and payload[13] & (_SYN | _ACK) == _SYN)
    if to.is_loopback or not is_first:
        return None
    return f"{to} port {struct.unpack('!H', payload[2:4])[0]}"


if __name__ == "__main__":
    main()
