"""A stand-in for W&B's server on the loopback interface: keeps what it is sent, and can refuse, be slow, or go away. Tests only.

It answers what wandb-core and wandb-workspaces ask (GraphQL at /graphql, curves at /files/.../file_stream, uploads by PUT) and
knows a run again that is resumed. It shows nothing: what W&B makes of the data is not to be had on one machine.
"""

import contextlib
import gzip
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ME = {
    **{"id": "VXNlcjox", "entity": "me", "username": "me", "name": "me", "email": "me@example.org"},
    **{"admin": False, "flags": "{}", "teams": {"edges": []}},
}
PROJECT = {"__typename": "Project", "id": "UHJvajox", "internalId": "UHJvajox", "entityName": "me", "isBenchmark": False}


@dataclass
class Seen:
    """The data that the server received of a run."""

    told: dict[str, Any] = field(default_factory=dict)
    """The variables of the mutation that made it."""
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None


@dataclass
class StandIn:
    """Set `status` to refuse, `seconds` to be slow."""

    status: int = 200
    seconds: float = 0.0
    runs: dict[str, Seen] = field(default_factory=dict)
    operations: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """GraphQL operations by name, with their variables."""
    uploads: list[bytes] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None

    def start(self) -> str:
        """The server's address."""
        stand_in = self

        class Handler(_Handler):
            owner = stand_in

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self) -> None:
        """From now on connections are refused."""
        if self.server is not None:
            self.status = 503  # connections that are still open
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def variables(self, operation: str) -> list[dict[str, Any]]:
        """Return the variables of all operations of this name."""
        return [variables for name, variables in self.operations if name == operation]

    def answer(self, query: str, given: dict[str, Any], base: str) -> dict[str, Any]:
        """The fields that a GraphQL query asks for."""
        operation = (re.search(r"(?:query|mutation)\s+(\w+)", query) or ["", ""])[1]
        self.operations.append((operation, given))
        version = {"cliVersionInfo": {"max_cli_version": "99.0.0"}, "latestLocalVersionInfo": None, "features": []}
        fields: dict[str, Any] = {"viewer": ME, "serverInfo": {**version, "exposesExplicitEntities": True}}
        project = PROJECT | {"name": given.get("project") or given.get("projectName") or "xstilts"}
        if "upsertBucket" in query:
            seen = self.runs.setdefault(given["name"], Seen())
            seen.told |= {key: value for key, value in given.items() if value is not None}
            fields["upsertBucket"] = {"bucket": self._bucket(given["name"]), "inserted": True}
        if re.search(r"\b(model|project)\(", query):
            bucket = self._bucket(given["name"]) if operation == "RunResumeStatus" and given.get("name") in self.runs else None
            fields["model"] = fields["project"] = project | {"bucket": bucket, "run": None, "artifact": None}
        if "createRunFiles" in query:
            files = [{"name": file, "uploadUrl": f"{base}/upload/{file}"} for file in given.get("files", [])]
            fields["createRunFiles"] = {"runID": "UnVuOjE6", "uploadHeaders": [], "files": files}
        if "createArtifact(" in query:
            sequence = {"id": "QVM6MQ==", "latestArtifact": {"id": "QXJ0OjE=", "versionIndex": 0}}
            artifact = {"id": f"QXJ0{len(self.operations)}", "state": "PENDING", "artifactSequence": sequence}
            fields["createArtifact"] = {"artifact": artifact}
        if "createArtifactFiles" in query:
            asked = given.get("artifactFiles") or given["input"]["artifactFiles"]
            nodes = [
                {"id": "Rjox", "name": one["name"], "displayName": one["name"], "uploadHeaders": [], "storagePath": None}
                | {
                    "uploadUrl": f"{base}/upload/{one['name']}",
                    "uploadMultipartUrls": None,
                    "artifact": {"id": one["artifactID"]},
                }
                for one in asked
            ]
            fields["createArtifactFiles"] = {"files": {"edges": [{"node": node} for node in nodes]}}
        if "createArtifactManifest" in query:
            file = {"id": "Rjox", "name": "wandb_manifest.json", "displayName": "wandb_manifest.json", "uploadHeaders": []}
            fields["createArtifactManifest"] = {
                "artifactManifest": {"id": "TTox", "file": file | {"uploadUrl": f"{base}/upload/m"}}
            }
        if "entity(" in query:
            fields["entity"] = {"id": "RW50OjE6", "name": "me"}
        if "models(" in query:
            owner = {**ME, "__typename": "User", "deletedAt": None, "apiKeys": {"edges": []}}
            node = project | {"createdAt": "2026-01-01T00:00:00Z", "user": owner}
            fields["models"] = {"pageInfo": {"endCursor": None, "hasNextPage": False}, "edges": [{"node": node, "cursor": "c"}]}
        if "upsertView" in query:
            fields["upsertView"] = {"inserted": True, "view": self._view(given.get("input") or given, project)}
        return fields

    def _bucket(self, run: str) -> dict[str, Any]:
        seen = self.runs[run]
        return {
            **{"id": "UnVuOjE6", "name": run, "displayName": seen.told.get("displayName"), "description": "", "sweepName": None},
            **{"config": seen.told.get("config"), "tags": seen.told.get("tags") or [], "wandbConfig": json.dumps({"t": {}})},
            **{"historyLineCount": len(seen.history), "eventsLineCount": 0, "logLineCount": 0, "eventsTail": "[]"},
            **{"historyTail": json.dumps([json.dumps(row) for row in seen.history[-1:]]), "createdAt": "2026-01-01T00:00:00Z"},
            **{
                "summaryMetrics": json.dumps(seen.summary),
                "project": PROJECT | {"name": "p", "entity": {"id": "RQ", "name": "me"}},
            },
        }

    @staticmethod
    def _view(given: dict[str, Any], project: dict[str, Any]) -> dict[str, Any]:
        return {
            **{"id": "Vmlldzox", "type": given.get("type") or "project-view", "name": given.get("name") or "nw-x-v"},
            **{"displayName": given.get("displayName") or "", "description": "", "spec": given.get("spec"), "locked": False},
            **{"updatedAt": "2026-01-01T00:00:00Z", "createdAt": "2026-01-01T00:00:00Z", "project": project},
            **{"user": {"name": "me", "username": "me"}, "previewUrl": None, "coverUrl": None, "showcasedAt": None},
        }

    def receive(self, run: str, sent: dict[str, Any]) -> None:
        """Lines of a run's curves and summary."""
        seen = self.runs.setdefault(run, Seen())
        for line in sent.get("files", {}).get("wandb-history.jsonl", {}).get("content", []):
            seen.history.append(json.loads(line))
        for line in sent.get("files", {}).get("wandb-summary.json", {}).get("content", []):
            seen.summary = json.loads(line)
        if sent.get("complete"):
            seen.exit_code = sent.get("exitcode")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: StandIn

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # wandb-core hangs up when it is done
            super().handle()

    def do_GET(self) -> None:
        self._reply({})

    def do_PUT(self) -> None:
        self.owner.uploads.append(self._body())
        self._reply({})

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/graphql" and self.owner.status == 200:
            asked = json.loads(body)
            base = f"http://{self.headers['Host']}"
            self._reply({"data": self.owner.answer(asked.get("query", ""), asked.get("variables") or {}, base)})
            return
        if self.path.endswith("/file_stream") and self.owner.status == 200:
            self.owner.receive(self.path.split("/")[-2], json.loads(body))
        self._reply({"limits": {}})

    def _body(self) -> bytes:
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        else:
            body = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _reply(self, content: dict[str, Any]) -> None:
        time.sleep(self.owner.seconds)
        body = json.dumps(content).encode()
        self.send_response(self.owner.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
