"""What a person sets for the dashboard in a file: theme, redraw rate, keys."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
import platformdirs

from membench.units import from_home, suggest

ThemeName = Literal["dark", "light", "high-contrast", "colour-blind-safe"]
THEME_NAMES: tuple[str, ...] = get_args(ThemeName)
FPS_LEAST, FPS_MOST = 0.2, 30.0
DEFAULT_FPS = 4.0


class ConfigError(Exception):
    """The file does not say what it must; one line that names the file, the key and what to do."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of the dashboard."""

    theme: ThemeName = "dark"
    fps: Annotated[float, msgspec.Meta(ge=FPS_LEAST, le=FPS_MOST)] = DEFAULT_FPS
    """The most redraws a second while something is measured."""
    quiet: bool = False
    """Draw nothing but the elapsed time while something is measured."""
    ascii: bool | None = None
    """Draw with ASCII alone; None: where the terminal knows no more."""
    keys: dict[str, str] = {}
    """Keys by the id of what they do, `live.skip = "ctrl+n"`; several with commas between them."""


def config_path() -> Path:
    """Where the settings are kept; XDG_CONFIG_HOME moves it."""
    return platformdirs.user_config_path("membench-tui") / "config.toml"


def load_config(path: Path | None = None, **given: Any) -> Config:
    """Read the settings; those that are `given` and not None go before what the file says.

    Raises:
        ConfigError: The file cannot be read, or an entry of it is wrong.
    """
    path = path or config_path()
    document = _parse(path)
    for key in document:
        if key not in Config.__struct_fields__:
            raise _wrong(path, key, f"is no setting; {suggest(key, Config.__struct_fields__)}")
    try:
        config = msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise _wrong(path, *_readable(str(error), document)) from error
    return msgspec.structs.replace(config, **{key: value for key, value in given.items() if value is not None})


def keep_theme(theme: str, path: Path | None = None) -> None:
    """Write a theme into the file, and leave all else in it as it is.

    Raises:
        OSError: It cannot be written.
    """
    path = path or config_path()
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    line = f'theme = "{theme}"'
    head, tables = _split(text)
    head, found = re.subn(r"(?m)^\s*theme\s*=.*$", line, head, count=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".", delete=False) as file:
        file.write((head if found else f"{line}\n{head}") + tables)
    os.replace(file.name, path)


def key_error(path: Path, name: str, reason: str) -> ConfigError:
    """What is wrong with an entry of [keys]."""
    return _wrong(path, f'keys."{name}"', reason)


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{from_home(path)}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{from_home(path)}: is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{from_home(path)}: is not valid TOML: {error}") from error


def _wrong(path: Path, key: str, reason: str) -> ConfigError:
    return ConfigError(f"{from_home(path)}: {key} {reason}")


_WANTED = {
    "theme": f"must be one of {', '.join(THEME_NAMES)}",
    "fps": f"must be a number of redraws a second from {FPS_LEAST:g} to {FPS_MOST:g}",
    "quiet": "must be true or false",
    "ascii": "must be true or false",
    "keys": 'must hold lines such as "live.skip" = "ctrl+n"',
}


def _readable(error: str, document: Mapping[str, Any]) -> tuple[str, str]:
    """The key that msgspec names, and what it must be."""
    at = re.search(r"at `\$\.(\w+)", error)
    key = at[1] if at else next(iter(document))
    return key, _WANTED[key]


def _split(text: str) -> tuple[str, str]:
    """What stands above the first table, and the rest."""
    table = re.search(r"(?m)^\s*\[", text)
    return (text[: table.start()], text[table.start() :]) if table else (text, "")
