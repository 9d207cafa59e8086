"""What `marginwatch.py` promises, with real files, processes and an HTTP server. By hand: python3 -m unittest"""

import asyncio
import contextlib
import gzip
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import marginwatch as m

HERE = Path(__file__).parent
CAPTURED = HERE.parent / "exporter" / "test" / "fixtures" / "litellm-1.106.2"
MEGABYTE = 1024 * 1024


def captured() -> dict[str, dict[str, Any]]:
    records = {path.name: json.loads(path.read_text()) for path in sorted(CAPTURED.glob("slp_*.json"))}
    return {name: record for name, record in records.items() if "metadata" in record}


def payload(call: str = "call-1", **over: Any) -> dict[str, Any]:
    stamped = {"spend_logs_metadata": {m.STAMP: call}}
    return {"id": f"chatcmpl-{call}", "litellm_call_id": call, "status": "success", "startTime": 1.0, "endTime": 2.0,
            "metadata": stamped, **over}  # fmt: skip


class Exporter:
    """Takes posts as told: `answer(records)` says status, body and headers."""

    def __init__(self, answer: Callable[[list[Any]], tuple[int, dict[str, Any]]] | None = None) -> None:
        self.answer = answer or (lambda _records: (200, {}))
        self.taken: list[Any] = []
        self.posts: list[dict[str, Any]] = []
        self.arrived = threading.Condition()
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
                records = [json.loads(line) for line in body.splitlines()]
                status, answer = exporter.answer(records)
                with exporter.arrived:
                    state = json.loads(self.headers["X-Marginwatch-Gateway"])
                    exporter.posts.append({"path": self.path, "key": self.headers["Authorization"], **state})
                    exporter.taken += records if status == 200 else []
                    exporter.arrived.notify_all()
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, until: Callable[[], bool]) -> None:
        with self.arrived:
            self.arrived.wait_for(until)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Case(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def exporter(self, answer: Callable[[list[Any]], tuple[int, dict[str, Any]]] | None = None) -> Exporter:
        exporter = Exporter(answer)
        self.addCleanup(exporter.close)
        return exporter

    def spool(self, **options: Any) -> m.Spool:
        spool = m.Spool(self.root, **{"max_bytes": 64 * MEGABYTE, **options})
        self.addCleanup(spool.close)
        return spool

    def settings(self, exporter: Exporter, **over: Any) -> m.Settings:
        return m.Settings(**{"url": exporter.url, "key": None, "spool": self.root, "max_bytes": 64 * MEGABYTE, **over})

    def gateway(self, exporter: Exporter, **over: Any) -> m.Gateway:
        gateway = m.Gateway(self.settings(exporter, **over))
        self.addCleanup(gateway.close)
        return gateway


def sent(spool: m.Spool, records: int = 500, size: int = MEGABYTE) -> list[bytes]:
    """Everything in a spool, acknowledged batch by batch."""
    lines: list[bytes] = []
    while (batch := spool.peek(records, size)) is not None:
        lines += batch.lines
        spool.done(batch)
    return lines


def line(number: int) -> bytes:
    return m.to_line({"n": number})


class Record(unittest.TestCase):
    def test_holds_no_prompt_no_answer_and_is_small(self) -> None:
        self.assertGreater(len(captured()), 15)
        for name, record in captured().items():
            record["messages"] = [{"role": "user", "content": "a secret question"}]
            metadata = {**record["metadata"], "spend_logs_metadata": {m.STAMP: "0" * 36, m.SESSION: "s" * 36}}
            text = m.to_line(m.slim({**record, "metadata": metadata}))
            with self.subTest(name):
                self.assertLess(len(text), 1_500)
                self.assertNotIn(b"secret question", text)
                self.assertNotIn(b"Hello from", text)
                self.assertNotIn(b"User-Agent", text)

    def test_keeps_what_a_call_is_counted_by_under_the_names_that_litellm_gives_it(self) -> None:
        for name, record in captured().items():
            kept = m.slim(record)
            with self.subTest(name):
                for field in (
                    "litellm_call_id",
                    "startTime",
                    "prompt_tokens",
                    "completion_tokens",
                    "model",
                    "end_user",
                ):
                    self.assertEqual(kept.get(field), record.get(field) or kept.get(field))
                self.assertEqual(kept.get("response_cost"), record.get("response_cost"))

    def test_drops_headers_that_may_hold_a_key(self) -> None:
        headers = {"x-api-key": "sk-1", "X-Auth": "a", "x-csrf-token": "t", "x-feature": "f", "x-stainless-os": "Linux"}
        kept = m.slim(payload(metadata={"requester_custom_headers": headers}))
        self.assertEqual(kept["metadata"], {"requester_custom_headers": {"x-feature": "f"}})

    def test_measures_texts_only_where_the_answer_has_no_usage(self) -> None:
        texts: dict[str, Any] = {
            "messages": [{"content": [{"type": "text", "text": "four"}]}],
            "response": {"choices": [{"message": {"content": "answer"}, "finish_reason": "stop"}]},
        }
        self.assertEqual(m.slim(payload(**texts))["characters"], {"input": 4, "output": 6})
        self.assertNotIn("characters", m.slim(payload(**texts, total_tokens=3)))
        zeros = {"usage_object": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}}
        self.assertEqual(m.slim(payload(**texts, metadata=zeros))["characters"], {"input": 4, "output": 6})
        texts["messages"][0]["content"] = "redacted-by-litellm"
        self.assertNotIn("characters", m.slim(payload(**texts)))

    def test_is_made_of_whatever_a_payload_holds(self) -> None:
        rng = random.Random(7)
        things: list[Any] = [
            None,
            "",
            "x" * 5_000,
            0,
            -1,
            1e300,
            float("nan"),
            True,
            [],
            {},
            [[]],
            {"a": {"b": []}},
            ["x", 1],
        ]
        for record in captured().values():
            for _ in range(40):
                broken = json.loads(json.dumps(record))
                for place in (broken, broken["metadata"], broken.get("response")):
                    if isinstance(place, dict):
                        for name in rng.sample(sorted(place), min(3, len(place))):
                            place[name] = rng.choice(things)
                self.assertEqual(m.to_line(m.slim(broken)).count(b"\n"), 1)
                self.assertEqual(m.to_line(m.attempt(broken, Exception("a\nb"), 1, 2.0)).count(b"\n"), 1)


