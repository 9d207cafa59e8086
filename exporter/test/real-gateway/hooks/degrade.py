"""Sends a call that asks for it (tag `degrade`) to a cheaper model, as a pre-call hook of LiteLLM may."""

from typing import Any

from litellm.integrations.custom_logger import CustomLogger


class Degrade(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> Any:
        for name in ("litellm_metadata", "metadata"):
            metadata = data.get(name)
            if isinstance(metadata, dict) and "degrade" in (metadata.get("tags") or []):
                data["model"] = "gpt-4o-mini"
        return data


hook = Degrade()
