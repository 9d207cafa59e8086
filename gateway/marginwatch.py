"""Marginwatch for LiteLLM: stamps every call, and tells the exporter of each one, once.

Put this file beside LiteLLM's config.yaml and name it there:

    litellm_settings:
      callbacks: ["marginwatch.gateway"]

Environment:
    MARGINWATCH_URL            where the exporter is          (http://127.0.0.1:9464)
    MARGINWATCH_INGEST_KEY     its key for those who send     (none: an exporter on this machine asks for none)
    MARGINWATCH_SPOOL          folder for what is not delivered yet; in a container, on a volume
                               (/var/lib/marginwatch/spool, or ~/.local/state/marginwatch/spool)
    MARGINWATCH_SPOOL_MAX_MB   its bound, for each process    (2048)

A record is appended to a file before anything is awaited, so what LiteLLM has reported survives the end of the process. A
thread sends it and deletes what was acknowledged. Nothing here slows or fails a call; what is lost is counted and said.

By hand, when a container is gone and its spool is not:  python3 marginwatch.py FOLDER
"""

import atexit
import contextlib
import fcntl
import gzip
import http.client
import json
import logging
import os
import random
import re
import socket
import sys
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:

    class CustomLogger:
        """What LiteLLM calls back; its own class, without its types."""
else:
    try:
        from litellm.integrations.custom_logger import CustomLogger
    except ImportError:  # Sending a spool by hand needs no LiteLLM.
        CustomLogger = object

VERSION: Final = 1
log: Final = logging.getLogger("marginwatch")

Json = dict[str, Any]

# ── The record ────────────────────────────────────────────────────────────────────────────────────────────────────────────

STAMP: Final = "marginwatch_call_id"
MODEL_ASKED: Final = "marginwatch_model_asked"
SESSION: Final = "marginwatch_session"

_PLAIN: Final = (
    "id",
    "litellm_call_id",
    "trace_id",
    "call_type",
    "stream",
    "status",
    "startTime",
    "endTime",
    "completionStartTime",
    "model",
    "custom_llm_provider",
    "model_group",
    "response_cost",
    "cache_hit",
    "saved_cache_cost",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "end_user",
)
_ERROR: Final = ("error_class", "error_code", "llm_provider", "normalized_error", "error_rate_limit_category")
_METADATA: Final = (
    "user_api_key_alias",
    "user_api_key_user_id",
    "user_api_key_team_id",
    "user_api_key_team_alias",
    "user_api_key_org_id",
    "user_api_key_project_id",
    "user_api_key_project_alias",
    "user_api_key_request_route",
    "agent_id",
)
_SECRET: Final = re.compile(r"key|token|auth|secret|cookie|password", re.IGNORECASE)
_NOT_FOR_US: Final = ("x-stainless-", "x-litellm-", "x-forwarded-")
_NAMES: Final = 24
_LONGEST: Final = 256
_MESSAGE: Final = 300
_TAGS: Final = 32


def slim(payload: Mapping[str, Any], litellm_params: Mapping[str, Any] | None = None) -> Json:
    """The record of a call: LiteLLM's StandardLoggingPayload without texts, price map and what nobody reads.

    `litellm_params` are those of the call, which alone say how many fallbacks there were.
    """
    metadata = _map(payload.get("metadata"))
    record: Json = {"marginwatch": VERSION, "kind": "call"}
    record.update({name: payload[name] for name in _PLAIN if payload.get(name) not in (None, "")})
    if record.get("cache_hit") in (None, False):
        record.pop("cache_hit", None)
        record.pop("saved_cache_cost", None)
    tags = [tag for tag in _list(payload.get("request_tags")) if not str(tag).startswith("User-Agent: ")]
    response = payload.get("response")
    record |= _kept(
        request_tags=[str(tag)[:_LONGEST] for tag in tags[:_TAGS]],
        error_information=_error_of(payload),
        metadata=_metadata_of(metadata, _map(litellm_params)),
        model_parameters=_kept(temperature=_map(payload.get("model_parameters")).get("temperature")),
        context_window=_context_window(payload),
        **_answer_of(_map(response)),
    )
    # A usage of nothing but zeros is none: LiteLLM writes it for an answer that told none.
    if payload.get("status") != "failure" and not payload.get("total_tokens"):
        record |= _kept(characters=_characters(payload))
    return record


