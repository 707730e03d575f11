"""The settings file: its values, its errors, and the theme that the dashboard saves in it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from membench.settings import DEFAULT_FPS, Config, ConfigError, load_config, save_theme


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_a_missing_file_leaves_the_defaults(path: Path) -> None:
    assert load_config(path) == Config()
    assert Config().fps == DEFAULT_FPS


def test_overrides_replace_what_the_file_states(path: Path) -> None:
    path.write_text('theme = "light"\nfps = 1\nquiet = true\n[keys]\n"live.skip" = "ctrl+n"\n', encoding="utf-8")
    config = load_config(path, theme=None, fps=3.0)
    assert (config.theme, config.fps, config.quiet, config.ascii) == ("light", 3.0, True, None)
    assert config.keys == {"live.skip": "ctrl+n"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('thema = "light"', "thema is not a setting; did you mean 'theme'?"),
        ('theme = "pink"', "theme must be one of dark, light"),
        ("fps = 100", "fps must be a number of redraws per second from 0.2 to 30"),
        ('fps = "4"', "fps must be a number"),
        ("ascii = 1", "ascii must be true or false"),
        ('keys = "x"', "keys must be a table of entries such as"),
        ('[keys]\n"live.skip" = 3', "keys must be a table of entries such as"),
        ("theme = ", "is not valid TOML"),
    ],
)
def test_a_bad_entry_is_named_with_its_file(path: Path, text: str, reason: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: ") and reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_below_home_is_named_with_a_tilde(own_folders: Path) -> None:
    path = own_folders / "config.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"^~/config\.toml: is not UTF-8"):
        load_config(path)


def test_a_theme_is_saved_in_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "below" / "config.toml"
    save_theme("light", path)
    assert load_config(path) == Config(theme="light")


def test_a_saved_theme_leaves_other_settings_unchanged(path: Path) -> None:
    path.write_text('# mine\nfps = 2\n\n[keys]\n"live.skip" = "n"\n', encoding="utf-8")
    save_theme("dark", path)
    save_theme("high-contrast", path)
    assert "# mine" in path.read_text(encoding="utf-8")
    assert load_config(path) == Config(theme="high-contrast", fps=2.0, keys={"live.skip": "n"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('theme = "light"  # bright\n', 'theme = "dark"  # bright\n'),
        ("fps = 2\n\n  theme='light'\n", "fps = 2\n\n  theme='dark'\n"),
        ('"theme" = "light"\r\nfps = 2\r\n', '"theme" = "dark"\r\nfps = 2\r\n'),
        ('\ufefftheme = "light"\n', '\ufefftheme = "dark"\n'),
        ("\ufefffps = 2\r\n", '\ufefftheme = "dark"\r\nfps = 2\r\n'),
        ('theme = """light"""\n', 'theme = """dark"""\n'),
        ('[keys]\n"a" = """\ntheme = "x"\n"""\n', 'theme = "dark"\n[keys]\n"a" = """\ntheme = "x"\n"""\n'),
        ('# theme = "light"\n', 'theme = "dark"\n# theme = "light"\n'),
        ('[keys]\ntheme = "x"\n', 'theme = "dark"\n[keys]\ntheme = "x"\n'),
    ],
)
def test_only_the_value_of_the_theme_is_replaced(path: Path, before: str, after: str) -> None:
    path.write_bytes(before.encode())
    save_theme("dark", path)
    assert path.read_bytes().decode() == after
    assert load_config(path).theme == "dark"


def test_a_saved_theme_keeps_the_permissions_and_the_link_of_the_file(tmp_path: Path, path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    target.write_text("fps = 2\n", encoding="utf-8")
    target.chmod(0o644)
    path.symlink_to(target)
    save_theme("dark", path)
    assert path.is_symlink() and stat.S_IMODE(target.stat().st_mode) == 0o644
    assert load_config(target) == Config(theme="dark", fps=2.0)


def test_a_theme_that_cannot_be_saved_is_an_error(path: Path, tmp_path: Path) -> None:
    path.mkdir()
    with pytest.raises(ConfigError, match=r"config\.toml: is a folder; name a file in it"):
        save_theme("dark", path)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"config\.toml: cannot be (read|written): Not a directory"):
        save_theme("dark", tmp_path / "file" / "config.toml")


HAND_WRITTEN = (
    b"\xef\xbb\xbf# M\xc3\xbc\xc3\x9fig, by hand\r\n"
    b"'theme'\t=  'dark'   # by day: light\r\n"
    b"fps=2.50\r\n\r\n"
    b'# theme = "light"\n'
    b"[ keys ]   # quoted, and over two lines\r\n"
    b'"live.skip"   = "ctrl+n"\r\n'
    b"'live.stop' = '''\r\nctrl+x'''\r\n"
    b"\t# the end, without a line end"
)


def test_twenty_themes_change_nothing_else_in_a_file_written_by_hand(tmp_path: Path) -> None:
    target, path = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    target.write_bytes(HAND_WRITTEN)
    target.chmod(0o640)
    path.symlink_to(target.name)
    themes = [name for _ in range(5) for name in ("light", "high-contrast", "colour-blind-safe", "dark")]

    for theme in themes:
        save_theme(theme, path)
        assert target.read_bytes() == HAND_WRITTEN.replace(b"'dark'", f"'{theme}'".encode())
        assert load_config(path).theme == theme
    assert len(themes) == 20 and target.read_bytes() == HAND_WRITTEN
    assert path.is_symlink() and stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(tmp_path.iterdir()) == [path, target]


@pytest.mark.parametrize("content", [b"theme = ", b"\xff", b"[keys\n", b"a = 1\na = 2\n"])
def test_a_file_that_is_not_valid_is_never_written(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.toml: is not (valid TOML|UTF-8)"):
        save_theme("light", path)
    assert path.read_bytes() == content
