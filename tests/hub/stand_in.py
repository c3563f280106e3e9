"""A stand-in for the Hugging Face Hub on the loopback interface, with the faults of real networks on demand. Tests only.

It answers what huggingface_hub asks for data sets and models: `/api/{datasets,models}/OWNER/NAME[/revision/REV]` with the files'
sizes and checksums, `/api/{datasets,models}/OWNER/NAME/tree/REV` with their names, and HEAD and GET of
`/[datasets/]OWNER/NAME/resolve/REV/PATH` with ranges. A repository has one content; any commit of 40 hex digits and the names in
`revisions` lead to it. Models can be created and uploaded, with large files by git's LFS protocol (`HF_HUB_DISABLE_XET=1`), by
whoever has a token.
"""

import base64
import hashlib
import json
import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LFS = (".parquet", ".safetensors", ".bin", ".model", ".gz")
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass
class Repository:
    """Files of a data set or model."""

    files: dict[str, bytes] = field(default_factory=dict)
    revisions: tuple[str, ...] = ("main", "refs/convert/parquet")
    private: bool = False
    commits: list[str] = field(default_factory=list)
    """The messages of uploads."""

    @property
    def commit(self) -> str:
        content = hashlib.sha1()
        for path, data in sorted(self.files.items()):
            content.update(path.encode() + hashlib.sha1(data).digest())
        return content.hexdigest()

    def sibling(self, path: str) -> dict[str, Any]:
        data = self.files[path]
        told: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": git_name(data)}
        if path.endswith(LFS):
            told["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return told


@dataclass
class Fault:
    """A fault, and how often it happens to requests whose `METHOD path` matches the pattern."""

    pattern: str
    kind: str
    """`500`, `503`, `429` and so on, `reset`, `truncated` (the rest of the body never comes), `short` (less than announced
    before), `changed` (another content of the same size), `text` (another answer, whole, see `text`), `portal` (sent on to a
    login page)."""
    times: int
    headers: dict[str, str] = field(default_factory=dict)
    text: str = "{}"


@dataclass
class StandIn:
    """The server and what it serves."""

    repositories: dict[tuple[str, str], Repository] = field(default_factory=dict)
    """(`datasets` or `models`, OWNER/NAME) -> repository."""
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    large: dict[str, bytes] = field(default_factory=dict)
    """Checksum -> an uploaded large file."""

    def start(self) -> str:
        """Serve until `stop`; the address."""
        stand_in = self

        class Handler(_Handler):
            hub = stand_in

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, kind: str, name: str, files: dict[str, bytes]) -> Repository:
        repository = self.repositories.setdefault((f"{kind}s", name), Repository())
        repository.files.update(files)
        return repository

    def fail(self, pattern: str, kind: str, times: int = 10_000, text: str = "{}", **headers: str) -> None:
        """`headers`: of the answer, with `_` for `-`; a status that is temporary has a `Retry-After` if none is given."""
        if kind in ("503", "429") and not headers:
            headers = {"Retry_After": "7"}
        self.faults.append(Fault(pattern, kind, times, {name.replace("_", "-"): value for name, value in headers.items()}, text))

    def next_fault(self, request: str) -> Fault | None:
        for fault in self.faults:
            body_only = fault.kind in ("truncated", "short", "changed")
            if fault.times > 0 and re.search(fault.pattern, request) and not (body_only and request.startswith("HEAD")):
                fault.times -= 1
                return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    hub: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = urlsplit(self.path).path
        self.body = self.sent()
        self.hub.requests.append(f"{self.command} {unquote(path)}")
        found = self.hub.next_fault(self.hub.requests[-1])
        self.fault = found.kind if found else None
        if self.fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif found and (found.kind.isdigit() or found.kind == "text"):
            self.send(int(found.kind) if found.kind.isdigit() else 200, found.text.encode(), found.headers)
        elif self.fault == "portal":
            self.send(302, b"", {"Location": "/login"})
        elif path == "/login":
            self.send(200, b"<!DOCTYPE html><title>Welcome</title>", {"Content-Type": "text/html; charset=utf-8"})
        elif self.command in ("POST", "PUT"):
            self.change(path)
        elif match := re.fullmatch(r"/api/(datasets|models)/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            self.describe(match[1], match[2], unquote(match[3] or "main"))
        elif match := re.fullmatch(r"/api/(datasets|models)/([^/]+/[^/]+)/tree/([^/]+)", path):
            if found := self.found(match[1], match[2], unquote(match[3])):
                files = sorted(found[0].files.items())
                self.tell([{"type": "file", "path": name, "size": len(data), "oid": git_name(data)} for name, data in files])
        elif match := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self.resolve("datasets" if match[1] else "models", match[2], unquote(match[3]), unquote(match[4]))
        else:
            self.refuse("EntryNotFound")

    def found(self, kind: str, name: str, revision: str) -> tuple[Repository, str] | None:
        repository = self.hub.repositories.get((kind, name))
        if repository and COMMIT.fullmatch(revision):
            return repository, revision
        if repository and revision in repository.revisions:
            return repository, repository.commit
        self.refuse("RevisionNotFound" if repository else "RepoNotFound")
        return None

    def describe(self, kind: str, name: str, revision: str) -> None:
        if found := self.found(kind, name, revision):
            repository, commit = found
            told = {
                "_id": "0",
                "id": name,
                "sha": commit,
                "private": repository.private,
                "gated": False,
                "disabled": False,
                "tags": [],
            }
            siblings = [repository.sibling(path) for path in sorted(repository.files)]
            self.send(200, json.dumps(told | {"siblings": siblings}).encode(), {"Content-Type": "application/json"})

    def resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        found = self.found(kind, name, revision)
        if not found:
            return None
        repository, commit = found
        if path not in repository.files:
            return self.refuse("EntryNotFound")
        data, told = repository.files[path], repository.sibling(path)
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        headers["ETag"] = f'"{told["lfs"]["sha256"] if "lfs" in told else told["blobId"]}"'
        if "lfs" in told:
            headers |= {"X-Linked-Size": str(len(data)), "X-Linked-Etag": headers["ETag"]}
        first = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if self.fault == "changed":
            data = bytes([data[0] ^ 1]) + data[1:]
        elif self.fault == "short":
            data = data[: len(data) // 2]
        if first:
            if int(first[1]) >= len(data):
                return self.send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            headers["Content-Range"] = f"bytes {first[1]}-{len(data) - 1}/{len(data)}"
        return self.send(
            206 if first else 200, data[int(first[1]) if first else 0 :], headers, len(data) // 2 - int(first[1] if first else 0)
        )

    def sent(self) -> bytes:
        """The body of the request, of an announced length or in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def change(self, path: str) -> None:
        """Create a model, or take files for one."""
        if path.startswith("/large/"):
            self.hub.large[path.removeprefix("/large/")] = self.body
            return self.send(200, b"", {})
        if not self.headers.get("Authorization", "").startswith("Bearer "):
            return self.send(401, b'{"error": "Invalid username or password."}', {})
        if path.endswith("/preupload/main"):
            asked = json.loads(self.body)["files"]
            modes = [{"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(LFS) else "regular"} for f in asked]
            return self.tell({"files": [mode | {"shouldIgnore": False} for mode in modes]})
        if path.endswith(".git/info/lfs/objects/batch"):
            there = f"http://{self.headers['Host']}/large/"
            objects = [
                {"oid": item["oid"], "size": item["size"]}
                | ({} if item["oid"] in self.hub.large else {"actions": {"upload": {"href": there + item["oid"]}}})
                for item in json.loads(self.body)["objects"]
            ]
            return self.tell({"transfer": "basic", "objects": objects})
        if path == "/api/validate-yaml":
            return self.tell({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            asked = json.loads(self.body)
            name = f"{asked['organization']}/{asked['name']}"
            told = {"url": f"http://{self.headers['Host']}/{name}"}
            if ("models", name) in self.hub.repositories:
                return self.tell(told | {"error": "You already created this model repo"}, 409)
            self.hub.add("model", name, {".gitattributes": b""}).private = asked["visibility"] == "private"
            return self.tell(told)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            repository = self.hub.repositories["models", match[1]]
            for line in self.body.splitlines():
                key, value = json.loads(line).values()
                if key == "header":
                    repository.commits.append(value["summary"])
                elif key == "file":
                    repository.files[value["path"]] = base64.b64decode(value["content"])
                elif key == "lfsFile":
                    repository.files[value["path"]] = self.hub.large[value["oid"]]
                else:
                    del repository.files[value["path"]]
            there = f"http://{self.headers['Host']}/{match[1]}/commit/{repository.commit}"
            return self.tell({"commitUrl": there, "commitOid": repository.commit})
        return self.refuse("EntryNotFound")

    def tell(self, answer: Any, status: int = 200) -> None:
        self.send(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def send(self, status: int, body: bytes, headers: dict[str, str], cut: int = 0) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: max(cut, 0)] if self.fault == "truncated" else body)
        self.close_connection = self.fault == "truncated"

    def refuse(self, code: str) -> None:
        self.send(404, b"{}", {"X-Error-Code": code})


def git_name(data: bytes) -> str:
    """The name that git gives a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