def attempt(request: Mapping[str, Any], error: Exception, number: int, at: float) -> Json:
    """The record of a try that failed before a retry or a fallback, at `at` in epoch seconds: no call, no cost."""
    own = _own_metadata(request)
    return {
        "marginwatch": VERSION,
        "kind": "attempt",
        "n": number,
        **_kept(litellm_call_id=request.get("litellm_call_id"), startTime=at, endTime=at, model=request.get("model")),
        **_kept(custom_llm_provider=getattr(error, "llm_provider", None), model_group=own.get("model_group")),
        "error_information": _kept(
            error_class=type(error).__name__,
            error_code=str(getattr(error, "status_code", "") or ""),
            llm_provider=getattr(error, "llm_provider", None),
            error_message=_first_paragraph(str(error)),
        ),
        "metadata": {"spend_logs_metadata": _small(_map(own.get("spend_logs_metadata")))},
    }


def _metadata_of(metadata: Mapping[str, Any], params: Mapping[str, Any]) -> Json:
    routed: Json = {}
    for name in ("metadata", "litellm_metadata"):
        routed |= {key: value for key, value in _map(params.get(name)).items() if key in _ROUTED and value != 0}
    prompt = _map(metadata.get("prompt_management_metadata"))
    tool = _map(metadata.get("mcp_tool_call_metadata"))
    requester = {
        name: value
        for name, value in _map(metadata.get("requester_metadata")).items()
        if name not in ("headers", "tags", "spend_logs_metadata", "used_client_oauth_token") and value != ""
    }
    return _kept(
        **{name: metadata[name] for name in _METADATA if metadata.get(name) not in (None, "")},
        **routed,
        usage_object=_without_nothing(metadata.get("usage_object")),
        spend_logs_metadata=_small(_map(metadata.get("spend_logs_metadata"))),
        user_api_key_auth_metadata=_small(_map(metadata.get("user_api_key_auth_metadata"))),
        requester_metadata=_small(requester),
        requester_custom_headers=_headers_of(_map(metadata.get("requester_custom_headers"))),
        prompt_management_metadata=_kept(prompt_id=prompt.get("prompt_id"), prompt_version=prompt.get("prompt_version")),
        mcp_tool_call_metadata=_kept(namespaced_tool_name=tool.get("namespaced_tool_name")),
    )


_ROUTED: Final = frozenset({"original_model_group", "attempted_fallbacks", "attempted_retries"})


def _headers_of(headers: Mapping[str, Any]) -> Json:
    kept = {
        name.lower(): value
        for name, value in headers.items()
        if not name.lower().startswith(_NOT_FOR_US) and not _SECRET.search(name)
    }
    # Of LiteLLM's own headers only the session's is read again: the others are fields by now.
    session = {name.lower(): value for name, value in headers.items() if name.lower() == "x-litellm-session-id"}
    return _small(kept | session)


def _error_of(payload: Mapping[str, Any]) -> Json:
    error = _map(payload.get("error_information"))
    message = _first_paragraph(str(error.get("error_message") or payload.get("error_str") or ""))
    return _kept(**{name: error[name] for name in _ERROR if error.get(name)}, error_message=message)


def _first_paragraph(message: str) -> str:
    """What the router adds, and a traceback, begin with a new one."""
    return re.split(r"\n\s*\n|Traceback ", message[:4096], maxsplit=1)[0][:_MESSAGE]


def _answer_of(response: Mapping[str, Any]) -> Json:
    choices = [_map(choice) for choice in _list(response.get("choices"))[:8]]
    called = [
        _map(_map(call).get("function")).get("name")
        for choice in choices
        for call in _list(_map(choice.get("message")).get("tool_calls"))[:64]
    ]
    called += [
        _map(item).get("name") for item in _list(response.get("output"))[:64] if _map(item).get("type") == "function_call"
    ]
    vectors = _list(response.get("data"))
    vector = _map(vectors[0]).get("embedding") if vectors else None
    return {
        "finish_reason": (choices[0].get("finish_reason") if choices else None) or response.get("status"),
        "tools": list(dict.fromkeys(str(name)[:_LONGEST] for name in called if name))[:16],
        "dimensions": len(vector) if isinstance(vector, list) else None,
        "service_tier": response.get("service_tier"),
    }


def _context_window(payload: Mapping[str, Any]) -> Any:
    information = _map(payload.get("model_map_information"))
    return _map(information.get("model_map_value")).get("max_input_tokens")


def _characters(payload: Mapping[str, Any]) -> Json | None:
    """Lengths of prompt and answer, for a call that came without usage; None where they must not be looked at."""
    response = payload.get("response")
    answer: Any = response
    if isinstance(response, Mapping):
        answer = [_map(choice).get("message") or _map(choice).get("text") for choice in _list(response.get("choices"))]
        answer += _list(response.get("output")) + _list(response.get("content"))
    sizes = (_measure(payload.get("messages"), 0), _measure(answer, 0))
    if sizes[0] is None or sizes[1] is None or sizes[0] + sizes[1] == 0:
        return None
    return {"input": sizes[0], "output": sizes[1]}


