"""The file of settings: what it may say, and how it complains."""

from __future__ import annotations

from pathlib import Path

import pytest

from membench.settings import DEFAULT_FPS, Config, ConfigError, keep_theme, load_config
from membench.tui.app import Dashboard
from membench.tui.keymap import check_keys, default_keys


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_no_file_is_no_error(tmp_path: Path) -> None:
    assert load_config(tmp_path / "none.toml") == Config()


def test_what_is_given_goes_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'theme = "light"\nfps = 1\nquiet = true\n[keys]\n"live.skip" = "ctrl+n"\n')
    config = load_config(path, theme=None, fps=3.0)
    assert (config.theme, config.fps, config.quiet, config.ascii) == ("light", 3.0, True, None)
    assert config.keys == {"live.skip": "ctrl+n"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('thema = "light"', "thema is no setting; did you mean 'theme'?"),
        ('theme = "pink"', "theme must be one of dark, light"),
        ("fps = 100", "fps must be a number of redraws a second from 0.2 to 30"),
        ('fps = "4"', "fps must be a number"),
        ("ascii = 1", "ascii must be true or false"),
        ('keys = "x"', "keys must hold lines such as"),
        ('[keys]\n"live.skip" = 3', "keys must hold lines such as"),
        ("theme = ", "is not valid TOML"),
    ],
)
def test_a_wrong_entry_is_named_with_its_file(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: ") and words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("live.skipp", "n", "did you mean 'live.skip'?"),
        ("live.skip", "ctrl+nope", "which is not a key"),
        ("live.skip", "x", "which is live.stop's key"),
        ("live.skip", "?", "which is app.help's key"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, name: str, key: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f'keys."{name}"') as caught:
        check_keys({name: key}, tmp_path / "config.toml")
    assert words in str(caught.value)


def test_keys_may_change_places(tmp_path: Path) -> None:
    check_keys({"live.skip": "x", "live.stop": "s,ctrl+x"}, tmp_path / "config.toml")


def test_the_keys_as_they_are_do_not_meet() -> None:
    known = default_keys()
    assert known["live.skip"] == "s" and known["app.help"] == "question_mark"
    check_keys({name: key for name, key in known.items() if name.startswith(("live.", "app."))}, Path("config.toml"))
    assert all(name.partition(".")[2] for name in known) and Dashboard.BINDINGS


def test_a_theme_is_kept_and_the_rest_left(tmp_path: Path) -> None:
    path = tmp_path / "below" / "config.toml"
    keep_theme("light", path)
    assert load_config(path) == Config(theme="light")
    path.write_text('# mine\nfps = 2\n\n[keys]\n"live.skip" = "n"\n', encoding="utf-8")
    keep_theme("dark", path)
    keep_theme("high-contrast", path)
    assert "# mine" in path.read_text(encoding="utf-8")
    assert load_config(path) == Config(theme="high-contrast", fps=2.0, keys={"live.skip": "n"})
    assert Config().fps == DEFAULT_FPS
