"""Tells `marginwatch.py` of calls as LiteLLM does, many at once, and prints the number of each that it was told of.

    python3 drive.py FIRST COUNT CALLERS PAUSE

A call's tokens and cost follow from its number, so whoever reads the ledger knows what must be there. Every hundredth call
has a failed try before it. Ends as LiteLLM does at SIGTERM: no new calls, those under way are told of.
"""

import asyncio
import signal
import sys
import time
from typing import Any

import marginwatch

MODELS = ("openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5-20250929")


def payload(number: int) -> dict[str, Any]:
    now = time.time()
    model = MODELS[number % len(MODELS)]
    stamp = f"00000000-0000-4000-8000-{number:012d}"
    return {
        "id": f"chatcmpl-{number}",
        "litellm_call_id": f"call-{number}",
        "trace_id": f"trace-{number // 20}",
        "call_type": "acompletion",
        "status": "success",
        "startTime": now - 0.5,
        "endTime": now,
        "completionStartTime": now,
        "model": model,
        "custom_llm_provider": model.split("/")[0],
        "model_group": "gpt-4o",
        "response_cost": (1_000 + number) / 1e9,
        "prompt_tokens": 100 + number % 7,
        "completion_tokens": number % 11,
        "total_tokens": 100 + number % 7 + number % 11,
        "end_user": f"customer-{number % 50}",
        "request_tags": ["plan_tier:tier_1", "User-Agent: drive"],
        "messages": [{"role": "user", "content": "x" * 2_000}],
        "metadata": {
            "usage_object": {"prompt_tokens": 100 + number % 7, "completion_tokens": number % 11},
            "spend_logs_metadata": {marginwatch.STAMP: stamp, marginwatch.SESSION: f"session-{number // 20}"},
            "user_api_key_request_route": "/v1/chat/completions",
        },
    }


async def main(first: int, count: int, callers: int, pause: float) -> None:
    gateway: marginwatch.Gateway = marginwatch.gateway
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    numbers = iter(range(first, first + count))

    async def caller() -> None:
        for number in numbers:
            if stopping.is_set():
                return
            if number % 100 == 0:
                await gateway.async_post_call_failure_deployment_hook(payload(number), TimeoutError("late"), None)
            kwargs = {"standard_logging_object": payload(number)}
            await gateway.async_log_success_event(kwargs, None, None, None)
            print(number, flush=True)
            await asyncio.sleep(pause)

    await asyncio.gather(*(caller() for _ in range(callers)))
    while not stopping.is_set() and gateway.spool.backlog()[0] > 0:
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) != 4:
        sys.exit(__doc__)
    asyncio.run(main(int(arguments[0]), int(arguments[1]), int(arguments[2]), float(arguments[3])))
