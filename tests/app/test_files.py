"""Reading files with errors that name them, and writing files whole or not at all."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from membench import files
from membench.files import (
    FileError,
    MissingFileError,
    check_writable,
    is_stream,
    read_bytes,
    read_toml,
    write_atomically,
)

NO_SPACE = OSError(28, "No space left on device")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.json"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_toml_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    for content in (b'name = "M\xc3\xbc"\n', b'\xef\xbb\xbfname = "M\xc3\xbc"\n'):
        (tmp_path / "a.toml").write_bytes(content)
        assert read_toml(tmp_path / "a.toml") == {"name": "Mü"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a = \n", "is not valid TOML: Invalid value (at line 1, column 5)"),
        pytest.param(
            b"a = " + b"[" * 20_000, "is not valid TOML: its tables or lists are nested too deeply", id="deep"
        ),
        pytest.param(b"a" + b".a" * 20_000, "is not valid TOML: its tables or lists are nested too deeply", id="dots"),
        pytest.param(
            b"a = 1\nb = " + b"1" * 5000,
            "is not valid TOML: a number has more than 4,300 digits (at line 2)",
            id="digits",
        ),
        pytest.param(b"#" * 1_048_577, "is larger than 1 MiB, the most that is read; shorten or split it", id="large"),
        ('a = "Müßig"\n'.encode("latin-1"), "is not UTF-8 (byte 6); save it as UTF-8"),
    ],
)
def test_bad_toml_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        read_toml(path)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)


def test_nothing_is_read_that_may_have_no_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10 << 30)
    for path, reason in (
        (tmp_path / "pipe", "is a pipe; save what it holds in a file, and name that"),
        (tmp_path / "socket", "is a socket; save what it holds in a file, and name that"),
        (Path("/dev/zero"), "is a device; save what it holds in a file, and name that"),
        (tmp_path / "sparse", "is larger than 3 MiB, the most that is read; shorten or split it"),
        (tmp_path / "nul\0", "cannot be read: no file has a NUL in its name"),
    ):
        with pytest.raises(FileError) as caught:
            read_bytes(path, 3 << 20)
        assert caught.value.reason == reason


def test_a_file_that_states_no_size_is_read_up_to_the_maximum() -> None:
    assert read_bytes(Path("/proc/self/status"), 1 << 20).startswith(b"Name:")
    with pytest.raises(FileError, match="is larger than 0 MiB"):
        read_bytes(Path("/proc/self/status"), 5)


def test_a_missing_file_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.toml: cannot be read: No such file or directory"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(FileError, match="is a folder; name a file in it") as caught:
        read_toml(tmp_path)
    assert not isinstance(caught.value, MissingFileError)


def test_a_file_is_written_and_its_neighbours_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("other")
    write_atomically(tmp_path / "a.json", b"new")

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"other": b"other", "a.json": b"new"}


@pytest.mark.parametrize("error", [NO_SPACE, KeyboardInterrupt()])
@pytest.mark.parametrize(
    ("call", "before"),
    [("fsync", None), ("fsync", b"old"), ("replace", None), ("replace", b"old"), ("fchmod", b"old")],
)
def test_an_interrupted_write_leaves_the_old_content_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, before: bytes | None, error: BaseException
) -> None:
    if before is not None:
        path.write_bytes(before)

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(files.os, call, fail)
        with pytest.raises(FileError if error is NO_SPACE else KeyboardInterrupt) as caught:
            write_atomically(path, b"new")

    if error is NO_SPACE:
        assert str(caught.value) == f"{path}: cannot be written: No space left on device"
    assert [each.read_bytes() for each in path.parent.iterdir()] == ([] if before is None else [before])


def test_a_process_killed_while_it_writes_leaves_the_old_content(path: Path) -> None:
    path.write_bytes(b"old")
    code = f"""
import os, signal
from pathlib import Path
from membench.files import write_atomically
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
write_atomically(Path({str(path)!r}), b"new")
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert path.read_bytes() == b"old"


