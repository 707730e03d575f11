"""Settings of the dashboard: themes, ASCII, redefined keys, quiet mode and the time span of Live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tui_script import EVERY_TICK, NARROW, WIDE, Stage, notes_of, text_of, unseen, until

from membench.settings import Config, config_path, load_config
from membench.tui.common.colours import LOCK
from membench.tui.common.dialogs import Help
from membench.tui.common.filters import Ascii, is_ascii_only, to_ascii
from membench.tui.common.themes import PALETTES
from membench.tui.live.screen import LiveScreen


async def begin(pilot: Any, stage: Stage) -> None:
    await pilot.press("enter")
    await until(pilot, lambda: stage.app.current_mode == "live" and stage.sessions)
    stage.session.begin(0)
    for number in range(1, 11):
        stage.session.tick(number)
    await until(pilot, lambda: stage.app.snapshot and stage.app.snapshot.runs[0].measured_s)


def staged(**settings: Any) -> Stage:
    return Stage(config=Config(**{"fps": EVERY_TICK, **settings}))


def colours_of(stage: Stage) -> set[str]:
    """Return the foreground and background colours on the screen."""
    strips = stage.app.screen._compositor.render_strips()
    styles = [segment.style for strip in strips for segment in strip if segment.style]
    return {
        colour.triplet.hex for style in styles for colour in (style.color, style.bgcolor) if colour and colour.triplet
    }


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_ascii_mode_draws_ascii_only(stage: Stage, size: tuple[int, int]) -> None:
    ascii_stage = staged(ascii=True)
    async with ascii_stage.app.run_test(size=size) as pilot:
        await begin(pilot, ascii_stage)
        await until(pilot, lambda: "p99 " in text_of(ascii_stage.app))
        seen = text_of(ascii_stage.app)
        assert seen.isascii() and "?" not in seen.replace("? Help", "")
        assert len({len(line) for line in seen.splitlines()}) == 1
    ascii_stage.app.runs.close()


def test_distinct_symbols_stay_distinct_in_ascii() -> None:
    for symbols in ("█▓▒░·", "●◆▲■▼○◇△□▽", "▁▃▅▇", "✓✗◐▸", "─│┼"):
        assert len(set(to_ascii(symbols))) == len(symbols) and to_ascii(symbols).isascii()
    assert to_ascii("⠉⣀⠤⠀") == "'.- "
    assert Ascii().apply([], None) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("environment", "ascii_only"),
    [
        ({}, False),
        ({"LANG": "en_GB.UTF-8", "TERM": "xterm-256color"}, False),
        ({"LANG": "C.utf8"}, False),
        ({"LANG": "de_DE"}, False),
        ({"LANG": "en_US.ISO-8859-1"}, True),
        ({"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, True),
        ({"LANG": "en_GB.UTF-8", "TERM": "linux"}, True),
    ],
)
def test_terminals_without_unicode_are_recognised(environment: dict[str, str], ascii_only: bool) -> None:
    assert is_ascii_only(environment) is ascii_only


async def test_a_theme_recolours_the_widgets_and_is_saved(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        dark = colours_of(stage)
        await pilot.press("f2")
        await until(pilot, lambda: stage.app.theme == "light")
        await until(pilot, lambda: not colours_of(stage) & set(PALETTES["light"].colours))
        assert colours_of(stage) != dark
        assert load_config(config_path()).theme == "light"
        for _ in range(3):
            await pilot.press("f2")
        assert stage.app.theme == "dark"
        await until(pilot, lambda: dark <= colours_of(stage) | dark)


async def test_f2_twenty_times_changes_only_the_theme(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    content = b"\xef\xbb\xbf# mine\r\n\"theme\"  = 'dark' # by night\r\n[keys]\r\n'live.skip' = \"ctrl+n\"\r\n"
    target, path = tmp_path / "dotfiles.toml", config_path()
    target.write_bytes(content)
    path.parent.mkdir()
    path.symlink_to(target)
    async with stage.app.run_test(size=WIDE) as pilot:
        for number in range(1, 21):
            await pilot.press("f2")
            theme = list(PALETTES)[number % len(PALETTES)].encode()
            await until(pilot, lambda: stage.app.theme == theme.decode())  # noqa: B023 - is called at once
            assert target.read_bytes() == content.replace(b"dark", theme)
    assert path.is_symlink() and target.read_bytes() == content


@pytest.mark.parametrize("name", [name for name in PALETTES if name != "dark"])
def test_a_theme_replaces_every_colour_of_the_dark_theme(name: str) -> None:
    colours = PALETTES[name].colours
    assert LOCK in colours and set(colours) == set(PALETTES["light"].colours)


@pytest.mark.parametrize("size", [WIDE, NARROW, (200, 60)], ids=["wide", "narrow", "large"])
@pytest.mark.parametrize("theme", PALETTES)
async def test_no_text_has_the_colour_of_its_background(theme: str, size: tuple[int, int]) -> None:
    stage = staged(theme=theme)
    async with stage.app.run_test(size=size) as pilot:
        await until(pilot, lambda: "The plan" in text_of(stage.app))
        assert not unseen(stage.app)
        await begin(pilot, stage)
        for key in "?1234":
            await pilot.press(key, "escape")
            assert not unseen(stage.app)
    stage.app.runs.close()


async def test_a_redefined_key_replaces_the_default(stage: Stage) -> None:
    redefined = staged(keys={"live.skip": "ctrl+n"})
    async with redefined.app.run_test(size=WIDE) as pilot:
        await begin(pilot, redefined)
        await pilot.press("s")
        assert redefined.session.calls == []
        await pilot.press("ctrl+n")
        assert redefined.session.calls == ["skip"]
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(redefined.app.screen, Help))
        assert "^n" in text_of(redefined.app) and "(live.skip)" in text_of(redefined.app)
    redefined.app.runs.close()


async def test_quiet_mode_draws_only_the_time_until_the_plan_ends(stage: Stage) -> None:
    quiet = staged(quiet=True)
    async with quiet.app.run_test(size=WIDE) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: quiet.app.current_mode == "live" and quiet.sessions)
        quiet.session.begin(0)
        quiet.session.tick(1)
        await until(pilot, lambda: quiet.app.snapshot and quiet.app.snapshot.runs[0].stage == "measuring")
        for number in range(2, 11):
            quiet.session.tick(number)
        await until(pilot, lambda: "nothing else is drawn" in text_of(quiet.app))
        assert "elapsed" in text_of(quiet.app) and "Latency" not in text_of(quiet.app)
        assert quiet.app.snapshot and quiet.app.snapshot.runs[0].figures.acknowledged == 12
        quiet.session.finish(120, 1.0)
        quiet.session.over()
        await until(pilot, lambda: "p99 " in text_of(quiet.app))
        assert str(quiet.app.drawing) == "quiet"
        await pilot.press("f3")
        assert not quiet.app.drawing.quiet and "Quiet: runs are drawn again" in notes_of(quiet.app)
    quiet.app.runs.close()


async def test_the_time_span_goes_from_the_whole_run_to_its_last_seconds(stage: Stage) -> None:
    async with stage.app.run_test(size=WIDE) as pilot:
        await begin(pilot, stage)
        assert isinstance(stage.app.screen, LiveScreen)
        await pilot.press("plus", "plus")
        await until(pilot, lambda: "last 30 s" in text_of(stage.app))
        await pilot.press("plus", "plus", "plus")
        await until(pilot, lambda: "last 10 s" in text_of(stage.app))
        await pilot.press("minus", "minus", "minus", "minus")
        await until(pilot, lambda: "last" not in text_of(stage.app))
