"""Reading files up to a maximum, and writing them atomically: readers find the old content or the new, never a part."""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MIB = 1 << 20
SETTINGS_BYTES_MAX = MIB
"""Most bytes of a file of scenarios, settings or presets, which people write: the built-in scenarios take 5,000."""
_DIGITS_MAX = 4300
"""Most digits of a whole number that Python reads."""
_NESTED = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){100}""")
"""A dotted key of many parts. The time that the parser takes for one grows with the square of their number."""
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
"""What is not read, because it may have no end, or may never begin."""


class FileError(Exception):
    """A file that cannot be read or written. The message is one line: the file and the reason."""

    def __init__(self, path: Path, reason: str) -> None:
        """Name the file and the reason."""
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class MissingFileError(FileError):
    """A file that does not exist."""


class ExistingFileError(FileError):
    """A file that exists, and that may not be replaced."""


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a UTF-8 file is read into a `FileError`.

    Raises:
        MissingFileError: The file does not exist.
        FileError: The file cannot be read, or is not UTF-8.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise MissingFileError(path, f"cannot be read: {_reason(error)}") from error
    except OSError as error:
        raise FileError(path, f"cannot be read: {_reason(error)}") from error
    except UnicodeDecodeError as error:
        raise FileError(path, f"is not UTF-8 (byte {error.start}); save it as UTF-8") from error


def read_bytes(path: Path, at_most: int) -> bytes:
    """Return the content of a regular file. Never waits, and never takes more memory than the maximum.

    Args:
        path: The file.
        at_most: The maximum in bytes.

    Raises:
        MissingFileError: The file does not exist.
        FileError: The file cannot be read, is larger than the maximum, or is a folder, a pipe, a socket or a device.
    """
    if "\0" in str(path):
        raise FileError(path, "cannot be read: no file has a NUL in its name")
    with read_errors(path):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise FileError(path, "is a folder; name a file in it")
        for is_kind, name in _KINDS:
            if is_kind(mode):
                raise FileError(path, f"is {name}; save what it holds in a file, and name that")
        # A file that was replaced by a pipe in the meantime must not block either.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            # The size may be wrong: a file can grow while it is read, and those in /proc state none.
            if os.fstat(descriptor).st_size <= at_most and len(content := file.read(at_most + 1)) <= at_most:
                return content
    raise FileError(path, f"is larger than {at_most // MIB} MiB, the most that is read; shorten or split it")


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file, with or without a byte order mark.

    Raises:
        MissingFileError: The file does not exist.
        FileError: The file cannot be read, is too large, is not UTF-8, or is not valid TOML.
    """
    with read_errors(path):
        text = read_bytes(path, SETTINGS_BYTES_MAX).decode("utf-8-sig")
    try:
        if _NESTED.search(text):
            raise RecursionError
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileError(path, f"is not valid TOML: {_toml_problem(error, text)}") from error


def expand_home(text: str) -> Path:
    """Return a path with `~` replaced by the home folder; `~` of an unknown user stays, and names no file."""
    return Path(os.path.expanduser(text))


def write_atomically(path: Path, content: bytes, *, make_folder: bool = False, only_new: bool = False) -> None:
    """Replace the content of a file in one step.

    The file keeps its permissions; a new file gets those that the umask allows. A symbolic link is followed. A device,
    a pipe, and the file that standard output goes to cannot be replaced, so they are written to.

    Args:
        path: The file.
        content: The whole content.
        make_folder: Create the folder of the file if it does not exist.
        only_new: Never replace a file, also not one that appears while the content is written.

    Raises:
        ExistingFileError: The file exists, and only a new one may be written.
        FileError: The file cannot be written; its old content is still there.
    """
    try:
        if is_stream(path):
            _write_to_stream(path, content)
            return
        target = _target(path)
        if make_folder:
            target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, content, only_new)
    except OSError as error:
        if only_new and isinstance(error, FileExistsError):
            raise ExistingFileError(path, "exists already; choose another file") from error
        raise FileError(path, f"cannot be written: {_reason(error)}") from error


def check_writable(path: Path) -> None:
    """Check, before a long measurement, that `write_atomically` can write the file afterwards.

    Raises:
        FileError: The file cannot be written.
    """
    try:
        if is_stream(path):
            return
        if path.is_dir():
            raise FileError(path, "is a folder; name a file in it")
        target = _target(path)
        if not target.parent.is_dir():
            raise FileError(path, f"there is no folder {target.parent}; create it first")
        if target.exists() and not os.access(target, os.W_OK):
            raise FileError(path, "is read-only; choose another file")
        with suppress(FileNotFoundError):
            target.lstat()  # a name can be too long
        temporary, descriptor = _open_temporary(target)
        os.close(descriptor)
        temporary.unlink()
    except OSError as error:
        raise FileError(path, f"cannot be written: {_reason(error)}") from error


def is_stream(path: Path) -> bool:
    """Return whether a path is a device, a pipe, or the file that our own output goes to."""
    return path.exists() and not path.is_dir() and (not path.is_file() or _own_descriptor(path) is not None)


def is_same_file(path: Path, other: Path) -> bool:
    """Return whether two paths lead to one file, under any name, also if it does not exist yet."""
    try:
        return path.samefile(other)
    except OSError:
        return os.path.realpath(path) == os.path.realpath(other)


def is_own_stdout(path: Path) -> bool:
    """Return whether a path leads to the standard output of this process."""
    return path.exists() and _own_descriptor(path) == 1


def _toml_problem(error: Exception, text: str) -> str:
    """Return why a text is not valid TOML, with the line where the parser does not name it."""
    if isinstance(error, RecursionError):
        return "its tables or lists are nested too deeply; nest them less"
    if isinstance(error, tomllib.TOMLDecodeError):
        return str(error)
    number = re.search(rf"[\d_]{{{_DIGITS_MAX},}}", text)
    place = f" (at line {text.count(chr(10), 0, number.start()) + 1})" if number else ""
    return f"a number has more than {_DIGITS_MAX:,} digits{place}; shorten it"


def _replace(target: Path, content: bytes, only_new: bool) -> None:
    temporary, descriptor = _open_temporary(target)
    try:
        with open(descriptor, "wb") as file:
            if target.exists():
                os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        if only_new:
            _claim(temporary, target)
        else:
            os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _claim(temporary: Path, target: Path) -> None:
    """Move a file to a name that no file has; in one step, because a check before a rename could be outdated."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
        os.replace(temporary, target)
    else:
        temporary.unlink()


def _open_temporary(target: Path) -> tuple[Path, int]:
    """Create a hidden file next to the target; `tempfile` would ignore the umask and make it private."""
    temporary = target.with_name(f".membench-{secrets.token_hex(8)}")
    return temporary, os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def _target(path: Path) -> Path:
    """Return the file that a symbolic link leads to, or the path itself."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _own_descriptor(path: Path) -> int | None:
    """Return the descriptor of our standard output or standard error if a path such as /dev/stdout leads to it."""
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError, AttributeError):
            if stream and os.path.samestat(path.stat(), os.fstat(stream.fileno())):
                return stream.fileno()
    return None


def _write_to_stream(path: Path, content: bytes) -> None:
    """Write after the output so far: opening the path again would start at the beginning of the file."""
    descriptor = _own_descriptor(path)
    with open(path if descriptor is None else descriptor, "wb", closefd=descriptor is None) as file:
        file.write(content)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
