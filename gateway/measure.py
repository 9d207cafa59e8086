"""Drives `marginwatch.py` alone, for the bench; prints what it measured as JSON.

    python3 measure.py calls PAYLOADS FOLDER RUNS     stamps and records each payload, RUNS times, into a spool in FOLDER
    python3 measure.py fill PAYLOADS FOLDER MEGABYTES  leaves a spool of so many megabytes in FOLDER, as a dead process does
    python3 measure.py send FOLDER                     sends it by hand, and says how much memory that took

PAYLOADS is a file of LiteLLM's records, one in a line. What `fill` writes is numbered from 0: the cost of a call is 1000
nano-dollars and its number, so whoever reads the ledger knows what must be there, and in which order.
"""

import asyncio
import copy
import json
import os
import resource
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import marginwatch

Json = dict[str, Any]


def main(arguments: list[str]) -> Json:
    match arguments:
        case ["calls", payloads, folder, runs]:
            return asyncio.run(calls(read(payloads), Path(folder), int(runs)))
        case ["fill", payloads, folder, megabytes]:
            return fill(read(payloads), Path(folder), int(megabytes) * 1_000_000)
        case ["send", folder]:
            return send(folder)
    sys.exit(__doc__)


def read(file: str) -> list[Json]:
    with open(file, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


async def calls(payloads: list[Json], folder: Path, runs: int) -> Json:
    """CPU time of a stamp and of a record in each run, wall time of each one, all in microseconds; bytes of each record."""
    settings = marginwatch.Settings("http://127.0.0.1:9", None, folder, 1 << 31)
    gateway = marginwatch.Gateway(settings, start=False)
    stamps: Json = {"cpu": [], "wall": []}
    records: Json = {"cpu": [], "wall": []}
    # The first run warms up.
    for run in range(runs + 1):
        requests = [request_of(payload) for payload in payloads]
        stamped = await times([lambda r=one: gateway.async_pre_call_hook(None, None, r, "acompletion") for one in requests])
        kwargs = [ended(*both) for both in zip(payloads, requests, strict=True)]
        recorded = await times([lambda k=one: gateway.async_log_success_event(k, None, None, None) for one in kwargs])
        if run > 0:
            for kept, (cpu, wall) in ((stamps, stamped), (records, recorded)):
                kept["cpu"].append(cpu)
                kept["wall"] += wall
    written = [line for path in sorted(folder.glob("*/*.ndjson")) for line in path.read_bytes().splitlines(keepends=True)]
    if len(written) != len(payloads) * (runs + 1):
        raise RuntimeError(f"{len(written)} records are in {folder}, expected {len(payloads) * (runs + 1)}")
    return {"stamp": stamps, "record": records, "bytes": [len(line) for line in written]}


async def times(jobs: list[Any]) -> tuple[float, list[float]]:
    wall = []
    before = time.process_time_ns()
    for job in jobs:
        began = time.perf_counter_ns()
        await job()
        wall.append((time.perf_counter_ns() - began) / 1e3)
    return (time.process_time_ns() - before) / 1e3 / len(jobs), wall


def request_of(payload: Json) -> Json:
    """What LiteLLM hands to a hook before the call that the payload is about."""
    metadata = payload.get("metadata") or {}
    own = {name: value for name, value in metadata.items() if name.startswith("user_api_key")}
    return {
        "model": payload.get("model_group"),
        "messages": payload.get("messages"),
        "metadata": {"user_api_key": "0" * 64, **own, "requester_metadata": metadata.get("requester_metadata")},
    }


def ended(payload: Json, request: Json) -> Json:
    """What LiteLLM hands to a hook when the call has succeeded; the stamp has come with it."""
    theirs = payload.get("metadata") or {}
    stamped = {**(theirs.get("spend_logs_metadata") or {}), **request["metadata"]["spend_logs_metadata"]}
    metadata = {**theirs, "spend_logs_metadata": stamped}
    return {"standard_logging_object": {**payload, "metadata": metadata}, "litellm_params": {}}


def fill(payloads: list[Json], folder: Path, size: int) -> Json:
    """How many records it wrote, and how many bytes."""
    spool = marginwatch.Spool(folder, max_bytes=1 << 40)
    written = 0
    count = 0
    for record in cycle([numbered(payload) for payload in payloads]):
        now = time.time()
        record["startTime"], record["endTime"], record["completionStartTime"] = now - 0.5, now, now
        record["litellm_call_id"] = record["id"] = f"call-{count}"
        record["response_cost"] = (1_000 + count) / 1e9
        record["metadata"]["spend_logs_metadata"][marginwatch.STAMP] = f"00000000-0000-4000-8000-{count:012d}"
        line = marginwatch.to_line(record)
        spool.append(line)
        written += len(line)
        count += 1
        if written >= size:
            break
    if any(vars(spool.dropped).values()):
        raise RuntimeError(f"not all was written: {spool.dropped}")
    spool.close()
    return {"records": count, "bytes": written}


def numbered(payload: Json) -> Json:
    request = request_of(payload)
    marginwatch.stamp(request)
    return copy.deepcopy(marginwatch.slim(ended(payload, request)["standard_logging_object"]))


def send(folder: str) -> Json:
    """Seconds that it took, and the memory resident before it and at most, in bytes."""
    before = peak()
    began = time.monotonic()
    code = marginwatch.main([folder])
    if code != 0:
        sys.exit(code)
    return {"seconds": time.monotonic() - began, "before": before, "peak": peak()}


def peak() -> int:
    """Most memory that was resident in this process so far."""
    try:
        # Where the system has it: the figure of `resource` begins with that of whoever started this process.
        status = Path("/proc/self/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    said = main(sys.argv[1:])
    print(json.dumps(said), flush=True)
    # No farewell of the file itself: nobody waits for what it still holds.
    os._exit(0)
