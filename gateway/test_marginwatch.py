"""What `marginwatch.py` promises, with real files, processes and an HTTP server. By hand: python3 -m unittest"""

import asyncio
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


class TheSettings(unittest.TestCase):
    def test_say_what_is_wrong_with_them(self) -> None:
        for env, sentence in (
            ({"MARGINWATCH_URL": "here"}, "MARGINWATCH_URL is 'here', expected a URL like http://127.0.0.1:9464"),
            ({"MARGINWATCH_SPOOL_MAX_MB": "0"}, "MARGINWATCH_SPOOL_MAX_MB is '0', expected a whole number of megabytes"),
        ):
            with self.assertRaisesRegex(ValueError, "^" + sentence.replace(".", r"\.")):
                m.Settings.read(env)

    def test_start_nothing_before_litellm_asks_for_the_callback(self) -> None:
        script = "import marginwatch, threading; print(threading.active_count(), hasattr(marginwatch, 'other'))"
        ran = subprocess.run([sys.executable, "-c", script], cwd=HERE, capture_output=True, text=True, check=True)
        self.assertEqual(ran.stdout, "1 False\n")


if __name__ == "__main__":
    unittest.main()
