r"""Text from outside made harmless: for the terminal, for a spreadsheet, for Markdown, and without secrets.

Names of scenarios and plug-ins, error messages, options and logs come from others. They may contain markup, sequences
that a terminal obeys, formulas, and passwords. Front ends turn markup off where they print, and pass text through here.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from membench_backends.base import in_one_line

Mask = Callable[[str], str]
"""Returns a text without its secrets."""
MESSAGE_MAX = 300
"""Characters of a message, at most."""
MASK = "***"
"""Stands for a secret."""
VALUE_MIN = 6
"""Characters of the value of an environment variable that can be a secret; shorter ones occur in ordinary text."""
WORD_MAX = 12
"""Longest value in lower-case letters that is taken for a word, such as `disabled`, except of a password."""

_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])(?:[^\x07\x1b\x90\x98\x9c-\x9f\n]*(?:\x07|\x1b\\|\x9c))?"  # OSC, DCS, ...
    r"|\x1b[ -/]*[0-~]?"
)
"""The control sequences of ECMA-48. A string that has no end loses only its introducer."""
_SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
_BLANK = "\u115f\u1160\u3164\uffa0"
"""Letters by category that are drawn as nothing."""


class _Replacements(dict[int, str]):
    """What is written instead of a character, for `str.translate`; filled as characters occur."""

    def __missing__(self, code: int) -> str:
        self[code] = replacement = _replacement(chr(code))
        return replacement


def _replacement(character: str) -> str:
    category = unicodedata.category(character)
    if character in _SPACES or category == "Zs":
        return " "
    if category in ("Cc", "Cf") or character in _BLANK:  # Cf: bidi, joiners, marks without a width
        return ""
    return "\ufffd" if category == "Cs" else character


_REPLACEMENTS = _Replacements()


def clean(text: str) -> str:
    """Return a text as one row: without control and escape sequences, and without characters that reorder or hide it.

    A line break or a tab becomes a space. Markup is text like any other and stays.
    """
    if text.isascii() and text.isprintable():
        return text
    return _SEQUENCES.sub("", text).translate(_REPLACEMENTS)


def clean_lines(text: str) -> str:
    """Return a text of several lines, each of them cleaned."""
    return "\n".join(clean(line) for line in text.expandtabs().split("\n"))


def one_line(text: str, mask: Mask | None = None) -> str:
    """Return a message as one line without secrets, of at most `MESSAGE_MAX` characters.

    It is cut in the middle: its start says where and what, and its end what to do.

    Args:
        text: The message.
        mask: Masks secrets, for many messages; by default, `mask_secrets`.
    """
    line = " ".join(clean((mask or mask_secrets)(text)).split())
    if len(line) <= MESSAGE_MAX:
        return line
    end = MESSAGE_MAX // 3
    return f"{line[: MESSAGE_MAX - end - 1]}…{line[-end:]}"


def error_line(error: BaseException) -> str:
    """Return an error's type and message as such a line."""
    return one_line(in_one_line(error))


def csv_cell(text: str) -> str:
    """Return a text that a spreadsheet shows and does not execute; an apostrophe precedes what looks like a formula."""
    cleaned = clean(text)
    return f"'{cleaned}" if text.startswith(("\t", "\r")) or cleaned.lstrip().startswith(_FORMULA) else cleaned


