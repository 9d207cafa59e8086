"""Marginwatch for LiteLLM: asks before every call whether it may leave, and tells the exporter of each one, once.

Put this file beside LiteLLM's config.yaml and name it there:

    litellm_settings:
      callbacks: ["marginwatch.gateway"]

Environment:
    MARGINWATCH_URL            where the exporter is          (http://127.0.0.1:9464)
    MARGINWATCH_INGEST_KEY     its key for those who send     (none: an exporter on this machine asks for none)
    MARGINWATCH_SPOOL          folder for what is not delivered yet; in a container, on a volume
                               (/var/lib/marginwatch/spool, or ~/.local/state/marginwatch/spool)
    MARGINWATCH_SPOOL_MAX_MB   its bound, for each process    (2048)
    MARGINWATCH_DECISIONS      off: no call is asked for      (on)
    MARGINWATCH_GATEWAY_KEY    the exporter's key for those who ask (MARGINWATCH_INGEST_KEY)
    MARGINWATCH_DECISION_MS    how long a call may wait for its decision (250)
    MARGINWATCH_ON_UNREACHABLE what becomes of a call that none can be had for: allow or block. Holds until the exporter
                               was heard of; then its policy's word does (allow)

A record is appended to a file before anything is awaited, so what LiteLLM has reported survives the end of the process. A
thread sends it and deletes what was acknowledged. What is lost is counted and said. A call waits for its decision alone, and
fails only when that is to refuse it: no fault of this file fails one.

By hand, when a container is gone and its spool is not:  python3 marginwatch.py FOLDER
"""

import asyncio
import atexit
import concurrent.futures
import contextlib
import fcntl
import gzip
import http.client
import importlib
import json
import logging
import math
import os
import random
import re
import socket
import sys
import threading
import time
import uuid
import warnings
import weakref
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol
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
ACTION: Final = "marginwatch_action"
REASON: Final = "marginwatch_reason"

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
class Asking:
    """How decisions are asked for."""

    key: str | None = None
    #: For all of it, a second question included.
    seconds: float = 0.25
    on_unreachable: str = "allow"

    @staticmethod
    def read(env: Mapping[str, str]) -> "Asking | None":
        """None when they are not. Raises ValueError like Settings.read."""
        milliseconds = env.get("MARGINWATCH_DECISION_MS") or "250"
        if not milliseconds.isdigit() or not 1 <= int(milliseconds) <= 60_000:
            raise ValueError(f"MARGINWATCH_DECISION_MS is {milliseconds!r}, expected milliseconds from 1 to 60000")
        on_unreachable = _word(env, "MARGINWATCH_ON_UNREACHABLE", ("allow", "block"))
        if _word(env, "MARGINWATCH_DECISIONS", ("on", "off")) == "off":
            return None
        key = env.get("MARGINWATCH_GATEWAY_KEY") or env.get("MARGINWATCH_INGEST_KEY") or None
        return Asking(key, int(milliseconds) / 1000, on_unreachable)