class Stamp(unittest.TestCase):
    def test_stands_over_what_the_client_sent_in_the_metadata_that_litellm_logs(self) -> None:
        theirs = {m.STAMP: "chosen", "marginwatch_action": "block", "feature": "f"}
        for own, other in (("metadata", "litellm_metadata"), ("litellm_metadata", "metadata")):
            data = {
                "model": "gpt-4o",
                own: {"user_api_key": "hashed", "spend_logs_metadata": dict(theirs)},
                other: {"user_id": "the provider's", "spend_logs_metadata": dict(theirs)},
                "litellm_session_id": "sess-1",
            }
            m.stamp(data)
            logged = data[own]["spend_logs_metadata"]  # type: ignore[index]
            self.assertEqual(data[other]["spend_logs_metadata"], logged)  # type: ignore[index]
            self.assertRegex(logged.pop(m.STAMP), r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
            self.assertEqual(logged, {"feature": "f", m.MODEL_ASKED: "gpt-4o", m.SESSION: "sess-1"})

    def test_stands_where_the_callbacks_for_langfuse_take_it_up_and_not_in_the_metadata_of_the_provider(self) -> None:
        theirs: tuple[Any, ...] = (
            None,
            "a text",
            ["a list"],
            {"plan": "pro", m.STAMP: "chosen", "marginwatch_model_asked": "x"},
        )
        for sent in theirs:
            for own, other in (("metadata", "litellm_metadata"), ("litellm_metadata", "metadata")):
                data: dict[str, Any] = {"model": "a", own: {"user_api_key": "h"}, other: {"user_id": "the provider's"}}
                if sent is not None:
                    data[own]["trace_metadata"] = sent
                m.stamp(data)
                logged = data[own]["spend_logs_metadata"][m.STAMP]
                plan = {"plan": "pro"} if isinstance(sent, dict) else {}
                self.assertEqual(data[own]["trace_metadata"], {**plan, m.STAMP: logged})
                self.assertEqual(data[other], {"user_id": "the provider's"})
        data = {"model": "a"}
        m.stamp(data)
        self.assertEqual(data["metadata"]["trace_metadata"][m.STAMP], data["metadata"]["spend_logs_metadata"][m.STAMP])

    def test_says_that_the_client_named_no_session(self) -> None:
        data: dict[str, Any] = {"model": "a", "metadata": {"user_api_key": "h", "trace_id": "made-up"}}
        m.stamp(data)
        self.assertEqual(data["metadata"]["spend_logs_metadata"][m.SESSION], "")
        data = {"metadata": {"user_api_key": "h", "session_id": "made-up", "litellm_session_id_generated": True}}
        m.stamp(data)
        self.assertEqual(data["metadata"]["spend_logs_metadata"][m.SESSION], "")

    def test_is_another_one_for_each_call(self) -> None:
        ids = set()
        for _ in range(100):
            data: dict[str, Any] = {"model": "a", "metadata": {"user_api_key": "h"}}
            m.stamp(data)
            ids.add(data["metadata"]["spend_logs_metadata"][m.STAMP])
        self.assertEqual(len(ids), 100)


class TheSpool(Case):
    def test_gives_records_back_in_order_over_many_files_and_leaves_nothing_behind(self) -> None:
        spool = self.spool(segment_bytes=200)
        for number in range(1_000):
            spool.append(line(number))
        self.assertEqual(spool.backlog()[0], 1_000)
        self.assertEqual(sent(spool, records=7), [line(number) for number in range(1_000)])
        self.assertEqual(spool.backlog(), (0, 0))
        spool.append(line(1))
        self.assertEqual(sent(spool), [line(1)])
        spool.close()
        self.assertEqual(list(self.root.iterdir()), [])

    def test_reads_while_another_thread_writes_and_loses_none(self) -> None:
        spool = self.spool(segment_bytes=4_096)
        count = 20_000

        def write() -> None:
            for number in range(count):
                spool.append(line(number))

        writer = threading.Thread(target=write)
        writer.start()
        lines: list[bytes] = []
        while len(lines) < count:
            lines += sent(spool, records=100)
        writer.join()
        self.assertEqual(lines, [line(number) for number in range(count)])
        self.assertEqual(vars(spool.dropped), {"full": 0, "disk": 0, "refused": 0, "torn": 0})

    def test_counts_what_it_has_no_room_for(self) -> None:
        spool = self.spool(max_bytes=100)
        for number in range(50):
            spool.append(line(number))
        kept = len(sent(spool))
        self.assertEqual(spool.dropped.full, 50 - kept)
        spool.append(line(1))
        self.assertEqual(sent(spool), [line(1)])

    def test_waits_in_memory_while_the_folder_cannot_be_written(self) -> None:
        root = self.root / "not-a-folder"
        root.write_text("")
        spool = m.Spool(root, max_bytes=MEGABYTE)
        spool.append(line(1))
        self.assertEqual(spool.backlog()[0], 1)
        root.unlink()
        spool.append(line(2))
        self.assertEqual(sorted(sent(spool)), [line(1), line(2)])
        spool.close()

    def test_goes_on_when_what_was_delivered_cannot_be_deleted(self) -> None:
        spool = self.spool()
        with mock.patch("os.ftruncate", side_effect=OSError("read-only")):
            for number in range(3):
                spool.append(line(number))
                self.assertEqual(sent(spool), [line(number)])
        spool.append(line(3))
        self.assertEqual(sent(spool), [line(3)])
        self.assertEqual(spool.backlog(), (0, 0))

    def test_counts_what_somebody_deleted(self) -> None:
        spool = self.spool()
        spool.append(line(1))
        for path in self.root.rglob("*.ndjson"):
            path.unlink()
        self.assertIsNone(spool.peek(10, MEGABYTE))
        self.assertEqual((spool.dropped.disk, spool.backlog()), (1, (0, 0)))
        spool.append(line(2))
        self.assertEqual(sent(spool), [line(2)])

    def test_takes_over_from_a_process_that_was_killed_but_not_from_one_that_lives(self) -> None:
        script = (
            "import marginwatch as m, pathlib, sys, os\n"
            f"spool = m.Spool(pathlib.Path({str(self.root)!r}), max_bytes=1 << 20)\n"
            "for number in range(5): spool.append(m.to_line({'n': number}))\n"
            "spool._file.write(b'{\"n\":')\n"
            "print('ready', flush=True)\n"
            "sys.stdin.read()\n"
        )
        child = subprocess.Popen([sys.executable, "-c", script], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdin is not None
        child.stdout.readline()
        spool = self.spool()
        self.assertIsNone(spool.peek(10, MEGABYTE))
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()
        spool = self.spool()
        spool.append(line(99))
        self.assertEqual(sent(spool), [*(line(number) for number in range(5)), line(99)])
        self.assertEqual(spool.dropped.torn, 1)


class TheSender(Case):
    def test_delivers_in_order_with_its_key_and_its_state(self) -> None:
        exporter = self.exporter()
        gateway = self.gateway(exporter, key="k-1")
        for number in range(1_200):
            gateway.spool.append(m.to_line({"n": number, "endTime": 5.0}))
        gateway._sender.wake()
        exporter.wait(lambda: len(exporter.taken) == 1_200)
        self.assertEqual([record["n"] for record in exporter.taken], list(range(1_200)))
        post = next(post for post in exporter.posts if post["events"] > 0)
        self.assertEqual((post["path"], post["key"]), ("/v1/sources/litellm", "Bearer k-1"))
        self.assertEqual((post["version"], post["oldest"], post["process"]), (1, 5.0, gateway.spool.process))
        self.assertLess(abs(post["clock"] - time.time()), 60)

    def test_tries_again_after_an_error_and_loses_nothing(self) -> None:
        answers = iter([503, 500, 401, 404])
        exporter = self.exporter(lambda _records: (next(answers, 200), {"detail": "not now"}))
        gateway = self.gateway(exporter)
        gateway._keep({"n": 1})
        exporter.wait(lambda: len(exporter.taken) == 1)
        gateway._keep({"n": 2})
        exporter.wait(lambda: len(exporter.taken) == 2)
        self.assertEqual([record["n"] for record in exporter.taken], [1, 2])

    def test_divides_what_is_too_large(self) -> None:
        exporter = self.exporter(lambda records: (413 if len(records) > 10 else 200, {}))
        gateway = self.gateway(exporter)
        for number in range(100):
            gateway.spool.append(line(number))
        gateway._sender.wake()
        exporter.wait(lambda: len(exporter.taken) == 100)
        self.assertEqual([record["n"] for record in exporter.taken], list(range(100)))
        self.assertEqual(gateway.spool.dropped.refused, 0)

    def test_puts_aside_the_one_that_is_refused_and_no_other(self) -> None:
        def answer(records: list[Any]) -> tuple[int, dict[str, Any]]:
            return (400, {"detail": "bad"}) if any(record["n"] == 37 for record in records) else (200, {})

        exporter = self.exporter(answer)
        gateway = self.gateway(exporter)
        for number in range(100):
            gateway.spool.append(line(number))
        gateway._sender.wake()
        exporter.wait(lambda: len(exporter.taken) == 99)
        self.assertEqual([record["n"] for record in exporter.taken], [n for n in range(100) if n != 37])
        letter = json.loads((self.root / m.DEAD_LETTER).read_text())
        self.assertEqual(letter, {"reason": "400: bad", "record": '{"n":37}'})
        self.assertEqual(gateway.spool.dropped.refused, 1)

    def test_puts_aside_what_an_answer_lists_as_refused(self) -> None:
        exporter = self.exporter(lambda _records: (200, {"refused": [{"index": 1, "reason": "no id"}]}))
        gateway = self.gateway(exporter)
        for number in range(3):
            gateway.spool.append(line(number))
        gateway._sender.wake()
        exporter.wait(lambda: len(exporter.taken) == 3)
        gateway.close()
        self.assertIn('"reason":"no id"', (self.root / m.DEAD_LETTER).read_text())

    def test_does_not_mind_that_an_idle_connection_was_closed(self) -> None:
        exporter = self.exporter()
        gateway = self.gateway(exporter)
        gateway._keep({"n": 1})
        exporter.wait(lambda: len(exporter.taken) == 1)
        exporter.server.shutdown()
        connection = gateway._sender._connection
        assert connection is not None
        assert connection.sock is not None
        connection.sock.shutdown(socket.SHUT_RDWR)
        threading.Thread(target=exporter.server.serve_forever, daemon=True).start()
        with self.assertNoLogs("marginwatch"):
            gateway._keep({"n": 2})
            exporter.wait(lambda: len(exporter.taken) == 2)

    def test_says_that_it_lives_when_there_is_nothing_to_send(self) -> None:
        exporter = self.exporter()
        self.gateway(exporter)
        exporter.wait(lambda: len(exporter.posts) > 0)
        self.assertEqual((exporter.posts[0]["events"], exporter.posts[0]["oldest"]), (0, None))

    def test_sends_what_waits_when_the_process_ends(self) -> None:
        exporter = self.exporter()
        gateway = self.gateway(exporter)
        for number in range(2_000):
            gateway.spool.append(line(number))
        gateway.close()
        self.assertEqual(len(exporter.taken), 2_000)
        self.assertEqual(list(self.root.rglob("*.ndjson")), [])

    def test_sends_a_spool_by_hand(self) -> None:
        for first in (0, 400, 500):
            spool = m.Spool(self.root, max_bytes=MEGABYTE)
            for number in range(first, {0: 400, 400: 500, 500: 700}[first]):
                spool.append(line(number))
            spool.close()
        exporter = self.exporter()
        done = subprocess.run(
            [sys.executable, HERE / "marginwatch.py", self.root],
            env={**os.environ, "MARGINWATCH_URL": exporter.url}, capture_output=True, text=True,
        )  # fmt: skip
        self.assertEqual((done.returncode, len(exporter.taken)), (0, 700), done.stderr)
        self.assertIn("0 records left", done.stdout)
        wrong = subprocess.run([sys.executable, HERE / "marginwatch.py"], capture_output=True, text=True)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("Expected one folder that holds a spool, found nothing.", wrong.stderr)


class TheGateway(Case):
    def tell(self, gateway: m.Gateway, *steps: str) -> None:
        call = {"litellm_call_id": "call-1", "model": "openai/gpt-4o", "metadata": payload()["metadata"]}

        async def run() -> None:
            for what in steps:
                if what == "success":
                    await gateway.async_log_success_event({"standard_logging_object": payload()}, None, None, None)
                elif what == "try":
                    await gateway.async_post_call_failure_deployment_hook(call, ValueError("no"), None)
                else:
                    data = {"standard_logging_object": payload(status="failure")}
                    await gateway.async_post_call_failure_hook(data, Exception("x"), None)

        asyncio.run(run())

    def kinds(self, exporter: Exporter, count: int) -> list[tuple[Any, ...]]:
        exporter.wait(lambda: len(exporter.taken) == count)
        return [(r["kind"], r.get("status"), r.get("n")) for r in exporter.taken]

    def test_tells_tries_from_the_call_that_then_succeeds(self) -> None:
        exporter = self.exporter()
        self.tell(self.gateway(exporter), "try", "try", "success")
        expected = [("attempt", None, 1), ("attempt", None, 2), ("call", "success", None)]
        self.assertEqual(self.kinds(exporter, 3), expected)
        self.assertEqual(exporter.taken[0]["error_information"], {"error_class": "ValueError", "error_message": "no"})
        self.assertEqual(exporter.taken[0]["metadata"]["spend_logs_metadata"][m.STAMP], "call-1")

    def test_counts_the_last_try_of_a_call_that_fails_as_the_call(self) -> None:
        exporter = self.exporter()
        self.tell(self.gateway(exporter), "try", "try", "final")
        self.assertEqual(self.kinds(exporter, 2), [("attempt", None, 1), ("call", "failure", None)])

    def test_takes_a_refusal_that_reached_no_provider_for_a_call(self) -> None:
        exporter = self.exporter()
        self.tell(self.gateway(exporter), "final")
        self.assertEqual(self.kinds(exporter, 1), [("call", "failure", None)])

    def test_never_fails_a_call_whatever_it_is_handed(self) -> None:
        gateway = self.gateway(self.exporter())
        things: list[Any] = [None, 1, "x", [], {}, {"metadata": 1}, {"metadata": []}, {"standard_logging_object": 3}]

        async def run() -> None:
            for thing in things:
                await gateway.async_log_success_event(thing, None, None, None)
                await gateway.async_post_call_failure_deployment_hook(thing, Exception(), None)
                await gateway.async_post_call_failure_hook(thing, Exception(), None)
                self.assertIs(await gateway.async_pre_call_hook(None, None, thing, "acompletion"), thing)

        with self.assertLogs("marginwatch", "ERROR"):
            asyncio.run(run())

    def test_writes_before_it_waits_for_anything(self) -> None:
        exporter = self.exporter(lambda _records: (503, {}))
        gateway = self.gateway(exporter)
        coroutine = gateway.async_log_success_event({"standard_logging_object": payload()}, None, None, None)
        with self.assertRaises(StopIteration):
            coroutine.send(None)
        self.assertEqual(gateway.spool.backlog()[0], 1)
        self.assertEqual(len(list(self.root.rglob("*.ndjson"))), 1)

    def test_survives_kill_9_with_every_call_that_it_was_told_of(self) -> None:
        script = (
            "import asyncio, marginwatch as m, pathlib\n"
            f"gateway = m.Gateway(m.Settings('http://127.0.0.1:9', None, pathlib.Path({str(self.root)!r}), 1 << 30))\n"
            "async def run():\n"
            "  for n in range(10**9):\n"
            "    payload = {'litellm_call_id': str(n), 'status': 'success', 'metadata': {}}\n"
            "    await gateway.async_log_success_event({'standard_logging_object': payload}, None, None, None)\n"
            "    print(n, flush=True)\n"
            "asyncio.run(run())\n"
        )
        child = subprocess.Popen([sys.executable, "-c", script], cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(3_000)][-1]
        child.send_signal(signal.SIGKILL)
        told = max(told, *(int(rest) for rest in child.stdout.read().split()[:-1] or [b"0"]))
        child.wait()
        child.stdout.close()
        exporter = self.exporter()
        self.gateway(exporter)
        exporter.wait(lambda: len(exporter.taken) > told)
        self.assertEqual([int(r["litellm_call_id"]) for r in exporter.taken[: told + 1]], list(range(told + 1)))

    def test_has_a_spool_of_its_own_in_a_forked_child(self) -> None:
        exporter = self.exporter()
        gateway = self.gateway(exporter)
        child = os.fork()
        if child == 0:
            gateway._keep({"from": "child"})
            gateway.close()
            os._exit(0)
        gateway._keep({"from": "parent"})
        os.waitpid(child, 0)
        exporter.wait(lambda: len(exporter.taken) == 2)
        processes = {post["process"] for post in exporter.posts}
        self.assertEqual((len(processes), sorted(r["from"] for r in exporter.taken)), (2, ["child", "parent"]))


STAMPED: dict[str, Any] = {"user_api_key": "h", "spend_logs_metadata": {m.STAMP: "call-1"}}


def sized(call_type: str = "acompletion", **data: Any) -> tuple[int, int, int]:
    size = m.size_of(data, call_type)
    return size.bytes, size.images, size.opaque


class TheQuestion(unittest.TestCase):
    def test_counts_all_that_goes_to_the_model_in_bytes_and_no_picture_among_it(self) -> None:
        ways: list[dict[str, Any]] = [
            {"messages": [{"role": "user", "content": "Grüße"}]},
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "Grüße"}]}]},
            {"system": "Grüße"},
            {"input": ["Grüße"]},
            {"input": [{"content": [{"type": "input_text", "text": "Grüße"}]}]},
            {"prompt": "Grüße"},
            {"contents": [{"parts": [{"text": "Grüße"}]}]},
            {"systemInstruction": {"parts": [{"text": "Grüße"}]}},
            {"tools": [{"type": "function", "function": {"name": "Grüße", "parameters": {"type": "object"}}}]},
            {"messages": [{"content": [{"type": "tool_result", "content": [{"type": "text", "text": "Grüße"}]}]}]},
            {"messages": [{"content": [{"type": "document", "source": {"type": "text", "data": "Grüße"}}]}]},
            {"extra_body": {"messages": [{"content": "Grüße"}]}},
        ]
        for data in ways:
            with self.subTest(data):
                # More than the text by the words of the format, which become tokens too.
                self.assertIn(sized(**data)[0] - 7, range(100))
        self.assertEqual(sized(input="Grüße"), (7, 0, 0))
        # An image's prompt stands twice in what LiteLLM hands to a hook.
        both: Any = {"prompt": "x" * 900, "messages": [{"role": "user", "content": "x" * 900}]}
        self.assertEqual(sized("image_generation", **both), (900, 0, 0))

    def test_tells_pictures_and_what_cannot_be_known_from_text(self) -> None:
        base64 = "A" * 100_000
        ways: list[tuple[dict[str, Any], int, int]] = [
            ({"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64}}, 1, 0),
            ({"type": "input_image", "image_url": "https://example.com/a.png"}, 1, 0),
            ({"type": "image", "source": {"type": "base64", "data": base64}}, 1, 0),
            ({"inlineData": {"mimeType": "image/png", "data": base64}}, 1, 0),
            ({"inline_data": {"mime_type": "audio/mp3", "data": base64}}, 0, 1),
            ({"fileData": {"fileUri": "gs://x"}}, 0, 1),
            ({"type": "input_audio", "input_audio": {"data": base64}}, 0, 1),
            ({"type": "file", "file": {"file_id": "f-1"}}, 0, 1),
            ({"type": "document", "source": {"type": "base64", "data": base64}}, 0, 1),
        ]
        for part, images, opaque in ways:
            found = sized(messages=[{"role": "user", "content": [part]}])
            with self.subTest(part["type"] if "type" in part else next(iter(part))):
                self.assertEqual((found[1:], found[0] < 100), ((images, opaque), True))
        self.assertEqual(sized(previous_response_id="r", input="")[2], 1)
        self.assertEqual(sized(tools=[{"type": "web_search_preview"}])[2], 1)
        self.assertEqual(sized(tools=[{"googleSearch": {}}])[2], 1)
        schema = {"type": "object", "properties": {"type": {"type": "string"}, "inlineData": {"type": "string"}}}
        self.assertEqual(sized(tools=[{"type": "function", "function": {"parameters": schema}}])[1:], (0, 0))

    def test_knows_what_may_be_written_to_the_providers_cache(self) -> None:
        marked = {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}
        asked = {"role": "user", "content": "Hello"}
        for data in (
            {"messages": [{"role": "system", "content": [marked]}, asked]},
            {"messages": [asked], "system": [marked]},
            {"messages": [asked], "tools": [{"name": "t", "cache_control": {"type": "ephemeral"}}]},
            {"messages": [asked], "cache_control": {"type": "ephemeral"}},
            {"messages": [asked], "cache_control_injection_points": [{"location": "message"}]},
        ):
            self.assertTrue(m.size_of(data).cache_writes)
        self.assertFalse(m.size_of({"messages": [asked], "tools": [{"name": "t"}]}).cache_writes)

    def test_knows_the_tokens_of_what_comes_as_tokens(self) -> None:
        self.assertEqual(
            m.size_of({"input": [[1, 2, 3], [4, 5]]}).as_input(),
            {"bytes": 20, "tokens": 5, "images": 0, "opaque": 0, "cache_writes": False},
        )
        self.assertNotIn("tokens", m.size_of({"input": [[1, 2], "text"]}).as_input())

    def test_does_not_look_at_more_than_anybody_writes(self) -> None:
        deep: Any = "x"
        for _ in range(m._MOST_NODES + 1):
            deep = [deep]
        self.assertEqual(sized(messages=deep)[2], 1)
        self.assertEqual(sized(messages=[["x"]] * 1_000_000)[2], 1)

    def test_says_how_long_an_answer_may_be_by_the_fields_that_bound_it_on_this_route(self) -> None:
        ways: list[tuple[str, dict[str, Any], Any]] = [
            ("acompletion", {"max_tokens": 5}, 5),
            ("acompletion", {"max_tokens": 5, "max_completion_tokens": 9}, 9),
            ("acompletion", {"max_output_tokens": 5}, None),
            ("acompletion", {"max_tokens": 5, "extra_body": {"max_tokens": 70}}, 70),
            ("acompletion", {"extra_body": {"max_tokens": 70}}, None),
            ("atext_completion", {"max_tokens": 5.0}, 5),
            ("anthropic_messages", {"max_tokens": 5}, 5),
            ("aresponses", {"max_output_tokens": 5, "max_tokens": 7}, 5),
            ("agenerate_content", {"generationConfig": {"maxOutputTokens": 5}}, 5),
            ("agenerate_content_stream", {"config": {"max_output_tokens": 5}}, 5),
            ("agenerate_content", {"config": {}, "generationConfig": {"maxOutputTokens": 5}}, None),
            ("aembedding", {"max_tokens": 5}, None),
        ]
        ways += [
            ("acompletion", {"max_tokens": absurd}, None)
            for absurd in (0, -1, "9", True, None, 1e300, 2.5, [1], float("nan"))
        ]
        for call_type, data, expected in ways:
            with self.subTest(call_type=call_type, data=data):
                self.assertEqual(m._bound_of(data, call_type), expected)

    def test_says_the_service_tier_that_is_wanted(self) -> None:
        for wanted, expected in (("priority", "priority"), ("", None), (None, None), ([1], None)):
            question = m.question_of({"model": "gpt-4o", "service_tier": wanted, "metadata": STAMPED}, None, "acompletion")
            self.assertEqual(question and question.get("service_tier"), expected)

    def test_says_the_language_that_the_caller_reads(self) -> None:
        for accepted, named, expected in (
            ("de-AT,de;q=0.9,en", None, "de-AT"),
            ("*", "fr", "fr"),
            (None, "fr", "fr"),
            ("x" * 500, None, None),
            (None, "not a language\n", None),
        ):
            data = {
                "metadata": {"user_api_key": "h", "requester_metadata": {"language": named}},
                "proxy_server_request": {"headers": {"accept-language": accepted} if accepted else {}},
            }
            self.assertEqual(m._language_of(data), expected)

    def test_is_asked_for_calls_of_a_model_alone(self) -> None:
        data = {"model": "gpt-4o", "metadata": STAMPED}
        for call_type in (
            "acompletion",
            "anthropic_messages",
            "aresponses",
            "agenerate_content",
            "aembedding",
            "aspeech",
            "image_generation",
            "rerank",
            "moderation",
            "atranscription",
            "_arealtime",
            "unheard_of",
        ):
            self.assertIsNotNone(m.question_of(data, None, call_type), call_type)
        for call_type in (
            "aget_responses",
            "acreate_batch",
            "alist_batches",
            "afile_content",
            "call_mcp_tool",
            "adelete_file",
            "avector_store_search",
            "avideo_status",
            "acreate_fine_tuning_job",
        ):
            self.assertIsNone(m.question_of(data, None, call_type), call_type)
        self.assertIsNone(m.question_of({"metadata": STAMPED}, None, "acompletion"))

    def test_stays_far_below_what_the_exporter_reads_whatever_the_client_sends(self) -> None:
        long = {f"{number}-{'n' * 300}": "\U0001f600" * 300 for number in range(100)}
        lists = {str(number): ["\U0001f600" * 256] * 16 for number in range(24)}
        metadata = {
            **STAMPED,
            "requester_metadata": {**lists, **long},
            "user_api_key_auth_metadata": {**lists, **long},
            "tags": ["\U0001f600" * 300] * 100,
        }
        data = {
            "model": "m" * MEGABYTE,
            "user": "u" * MEGABYTE,
            "metadata": metadata,
            "litellm_trace_id": "t" * MEGABYTE,
            "proxy_server_request": {
                "headers": {f"x-{name}": value for name, value in long.items()},
                "body": {"user": "u" * MEGABYTE},
            },
        }
        m.stamp(data)
        self.assertLess(len(json.dumps(m.question_of(data, None, "acompletion"))), 256 * 1024)


class TheMarks(unittest.TestCase):
    def test_are_the_places_of_the_policy(self) -> None:
        record = {
            "end_user": "acme",
            "trace_id": "t-1",
            "request_tags": ["plan_tier: tier_1", "Plan_Tier:second", "bare", "https://x"],
            "metadata": {
                "user_api_key_alias": "k",
                "user_api_key_user_id": "default_user_id",
                "user_api_key_team_id": "team-1",
                "requester_metadata": {"seats": 3.0, "trial": True, "nothing": "None"},
                "user_api_key_auth_metadata": {"seats": 1, "region": " e\tu "},
                "spend_logs_metadata": {m.STAMP: "x", m.SESSION: "s-1", "cost_center": "7"},
                "requester_custom_headers": {"x-feature": "f"},
            },
        }
        expected = {
            "end_user=acme",
            "trace_id=t-1",
            "session_id=s-1",
            "key_alias=k",
            "key_team=team-1",
            "metadata.seats=3",
            "metadata.trial=true",
            "metadata.region=e u",
            "metadata.cost_center=7",
            "header.x-feature=f",
            "tag.plan_tier=tier_1",
        }
        self.assertEqual(m.marks_of(record), expected)


class WhatWasRefused(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.remembered = m.Remembered(lambda: self.now)

    def keep(self, *when: str, seconds: Any = 30, model: str | None = None, reason: str = "customer") -> None:
        self.remembered.keep({"seconds": seconds, "when": list(when), "model": model}, {"retry_after": 100}, reason)

    def find(self, *marks: str, model: str = "gpt-4o") -> Any:
        found = self.remembered.find(frozenset(marks), model)
        return found and found["reason"]

    def test_holds_for_calls_with_all_its_marks_and_its_model(self) -> None:
        self.keep("end_user=a", "session_id=s", reason="session")
        self.keep("end_user=b", model="gpt-4o")
        self.assertEqual(self.find("end_user=a", "session_id=s", "trace_id=t"), "session")
        self.assertIsNone(self.find("end_user=a"))
        self.assertEqual(self.find("end_user=b"), "customer")
        self.assertIsNone(self.find("end_user=b", model="gpt-4o-mini"))
        self.keep(reason="global")
        self.assertEqual(self.find("end_user=c"), "global")

    def test_holds_as_long_as_it_was_said_and_says_how_much_longer(self) -> None:
        self.keep("end_user=a", seconds=30)
        self.now += 29.5
        found = self.remembered.find(frozenset({"end_user=a"}), "m")
        self.assertEqual(found and found["refusal"]["retry_after"], 70.5)
        self.now += 1
        self.assertIsNone(self.find("end_user=a"))
        for nothing in (0, -1, None, "30", True, float("nan")):
            self.keep("end_user=b", seconds=nothing)
            self.assertIsNone(self.find("end_user=b"))

    def test_holds_no_more_when_a_call_like_it_was_let_through(self) -> None:
        self.keep("end_user=a")
        self.keep("end_user=b")
        self.remembered.forget(frozenset({"end_user=a", "trace_id=t"}), "gpt-4o")
        self.assertEqual((self.find("end_user=a"), self.find("end_user=b")), (None, "customer"))

    def test_is_bounded(self) -> None:
        for number in range(10_100):
            self.keep(f"end_user={number}")
        self.assertEqual((len(self.remembered), len(self.remembered._by_mark)), (10_000, 10_000))
        self.assertEqual((self.find("end_user=99"), self.find("end_user=100")), (None, "customer"))


class TheBreaker(unittest.TestCase):
    def test_opens_after_failures_in_a_row_and_lets_one_try_at_a_time_ever_later(self) -> None:
        now = [0.0]
        breaker = m.Breaker(lambda: now[0], lambda: 1.0)
        for _ in range(4):
            breaker.failed()
        breaker.succeeded()
        for _ in range(5):
            self.assertTrue(breaker.lets())
            breaker.failed()
        rests = []
        for _ in range(6):
            began = now[0]
            while not breaker.lets():
                now[0] += 0.125
            self.assertFalse(breaker.lets())
            rests.append(now[0] - began)
            breaker.failed()
        self.assertEqual(rests, [0.5, 1.0, 2.0, 4.0, 5.0, 5.0])
        while not breaker.lets():
            now[0] += 0.125
        breaker.succeeded()
        self.assertTrue(breaker.lets() and breaker.lets())

    def test_is_never_in_step_with_another(self) -> None:
        breaker = m.Breaker(lambda: 0.0, lambda: 0.0)
        for _ in range(5):
            breaker.failed()
        self.assertEqual(breaker._next, 0.25)


class Obedience(unittest.TestCase):
    def test_bounds_an_answer_in_the_field_of_its_route(self) -> None:
        ways: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
            ("acompletion", {}, {"max_tokens": 300}),
            ("acompletion", {"max_tokens": None}, {"max_tokens": 300}),
            ("acompletion", {"max_tokens": 10}, {"max_tokens": 10}),
            ("acompletion", {"max_completion_tokens": 9_000}, {"max_completion_tokens": 300}),
            ("acompletion", {"max_tokens": "many"}, {"max_tokens": 300}),
            (
                "acompletion",
                {"max_tokens": 500, "extra_body": {"max_tokens": 9_000}},
                {"max_tokens": 300, "extra_body": {"max_tokens": 300}},
            ),
            (
                "acompletion",
                {"extra_body": {"max_tokens": 9_000}},
                {"max_tokens": 300, "extra_body": {"max_tokens": 300}},
            ),
            ("anthropic_messages", {"max_tokens": 900}, {"max_tokens": 300}),
            ("aresponses", {"max_tokens": 900}, {"max_tokens": 900, "max_output_tokens": 300}),
            ("agenerate_content", {}, {"generationConfig": {"maxOutputTokens": 300}}),
            ("agenerate_content", {"config": {"max_output_tokens": 900}}, {"config": {"max_output_tokens": 300}}),
            (
                "agenerate_content",
                {"config": {}, "generationConfig": {"maxOutputTokens": 1}},
                {"config": {"maxOutputTokens": 300}, "generationConfig": {"maxOutputTokens": 1}},
            ),
            ("aembedding", {}, {}),
        ]
        for call_type, data, expected in ways:
            with self.subTest(call_type=call_type, data=data):
                m.obey(data, {"max_tokens": 300}, call_type)
                self.assertEqual(data, expected)

    def test_lets_a_model_think_for_less_than_it_may_answer(self) -> None:
        ways: list[tuple[dict[str, Any], int, dict[str, Any]]] = [
            (
                {"thinking": {"type": "enabled", "budget_tokens": 4_000}},
                3_000,
                {"thinking": {"type": "enabled", "budget_tokens": 1_500}},
            ),
            (
                {"thinking": {"type": "enabled", "budget_tokens": 4_000}},
                1_500,
                {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
            ),
            ({"thinking": {"type": "enabled", "budget_tokens": 4_000}}, 1_024, {}),
            (
                {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
                3_000,
                {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
            ),
            ({"thinking": {"type": "adaptive"}}, 300, {"thinking": {"type": "adaptive"}}),
            ({"model": "claude", "reasoning_effort": "high"}, 3_000, {"model": "claude", "reasoning_effort": "medium"}),
            ({"model": "claude", "reasoning_effort": "max"}, 5_000, {"model": "claude", "reasoning_effort": "high"}),
            ({"model": "claude", "reasoning_effort": "low"}, 5_000, {"model": "claude", "reasoning_effort": "low"}),
            ({"model": "claude", "reasoning_effort": "low"}, 300, {"model": "claude"}),
            ({"model": "o3", "reasoning_effort": "high"}, 300, {"model": "o3", "reasoning_effort": "high"}),
        ]
        for data, most, expected in ways:
            with self.subTest(data=dict(data), most=most):
                m.obey(data, {"max_tokens": most}, "acompletion")
                data.pop("max_tokens")
                self.assertEqual(data, expected)

    def test_removes_every_way_to_another_model_that_a_client_can_send(self) -> None:
        sent = {"fallbacks": ["gpt-4o"], "num_retries": 1}
        data: dict[str, Any] = {
            "fallbacks": ["gpt-4o"],
            "context_window_fallbacks": [],
            "content_policy_fallbacks": [],
            "context_window_fallback_dict": {},
            "extra_body": {"models": ["gpt-4o"], "top_k": 1},
            "router_settings_override": sent,
            "proxy_server_request": {"body": {"router_settings_override": dict(sent)}},
        }
        m.obey(data, {"action": "allow", "client_fallbacks": "remove"}, "acompletion")
        del data["proxy_server_request"]
        self.assertEqual(data, {"extra_body": {"top_k": 1}, "router_settings_override": {"num_retries": 1}})
        # Those of a key or team are the gateway's own.
        data = {"router_settings_override": dict(sent), "proxy_server_request": {"body": {}}}
        m.obey(data, {"action": "allow", "client_fallbacks": "remove"}, "acompletion")
        self.assertEqual(data["router_settings_override"], sent)
        data = {"fallbacks": ["gpt-4o"]}
        m.obey(data, {"action": "allow", "client_fallbacks": "keep", "fallbacks": "off"}, "acompletion")
        self.assertEqual(data, {"fallbacks": ["gpt-4o"], "disable_fallbacks": True})

    def test_says_in_the_tags_that_a_call_was_degraded(self) -> None:
        data: dict[str, Any] = {
            "metadata": {"tags": ["b"]},
            "litellm_metadata": {"user_api_key": "h"},
            "extra_body": {"model": "x"},
        }
        m.obey(data, {"action": "degrade", "model": "cheap"}, "anthropic_messages")
        self.assertEqual((data["model"], data["extra_body"]), ("cheap", {}))
        self.assertEqual((data["metadata"]["tags"], data["litellm_metadata"]["tags"]), (["b", m.DEGRADED], [m.DEGRADED]))


class Scripted:
    """A transport that answers as told: a body of 200, an answer, an error, or never."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.asked: list[dict[str, Any]] = []
        self.posts: list[tuple[str, Any]] = []

    async def post(self, url: str, body: bytes, headers: Any) -> m.Answer:
        self.asked.append(json.loads(body))
        self.posts.append((url, headers.get("Authorization")))
        what = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(what, Exception):
            raise what
        if what == "hang":
            await asyncio.Event().wait()
        return what if isinstance(what, m.Answer) else m.Answer(200, what, None)

    def close(self) -> None:
        pass


ALLOW = {"action": "allow", "reason": "ok", "fallbacks": "keep", "client_fallbacks": "remove", "unreachable": "allow"}
BLOCK = {
    "action": "block",
    "reason": "customer",
    "refusal": {"status": 402, "type": "customer_budget_exceeded", "message": "Used up.", "retry_after": 90.2},
    "remember": {"seconds": 30, "when": ["end_user=acme"]},
}


class TheDecision(Case):
    def asking(self, *script: Any, **asking: Any) -> tuple[m.Gateway, Scripted]:
        transport = Scripted(*script)
        settings = m.Settings(
            "http://exporter", None, self.root, MEGABYTE, m.Asking(**{"key": "k", "seconds": 5.0, **asking})
        )
        gateway = m.Gateway(settings, start=False, transport=transport)
        self.addCleanup(gateway.close)
        return gateway, transport

    def call(self, gateway: m.Gateway, user: str = "acme", **more: Any) -> dict[str, Any]:
        metadata = {"user_api_key": "h", "user_api_key_end_user_id": user}
        data = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "metadata": metadata, **more}
        asyncio.run(gateway.async_pre_call_hook(None, None, data, "acompletion"))
        return data

    def action(self, data: dict[str, Any]) -> tuple[Any, Any]:
        logged = data["metadata"]["spend_logs_metadata"]
        return logged.get(m.ACTION), logged.get(m.REASON)

    def refused(self, gateway: m.Gateway, **more: Any) -> m.Refused:
        with self.assertRaises(m.Refused) as raised:
            self.call(gateway, **more)
        return raised.exception

    def test_is_asked_for_with_its_key_and_obeyed_and_told(self) -> None:
        gateway, transport = self.asking({**ALLOW, "action": "degrade", "reason": "tier", "model": "gpt-4o-mini"})
        data = self.call(gateway, fallbacks=["gpt-4o"])
        self.assertEqual(transport.posts, [("http://exporter/v1/decisions", "Bearer k")])
        self.assertEqual(transport.asked[0]["call_id"], data["metadata"]["spend_logs_metadata"][m.STAMP])
        self.assertEqual(
            (data["model"], "fallbacks" in data, self.action(data)), ("gpt-4o-mini", False, ("degrade", "tier"))
        )
        headers = asyncio.run(gateway.async_post_call_response_headers_hook(data, None, None))
        self.assertEqual(
            headers,
            {"x-marginwatch-action": "degrade", "x-marginwatch-reason": "tier", "x-marginwatch-model-asked": "gpt-4o"},
        )

    def test_puts_a_call_on_the_trace_of_its_event_unless_the_client_named_another(self) -> None:
        ours, theirs = f"00-{'a' * 32}-{'b' * 16}-01", f"00-{'c' * 32}-{'d' * 16}-00"
        for headers, told, asked, expected in (
            ({}, ours, None, {"traceparent": ours}),
            ({"Traceparent": theirs}, ours, theirs, {"Traceparent": theirs}),
            ({"traceparent": "nonsense"}, ours, None, {"traceparent": "nonsense"}),
            ({}, "nonsense", None, {}),
            ({}, None, None, {}),
        ):
            with self.subTest(headers=headers, told=told):
                gateway, transport = self.asking({**ALLOW, "action": "degrade", "model": "gpt-4o-mini", "traceparent": told})
                data = self.call(gateway, proxy_server_request={"headers": dict(headers), "body": {}})
                self.assertEqual(transport.asked[0].get("traceparent"), asked)
                self.assertEqual(data["proxy_server_request"]["headers"], expected)
        gateway, _ = self.asking({**BLOCK, "traceparent": ours})
        request: dict[str, Any] = {"headers": {}}
        self.refused(gateway, proxy_server_request=request)
        self.assertEqual(request["headers"], {"traceparent": ours})

    def test_refuses_with_the_words_of_the_exporter(self) -> None:
        gateway, _ = self.asking(BLOCK)
        error = self.refused(gateway, model="gpt 4o\n")
        self.assertEqual((error.code, error.type, error.message), ("402", "customer_budget_exceeded", "Used up."))
        self.assertEqual(
            error.headers,
            {
                "Retry-After": "91",
                "x-marginwatch-action": "block",
                "x-marginwatch-reason": "customer",
                "x-marginwatch-model-asked": "gpt?4o?",
            },
        )

    def test_is_asked_for_again_with_tokens_or_with_bytes_where_they_cannot_be_counted(self) -> None:
        gateway, transport = self.asking({"action": "count"}, ALLOW)
        with mock.patch.object(m, "_tokens_of", lambda model, text: len(text.split())):
            self.call(gateway)
        self.assertEqual(transport.asked[1]["input"]["tokens"], 4)
        self.assertEqual(transport.asked[1]["call_id"], transport.asked[0]["call_id"])
        gateway, transport = self.asking({"action": "count"}, ALLOW)
        with mock.patch.object(m, "_tokens_of", side_effect=ValueError):
            self.assertEqual(self.action(self.call(gateway)), ("allow", "ok"))
        self.assertEqual(transport.asked[1]["input"]["tokens"], transport.asked[1]["input"]["bytes"])

    def test_lets_a_call_leave_and_counts_it_when_there_is_none(self) -> None:
        for none in (
            ConnectionRefusedError("no"),
            m.Answer(503, {}, 1.0),
            m.Answer(401, {}, None),
            m.Answer(400, {}, None),
            {"action": "dance"},
            {"action": "count"},
            {},
        ):
            gateway, _ = self.asking(none)
            with self.subTest(none), self.assertLogs("marginwatch") as logs:
                self.assertEqual(self.action(self.call(gateway)), ("undecided", "unreachable"))
                self.call(gateway)
            self.assertEqual((gateway.undecided, len(logs.output)), (2, 1))
            if isinstance(none, m.Answer) and none.status == 401:
                self.assertIn("the key is MARGINWATCH_GATEWAY_KEY", logs.output[0])

    def test_is_waited_for_no_longer_than_its_deadline_and_then_not_at_all(self) -> None:
        gateway, transport = self.asking("hang", seconds=0.01)
        with self.assertLogs("marginwatch") as logs:
            for _ in range(20):
                self.assertEqual(self.action(self.call(gateway))[0], "undecided")
        self.assertEqual((len(transport.asked), gateway.undecided, len(logs.output)), (5, 20, 1))

    def test_needs_a_count_that_was_made_ready_before_the_first_call(self) -> None:
        counted = threading.Event()
        with mock.patch.object(m, "_tokens_of", lambda model, text: counted.set()):
            m.Counter(warm=True)
            self.assertTrue(counted.wait(5))
            counted.clear()
            m.Counter(warm=False)
            self.assertFalse(counted.wait(0.05))

    def test_in_time_is_not_lost_while_this_process_is_busy_with_other_things(self) -> None:
        gateway, _ = self.asking(ALLOW, seconds=0.2)
        asker = gateway._asker
        assert asker is not None

        async def busy() -> Any:
            async def answer() -> Any:
                for _ in range(3):
                    await asyncio.sleep(0.001)
                    time.sleep(0.1)
                return ALLOW

            return await asker._in_time(answer())

        self.assertEqual(asyncio.run(busy()), ALLOW)

    def test_is_waited_for_some_times_its_deadline_at_most_however_busy_this_process_is(self) -> None:
        gateway, _ = self.asking(ALLOW, seconds=0.2)
        asker = gateway._asker
        assert asker is not None
        turns = 0

        async def busy() -> Any:
            async def answer() -> Any:
                nonlocal turns
                while turns < 100:
                    turns += 1
                    await asyncio.sleep(0.001)
                    time.sleep(0.2)

            return await asker._in_time(answer())

        with mock.patch.object(m, "_PATIENCE", 4), self.assertRaises(asyncio.TimeoutError):
            asyncio.run(busy())
        self.assertLess(turns, 7)

    def test_that_was_heard_last_says_what_becomes_of_a_call_without_one(self) -> None:
        gateway, _ = self.asking(m.Answer(503, {}, None), on_unreachable="block")
        error = self.refused(gateway)
        self.assertEqual((error.code, error.type, error.headers["Retry-After"]), ("503", "decision_unavailable", "5"))
        refusal = {"status": 503, "type": "decision_unavailable", "message": "Later.", "retry_after": 9}
        gateway, _ = self.asking({**ALLOW, "unreachable": "block", "unreachable_refusal": refusal}, OSError("away"))
        self.call(gateway)
        error = self.refused(gateway)
        self.assertEqual((error.message, error.headers["Retry-After"], gateway.undecided), ("Later.", "9", 0))
        gateway, _ = self.asking(ALLOW, OSError("away"), on_unreachable="block")
        self.call(gateway)
        self.assertEqual(self.action(self.call(gateway))[0], "undecided")

    def test_that_refused_is_remembered_while_nobody_can_be_asked(self) -> None:
        gateway, _ = self.asking(BLOCK, OSError("away"), OSError("away"), {**ALLOW}, OSError("away"))
        self.refused(gateway)
        self.assertEqual(self.refused(gateway).headers["x-marginwatch-reason"], "customer")
        self.assertEqual(self.action(self.call(gateway, user="globex"))[0], "undecided")
        self.assertEqual(self.action(self.call(gateway))[0], "allow")
        self.assertEqual(self.action(self.call(gateway))[0], "undecided")

    def test_says_once_that_it_is_over(self) -> None:
        gateway, _ = self.asking(OSError("away"), OSError("away"), ALLOW, OSError("away"), ALLOW)
        with self.assertLogs("marginwatch") as logs:
            for _ in range(5):
                self.call(gateway)
        self.assertEqual(["decides again" in line for line in logs.output], [False, True])

    def test_that_is_not_wanted_is_not_asked_for(self) -> None:
        gateway = m.Gateway(m.Settings("http://exporter", None, self.root, MEGABYTE), start=False)
        self.addCleanup(gateway.close)
        data = self.call(gateway)
        self.assertEqual(self.action(data), (None, None))
        self.assertIsNone(asyncio.run(gateway.async_post_call_response_headers_hook(data, None, None)))

    def test_never_fails_a_call_by_a_fault_of_ours(self) -> None:
        gateway, _ = self.asking(ALLOW)
        for name in ("question_of", "obey", "tell", "marks_of"):
            with mock.patch.object(m, name, side_effect=ZeroDivisionError), mock.patch.object(gateway, "_remembered", [1]):
                self.assertEqual(self.call(gateway)["model"], "gpt-4o")
        self.assertEqual(gateway.undecided, 4)
        things: list[Any] = [
            None,
            1,
            "x",
            [],
            {},
            [None],
            {"type": {}},
            {"type": []},
            float("inf"),
            "\ud800",
            {"": [[]]},
            -1,
            True,
        ]
        answers = [
            {
                **ALLOW,
                "max_tokens": thing,
                "model": thing,
                "reason": thing,
                "refusal": thing,
                "remember": thing,
                "unreachable_refusal": thing,
                "action": action,
            }
            for thing in things
            for action in ("allow", "degrade", "block")
        ]
        gateway, _ = self.asking(*answers, ALLOW)
        rng = random.Random(3)
        names = [
            "messages",
            "tools",
            "input",
            "metadata",
            "litellm_metadata",
            "proxy_server_request",
            "extra_body",
            "n",
            "thinking",
            "max_tokens",
            "generationConfig",
            "config",
            "litellm_trace_id",
            "router_settings_override",
            "user",
        ]
        for _ in range(2_000):
            data = {"model": "gpt-4o", **{name: rng.choice(things) for name in rng.sample(names, 5)}}
            call_type = rng.choice(["acompletion", "anthropic_messages", "aresponses", "agenerate_content", ""])
            with contextlib.suppress(m.Refused):
                asyncio.run(gateway.async_pre_call_hook(None, None, data, call_type))
        self.assertEqual(gateway.undecided, 0, "something of ours failed")

    def test_is_told_of_by_the_sender_when_there_is_none(self) -> None:
        exporter = self.exporter()
        gateway = self.gateway(exporter, asking=m.Asking(seconds=5.0))
        with mock.patch.dict(sys.modules, {"aiohttp": None}):
            self.call(gateway)
        gateway._keep({"n": 1})
        exporter.wait(lambda: len(exporter.taken) == 1)
        self.assertEqual(exporter.posts[-1]["undecided"], 1)


class TheSettings(unittest.TestCase):
    def test_say_whether_and_how_decisions_are_asked_for(self) -> None:
        self.assertEqual(m.Asking.read({}), m.Asking(None, 0.25, "allow"))
        env = {"MARGINWATCH_INGEST_KEY": "i", "MARGINWATCH_DECISION_MS": "90", "MARGINWATCH_ON_UNREACHABLE": "block"}
        self.assertEqual(m.Asking.read(env), m.Asking("i", 0.09, "block"))
        asking = m.Asking.read({**env, "MARGINWATCH_GATEWAY_KEY": "g"})
        self.assertEqual(asking and asking.key, "g")
        self.assertIsNone(m.Asking.read({"MARGINWATCH_DECISIONS": "off"}))

    def test_say_what_is_wrong_with_them(self) -> None:
        for env, sentence in (
            ({"MARGINWATCH_URL": "here"}, "MARGINWATCH_URL is 'here', expected a URL like http://127.0.0.1:9464"),
            ({"MARGINWATCH_SPOOL_MAX_MB": "0"}, "MARGINWATCH_SPOOL_MAX_MB is '0', expected a whole number of megabytes"),
            (
                {"MARGINWATCH_DECISION_MS": "soon"},
                "MARGINWATCH_DECISION_MS is 'soon', expected milliseconds from 1 to 60000",
            ),
            ({"MARGINWATCH_DECISIONS": "maybe"}, "MARGINWATCH_DECISIONS is 'maybe', expected on or off"),
            ({"MARGINWATCH_ON_UNREACHABLE": "wait"}, "MARGINWATCH_ON_UNREACHABLE is 'wait', expected allow or block"),
        ):
            with self.assertRaisesRegex(ValueError, "^" + sentence.replace(".", r"\.")):
                m.Settings.read(env)

    def test_start_nothing_before_litellm_asks_for_the_callback(self) -> None:
        script = "import marginwatch, threading; print(threading.active_count(), hasattr(marginwatch, 'other'))"
        ran = subprocess.run([sys.executable, "-c", script], cwd=HERE, capture_output=True, text=True, check=True)
        self.assertEqual(ran.stdout, "1 False\n")


if __name__ == "__main__":
    unittest.main()
