"""Refuses a call that asks for it (tag `block:http` or `block:proxy`), in the two ways that a pre-call hook of LiteLLM may."""

from typing import Any

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import ProxyException

TYPE = "customer_budget_exceeded"
MESSAGE = f"The AI budget of your plan is used up for this month ({TYPE})"


class Block(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> Any:
        tags = [
            tag
            for name in ("litellm_metadata", "metadata")
            if isinstance(metadata := data.get(name), dict)
            for tag in metadata.get("tags") or []
        ]
        if "block:http" in tags:
            raise HTTPException(402, {"error": {"message": MESSAGE, "type": TYPE, "code": "budget_blocked"}})
        if "block:proxy" in tags:
            raise ProxyException(message=MESSAGE, type=TYPE, param="user", code=402)
        return data


hook = Block()
