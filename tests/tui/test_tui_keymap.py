"""Keys that users redefine: bad ones are named, and no key has two actions in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from membench.settings import ConfigError
from membench.tui.app import Dashboard
from membench.tui.keymap import check_keys, default_keys


@pytest.mark.parametrize(
    ("name", "key", "reason"),
    [
        ("live.skipp", "n", "did you mean 'live.skip'?"),
        ("live.skip", "ctrl+nope", "which is not a key"),
        ("live.skip", "x", "which is live.stop's key"),
        ("live.skip", "?", "which is app.help's key"),
    ],
)
def test_a_bad_key_is_named(tmp_path: Path, name: str, key: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f'keys."{name}"') as caught:
        check_keys({name: key}, tmp_path / "config.toml")
    assert reason in str(caught.value)


def test_two_actions_can_swap_keys(tmp_path: Path) -> None:
    check_keys({"live.skip": "x", "live.stop": "s,ctrl+x"}, tmp_path / "config.toml")


def test_the_default_keys_do_not_clash() -> None:
    defaults = default_keys()
    assert defaults["live.skip"] == "s" and defaults["app.help"] == "question_mark"
    check_keys({name: key for name, key in defaults.items() if name.startswith(("live.", "app."))}, Path("config.toml"))
    assert all(name.partition(".")[2] for name in defaults) and Dashboard.BINDINGS