def _measure(value: Any, depth: int) -> int | None:
    if isinstance(value, str):
        # What LiteLLM puts in the place of a text that it must not log.
        return None if "redacted-by-litellm" in value else len(value)
    if depth > 6:
        return 0
    if isinstance(value, Mapping):
        value = [value.get("content"), value.get("text"), value.get("arguments")]
    total = 0
    for part in value if isinstance(value, list) else []:
        size = _measure(part, depth + 1)
        if size is None:
            return None
        total += size
    return total


def _small(values: Mapping[str, Any]) -> Json:
    """Short scalars, or lists of them, under short names: attribution reads these, and nothing longer is one."""
    kept: Json = {}
    for name, value in values.items():
        if len(kept) >= _NAMES:
            break
        if isinstance(value, (bool, int, float)) or (isinstance(value, str) and value and len(value) <= _LONGEST):
            kept[str(name)[:64]] = value
        elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            kept[str(name)[:64]] = [item[:_LONGEST] for item in value[:16]]
    return kept


def _without_nothing(value: Any) -> Any:
    """Counts of zero and empty parts say nothing."""
    if not isinstance(value, Mapping):
        return value
    kept = {name: _without_nothing(part) for name, part in value.items()}
    return {name: part for name, part in kept.items() if part not in (None, "", 0, {}, [])}


def _kept(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value is not None and value not in ("", {}, [])}


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def to_line(record: Json) -> bytes:
    """One record as a line of NDJSON. What JSON has no form for becomes text."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"


# ── The spool ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_SEGMENT_BYTES: Final = 8 * 1024 * 1024
_MEMORY_BYTES: Final = 8 * 1024 * 1024
_DEAD_LETTER_BYTES: Final = 64 * 1024 * 1024
_CHUNK: Final = 1024 * 1024
_LOOK_EVERY: Final = 5.0
_YOUNG: Final = 60.0
DEAD_LETTER: Final = "dead-letter.ndjson"


@dataclass
class Dropped:
    """Records that were lost since the process started, by reason."""

    full: int = 0
    disk: int = 0
    refused: int = 0
    torn: int = 0


class _Reader:
    """Reads the files of one folder in order, from where it was acknowledged, and deletes those that are done."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self.position = 0
        self.torn = 0

    def peek(self, paths: list[Path], growing: Path | None, max_records: int, max_bytes: int) -> "Batch | None":
        """The first lines that wait in `paths`. Only `growing` may end in half a line that will be whole."""
        for path in paths:
            lines = _read_lines(path, self.position, max_records, max_bytes)
            if lines:
                return Batch(lines, self, self.position + sum(map(len, lines)))
            if path == growing:
                return None
            # Half a line at the end: the process was killed, or the disk was full, in the middle of it.
            self.torn += 1 if path.stat().st_size > self.position else 0
            path.unlink()
            self.position = 0
        return None


class _Adopted(_Reader):
    """A folder that a dead process left, and the lock on it."""

    def __init__(self, folder: Path, lock: IO[bytes]) -> None:
        super().__init__(folder)
        self._lock: Final = lock
        paths = _segments(folder)
        self.bytes = sum(path.stat().st_size for path in paths)
        self.events = sum(_count_lines(path) for path in paths)

    def is_empty(self) -> bool:
        return not _segments(self.folder)

    def abandon(self) -> None:
        self._lock.close()

    def close(self) -> None:
        if self.is_empty():
            _remove(self.folder)
        self._lock.close()


@dataclass(frozen=True)
class Batch:
    """Complete lines that wait, oldest first. `end` is where they end in their file; without a reader they are in memory."""

    lines: list[bytes]
    reader: _Reader | None = None
    end: int = 0

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(map(len, self.lines))


