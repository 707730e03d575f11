"""Metered locks: they do what bare ones do, and their accounts are right. Each check runs where all locks are metered.

This process stays as it is; see `lock_checks.py` for the checks themselves.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

CHECKS = Path(__file__).with_name("lock_checks.py")
ROOT = Path(__file__).parents[3]
NAMES = re.findall(r"^def (check_\w+)", CHECKS.read_text(), re.MULTILINE)
OTHERS = [f"python3.{minor}" for minor in (11, 12, 13, 14) if (3, minor) != sys.version_info[:2]]
MAX_S = 120


def run_python(*arguments, interpreter=sys.executable):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "app"), str(ROOT / "backends"))),
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [interpreter, *map(str, arguments)], capture_output=True, text=True, timeout=MAX_S, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def outcomes(interpreter):
    return json.loads(run_python(CHECKS, interpreter=interpreter).splitlines()[-1])


@pytest.mark.parametrize("check", NAMES)
def test_here(check):
    assert outcomes(sys.executable)[check] == ""


@pytest.mark.parametrize("interpreter", OTHERS)
def test_on_other_versions_of_python(interpreter):
    found = shutil.which(interpreter)
    if not found or subprocess.run([found, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"{interpreter} is not installed")

    assert {check: outcome for check, outcome in outcomes(found).items() if outcome} == {}


LIBRARIES = """
import json, sys
from membench.runner import locks, meters
meters.install()
import fastembed, mem0, qdrant_client
import qdrant_client.local.qdrant_local
try:
    import loguru
    loguru.logger.remove()
    loguru.logger.info("works")
except ImportError:
    pass
print(json.dumps(sorted({site.path.split("/")[0] for site in locks.usage()})))
"""


def test_libraries_are_imported_with_metered_locks():
    packages = json.loads(run_python("-c", LIBRARIES).splitlines()[-1])

    assert len(packages) > 3
    assert {"tqdm", "urllib3", "httpx", "huggingface_hub", "loguru", "mem0"} & set(packages)


def test_this_process_is_not_metered():
    import threading

    from membench.runner import locks

    assert not locks.is_metered(threading.Lock())
