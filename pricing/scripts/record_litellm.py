"""Records what LiteLLM itself knows and charges: our copy of its price map, and the answers our arithmetic is tested against.

    python3 -m venv .venv && .venv/bin/pip install litellm==1.106.2
    .venv/bin/python pricing/scripts/record_litellm.py

Writes `pricing/data/litellm-prices.json.gz` and `pricing/test/fixtures/litellm-costs.json`. Both are the same at every run
with the same version. Nothing is fetched: the map is the one inside the package.
"""

import gzip
import json
import logging
import os
from datetime import datetime, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_LOG"] = "CRITICAL"

import litellm
from litellm.cost_calculator import cost_per_token
from litellm.types.utils import (
    CacheCreationTokenDetails,
    CompletionTokensDetailsWrapper,
    PromptTokensDetailsWrapper,
    Usage,
)

VERSION = "1.106.2"
# The day on which the package was built, by the dates inside its wheel.
AS_OF = "2026-10-21"
ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(litellm.__file__).parent

# Fields that say what a model is and can do; every field whose name says what it costs is kept too.
FACTS = (
    "litellm_provider", "mode", "max_input_tokens", "max_output_tokens", "max_tokens", "supports_function_calling",
    "supports_vision", "tiered_pricing", "off_peak_pricing", "web_search_billing_unit",
)
COSTS = (
    "input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost",
    "output_cost_per_reasoning_token", "input_cost_per_audio_token", "output_cost_per_audio_token",
    "input_cost_per_image_token", "output_cost_per_image_token",
)
UNIT_COSTS = (
    "input_cost_per_request", "input_cost_per_query", "ocr_cost_per_page", "input_cost_per_image", "output_cost_per_image",
    "input_cost_per_second", "input_cost_per_audio_per_second", "input_cost_per_video_per_second",
    "output_cost_per_second", "output_cost_per_video_per_second", "cost_per_second",
    "input_cost_per_character", "output_cost_per_character", "search_context_cost_per_query",
)

# Tokens by class. Thousands, so that no answer lies half-way between two nano-dollars, where a float's noise would decide.
PEAK = datetime(2026, 11, 18, 2, 0, tzinfo=timezone.utc)
OFF_PEAK = datetime(2026, 11, 18, 11, 0, tzinfo=timezone.utc)
USAGES = {
    "plain": {"tokens": {"input": 7000, "output": 3000}},
    "cached": {"tokens": {"input": 5000, "cache_read": 9000, "output": 2000}},
    "cache_write": {"tokens": {"input": 2000, "cache_read": 1000, "cache_write_5m": 4000, "cache_write_1h": 3000, "output": 1000}},
    "reasoning": {"tokens": {"input": 4000, "output": 1000, "reasoning": 5000}},
    "long": {"tokens": {"input": 400000, "cache_read": 100000, "cache_write_5m": 100000, "output": 6000, "reasoning": 2000}},
    "threshold": {"tokens": {"input": 200000, "output": 1000}},
    "media": {"tokens": {"input": 3000, "input_audio": 2000, "input_image": 1000, "output": 2000, "output_audio": 1000, "output_image": 4000}},
    "priority": {"tokens": {"input": 5000, "cache_read": 9000, "output": 2000, "reasoning": 1000}, "service_tier": "priority"},
    "priority_long": {"tokens": {"input": 300000, "cache_read": 9000, "output": 2000}, "service_tier": "priority"},
    "flex": {"tokens": {"input": 5000, "cache_read": 9000, "output": 2000, "reasoning": 1000}, "service_tier": "flex"},
    "flex_long": {"tokens": {"input": 300000, "cache_read": 9000, "output": 2000}, "service_tier": "flex"},
    "batch": {"tokens": {"input": 6000, "cache_read": 2000, "output": 1000}, "service_tier": "batch"},
    "batch_long": {"tokens": {"input": 300000, "output": 1000}, "service_tier": "batch"},
    "off_peak": {"tokens": {"input": 5000, "cache_read": 9000, "output": 1000, "reasoning": 1000}, "at": OFF_PEAK},
}


def main() -> None:
    installed = version("litellm")
    if installed != VERSION:
        raise SystemExit(f"litellm {installed} is installed; this script is written for {VERSION}")
    logging.disable(logging.CRITICAL)
    full = json.loads((PACKAGE / "model_prices_and_context_window_backup.json").read_text())
    write_map(full)
    write_costs(full)


def kept(field: str, value: object) -> bool:
    return value is not None and (field in FACTS or field in UNIT_COSTS or field.startswith(COSTS))