_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a formula starts with; some spreadsheets take the full-width characters too."""


def json_text(text: str) -> str:
    r"""Return a JSON document that means the same and is safe to print: such characters are written as `\u202e`."""
    return text if text.isascii() and "\x7f" not in text else _UNSAFE.sub(_json_escape, text)


_UNSAFE = re.compile("[\x7f-\x9f\xad\u0600-\u0605\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
                     "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]")  # fmt: skip


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def markdown_cell(text: str) -> str:
    """Return a text that ends neither a cell nor a line, and that Markdown shows as it is."""
    line = " ".join(clean(text).split())
    return (
        _TAG.sub("&lt;", line.replace("&", "&amp;")).replace(">", "&gt;").translate(_MARKDOWN).replace("~~", "\\~\\~")
    )


_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_MARKDOWN = {ord(character): f"\\{character}" for character in "\\|`[]*"}

_SECRET_NAME = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|(?<![A-Z])PASS(?![A-Z])|(?<=_)PWD|SECRET|CREDENTIAL|TOKENS?(?![A-Z])|AUTH(?!OR(?!IZ))"
    r"|(?:API|ACCESS|PRIVATE|SIGNING|ENCRYPTION|(?<![A-Z]))KEYS?(?![A-Z])",
    re.IGNORECASE,
)
"""Names of environment variables and options that hold secrets: not AUTHOR, KEYBOARD or TOKENIZERS."""
_NO_SECRET = re.compile(r"(?i:true|false|yes|no|on|off|none|null|auto|\*+)|[a-z][a-z0-9+.-]*://[^\s@]*")
"""Values that are none, whatever the name: switches, and addresses without a password."""

_SECRETS = re.compile(
    r"(?P<block>-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z))"
    r"|(?<![A-Za-z0-9_-])(?:"
    r"sk-[A-Za-z0-9_-]{16,}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"
    r"|gh[opsru]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}"
    r"|A[KS]IA[0-9A-Z]{16}|AIza[A-Za-z0-9_-]{30,}|xox[a-z]-[A-Za-z0-9-]{10,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"  # JSON Web Token
    r")"
    r"|(?P<scheme>(?i:\b(?:Bearer|Basic))\s{1,8})(?=[^\s\"']*[0-9=])[A-Za-z0-9._~+/=-]{8,}"
    r"|(?P<user>://[^\s/@:\"'<>]*:)[^\s/\"'<>]+(?=@)"
    r"|(?P<name>(?i:passw(?:or)?d|passphrase|secret|credential|token|(?:api|access|private)[_-]?key)"
    r"(?:[\"']?\s{0,4}=\s{0,4}[\"']?|[\"']?\s{0,4}:\s{0,4}[\"']|\s{0,4}:\s{0,4}(?=[^\s\"']{0,60}[0-9])))"
    r"(?!\d+(?:[.,]\d+)*(?![^\s\"',;&|{}()\[\]]))[^\s\"',;&|{}()\[\]]+",
)
"""Keys of known forms, and what follows a name that announces a secret. Each alternative takes linear time."""
_HINTS = (
    *(
        "private key",
        "sk-",
        "sk_",
        "rk_",
        "gho_",
        "ghp_",
        "ghr_",
        "ghs_",
        "ghu_",
        "github_pat_",
        "glpat-",
        "hf_",
        "npm_",
    ),
    *("pypi-", "akia", "asia", "aiza", "xox", "eyj", "bearer", "basic", "://", "passw", "passphrase", "secret"),
    *("credential", "token", "key"),
)
"""One of these, in lower case, is in whatever `_SECRETS` matches. Looking for them is a hundred times as fast."""
_KEY_LINE = re.compile(r"(?=.*[G-Zg-z+/])[A-Za-z0-9+/]{64}\s*")
"""A line of a private key, where lines come one by one."""
_KEY_LINE_MAX = 66


def mask_secrets(text: str) -> str:
    """Return a text in which secrets are masked: keys of known forms, and values of variables such as `API_TOKEN`.

    To mask many lines, call `secrets_masker` once.
    """
    return secrets_masker()(text)


def secrets_masker(environment: Mapping[str, str] | None = None) -> Mask:
    """Return a function that masks the secrets of a text, with the values of the environment as it is now."""
    variables = os.environ if environment is None else environment
    return _masker(tuple(value for name, value in variables.items() if _is_secret(name, value)))


@lru_cache(16)
def _masker(values: tuple[str, ...]) -> Mask:
    # A message may hold a value of several lines as one line, and a log may hold it line by line.
    forms = {form for value in values for form in (value, " ".join(value.split()), *value.split("\n"))}
    known = sorted((form for form in forms if len(form) >= VALUE_MIN), key=len, reverse=True)
    own = re.compile("|".join(map(re.escape, known))) if known else None

    def mask(text: str) -> str:
        text = own.sub(MASK, text) if own else text
        if len(text) <= _KEY_LINE_MAX and _KEY_LINE.fullmatch(text):
            return MASK
        lower = text.lower()
        return _SECRETS.sub(_masked, text) if any(hint in lower for hint in _HINTS) else text

    return mask


def mask_options(options: Mapping[str, Any], mask: Mask | None = None) -> dict[str, Any]:
    """Return options without secrets: those whose names say that they are secrets, and those within other texts.

    Args:
        options: Values by name.
        mask: Masks secrets within a text; by default, only keys of known forms.
    """

    def masked(name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return MASK if value and _names_secret(name) and not _is_harmless(value) else (mask or _masker(()))(value)

    return {name: masked(name, value) for name, value in options.items()}


def has_masked(values: Iterable[Any]) -> bool:
    """Return whether a secret was masked in one of these values, so that they cannot be used again."""
    return any(isinstance(value, str) and MASK in value for value in values)


def _masked(match: re.Match[str]) -> str:
    return f"{match['scheme'] or match['user'] or match['name'] or ''}{MASK}"


def _is_secret(name: str, value: str) -> bool:
    if len(value) < VALUE_MIN or not _names_secret(name) or _is_harmless(value):
        return False
    is_word = value.isalpha() and value.islower() and len(value) <= WORD_MAX
    return not is_word or "PASS" in name.upper()


@lru_cache(1024)
def _names_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


@lru_cache(256)
def _is_harmless(value: str) -> bool:
    return _NO_SECRET.fullmatch(value) is not None or _is_path(value)


def _is_path(value: str) -> bool:
    """Return whether a value names a file, or what may lie in an existing folder: a secret may begin with `/` too."""
    if not value.startswith(("/", "~/", "./", "../")) or "\0" in value:
        return False
    try:
        path = os.path.expanduser(value)
        folder = os.path.dirname(path)
        return os.path.exists(path) or (len(folder) > 1 and os.path.exists(folder))
    except ValueError:
        return False
