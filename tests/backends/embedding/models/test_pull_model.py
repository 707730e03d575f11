from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from membench_backends.base import UnavailableError
from membench_backends.embedding.engines.onnxruntime import load_model
from membench_backends.embedding.models.architecture import TINY
from membench_backends.embedding.models.cache import weights_on_disk
from membench_backends.embedding.models.pull import pull_model

BGE = "BAAI/bge-small-en-v1.5"
REPOSITORY = "Qdrant/bge-small-en-v1.5-onnx-Q"
REVISION = "0123456789abcdef0123456789abcdef01234567"
NOWHERE = "http://127.0.0.1:9"
PULL = """
import json, os, sys
from membench_backends.embedding.engines.onnxruntime import load_model
from membench_backends.embedding.models.pull import pull_model
reports = []
folder = pull_model(sys.argv[1], lambda done, total: reports.append((done, total)))
print(json.dumps({"folder": str(folder), "reports": reports, "offline": os.environ["HF_HUB_OFFLINE"]}))
"""


class Hub(BaseHTTPRequestHandler):
    """The part of the Hugging Face hub that a download needs, with the files of one folder."""

    folder: Path

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        path = self.path.partition("?")[0]
        if "/resolve/" in path:
            content, headers = self.file(path.rpartition("/")[2])
        else:
            content, headers = json.dumps(self.tree() if "/tree/" in path else self.info()).encode(), {}
        self.send_response(200)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def file(self, name: str) -> tuple[bytes, dict[str, str]]:
        content = (self.folder / name).read_bytes()
        return content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": REVISION}

    def info(self) -> dict[str, object]:
        return {"id": REPOSITORY, "sha": REVISION, "siblings": [{"rfilename": entry["path"]} for entry in self.tree()]}

    def tree(self) -> list[dict[str, object]]:
        return [
            {
                "type": "file",
                "path": path.name,
                "size": path.stat().st_size,
                "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
            }
            for path in sorted(self.folder.iterdir())
        ]

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub(tiny_model_folder: Path) -> Iterator[str]:
    handler = type("TinyHub", (Hub,), {"folder": tiny_model_folder})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_missing_network_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    with pytest.raises(UnavailableError, match=f"{NOWHERE} cannot be reached") as error:
        pull_model(BGE, lambda *_: None)
    assert "\n" not in str(error.value)


def test_an_unknown_model_is_refused_without_using_the_network() -> None:
    with pytest.raises(UnavailableError, match="no/such is not a text model of FastEmbed"):
        pull_model("no/such", lambda *_: None)


def test_pull_downloads_the_weights_and_reports_progress(
    hub: str, monkeypatch: pytest.MonkeyPatch, tiny_model_folder: Path
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    result = subprocess.run([sys.executable, "-c", PULL, BGE], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    output = json.loads(result.stdout)
    on_disk = weights_on_disk(BGE)
    assert (on_disk.weights, str(on_disk.folder)) == ("real", output["folder"])
    assert (on_disk.folder / "model_optimized.onnx").read_bytes() == (
        tiny_model_folder / "model_optimized.onnx"
    ).read_bytes()
    done, total = output["reports"][-1]
    assert done == total > (tiny_model_folder / "model_optimized.onnx").stat().st_size
    assert output["offline"] == "1"
    assert result.stderr == ""
    model = load_model(BGE, 1, lambda _: None)
    assert (model.weights, model.dimensions) == ("real", TINY.hidden)