def _word(env: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    """One of the words; the first is the default."""
    found = (env.get(name) or words[0]).lower()
    if found not in words:
        raise ValueError(f"{name} is {env[name]!r}, expected {' or '.join(words)}")
    return found


@dataclass(frozen=True)
class Settings:
    """Where records go, where they wait, and how decisions are asked for, if they are."""

    url: str
    key: str | None
    spool: Path
    max_bytes: int
    asking: Asking | None = None

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
        key = env.get("MARGINWATCH_INGEST_KEY") or None
        return Settings(url.rstrip("/"), key, spool, int(megabytes) * 1024 * 1024, Asking.read(env))


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

    def __init__(self, spool: Spool, settings: Settings, undecided: Callable[[], int] = lambda: 0) -> None:
        self._spool: Final = spool
        self._settings: Final = settings
        self._undecided: Final = undecided
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
            "undecided": self._undecided(),
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


# ── The question ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_MOST_NODES: Final = 50_000
#: A bound of an answer beyond this bounds nothing.
_MOST_TOKENS: Final = 10_000_000
#: Calls that make no model answer; the others are asked for if they name a model.
_NOT_ASKED: Final = re.compile(
    r"_?a?(?:(?:get|list|delete|cancel|retrieve|update|upload)_.*|file_.*|vector_store_.*|search|ingest|apply_guardrail"
    r"|create_(?:batch|file|fine_tuning_job|container|skill|eval|run|agent|realtime_.*)|realtime_calls|call_mcp_tool"
    r"|video_(?:list|status|content|get_character|create_character))"
)
_INPUT: Final = (
    *("messages", "system", "prompt", "input", "instructions", "tools", "functions", "contents", "systemInstruction"),
    *("system_instruction", "config", "generationConfig", "response_format", "text", "documents", "query", "suffix"),
)
#: What is known by an id alone, or grows while the call runs.
_ELSEWHERE: Final = (
    *("previous_response_id", "conversation", "cachedContent", "cached_content", "file", "mcp_servers"),
    "web_search_options",
)
_SERVER_TOOLS: Final = ("web_", "file_search", "code_interpreter", "code_execution", "mcp", "tool_search")
_GOOGLE_TOOLS: Final = frozenset(
    {"googleSearch", "google_search", "googleSearchRetrieval", "google_search_retrieval", "googleMaps", "google_maps"}
    | {"codeExecution", "code_execution", "urlContext", "url_context", "fileSearch", "file_search"}
)
_PICTURES: Final = frozenset({"image_url", "input_image", "image", "computer_screenshot", "image_generation_call"})
_OPAQUE: Final = frozenset(
    {"file", "input_file", "input_audio", "audio", "audio_url", "video", "video_url", "input_video"}
    | {"container_upload", "item_reference"}
)
_APART: Final = _PICTURES | _OPAQUE | {"document"}
#: How Gemini's media are called, and what one of them always has.
_MEDIA: Final = {"inlineData": "mimeType", "inline_data": "mime_type", "fileData": "fileUri", "file_data": "file_uri"}
#: The fields that bound an answer, by kind of call; the first is set where the client set none.
_BOUNDS: Final = {
    "completion": ("max_tokens", "max_completion_tokens"),
    "text_completion": ("max_tokens", "max_completion_tokens"),
    "anthropic_messages": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "generate_content": ("maxOutputTokens", "max_output_tokens"),
    "generate_content_stream": ("maxOutputTokens", "max_output_tokens"),
}


@dataclass
class Size:
    """What goes to the model, as far as it can be seen."""

    bytes: int = 0
    images: int = 0
    #: Parts whose size cannot be known here.
    opaque: int = 0
    #: Of an input that comes as numbers of tokens.
    ids: int = 0
    #: The client has some of it written to the provider's cache, which may be dearer.
    cache_writes: bool = False

    def as_input(self) -> Json:
        known = {"tokens": self.ids} if self.ids > 0 and self.bytes == 4 * self.ids else {}
        counts = {"bytes": self.bytes, **known, "images": self.images, "opaque": self.opaque}
        return {**counts, "cache_writes": self.cache_writes}


def question_of(data: Json, key: Any, call_type: str) -> Json | None:
    """What is asked for a stamped call; None for one that needs no decision."""
    model = data.get("model")
    if not isinstance(model, str) or not model or _NOT_ASKED.fullmatch(call_type):
        return None
    size = size_of(data, call_type)
    tools = any(body.get("tools") or body.get("functions") for body in _bodies(data))
    return {
        "version": VERSION,
        "call_id": _stamp_of(data).get(STAMP),
        "model": model[:_LONGEST],
        "call_type": call_type,
        "stream": data.get("stream") is True,
        **_kept(max_tokens=_bound_of(data, call_type), n=_answers_of(data), language=_language_of(data)),
        **_kept(service_tier=data["service_tier"][:64] if isinstance(data.get("service_tier"), str) else None),
        "input": size.as_input(),
        "needs": [*(["tools"] if tools else []), *(["images"] if size.images > 0 else [])],
        **_kept(traceparent=_traceparent_of(data)),
        "record": facts_of(data, key, call_type),
    }


def size_of(data: Json, call_type: str = "", texts: list[str] | None = None) -> Size:
    """Counts what a call sends to the model, without writing it as JSON; collects its texts into `texts`, if given."""
    size = Size()
    stack: list[Any] = []
    for body in _bodies(data):
        # What LiteLLM puts there for its guardrails says the same as the prompt.
        double = "prompt" in body and call_type == "image_generation"
        stack += [body[name] for name in _INPUT if name in body and not (double and name == "messages")]
        size.opaque += sum(1 for name in _ELSEWHERE if body.get(name))
        size.opaque += 1 if _map(body.get("prompt")).get("id") else 0
        size.opaque += sum(1 for tool in _list(body.get("tools")) if _runs_elsewhere(tool))
        size.images += len(_list(body.get("image"))) or (1 if body.get("image") else 0)
        size.cache_writes |= bool(body.get("cache_control") or body.get("cache_control_injection_points"))
    left = _MOST_NODES
    while stack and left > 0:
        value = stack.pop()
        left -= 1
        # A long conversation has thousands of parts: what is done for each is written out.
        if type(value) is dict:
            kind = value.get("type")
            if "cache_control" in value:
                size.cache_writes = True
            known = kind in _APART if type(kind) is str else not _MEDIA.keys().isdisjoint(value)
            if known and _is_apart(value, size):
                continue
            size.bytes += len("".join(value))
            left -= len(value)
            for part in value.values():
                if type(part) is str:
                    size.bytes += len(part) if part.isascii() else len(part.encode("utf-8", "surrogatepass"))
                    if texts is not None:
                        texts.append(part)
                elif part is not None:
                    stack.append(part)
            if texts is not None:
                texts += value
        elif type(value) is not list:
            stack.append({"": value if isinstance(value, str) else str(value)})
        elif value and type(value[0]) is int:
            size.ids += len(value)
            size.bytes += 4 * len(value)
        else:
            stack += value
    # More than anybody writes by hand; what is not looked at is not known.
    size.opaque += 1 if stack else 0
    return size


def _is_apart(part: Json, size: Size) -> bool:
    """Whether a part of a kind that may be no text is none; if so, it is counted as what it is."""
    kind = part.get("type")
    if isinstance(kind, str):
        is_text = kind == "document" and _map(part.get("source")).get("type") in ("text", "content")
        size.images += kind in _PICTURES
        size.opaque += not (is_text or kind in _PICTURES)
        return not is_text
    for name, known_by in _MEDIA.items():
        media = _map(part.get(name))
        if isinstance(media.get(known_by), str):
            is_picture = str(media.get("mimeType") or media.get("mime_type")).startswith("image/")
            size.images += is_picture
            size.opaque += not is_picture
            return True
    return False


def _runs_elsewhere(tool: Any) -> bool:
    """Whether the provider runs it, and adds what it finds to the input."""
    given = _map(tool)
    return str(given.get("type") or "").startswith(_SERVER_TOOLS) or not _GOOGLE_TOOLS.isdisjoint(given)


def _bodies(data: Json) -> list[Json]:
    """The request, and what it puts into the provider's request as it is."""
    extra = data.get("extra_body")
    return [data, extra] if isinstance(extra, dict) else [data]


def _holders(data: Json, call_type: str) -> list[Json]:
    """Where the fields of a call are that bound its answer; the first is LiteLLM's, another may stand over it."""
    if "generate_content" not in call_type:
        return _bodies(data)
    config = data.get(_google_config(data))
    return [config] if isinstance(config, dict) else []


def _google_config(data: Mapping[str, Any]) -> str:
    """The one that LiteLLM takes: `config`, even an empty one, stands over `generationConfig`."""
    return "config" if "config" in data else "generationConfig"


def _bounds(call_type: str) -> tuple[str, ...]:
    return _BOUNDS.get(call_type) or _BOUNDS.get(call_type.removeprefix("a")) or ()


def _bound_of(data: Json, call_type: str) -> int | None:
    """The largest of those that the client set: which of two a provider obeys is not known."""
    names = _bounds(call_type)
    found = [[_whole(holder.get(name)) for name in names] for holder in _holders(data, call_type)]
    if not any(found[0] if found else ()):
        return None
    return max(number for numbers in found for number in numbers if number is not None)


def _answers_of(data: Json) -> int | None:
    given = [body.get(name) for body in _bodies(data) for name in ("n", "best_of")]
    given += [_map(data.get(_google_config(data))).get(name) for name in ("candidateCount", "candidate_count")]
    return max((number for value in given if (number := _whole(value)) is not None), default=None)


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value <= _MOST_TOKENS:
        return None
    return int(value) if value == int(value) else None


def _language_of(data: Mapping[str, Any]) -> str | None:
    headers = _request_headers(data)
    accepted = headers.get("accept-language") or headers.get("Accept-Language")
    wanted = [part.split(";")[0].strip() for part in accepted.split(",")] if isinstance(accepted, str) else []
    requester = _map(_own_metadata(data).get("requester_metadata"))
    for language in (*wanted[:1], requester.get("language")):
        if isinstance(language, str) and re.fullmatch(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}", language):
            return language
    return None


def facts_of(data: Mapping[str, Any], key: Any, call_type: str) -> Json:
    """Whose call it is, by the names of a record: those that the record of the call will have."""
    # As LiteLLM puts the two together when the call has ended.
    metadata = {**_map(data.get("litellm_metadata")), **_map(data.get("metadata"))}
    headers = {name: value for name, value in _request_headers(data).items() if name.lower().startswith("x-")}
    body = _map(_map(data.get("proxy_server_request")).get("body"))
    customer = metadata.get("user_api_key_end_user_id") or getattr(key, "end_user_id", None) or body.get("user")
    metadata |= {"requester_custom_headers": headers, "spend_logs_metadata": _stamp_of(data)}
    kept = _metadata_of(metadata, {})
    return {
        "marginwatch": VERSION,
        "kind": "call",
        "startTime": round(time.time(), 3),
        "call_type": call_type,
        **_kept(
            litellm_call_id=str(data.get("litellm_call_id") or "")[:_LONGEST],
            model_group=str(data.get("model") or "")[:_LONGEST],
            end_user=str(customer or "")[:2048],
            trace_id=_trace_of(data)[:2048],
            request_tags=[str(tag)[:_LONGEST] for tag in _tags_of(data)[:_TAGS]],
        ),
        "metadata": {name: _scalars(value) for name, value in kept.items()},
    }


def _scalars(value: Any) -> Any:
    """Lists say nothing of whose call it is, and many of them would be too long for a question."""
    if isinstance(value, dict):
        return {name: part for name, part in value.items() if not isinstance(part, (list, dict))}
    return value[:_LONGEST] if isinstance(value, str) else value


def _tags_of(data: Mapping[str, Any]) -> list[Any]:
    found = _list(_map(data.get("metadata")).get("tags")) or _list(_map(data.get("litellm_metadata")).get("tags"))
    headers = _request_headers(data)
    named = _list(getattr(sys.modules.get("litellm"), "extra_spend_tag_headers", None))
    tags = [*found, *(f"{name}: {headers[name]}" for name in named if headers.get(name))]
    return [tag for tag in tags if not str(tag).startswith("User-Agent: ")]


def name_trace(data: Json) -> None:
    """Gives a call without a trace the one that LiteLLM has made up for it, which a record else would not keep."""
    made_up = getattr(data.get("litellm_logging_obj"), "litellm_trace_id", None)
    if isinstance(made_up, str) and not _trace_of(data):
        data["litellm_trace_id"] = made_up


def _trace_of(data: Mapping[str, Any]) -> str:
    """As LiteLLM finds it for the record: the session's id before the trace's, unless it is told to keep them apart."""
    theirs = _map(data.get("metadata"))
    found = [data.get("litellm_session_id"), data.get("litellm_trace_id"), theirs.get("session_id"), theirs.get("trace_id")]
    if getattr(sys.modules.get("litellm"), "request_correlation_in_logs", False):
        found = [found[1], found[0], found[3], found[2]]
    return str(next(filter(None, found), ""))


def _traceparent_of(data: Mapping[str, Any]) -> str | None:
    found = next((value for name, value in _request_headers(data).items() if name.lower() == "traceparent"), None)
    return found if isinstance(found, str) and _TRACEPARENT.fullmatch(found) else None


def join_trace(data: Json, traceparent: Any) -> None:
    """Has LiteLLM's callback for Langfuse put a call on the trace of its event, unless the client named another."""
    request = data.get("proxy_server_request")
    headers = request.get("headers") if isinstance(request, dict) else None
    if not isinstance(traceparent, str) or not _TRACEPARENT.fullmatch(traceparent) or not isinstance(headers, dict):
        return
    # In place: LiteLLM's logging of the call holds the same map.
    if not any(str(name).lower() == "traceparent" for name in headers):
        headers["traceparent"] = traceparent


def _request_headers(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return _map(_map(data.get("proxy_server_request")).get("headers")) or _map(_own_metadata(data).get("headers"))


def _stamp_of(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return _map(_own_metadata(data).get("spend_logs_metadata"))


# ── Asking ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

DECISIONS: Final = "/v1/decisions"
_ACTIONS: Final = frozenset({"allow", "degrade", "block", "count"})
#: Longer than a hiccup of the exporter or of this process makes calls fail one after another, when few are made at once.
_OPENS_AFTER: Final = 5
#: A refused connection costs a call a millisecond, one that hangs the whole deadline: at first one call in half a second
#: pays that, in a long outage one in five. Longer pauses would leave calls undecided when the exporter is back.
_FIRST_REST: Final = 0.5
_LONGEST_REST: Final = 5.0
#: Trouble that comes and goes is not said more often.
_SAY_EVERY: Final = 60.0
#: Node closes a connection that was idle for 5 seconds; one that is about to be closed must not be used.
_KEEP_ALIVE: Final = 4.0
#: So many turns of the event loop aiohttp takes at most from the first byte of an answer to the last.
_TURNS: Final = 10
#: A call waits in steps of so many seconds. One that took longer did so because this process was busy with other things and
#: could not have read an answer: it counts as one step. However busy it is, a call waits twenty times its deadline at most.
_STEP: Final = 0.025
_PATIENCE: Final = 20
#: Text beyond this is not counted: it would take longer than anybody waits.
_MOST_COUNTED: Final = 2_000_000


class Transport(Protocol):
    """Carries questions. Raises OSError when there is no answer."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer: ...

    def close(self) -> None: ...


class Aiohttp:
    """By aiohttp, which LiteLLM brings: a session of kept connections for each event loop."""

    def __init__(self) -> None:
        self._sessions: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            import aiohttp
        except ImportError as error:
            raise OSError("aiohttp is not installed") from error
        try:
            try:
                return await self._post(url, body, headers)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                # A kept connection was closed meanwhile. Asking twice holds nothing twice: a call is known by its id.
                return await self._post(url, body, headers)
        except aiohttp.ClientError as error:
            raise OSError(f"{type(error).__name__}: {error}") from error

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with self._session().post(url, data=body, headers=headers, allow_redirects=False) as response:
            text = await response.read()
            return Answer(response.status, _json_of(text), _seconds(response.headers.get("Retry-After")))

    def _session(self) -> Any:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            import aiohttp

            connector = aiohttp.TCPConnector(keepalive_timeout=_KEEP_ALIVE)
            # The deadline is the asker's.
            timeout = aiohttp.ClientTimeout(total=None)
            self._sessions[loop] = session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return session

    def close(self) -> None:
        with contextlib.suppress(Exception), warnings.catch_warnings():
            # Its loop runs no more, and closing what is idle needs none.
            warnings.simplefilter("ignore")
            for session in list(self._sessions.values()):
                if session.connector is not None:
                    session.connector.close()
        self._sessions = weakref.WeakKeyDictionary()


class Breaker:
    """Keeps calls from waiting for an exporter that is not there: after some failures in a row one call at a time tries."""

    def __init__(self, now: Callable[[], float] = time.monotonic, jitter: Callable[[], float] = random.random) -> None:
        self._now: Final = now
        self._jitter: Final = jitter
        self._failures = 0
        self._next = 0.0

    def lets(self) -> bool:
        """Whether a call may ask now. While it is open, who may is the only one until the next rest is over."""
        if self._failures < _OPENS_AFTER:
            return True
        if self._now() < self._next:
            return False
        self._rest()
        return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= _OPENS_AFTER:
            self._rest()

    def _rest(self) -> None:
        longest = min(_LONGEST_REST, _FIRST_REST * 2.0 ** min(self._failures - _OPENS_AFTER, 16))
        self._next = self._now() + longest * (0.5 + self._jitter() / 2)


class _NoDecision(Exception):
    """The exporter answered, and decided nothing. `here`: it is there, and answers others."""

    def __init__(self, reason: str, here: bool = False) -> None:
        super().__init__(reason)
        self.here: Final = here


class Asker:
    """Asks for decisions, within a deadline; says trouble once, and once that it is over."""

    def __init__(self, url: str, asking: Asking, transport: Transport | None = None, breaker: Breaker | None = None) -> None:
        self.seconds: Final = asking.seconds
        self.on_unreachable: Final = asking.on_unreachable
        self._url: Final = url + DECISIONS
        self._transport: Final = transport or Aiohttp()
        self._breaker: Final = breaker or Breaker()
        self._headers: Final = {"Content-Type": "application/json"}
        if asking.key is not None:
            self._headers["Authorization"] = f"Bearer {asking.key}"
        self._trouble = False
        self._said_at = -_SAY_EVERY
        self._said_refused = False

    async def ask(self, question: Json, count: Callable[[], Awaitable[int]]) -> Json | None:
        """The exporter's answer, which is no `count`; None when there is none in time. `count` may take half of it."""
        if not self._breaker.lets():
            return None
        try:
            answer = await self._in_time(self._converse(question, count))
        except asyncio.TimeoutError:
            self._fail(f"no answer within {self.seconds * 1000:.0f} ms")
        except OSError as error:
            self._fail(f"{type(error).__name__}: {error}")
        except _NoDecision as error:
            if error.here:
                self._note(str(error))
            else:
                self._fail(str(error))
        else:
            self._succeed()
            return answer
        return None

    def _succeed(self) -> None:
        self._breaker.succeeded()
        if self._trouble:
            self._trouble = False
            log.warning("marginwatch: the exporter at %s decides again", self._url)

    async def _in_time(self, conversation: Coroutine[Any, Any, Json]) -> Json:
        task = asyncio.ensure_future(conversation)
        try:
            left, end = self.seconds, time.monotonic() + _PATIENCE * self.seconds
            while left > 0 and not task.done() and time.monotonic() < end:
                await asyncio.wait({task}, timeout=min(left, _STEP))
                left -= _STEP
            # On a busy event loop an answer may have arrived in time and wait to be looked at.
            for _ in range(_TURNS):
                if not task.done():
                    await asyncio.sleep(0)
            if not task.done():
                raise asyncio.TimeoutError
            return task.result()
        finally:
            task.cancel()

    async def _converse(self, question: Json, count: Callable[[], Awaitable[int]]) -> Json:
        answer = await self._post(question)
        if answer["action"] == "count":
            counted = {**question, "input": {**question["input"], "tokens": await count()}}
            answer = await self._post(counted)
        if answer["action"] == "count":
            raise _NoDecision("it wants counted what is counted", here=True)
        return answer

    async def _post(self, question: Json) -> Json:
        body = json.dumps(question, separators=(",", ":"), default=str).encode()
        answer = await self._transport.post(self._url, body, self._headers)
        if answer.status == 200 and answer.body.get("action") in _ACTIONS:
            return answer.body
        detail = str(answer.body.get("detail") or answer.body.get("title") or "")[:_MESSAGE]
        if answer.status in (401, 403):
            detail += " (the key is MARGINWATCH_GATEWAY_KEY, or MARGINWATCH_INGEST_KEY where that is not set)"
        if answer.status == 200:
            detail = "without an action that is known here: update marginwatch.py"
        raise _NoDecision(f"{answer.status} {detail}".strip(), here=answer.status in (400, 413))

    def _fail(self, reason: str) -> None:
        self._breaker.failed()
        if not self._trouble and time.monotonic() - self._said_at >= _SAY_EVERY:
            self._trouble = True
            self._said_at = time.monotonic()
            log.warning("marginwatch: the exporter at %s does not decide (%s)", self._url, reason)

    def _note(self, reason: str) -> None:
        """A question that is not understood says nothing of the others."""
        self._breaker.succeeded()
        if not self._said_refused:
            self._said_refused = True
            log.error("marginwatch: the exporter at %s does not understand a question (%s)", self._url, reason)

    def close(self) -> None:
        self._transport.close()


class Counter:
    """Counts tokens with LiteLLM's own counter, off the event loop."""

    def __init__(self, warm: bool) -> None:
        self._threads: Final = concurrent.futures.ThreadPoolExecutor(2, "marginwatch-count")
        if warm:
            # What it loads takes 0.4 s, which the first calls do not have.
            self._threads.submit(_tokens_of, "gpt-4o", "warm")

    async def count(self, data: Json, call_type: str, seconds: float) -> int:
        """Tokens of a call's texts; their bytes, which are never fewer, when it cannot be counted in time."""
        texts: list[str] = []
        size = size_of(data, call_type, texts)
        text = "\n".join(texts)
        if len(text) > _MOST_COUNTED:
            return size.bytes
        try:
            counting = asyncio.get_running_loop().run_in_executor(self._threads, _tokens_of, str(data.get("model")), text)
            return await asyncio.wait_for(counting, seconds) + size.ids
        except Exception:  # Whatever it is, the bytes are known.
            return size.bytes


def _tokens_of(model: str, text: str) -> int:
    from litellm import token_counter

    # It says 0 when it is switched off.
    return int(token_counter(model=model, text=text)) or len(text.encode("utf-8", "surrogatepass"))


# ── What was refused ──────────────────────────────────────────────────────────────────────────────────────────────────────

_REMEMBERED: Final = 10_000
#: Nothing is remembered for longer, whatever the exporter says.
_LONGEST_MEMORY: Final = 3600.0
_UNREACHABLE: Final = {
    "status": 503,
    "type": "decision_unavailable",
    "message": "The AI service cannot check your budget at the moment. Please try again in a few seconds.",
    "retry_after": 5,
}
_TAG: Final = re.compile(r"\s*([\w.-]{1,64})\s*[:=]\s*(?!//)(\S.*)", re.ASCII | re.DOTALL)
#: As W3C writes it: version, trace, the step that calls, and whether it is recorded.
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII | re.IGNORECASE)
_CONTROLS: Final = re.compile("[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_NOTHING: Final = frozenset({"", "None", "null", "undefined", "nan", "NaN"})


def marks_of(record: Mapping[str, Any]) -> frozenset[str]:
    """What a call can be known by, as `place=value`, with the places of the policy's attribution."""
    metadata = _map(record.get("metadata"))
    stamped = _map(metadata.get("spend_logs_metadata"))
    user = metadata.get("user_api_key_user_id")
    trace = record.get("trace_id")
    places: Json = {
        "end_user": record.get("end_user"),
        "key_alias": metadata.get("user_api_key_alias"),
        "key_user": None if user == "default_user_id" else user,
        "key_team": metadata.get("user_api_key_team_alias") or metadata.get("user_api_key_team_id"),
        "session_id": stamped.get(SESSION, trace),
        "trace_id": trace,
    }
    for values in (metadata.get("user_api_key_auth_metadata"), metadata.get("requester_metadata"), stamped):
        places |= {f"metadata.{name}": value for name, value in _map(values).items() if not name.startswith("marginwatch_")}
    for tag in reversed(_list(record.get("request_tags"))):
        if named := _TAG.fullmatch(_plain(tag)):
            places[f"tag.{named[1].lower()}"] = named[2]
    places |= {f"header.{name}": value for name, value in _map(metadata.get("requester_custom_headers")).items()}
    return frozenset(f"{place}={text}" for place, value in places.items() if (text := _plain(value)) not in _NOTHING)


def _plain(value: Any) -> str:
    """A value as the exporter writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, (str, int, float)):
        return ""
    return _CONTROLS.sub(" ", str(value)[:1024]).strip().encode("utf-16", "replace").decode("utf-16")


@dataclass(frozen=True)
class Block:
    """A refusal that holds for each call with all of these marks."""

    when: frozenset[str]
    model: str | None
    refusal: Json
    reason: str
    since: float
    until: float

    def fits(self, marks: frozenset[str], model: str) -> bool:
        return self.when <= marks and self.model in (None, model)


class Remembered:
    """Refusals that still hold, for when nobody can be asked; at most 10,000, of which the oldest go first."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now: Final = now
        self._blocks: OrderedDict[tuple[frozenset[str], str | None], Block] = OrderedDict()
        # By one of the marks that a call must have; "" where it needs none.
        self._by_mark: dict[str, set[tuple[frozenset[str], str | None]]] = {}

    def keep(self, remember: Mapping[str, Any], refusal: Json, reason: str) -> None:
        seconds, model = remember.get("seconds"), remember.get("model")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
            return
        when = frozenset(str(mark) for mark in _list(remember.get("when")))
        key = (when, model if isinstance(model, str) else None)
        now = self._now()
        self._blocks[key] = Block(when, key[1], refusal, reason, now, now + min(seconds, _LONGEST_MEMORY))
        self._blocks.move_to_end(key)
        self._by_mark.setdefault(min(when, default=""), set()).add(key)
        while len(self._blocks) > _REMEMBERED:
            self._drop(next(iter(self._blocks)))

    def find(self, marks: frozenset[str], model: str) -> Json | None:
        """The refusal of a call, if one holds; it says how much longer from now on."""
        blocks = [block for block in self._fitting(marks, model) if self._now() < block.until]
        if not blocks:
            return None
        block = blocks[0]
        wait = block.refusal.get("retry_after")
        passed = self._now() - block.since
        later = {"retry_after": max(1, wait - passed)} if isinstance(wait, (int, float)) else {}
        return {"reason": block.reason, "refusal": {**block.refusal, **later}}

    def forget(self, marks: frozenset[str], model: str) -> None:
        """A call with these marks was let through: what speaks against it holds no more."""
        for block in self._fitting(marks, model):
            self._drop((block.when, block.model))

    def __len__(self) -> int:
        return len(self._blocks)

    def _fitting(self, marks: frozenset[str], model: str) -> list[Block]:
        keys = [key for mark in ("", *marks) for key in self._by_mark.get(mark, ())]
        return [block for key in keys if (block := self._blocks[key]).fits(marks, model)]

    def _drop(self, key: tuple[frozenset[str], str | None]) -> None:
        del self._blocks[key]
        mark = min(key[0], default="")
        self._by_mark[mark].discard(key)
        if not self._by_mark[mark]:
            del self._by_mark[mark]


class Refused(Exception):
    """Stands where LiteLLM's exception is not; with its fields."""

    def __init__(self, message: str, type: str, param: str | None, code: int, headers: dict[str, str]) -> None:
        super().__init__(message)
        self.message, self.type, self.param, self.code, self.headers = message, type, param, str(code), headers


def refuse(refusal: Mapping[str, Any], said: Mapping[str, str]) -> Exception:
    """What the caller gets: status and message of a refusal, in the shape of the route."""
    given = {**_UNREACHABLE, **{name: value for name, value in refusal.items() if value not in (None, "")}}
    wait = refusal.get("retry_after")
    headers = {**said, **({"Retry-After": str(math.ceil(wait))} if isinstance(wait, (int, float)) else {})}
    status = given["status"] if isinstance(given["status"], int) and 400 <= given["status"] <= 599 else 403
    try:
        # The only one that LiteLLM hands on with its own type and headers.
        kind = importlib.import_module("litellm.proxy._types").ProxyException
    except ImportError:
        kind = Refused
    made: Exception = kind(str(given["message"]), str(given["type"]), None, status, headers)
    return made


# ── Obeying ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

DEGRADED: Final = "marginwatch:degrade"
_FALLBACKS: Final = (
    *("fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "context_window_fallback_dict", "models"),
)
#: The least that Anthropic takes for thinking; it must be less than the bound of the answer.
_LEAST_THINKING: Final = 1024
#: What LiteLLM makes of an effort for a model that wants a number of tokens, the most first.
_EFFORTS: Final = (("high", 4096), ("medium", 2048), ("low", _LEAST_THINKING))


def obey(data: Json, answer: Mapping[str, Any], call_type: str) -> None:
    """Makes a call what the decision says: its model, the bound of its answer, its fallbacks."""
    model, most = answer.get("model"), answer.get("max_tokens")
    if answer.get("client_fallbacks") == "remove":
        _without_fallbacks(data)
    if answer.get("fallbacks") == "off":
        data["disable_fallbacks"] = True
    if isinstance(model, str) and model:
        data["model"] = model
        for body in _bodies(data)[1:]:
            body.pop("model", None)
    if isinstance(most, int) and not isinstance(most, bool) and most > 0:
        _bound(data, most, call_type)
    if answer.get("action") == "degrade":
        _tag(data)


def _bound(data: Json, most: int, call_type: str) -> None:
    names = _bounds(call_type)
    if names == _BOUNDS["generate_content"]:
        config = _google_config(data)
        data[config] = data[config] if isinstance(data.get(config), dict) else {}
    for at, holder in enumerate(_holders(data, call_type)):
        found = [name for name in names if name in holder]
        for name in found or (names[:1] if at == 0 else ()):
            holder[name] = min(most, _whole(holder.get(name)) or most)
    _fit_thinking(data, most)


def _fit_thinking(data: Json, most: int) -> None:
    """A provider refuses a call that may think for longer than it may answer."""
    thinking, effort = data.get("thinking"), data.get("reasoning_effort")
    budget = _map(thinking).get("budget_tokens")
    if isinstance(budget, int) and budget >= most:
        if most > _LEAST_THINKING:
            data["thinking"] = {**_map(thinking), "budget_tokens": max(_LEAST_THINKING, most // 2)}
        else:
            del data["thinking"]
    rank = next((at for at, (name, _) in enumerate(_EFFORTS) if name == effort), 0 if effort in ("xhigh", "max") else None)
    if rank is None or not _is_claude(str(data.get("model"))):
        return
    fitting = [name for name, tokens in _EFFORTS[rank:] if tokens < most]
    if fitting:
        data["reasoning_effort"] = fitting[0]
    else:
        del data["reasoning_effort"]


def _is_claude(model: str) -> bool:
    if "claude" in model:
        return True
    router = _router()
    deployments = router.get_model_list(model_name=model) if router is not None else None
    return any("claude" in str(_map(_map(one).get("litellm_params")).get("model")) for one in deployments or ())


def _router() -> Any:
    return getattr(sys.modules.get("litellm.proxy.proxy_server"), "llm_router", None)


def _without_fallbacks(data: Json) -> None:
    """What the client sent that would lead LiteLLM, or a provider, to another model."""
    for body in _bodies(data):
        for name in _FALLBACKS:
            body.pop(name, None)
    override = data.get("router_settings_override")
    sent = _map(_map(data.get("proxy_server_request")).get("body")).get("router_settings_override")
    # LiteLLM keeps its own settings for a key or team under this name too, which a client cannot have sent.
    if isinstance(override, dict) and override == sent:
        data["router_settings_override"] = {name: value for name, value in override.items() if name not in _FALLBACKS}


def _tag(data: Json) -> None:
    """Says in the call's tags that it was degraded; not where LiteLLM chooses deployments by tags."""
    override = _map(data.get("router_settings_override"))
    if getattr(_router(), "enable_tag_filtering", False) or override.get("enable_tag_filtering"):
        return
    own = _own_metadata(data)
    for metadata in (data.get("metadata"), data.get("litellm_metadata")):
        if isinstance(metadata, dict) and (metadata is own or metadata.get("tags")):
            metadata["tags"] = [*_list(metadata.get("tags")), DEGRADED]


# ── The gateway's side ────────────────────────────────────────────────────────────────────────────────────────────────────

_PENDING: Final = 10_000


@dataclass
class _Tries:
    """What is known of a call that has failed at least once and may still succeed."""

    count: int = 0
    last: Json = field(default_factory=dict)


class Gateway(CustomLogger):
    """LiteLLM's callback: stamps every call, asks whether it may leave, and spools a record of each that has ended."""

    def __init__(self, settings: Settings, start: bool = True, transport: Transport | None = None) -> None:
        super().__init__()
        self._settings: Final = settings
        self._transport: Final = transport
        self._remembered: Final = Remembered()
        # What the exporter's policy said last of calls that it cannot be asked for.
        self._on_unreachable: str | None = None
        self._refusal: Json = _UNREACHABLE
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
        #: Calls that left without a decision, though one was wanted.
        self.undecided = 0
        self._sender = Sender(self.spool, self._settings, lambda: self.undecided)
        asking = self._settings.asking
        self._asker = Asker(self._settings.url, asking, self._transport) if asking is not None else None
        self._counter = Counter(warm=self._start_thread and asking is not None)
        if self._start_thread:
            self._sender.start()

    def close(self) -> None:
        """Sends what it can within two seconds; the rest waits in the spool for the next start."""
        if self._start_thread:
            self._sender.stop()
        if self._asker is not None:
            self._asker.close()
        self.spool.close()

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Json, call_type: str) -> Json:
        """Stamps a call before it leaves, and makes it what the decision says; raises when that is to refuse it."""
        with self._never_failing():
            stamp(data)
        if self._asker is not None and (refusal := await self._decide(self._asker, user_api_key_dict, data, call_type)):
            raise refusal
        return data

    async def _decide(self, asker: Asker, key: Any, data: Json, call_type: str) -> Exception | None:
        """What a call is refused with; None when it leaves, as it was decided or without a decision."""
        with self._never_failing("a call was not decided"):
            name_trace(data)
            question = question_of(data, key, call_type)
            if question is None:
                return None
            answer = await asker.ask(question, lambda: self._counter.count(data, call_type, asker.seconds / 2))
            return self._alone(asker, question, data) if answer is None else self._follow(question, answer, data, call_type)
        self._leave_undecided(data, "fault")
        return None

    def _follow(self, question: Json, answer: Json, data: Json, call_type: str) -> Exception | None:
        action, reason = answer["action"], str(answer.get("reason") or "ok")[:_LONGEST]
        if answer.get("unreachable") in ("allow", "block"):
            self._on_unreachable = answer["unreachable"]
            self._refusal = dict(_map(answer.get("unreachable_refusal"))) or _UNREACHABLE
        join_trace(data, answer.get("traceparent"))
        if action == "block":
            refusal = dict(_map(answer.get("refusal")))
            self._remembered.keep(_map(answer.get("remember")), refusal, reason)
            return self._refuse(data, refusal, reason)
        if len(self._remembered) > 0:
            self._remembered.forget(marks_of(question["record"]), question["model"])
        obey(data, answer, call_type)
        tell(data, action, reason)
        return None

    def _alone(self, asker: Asker, question: Json, data: Json) -> Exception | None:
        """There is no decision: what was refused before still is, and the policy says what becomes of the others."""
        found = self._remembered.find(marks_of(question["record"]), question["model"])
        if found is not None:
            return self._refuse(data, found["refusal"], found["reason"])
        if (self._on_unreachable or asker.on_unreachable) == "block":
            return self._refuse(data, self._refusal, "unreachable")
        self._leave_undecided(data, "unreachable")
        return None

    def _refuse(self, data: Json, refusal: Json, reason: str) -> Exception:
        tell(data, "block", reason)
        return refuse(refusal, said_of(data) or {})

    def _leave_undecided(self, data: Json, reason: str) -> None:
        self.undecided += 1
        with contextlib.suppress(Exception):
            tell(data, "undecided", reason)

    async def async_post_call_response_headers_hook(
        self,
        data: Json,
        user_api_key_dict: Any,
        response: Any,
        request_headers: Any = None,
        litellm_call_info: Any = None,
    ) -> dict[str, str] | None:
        """Says on the answer, and on an error, what was done with the call."""
        with self._never_failing():
            return said_of(data)
        return None

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
    def _never_failing(
        self, what: str = "a call could not be recorded; LiteLLM's spend log may still have it"
    ) -> Iterator[None]:
        try:
            yield
        except Exception:  # A call is worth more than its record.
            self._broken += 1
            if self._broken == 1:
                log.exception("marginwatch: %s", what)


def stamp(data: Json) -> None:
    """Puts a fresh call id, the model asked for and the session that the client named into what LiteLLM logs of the call."""
    own = _own_metadata(data)
    ours = {
        STAMP: str(uuid.uuid4()),
        MODEL_ASKED: str(data.get("model") or "")[:_LONGEST],
        SESSION: _session_of(data, own)[:_LONGEST],
    }
    if not any(metadata is own for metadata in (data.get("metadata"), data.get("litellm_metadata"))):
        data["metadata"] = own
    own.setdefault("spend_logs_metadata", {})
    _log_beside(data, ours, forget=True)
    _trace_beside(own, ours[STAMP])


def tell(data: Json, action: str, reason: str) -> None:
    """Adds to the stamp what was done with the call."""
    _log_beside(data, {ACTION: action, REASON: reason})


def _log_beside(data: Json, ours: Mapping[str, str], forget: bool = False) -> None:
    """Into both: of some failures LiteLLM logs what stands in the metadata that is the provider's, if anything does."""
    own = _own_metadata(data)
    for metadata in (data.get("metadata"), data.get("litellm_metadata")):
        if metadata is own or (isinstance(metadata, dict) and isinstance(metadata.get("spend_logs_metadata"), dict)):
            theirs = _map(metadata.get("spend_logs_metadata"))
            kept = {name: value for name, value in theirs.items() if not (forget and str(name).startswith("marginwatch_"))}
            metadata["spend_logs_metadata"] = {**kept, **ours}


def _trace_beside(own: Json, call_id: str) -> None:
    """Where the callbacks for Langfuse take what they write beside a trace; what is no map there says nothing to them."""
    theirs = _map(own.get("trace_metadata"))
    kept = {name: value for name, value in theirs.items() if not str(name).startswith("marginwatch_")}
    own["trace_metadata"] = {**kept, STAMP: call_id}


def said_of(data: Mapping[str, Any]) -> dict[str, str] | None:
    """The stamp as headers for the caller; None when nothing was decided or tried."""
    stamped = _stamp_of(data)
    if ACTION not in stamped:
        return None
    said = {"action": stamped[ACTION], "reason": stamped.get(REASON), "model-asked": stamped.get(MODEL_ASKED)}
    return {f"x-marginwatch-{name}": re.sub(r"[^!-~]", "?", str(value or "")) for name, value in said.items()}


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
