"""Text from outside: without sequences that a terminal obeys, formulas, markup and secrets."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from benchmarks.faults.hostile_text import (
    command_line_failures,
    dashboard_failures,
    export_failures,
    hostile_strings,
)

from membench.plan.trial import trial_plan
from membench.report.exports import to_csv, to_json, to_markdown
from membench.session.measurement import Measurement
from membench.text import (
    MESSAGE_MAX,
    clean,
    clean_lines,
    csv_cell,
    error_line,
    json_text,
    markdown_cell,
    mask_options,
    mask_secrets,
    one_line,
    secrets_masker,
)

SECRETS = (
    "sk-proj-abcdefghijklmnop1234",
    "ghp_a1b2c3d4e5f6g7h8i9j0k1l2",
    "hf_abcdefghijklmnopqrstuvwx",
    "AKIAABCDEFGHIJKLMNOP",
    "xoxb-1234567890-abcdef",
    "AIzaSyA1234567890123456789012345678901",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("[/] [red]plain[/red]", "[/] [red]plain[/red]"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07x\x9b2Jy", "red xy"),
        ("a\tb\nc\r\nd", "a b c  d"),
        ("a\u202eb\u2066c\u200bd\u2028e", "abcd e"),
        ("\0\x07x\x7f", "x"),
        ("bad \ud800", "bad \ufffd"),
        ("日本 e\u0301 🇩🇪", "日本 e\u0301 🇩🇪"),
    ],
)
def test_a_text_becomes_one_harmless_row(text: str, row: str) -> None:
    assert clean(text) == row


def test_lines_stay_lines() -> None:
    assert clean_lines("a\tb\x1b[1m\n\u202ec\n") == "a       b\nc\n"


def test_a_long_message_is_cut_in_the_middle() -> None:
    line = one_line(f"/a/file.toml: [x]:\n{'y' * 1000}; choose another name")

    assert len(line) == MESSAGE_MAX
    assert line.startswith("/a/file.toml: [x]: yyy") and line.endswith("yyy; choose another name") and "…" in line


def test_an_error_is_one_line_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "correct-horse")

    assert error_line(ValueError("a\n correct-horse")) == "ValueError: a ***"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A", "\t=1", "\rx", " =1", "\x1b[1m=1", "＝1"])
def test_a_formula_becomes_text_in_a_spreadsheet(text: str) -> None:
    assert csv_cell(text) == f"'{clean(text)}"


def test_other_text_and_numbers_stay_in_a_spreadsheet(spec) -> None:
    assert csv_cell("a-b=c") == "a-b=c"
    record = msgspec.structs.replace(Measurement(spec(scenario="=1+1")).record("ok"), gil_busy=-1.0)
    row = to_csv([record]).decode().splitlines()[1]
    assert ",'=1+1," in row and ",-1.0," in row


def test_markdown_shows_a_text_as_it_is() -> None:
    assert markdown_cell("a|b\n`c` <b> & [l](u) <1 %") == "a\\|b \\`c\\` &lt;b&gt; &amp; \\[l\\](u) <1 %"
    assert markdown_cell("\\|") == "\\\\\\|"


def test_json_keeps_the_meaning_and_is_safe_to_print() -> None:
    document = json.dumps({"a": "\u202e\x9b\x7f\U000e0041é"}, ensure_ascii=False)

    assert json_text(document) == '{"a": "\\u202e\\u009b\\u007f\\udb40\\udc41é"}'
    assert json.loads(json_text(document)) == json.loads(document)


@pytest.mark.parametrize("secret", SECRETS)
def test_keys_of_known_forms_are_masked(secret: str) -> None:
    assert mask_secrets(f"cannot connect with {secret}; retry") == "cannot connect with ***; retry"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://me:p@ss@host/db", "postgresql://me:***@host/db"),
        ("Authorization: Bearer abc123456789", "Authorization: Bearer ***"),
        ("password=hunter2 x", "password=*** x"),
        ("{'password': 'hunter2'}", "{'password': '***'}"),
        ("api_key: k3y123", "api_key: ***"),
        ("256 tokens: 281 texts/s, max_tokens=512, token_budget=256", None),
        ("option password must be text; a basic functionality", None),
        ("https://example.com/a?b=c git@host", None),
    ],
)
def test_what_follows_a_name_of_a_secret_is_masked(text: str, masked: str | None) -> None:
    assert mask_secrets(text) == (masked or text)


def test_values_of_variables_with_names_of_secrets_are_masked() -> None:
    hidden = {"OPENAI_API_KEY": "correct-horse", "DB_PASSWORD": "letmein", "X_TOKEN": "line one 1\nline two 2"}
    shown = {
        "USE_AUTH": "true", "KEY_ID": "1", "SSH_AUTH_SOCK": "/tmp/agent", "GIT_AUTHOR_NAME": "Some Body",
        "TOKENIZERS_PARALLELISM": "disabled1", "AUTH_URL": "https://host/x", "TOKEN_STORE": "memory",
    }  # fmt: skip
    mask = secrets_masker({**hidden, **shown})

    assert mask("correct-horse letmein line one 1 line two 2") == "*** *** ***"
    assert mask("line two 2") == "***"
    assert mask(" ".join(shown.values())) == " ".join(shown.values())


def test_a_line_of_a_megabyte_is_masked() -> None:
    for part in ("sk-", "eyJ-", "://", "password ", "Bearer ", "-----BEGIN ", "token: "):
        assert mask_secrets(part * (1_000_000 // len(part)) + " ghp_a1b2c3d4e5f6g7h8i9j0k1l2").endswith("***")


def test_options_whose_names_announce_a_secret_are_masked() -> None:
    options = {
        "password": "x",
        "url": "http://u:p@h",
        "max_tokens": 5,
        "key": None,
        "auth": "true",
        "history": "sqlite",
    }

    masked = {**options, "password": "***", "url": "http://u:***@h"}
    assert mask_options(options) == masked


def test_a_record_and_its_exports_hold_no_secrets(spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "correct-horse")
    described = spec(backend_options={"password": "hunter2"}, strategy_options={"note": "correct-horse"})
    record = Measurement(described).record("failed", "no\nlogin: correct-horse")

    assert record.error == "no login: ***"
    assert record.backend_options == {"password": "***"} and record.strategy_options == {"note": "***"}
    assert "hunter2" not in described.title()
    assert trial_plan(record) is None
    old = msgspec.structs.replace(
        record, error="correct-horse", error_kinds={"correct-horse": 1},
        environment={"cpu": "correct-horse", "cores": "2", "python": "3"}, backend_options={"password": "hunter2"},
    )  # fmt: skip
    for render in (to_json, to_csv, to_markdown):
        content = render([old]).decode().replace("\\", "")
        assert "correct-horse" not in content and "hunter2" not in content and "***" in content


def test_hostile_text_is_harmless_on_the_command_line_and_in_files() -> None:
    strings = hostile_strings(seed=7, count=60)

    assert [*command_line_failures(strings), *export_failures(strings)] == []


def test_hostile_text_is_harmless_in_the_dashboard() -> None:
    assert asyncio.run(dashboard_failures(hostile_strings(seed=8, count=8))) == []