def write_map(full: dict) -> None:
    models = {
        key: {field: value for field, value in sorted(entry.items()) if kept(field, value)}
        for key, entry in sorted(full.items())
        if key not in ("sample_spec", "fallback_generalizations")
    }
    text = json.dumps({"litellm": VERSION, "as_of": AS_OF, "models": models}, separators=(",", ":"), ensure_ascii=False)
    (ROOT / "data").mkdir(exist_ok=True)
    (ROOT / "data" / "litellm-prices.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def write_costs(full: dict) -> None:
    names = list(USAGES)
    rows = {}
    for key, entry in sorted(full.items()):
        if key in ("sample_spec", "fallback_generalizations") or not prices_tokens(entry):
            continue
        row = [charged(key, entry, name) if asked(entry, name) else None for name in names]
        while row and row[-1] is None:
            row.pop()
        if row:
            rows[key] = row
    usages = {
        name: {**case, "at": int(case.get("at", PEAK).timestamp() * 1000)} for name, case in USAGES.items()
    }
    head = json.dumps({"litellm": VERSION, "usages": usages}, indent=1)
    lines = [f"{json.dumps(key, ensure_ascii=False)}:{json.dumps(row, separators=(',', ':'))}" for key, row in rows.items()]
    target = ROOT / "test" / "fixtures" / "litellm-costs.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(head[:-2] + ',\n "costs": {\n' + ",\n".join(lines) + "\n}}\n")
    print(f"{len(rows)} models, {sum(cost is not None for row in rows.values() for cost in row)} costs")


def prices_tokens(entry: dict) -> bool:
    return any(field.startswith(COSTS) for field in entry) or "tiered_pricing" in entry


def asked(entry: dict, name: str) -> bool:
    """Whether a usage can tell anything about the model: the first five always, the rest where a field speaks of them."""
    fields = " ".join(entry)
    return {
        "threshold": "_above_" in fields or "tiered_pricing" in fields,
        "media": "audio_token" in fields or "image_token" in fields,
        "priority": "_priority" in fields,
        "priority_long": "_tokens_priority" in fields,
        "flex": "_flex" in fields,
        "flex_long": "_tokens_flex" in fields,
        "batch": "_per_token_batches" in fields,
        "batch_long": "_tokens_batches" in fields,
        "off_peak": "off_peak_pricing" in fields,
    }.get(name, True)


def charged(key: str, entry: dict, name: str) -> int | None:
    """Nano-dollars that LiteLLM charges, its two floats added by their decimal text and rounded once, half to even."""
    case = USAGES[name]
    tier = case.get("service_tier")
    batch = tier == "batch"
    try:
        with patch("litellm.litellm_core_utils.llm_cost_calc.utils.current_billing_time", lambda: case.get("at", PEAK)):
            prompt, completion = cost_per_token(
                model=key,
                custom_llm_provider=provider_of(entry),
                usage_object=usage_of(tokens_of(entry, case["tokens"])),
                service_tier=None if batch else tier,
                call_type="retrieve_batch" if batch else "completion",
            )
    except Exception:
        return None
    total = Decimal(repr(float(prompt))) + Decimal(repr(float(completion)))
    return int((total * 10**9).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def tokens_of(entry: dict, tokens: dict) -> dict:
    """Embeddings write nothing."""
    read = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "input_image")
    return {name: count for name, count in tokens.items() if entry.get("mode") != "embedding" or name in read}


def provider_of(entry: dict) -> str:
    provider = entry.get("litellm_provider") or "openai"
    for start in ("vertex_ai", "fireworks_ai"):
        if provider.startswith(start):
            return start
    return "bedrock" if provider == "bedrock_converse" else provider


def usage_of(tokens: dict) -> Usage:
    def count(*names: str) -> int:
        return sum(tokens.get(name, 0) for name in names)

    written = count("cache_write_5m", "cache_write_1h")
    prompt = count("input", "cache_read", "input_audio", "input_image") + written
    completion = count("output", "reasoning", "output_audio", "output_image")
    details = CacheCreationTokenDetails(
        ephemeral_5m_input_tokens=count("cache_write_5m"), ephemeral_1h_input_tokens=count("cache_write_1h")
    )
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        prompt_tokens_details=PromptTokensDetailsWrapper(
            cached_tokens=count("cache_read"),
            cache_creation_tokens=written,
            cache_creation_token_details=details if written else None,
            audio_tokens=count("input_audio"),
            image_tokens=count("input_image"),
        ),
        completion_tokens_details=CompletionTokensDetailsWrapper(
            reasoning_tokens=count("reasoning"),
            audio_tokens=count("output_audio"),
            image_tokens=count("output_image"),
        ),
    )


main()