class Spool:
    """Records of one process on their way out: a folder of files that only it appends to, and those that dead ones left.

    `append` may be called from any thread and returns at once; `peek` and `done` belong to the one that sends. A folder
    belongs to whoever holds the lock on its file `lock`; the system lets go of it when that process ends, however it does.
    """

    def __init__(self, root: Path, *, max_bytes: int, segment_bytes: int = _SEGMENT_BYTES) -> None:
        self.process: Final = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.dropped: Final = Dropped()
        self.root: Final = root
        self._max_bytes: Final = max_bytes
        self._segment_bytes: Final = segment_bytes
        self._mutex: Final = threading.Lock()
        self._memory: Final[deque[bytes]] = deque()
        self._memory_bytes = 0
        self._own: Final = _Reader(root / self.process)
        self._lock: IO[bytes] | None = None
        self._file: IO[bytes] | None = None
        self._path: Path | None = None
        self._number = 0
        self._written = 0
        # What waits in this process's own files.
        self._bytes = 0
        self._events = 0
        self._adopted: _Adopted | None = None
        self._looked_at = -_LOOK_EVERY

    # Writing

    def append(self, line: bytes) -> None:
        """Keeps a line: on disk, or in bounded memory while the disk takes none, or not at all, and then it is counted."""
        with self._mutex:
            if self._bytes + len(line) > self._max_bytes:
                if self.dropped.full == 0:
                    log.error("marginwatch: the spool %s is full; calls are not recorded", self._own.folder)
                self.dropped.full += 1
                return
            try:
                self._write(line)
            except OSError as error:
                self._remember(line, error)
                return
            self._bytes += len(line)
            self._events += 1

    def _write(self, line: bytes) -> None:
        if self._file is None or self._written >= self._segment_bytes:
            self._open_next()
        file = self._file
        assert file is not None
        try:
            if file.write(line) != len(line):
                raise OSError("the disk took half a line")
        except OSError:
            # Nothing may follow half a line.
            with contextlib.suppress(OSError):
                os.ftruncate(file.fileno(), self._written)
            self._close_file()
            raise
        self._written += len(line)

    def _open_next(self) -> None:
        self._close_file()
        folder = self._own.folder
        folder.mkdir(parents=True, exist_ok=True)
        if self._lock is None or not _is_at(self._lock, folder / "lock"):
            self._lock = _lock(folder)
        path = folder / f"{self._number + 1:08d}.ndjson"
        # Unbuffered: what is written is the system's, and survives this process.
        self._file = path.open("ab", buffering=0)
        self._path = path
        self._number += 1
        self._written = 0

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
        self._path = None

    def _remember(self, line: bytes, error: OSError) -> None:
        if self._memory_bytes + len(line) > _MEMORY_BYTES:
            if self.dropped.disk == 0:
                log.error("marginwatch: neither disk nor memory takes more records; calls are not recorded")
            self.dropped.disk += 1
            return
        if not self._memory:
            log.warning("marginwatch: %s cannot be written (%s); records wait in memory", self._own.folder, error)
        self._memory.append(line)
        self._memory_bytes += len(line)

    # Sending

    def peek(self, max_records: int, max_bytes: int) -> Batch | None:
        """The oldest records that wait: first what dead processes left, then this one's. None when there are none."""
        while (adopted := self._adopt()) is not None:
            batch = adopted.peek(_segments(adopted.folder), None, max_records, max_bytes)
            if batch is not None:
                return batch
        with self._mutex:
            events, memory = self._events, list(self._memory)
            paths, growing = _segments(self._own.folder) if events > 0 else [], self._path
        batch = self._own.peek(paths, growing, max_records, max_bytes)
        if batch is None and events > 0:
            self._forget(events)
        if batch is not None or not memory:
            return batch
        return Batch(_first(memory, max_records, max_bytes))

    def _forget(self, events: int) -> None:
        """Files that hold records were deleted by somebody else."""
        log.error("marginwatch: %d records are gone from %s", events, self._own.folder)
        with self._mutex:
            self._close_file()
            self.dropped.disk += events
            self._events -= events
            if self._events == 0:
                self._bytes = 0
            self._own.position = 0

    def done(self, batch: Batch) -> None:
        """Forgets a batch: it was acknowledged, or given up."""
        if isinstance(batch.reader, _Adopted):
            batch.reader.position = batch.end
            batch.reader.events -= len(batch.lines)
            batch.reader.bytes -= batch.size
            return
        with self._mutex:
            if batch.reader is None:
                for _ in batch.lines:
                    self._memory.popleft()
                self._memory_bytes -= batch.size
                return
            batch.reader.position = batch.end
            self._events -= len(batch.lines)
            self._bytes -= batch.size
            if self._events == 0:
                self._begin_anew()

    def _begin_anew(self) -> None:
        """All is delivered: what was written is deleted now, and not when a whole segment is full."""
        self.dropped.torn += self._own.torn
        self._own.torn = 0
        self._bytes = 0
        # A disk that has become read-only keeps them; reading then goes on behind them.
        with contextlib.suppress(OSError):
            for path in _segments(self._own.folder):
                if path != self._path:
                    path.unlink(missing_ok=True)
            if self._file is not None:
                os.ftruncate(self._file.fileno(), 0)
            self._written = 0
            self._own.position = 0

    def _adopt(self) -> _Adopted | None:
        adopted = self._adopted
        if adopted is not None and adopted.is_empty():
            self.dropped.torn += adopted.torn
            adopted.close()
            self._adopted = adopted = None
            self._looked_at = -_LOOK_EVERY
        now = time.monotonic()
        if adopted is None and now - self._looked_at >= _LOOK_EVERY:
            self._looked_at = now
            self._adopted = adopted = self._find()
        return adopted

    def _find(self) -> _Adopted | None:
        """The oldest folder that holds records and whose process has ended."""
        folders = [path for path in _entries(self.root) if path.is_dir() and path != self._own.folder]
        for folder in sorted(folders, key=_age, reverse=True):
            if not _segments(folder) and _age(folder) < _YOUNG:
                continue  # Its process may be about to begin.
            try:
                adopted = _Adopted(folder, _lock(folder))
            except OSError:
                continue  # Its process lives.
            if adopted.is_empty():
                adopted.close()
                continue
            log.warning("marginwatch: sending %d records that a process left in %s", adopted.events, folder)
            return adopted
        return None

    # State

    def backlog(self) -> tuple[int, int]:
        """Records and bytes that are not acknowledged."""
        with self._mutex:
            events, size = self._events + len(self._memory), self._bytes + self._memory_bytes
        adopted = self._adopted
        return (events + adopted.events, size + adopted.bytes) if adopted else (events, size)

    def dead_letter(self, line: bytes, reason: str) -> None:
        """Puts a record that the exporter will never take where a person finds it; bounded."""
        self.dropped.refused += 1
        path = self.root / DEAD_LETTER
        letter = {"reason": reason, "record": line.decode("utf-8", "replace").rstrip()}
        with contextlib.suppress(OSError):
            if path.exists() and path.stat().st_size > _DEAD_LETTER_BYTES:
                path.replace(path.with_suffix(".old"))
            with path.open("ab") as file:
                file.write(to_line(letter))

    def abandon(self) -> None:
        """In a forked child: closes what it shares with its parent. Waits for no lock, which nobody might ever release."""
        for file in (self._file, self._lock):
            if file is not None:
                file.close()
        if self._adopted is not None:
            self._adopted.abandon()

    def close(self) -> None:
        """Lets go of the folder; what is in it is sent by whoever comes next."""
        with self._mutex:
            self._close_file()
            if self._adopted is not None:
                self._adopted.close()
                self._adopted = None
            if self._lock is not None:
                if self._events == 0:
                    _remove(self._own.folder)
                self._lock.close()
                self._lock = None


