"""The settings of the dashboard, which users keep in a file: theme, redraw rate and keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import msgspec
import platformdirs

from membench.files import (
    SETTINGS_BYTES_MAX,
    FileError,
    MissingFileError,
    read_bytes,
    read_errors,
    read_toml,
    write_atomically,
)
from membench.units import abbreviate_home, suggest

if TYPE_CHECKING:
    from tomlkit.items import String

ThemeName = Literal["dark", "light", "high-contrast", "colour-blind-safe"]
THEME_NAMES: tuple[str, ...] = get_args(ThemeName)
FPS_MIN, FPS_MAX = 0.2, 30.0
DEFAULT_FPS = 4.0


class ConfigError(Exception):
    """A problem of the settings file. The message is one line: the file, the key, and what to do."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of the dashboard."""

    theme: ThemeName = "dark"
    fps: Annotated[float, msgspec.Meta(ge=FPS_MIN, le=FPS_MAX)] = DEFAULT_FPS
    """Redraws per second during a measurement, at most."""
    quiet: bool = False
    """Draw only the elapsed time during a measurement."""
    ascii: bool | None = None
    """Draw with ASCII characters only. None: if the terminal supports no others."""
    keys: dict[str, str] = {}
    """Keys by the name of their action, such as `"live.skip" = "ctrl+n"`. Commas separate the keys of one action."""


def config_path() -> Path:
    """Return the path of the settings file. XDG_CONFIG_HOME moves it."""
    return platformdirs.user_config_path("membench-tui") / "config.toml"


def load_config(path: Path | None = None, **overrides: Any) -> Config:
    """Read the settings. A missing file leaves every setting at its default.

    Args:
        path: The file; None for the user's own.
        overrides: Settings by name that replace those of the file unless they are None.

    Raises:
        ConfigError: The file cannot be read, or one of its entries is wrong.
    """
    path = path or config_path()
    document = _read(path)
    for key in document:
        if key not in Config.__struct_fields__:
            raise _config_error(path, f"{key} is not a setting; {suggest(key, Config.__struct_fields__)}")
    try:
        config = msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        key = _failed_key(error, document)
        raise _config_error(path, f"{key} {_REQUIREMENTS[key]}") from error
    return msgspec.structs.replace(config, **{key: value for key, value in overrides.items() if value is not None})


def save_theme(theme: str, path: Path | None = None) -> None:
    """Write the theme to the settings file, and leave everything else in the file unchanged.

    Raises:
        ConfigError: The file cannot be read or written.
    """
    path = path or config_path()
    try:
        write_atomically(path, _with_theme(path, _read_bytes(path), theme), make_folder=True)
    except FileError as error:
        raise _config_error(path, error.reason) from error


def binding_error(path: Path, action: str, reason: str) -> ConfigError:
    """Return the error for an entry of the [keys] table."""
    return _config_error(path, f'keys."{action}" {reason}')


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except MissingFileError:
        return {}
    except FileError as error:
        raise _config_error(path, error.reason) from error


def _read_bytes(path: Path) -> bytes:
    try:
        with read_errors(path):
            return read_bytes(path, SETTINGS_BYTES_MAX)
    except MissingFileError:
        return b""


def _with_theme(path: Path, content: bytes, theme: str) -> bytes:
    """Return the content of a settings file with another theme; every other byte stays."""
    import tomlkit  # only to save: the first paint does without it
    from tomlkit.exceptions import TOMLKitError
    from tomlkit.items import String

    with read_errors(path):
        text = content.decode()
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise FileError(path, f"is not valid TOML: {error}") from error
    current = document.get("theme")
    if current == theme:
        return content
    if current is None:  # below the first table header, the line would belong to that table
        line_end = "\r\n" if "\r\n" in text else "\n"
        return f'{mark}theme = "{theme}"{line_end}{text}'.encode()
    if isinstance(current, String):
        document["theme"] = _quoted_like(current, theme)
    else:
        document["theme"] = theme
    return f"{mark}{tomlkit.dumps(document)}".encode()


def _quoted_like(current: String, value: str) -> String:
    """Return a string in the kind of quotes that another one has."""
    import tomlkit

    written = current.as_string()
    is_multiline = written.startswith(("'''", '"""'))
    return tomlkit.string(value, literal=written.startswith("'"), multiline=is_multiline)


_REQUIREMENTS = {
    "theme": f"must be one of {', '.join(THEME_NAMES)}",
    "fps": f"must be a number of redraws per second from {FPS_MIN:g} to {FPS_MAX:g}",
    "quiet": "must be true or false",
    "ascii": "must be true or false",
    "keys": 'must be a table of entries such as "live.skip" = "ctrl+n"',
}
"""What each setting must be."""


def _failed_key(error: msgspec.ValidationError, document: Mapping[str, Any]) -> str:
    """Return the key that msgspec names at the end of its message."""
    at = re.search(r"at `\$\.(\w+)", str(error))
    return at[1] if at else next(iter(document))


def _config_error(path: Path, problem: str) -> ConfigError:
    return ConfigError(f"{abbreviate_home(path)}: {problem}")