def test_content_larger_than_a_full_file_system_leaves_the_old_content(path: Path) -> None:
    path.write_bytes(b"old")
    code = f"""
import resource, signal
from pathlib import Path
from membench.files import FileError, write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
try:
    write_atomically(Path({str(path)!r}), bytes(1 << 20))
except FileError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == f"{path}: cannot be written: File too large\n"
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == {"a.json": b"old"}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_permissions_of_a_file_are_kept(path: Path, mode: int) -> None:
    path.touch()
    path.chmod(mode)
    write_atomically(path, b"new")

    assert (mode_of(path), path.read_bytes()) == (mode, b"new")


def test_a_new_file_has_the_permissions_that_the_umask_allows(path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_atomically(path, b"new")
    finally:
        os.umask(mask)

    assert mode_of(path) == 0o640


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_symbolic_link_is_followed_and_stays(tmp_path: Path, before: bytes | None) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "target.json", tmp_path / "link.json"
    if before is not None:
        target.write_bytes(before)
    link.symlink_to(target)
    check_writable(link)
    write_atomically(link, b"new")

    assert link.is_symlink() and not target.is_symlink()
    assert target.read_bytes() == b"new"
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


def test_a_missing_folder_is_created_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "below" / "further" / "a.json"
    with pytest.raises(FileError, match="cannot be written: No such file or directory"):
        write_atomically(path, b"new")
    assert not path.parent.parent.exists()
    write_atomically(path, b"new", make_folder=True)

    assert path.read_bytes() == b"new"


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"cannot be written: (Not a directory|File exists)"):
        write_atomically(tmp_path / "file" / "a.json", b"new", make_folder=True)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "is a folder; name a file in it"),
        ("missing/a.json", "there is no folder {}/missing; create it first"),
        ("file/a.json", "there is no folder {}/file; create it first"),
        ("link.json", "there is no folder {}/missing; create it first"),
        ("x" * 300, "cannot be written: File name too long"),
    ],
)
def test_a_path_that_cannot_be_written_is_found_before(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link.json").symlink_to(tmp_path / "missing" / "a.json")
    with pytest.raises(FileError) as caught:
        check_writable(tmp_path / name)

    assert str(caught.value) == f"{tmp_path / name}: {reason.format(tmp_path)}"


def test_a_read_only_file_is_found_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.touch()
    # Root may write every file, so the mode of a real file would not show this.
    monkeypatch.setattr(files.os, "access", lambda target, mode: (target, mode) != (path, os.W_OK))
    with pytest.raises(FileError, match=r"a\.json: is read-only; choose another file"):
        check_writable(path)


def test_a_folder_that_takes_no_files_is_found_before() -> None:
    with pytest.raises(FileError, match=r"/proc/a\.json: cannot be written: "):
        check_writable(Path("/proc/a.json"))


def test_a_check_leaves_nothing_behind(path: Path) -> None:
    check_writable(path)

    assert list(path.parent.iterdir()) == []


def test_a_device_is_written_to_and_stays_a_device() -> None:
    full = Path("/dev/full")
    check_writable(full)
    with pytest.raises(FileError, match="/dev/full: cannot be written: No space left on device"):
        write_atomically(full, b"new")

    assert is_stream(full) and stat.S_ISCHR(full.stat().st_mode)


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    check_writable(path)
    write_atomically(path, b"new")

    assert os.read(reader, 100) == b"new"
    assert is_stream(path) and stat.S_ISFIFO(path.stat().st_mode)
    os.close(reader)


@pytest.mark.parametrize("name", ["/dev/stdout", "out.txt"])
def test_the_file_that_receives_our_output_is_appended_to(tmp_path: Path, name: str) -> None:
    code = f"""
from pathlib import Path
from membench.files import is_own_stdout, write_atomically
print("before", flush=True)
write_atomically(Path({name!r}), b"the file\\n")
print(is_own_stdout(Path({name!r})), is_own_stdout(Path("other.txt")), flush=True)
"""
    (tmp_path / "other.txt").touch()
    with (tmp_path / "out.txt").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, cwd=tmp_path, check=True)

    assert (tmp_path / "out.txt").read_text() == "before\nthe file\nTrue False\n"