def _lock(folder: Path) -> IO[bytes]:
    """Takes a folder; raises OSError while another process has it."""
    path = folder / "lock"
    lock = path.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(lock, path):
            raise OSError(f"{path} was replaced meanwhile")
    except OSError:
        lock.close()
        raise
    return lock


def _is_at(file: IO[bytes], path: Path) -> bool:
    """An open file may have been deleted under its name; a lock on such a one protects nothing."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _remove(folder: Path) -> None:
    for path in _entries(folder):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _segments(folder: Path) -> list[Path]:
    return sorted(path for path in _entries(folder) if path.suffix == ".ndjson")


def _age(folder: Path) -> float:
    """Seconds since something was made or deleted in it."""
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def _read_lines(path: Path, position: int, max_records: int, max_bytes: int) -> list[bytes]:
    """Complete lines from a place on; at least one if there is one, however long."""
    with path.open("rb") as file:
        file.seek(position)
        text = file.read(max_bytes)
        while b"\n" not in text and (more := file.read(max_bytes)):
            text += more
    lines = text[: text.rfind(b"\n") + 1].splitlines(keepends=True)
    return lines[:max_records]


def _first(lines: list[bytes], max_records: int, max_bytes: int) -> list[bytes]:
    taken: list[bytes] = []
    size = 0
    for line in lines[:max_records]:
        size += len(line)
        if taken and size > max_bytes:
            break
        taken.append(line)
    return taken


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))


# ── The sender ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_RECORDS: Final = 500
_BYTES: Final = 512 * 1024
#: A record waits so long for company.
_LINGER: Final = 0.05
_HEARTBEAT: Final = 10.0
_TIMEOUT: Final = 30.0
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 30.0
#: How long the end of a process may take for a last try.
_FAREWELL: Final = 2.0
PATH: Final = "/v1/sources/litellm"


@dataclass(frozen=True)
class Settings:
    """Where records go, and where they wait."""

    url: str
    key: str | None
    spool: Path
    max_bytes: int

    @staticmethod
    def read(env: Mapping[str, str]) -> "Settings":
        """Settings from the environment. Raises ValueError with a sentence that says what was found and what is expected."""
        url = env.get("MARGINWATCH_URL") or "http://127.0.0.1:9464"
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"MARGINWATCH_URL is {url!r}, expected a URL like http://127.0.0.1:9464")
        megabytes = env.get("MARGINWATCH_SPOOL_MAX_MB") or "2048"
        if not megabytes.isdigit() or int(megabytes) < 1:
            raise ValueError(f"MARGINWATCH_SPOOL_MAX_MB is {megabytes!r}, expected a whole number of megabytes, 1 or more")
        spool = Path(env["MARGINWATCH_SPOOL"]) if env.get("MARGINWATCH_SPOOL") else _default_spool(env)
        return Settings(url.rstrip("/"), env.get("MARGINWATCH_INGEST_KEY") or None, spool, int(megabytes) * 1024 * 1024)


def _default_spool(env: Mapping[str, str]) -> Path:
    system = Path("/var/lib/marginwatch/spool")
    with contextlib.suppress(OSError):
        system.mkdir(parents=True, exist_ok=True)
        if os.access(system, os.W_OK):
            return system
    home = env.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "marginwatch" / "spool"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Json
    retry_after: float | None


class Sender:
    """Sends what the spool holds, in order, until it is acknowledged. One thread; nothing waits for it."""

    def __init__(self, spool: Spool, settings: Settings) -> None:
        self._spool: Final = spool
        self._settings: Final = settings
        self._url: Final = urlsplit(settings.url)
        self._connection: http.client.HTTPConnection | None = None
        self._wake: Final = threading.Event()
        self._stopping: Final = threading.Event()
        self._trouble: str | None = None
        self._failures = 0
        self._records = _RECORDS
        self._sent_at = 0.0
        self._thread: Final = threading.Thread(target=self._run, name="marginwatch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something was appended."""
        self._wake.set()

    def stop(self) -> None:
        """Tries once more what waits, for a short while, and ends the thread."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(_FAREWELL)
        if not self._thread.is_alive():
            self._close()

    def drain(self, on_progress: Callable[[int], None]) -> None:
        """Sends everything that waits and returns; for use without the thread."""
        while (batch := self._spool.peek(self._records, _BYTES)) is not None:
            pause = self._send(batch)
            on_progress(self._spool.backlog()[0])
            if pause > 0:
                time.sleep(pause)

    def _run(self) -> None:
        until = 0.0
        while True:
            if self._stopping.is_set():
                until = until or time.monotonic() + _FAREWELL
                if time.monotonic() > until:
                    return
            try:
                pause = self._step()
            except Exception:  # Whatever it is, the next calls must still be told of.
                log.exception("marginwatch: records could not be sent; they are tried again")
                pause = _LONGEST_PAUSE
            if self._stopping.is_set() and pause > 0:
                return
            if pause > 0:
                self._stopping.wait(pause)

    def _step(self) -> float:
        """Sends one batch, or waits for one. Returns how long to pause before the next, in seconds."""
        batch = self._spool.peek(self._records, _BYTES)
        if batch is not None:
            return self._send(batch)
        if self._stopping.is_set():
            return _FAREWELL
        if time.monotonic() - self._sent_at >= _HEARTBEAT:
            return self._heartbeat()
        self._wake.clear()
        if self._spool.backlog()[0] == 0 and self._wake.wait(min(_LOOK_EVERY, _HEARTBEAT)):
            self._stopping.wait(_LINGER)
        return 0.0

    def _heartbeat(self) -> float:
        try:
            answer = self._post([])
        except OSError as error:
            return self._fail(f"{type(error).__name__}: {error}")
        return self._succeed() if answer.status < 300 else self._refused(answer)

    def _send(self, batch: Batch) -> float:
        try:
            answer = self._post(batch.lines)
        except OSError as error:
            return self._fail(f"{type(error).__name__}: {error}")
        if answer.status < 300:
            self._note_refused(batch, answer)
            self._spool.done(batch)
            self._records = min(_RECORDS, self._records * 2)
            return self._succeed()
        if answer.status not in (400, 413):
            return self._refused(answer)
        if len(batch.lines) > 1:
            # One of them is the culprit; the others must not suffer for it.
            self._records = max(1, len(batch.lines) // 2)
            return 0.0
        self._spool.dead_letter(batch.lines[0], f"{answer.status}: {answer.body.get('detail', 'refused')}")
        self._spool.done(batch)
        log.error("marginwatch: the exporter refuses a record (%d); it is in %s", answer.status, DEAD_LETTER)
        return 0.0

    def _note_refused(self, batch: Batch, answer: Answer) -> None:
        for refusal in _list(answer.body.get("refused")):
            index, reason = _map(refusal).get("index"), str(_map(refusal).get("reason"))
            if isinstance(index, int) and 0 <= index < len(batch.lines):
                self._spool.dead_letter(batch.lines[index], reason)

    def _succeed(self) -> float:
        if self._trouble is not None:
            log.warning("marginwatch: the exporter at %s takes records again", self._settings.url)
        self._trouble = None
        self._failures = 0
        return 0.0

    def _refused(self, answer: Answer) -> float:
        detail = answer.body.get("detail") or answer.body.get("title") or ""
        if answer.status == 401:
            detail = f"{detail} (the key is MARGINWATCH_INGEST_KEY)"
        return self._fail(f"{answer.status} {detail}", answer.retry_after)

    def _fail(self, reason: str, retry_after: float | None = None) -> float:
        """Says so once, and returns how long to wait: longer each time, and never in step with other processes."""
        self._close()
        if self._trouble is None:
            log.warning(
                "marginwatch: the exporter at %s does not take records (%s); they wait in %s",
                self._settings.url,
                reason.strip(),
                self._spool.root,
            )
        self._trouble = reason
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures, 20))
        self._failures += 1
        return max(min(retry_after or 0.0, 60.0), pause * random.uniform(0.5, 1.0))

    def _post(self, lines: list[bytes]) -> Answer:
        """One exchange over a connection that is kept. Raises OSError when there was no answer."""
        body = gzip.compress(b"".join(lines), compresslevel=1, mtime=0)
        headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "X-Marginwatch-Gateway": self._state(lines),
        }
        if self._settings.key is not None:
            headers["Authorization"] = f"Bearer {self._settings.key}"
        self._sent_at = time.monotonic()
        kept = self._connection is not None
        try:
            return self._exchange(body, headers)
        except ConnectionError:
            if not kept:
                raise
            # The other side has closed what was idle. Sending twice harms nothing: a record is known by its id.
            self._close()
            return self._exchange(body, headers)

    def _exchange(self, body: bytes, headers: dict[str, str]) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        try:
            self._connection.request("POST", f"{self._url.path.rstrip('/')}{PATH}", body, headers)
            response = self._connection.getresponse()
            text = response.read()
        except ConnectionError:
            raise
        except http.client.HTTPException as error:
            raise OSError(f"no HTTP answer ({error!r})") from error
        if response.will_close:
            self._close()
        return Answer(response.status, _json_of(text), _seconds(response.getheader("Retry-After")))

    def _state(self, lines: list[bytes]) -> str:
        # A post without records is made when none wait; one that came since is the next post's, whose age is then known.
        events, size = self._spool.backlog() if lines else (0, 0)
        dropped = self._spool.dropped
        state = {
            "version": VERSION,
            "process": self._spool.process,
            "clock": round(time.time(), 3),
            "events": events,
            "bytes": size,
            "oldest": _map(_json_of(lines[0])).get("endTime") if lines else None,
            "dropped": vars(dropped),
        }
        return json.dumps(state, separators=(",", ":"))

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        return kind(self._url.hostname or "", self._url.port, timeout=_TIMEOUT)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _json_of(text: bytes) -> Json:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None


# ── The gateway's side ────────────────────────────────────────────────────────────────────────────────────────────────────

_PENDING: Final = 10_000


@dataclass
class _Tries:
    """What is known of a call that has failed at least once and may still succeed."""

    count: int = 0
    last: Json = field(default_factory=dict)


class Gateway(CustomLogger):
    """LiteLLM's callback: puts our id on every call, and spools a record of each one that has ended."""

    def __init__(self, settings: Settings, start: bool = True) -> None:
        super().__init__()
        self._settings: Final = settings
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        self._broken = 0
        self._start_thread: Final = start
        self._forked_from: Spool | None = None
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.close)

    def _begin(self) -> None:
        # A child must neither write into its parent's files, nor hold its lock, nor wait for a thread that it does not have.
        if self._forked_from is not None:
            self._forked_from.abandon()
        self.spool = Spool(self._settings.spool, max_bytes=self._settings.max_bytes)
        self._forked_from = self.spool
        self._sender = Sender(self.spool, self._settings)
        if self._start_thread:
            self._sender.start()

    def close(self) -> None:
        """Sends what it can within two seconds; the rest waits in the spool for the next start."""
        if self._start_thread:
            self._sender.stop()
        self.spool.close()

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Json, call_type: str) -> Json:
        """Stamps a call before it leaves."""
        with self._never_failing():
            stamp(data)
        return data

    async def async_log_success_event(self, kwargs: Json, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A call has succeeded; the tries before it, if there were any, are told of as such."""
        with self._never_failing():
            payload = _map(kwargs.get("standard_logging_object"))
            if payload:
                self._settle(payload)
                self._keep(slim(payload, _map(kwargs.get("litellm_params"))))

    async def async_post_call_failure_deployment_hook(
        self, request_data: Json, exception: Exception, call_type: Any, fallback_depth: int | None = None
    ) -> None:
        """A try has failed. Whether the call has, is known when it is tried again or when its final failure is told."""
        with self._never_failing():
            name = _name_of(_own_metadata(request_data), request_data)
            tries = self._tries.setdefault(name, _Tries())
            if tries.last:
                self._keep(tries.last)
            tries.count += 1
            tries.last = attempt(request_data, exception, tries.count, time.time())
            self._tries.move_to_end(name)
            while len(self._tries) > _PENDING:
                _, forgotten = self._tries.popitem(last=False)
                self._keep(forgotten.last)

    async def async_post_call_failure_hook(
        self,
        request_data: Json,
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> None:
        """A call has failed for good, or was refused."""
        with self._never_failing():
            payload = _map(request_data.get("standard_logging_object"))
            if payload:
                self._tries.pop(_name_of(_map(payload.get("metadata")), payload), None)
                # The payload is of the first try that failed; the call has lasted until now.
                self._keep(slim({**payload, "status": "failure", "endTime": time.time()}, request_data))

    def _settle(self, payload: Mapping[str, Any]) -> None:
        tries = self._tries.pop(_name_of(_map(payload.get("metadata")), payload), None)
        if tries is not None and tries.last:
            self._keep(tries.last)

    def _keep(self, record: Json) -> None:
        self.spool.append(to_line(record))
        self._sender.wake()

    @contextlib.contextmanager
    def _never_failing(self) -> Iterator[None]:
        try:
            yield
        except Exception:  # A call is worth more than its record.
            self._broken += 1
            if self._broken == 1:
                log.exception("marginwatch: a call could not be recorded; LiteLLM's spend log may still have it")


def stamp(data: Json) -> None:
    """Puts a fresh call id, the model asked for and the session that the client named into what LiteLLM logs of the call."""
    for metadata in (data.get("metadata"), data.get("litellm_metadata")):
        theirs = metadata.get("spend_logs_metadata") if isinstance(metadata, dict) else None
        if isinstance(theirs, dict):
            for name in [name for name in theirs if str(name).startswith("marginwatch_")]:
                del theirs[name]
    own = _own_metadata(data)
    own["spend_logs_metadata"] = {
        **_map(own.get("spend_logs_metadata")),
        STAMP: str(uuid.uuid4()),
        MODEL_ASKED: str(data.get("model") or "")[:_LONGEST],
        SESSION: _session_of(data, own)[:_LONGEST],
    }
    if not any(metadata is own for metadata in (data.get("metadata"), data.get("litellm_metadata"))):
        data["metadata"] = own


def _own_metadata(data: Mapping[str, Any]) -> Json:
    """The one of the two that LiteLLM itself has filled: on some routes `metadata` is the provider's."""
    found = [data[name] for name in ("litellm_metadata", "metadata") if isinstance(data.get(name), dict)]
    own: Json = next((metadata for metadata in found if "user_api_key" in metadata), found[0] if found else {})
    return own


def _session_of(data: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    if own.get("litellm_session_id_generated"):
        return ""
    requester = _map(own.get("requester_metadata"))
    for value in (data.get("litellm_session_id"), own.get("session_id"), requester.get("session_id")):
        if isinstance(value, str) and value:
            return value
    return ""


def _name_of(metadata: Mapping[str, Any], call: Mapping[str, Any]) -> str:
    return str(_map(metadata.get("spend_logs_metadata")).get(STAMP) or call.get("litellm_call_id") or "")


_instance: Gateway | None = None


def __getattr__(name: str) -> Any:
    """`marginwatch.gateway`, made when LiteLLM asks for it: importing this file starts nothing."""
    global _instance
    if name != "gateway":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _instance is None:
        _instance = Gateway(Settings.read(os.environ))
    return _instance


# ── By hand ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def main(arguments: list[str]) -> int:
    """Sends the spool in a folder, and says how far it is."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        found = arguments[0] if arguments else "nothing"
        print(f"Expected one folder that holds a spool, found {found}.\n\n{__doc__}", file=sys.stderr)
        return 2
    try:
        settings = Settings.read({**os.environ, "MARGINWATCH_SPOOL": arguments[0]})
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    spool = Spool(settings.spool, max_bytes=settings.max_bytes)
    said = 0.0

    def progress(left: int) -> None:
        nonlocal said
        if left == 0 or time.monotonic() - said >= 1:
            said = time.monotonic()
            print(f"{left:,} records left")

    try:
        Sender(spool, settings).drain(progress)
    except KeyboardInterrupt:
        print("Stopped; what is left stays where it is.", file=sys.stderr)
        return 1
    finally:
        spool.close()
    print(f"Sent. {spool.dropped.torn} torn, {spool.dropped.refused} refused ({DEAD_LETTER}).")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
