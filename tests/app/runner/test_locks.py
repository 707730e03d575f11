"""Metered locks behave like bare ones and report their usage.

The checks are in `lock_checks` and run in a process of their own, where all locks are metered. The process of the
tests keeps its bare locks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

import pytest

from membench.runner import locks

CHECKS = Path(__file__).with_name("lock_checks")
ROOT = Path(__file__).parents[3]
NAMES = [
    name
    for module in sorted(CHECKS.glob("*.py"))
    for name in re.findall(r"^def (check_\w+)", module.read_text(), re.MULTILINE)
]
OTHER_PYTHONS = [f"python3.{minor}" for minor in (11, 12, 13, 14) if (3, minor) != sys.version_info[:2]]
TIMEOUT_S = 120


def run_python(*arguments, interpreter=sys.executable):
    """Return what an interpreter prints, with the packages of this checkout on its path."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "app"), str(ROOT / "backends"))),
        "PYTHONWARNINGS": "ignore",
    }
    completed = subprocess.run(
        [interpreter, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT_S, env=environment
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


@cache
def outcomes(interpreter):
    """Return the traceback of each check; empty if it passed."""
    return json.loads(run_python(CHECKS, interpreter=interpreter).splitlines()[-1])


@pytest.mark.parametrize("check", NAMES)
def test_check_passes(check):
    assert outcomes(sys.executable)[check] == ""


def test_every_check_has_run():
    assert sorted(outcomes(sys.executable)) == sorted(NAMES)


@pytest.mark.parametrize("interpreter", OTHER_PYTHONS)
def test_checks_pass_on_another_version_of_python(interpreter):
    path = shutil.which(interpreter)
    if not path or subprocess.run([path, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"{interpreter} is not installed")

    assert {check: outcome for check, outcome in outcomes(path).items() if outcome} == {}


LIBRARIES = """
import json, sys
from membench.runner import lock_usage, meters
meters.install()
import fastembed, mem0, qdrant_client
import qdrant_client.local.qdrant_local
try:
    import loguru
    loguru.logger.remove()
    loguru.logger.info("message")
except ImportError:
    pass
print(json.dumps(sorted({key.site.path.split("/")[0] for key in lock_usage.usage_by_key()})))
"""


def test_libraries_create_metered_locks():
    packages = json.loads(run_python("-c", LIBRARIES).splitlines()[-1])

    assert len(packages) > 3
    assert {"tqdm", "urllib3", "httpx", "huggingface_hub", "loguru", "mem0"} & set(packages)


def test_importing_the_module_meters_nothing():
    assert not isinstance(threading.Lock(), locks.MeteredLock)
