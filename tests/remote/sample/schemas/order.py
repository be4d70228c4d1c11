"""What the provider is asked for."""

import json
from typing import Any

FORMAT = {"output": "mp4", "size": "320x180"}


def form(user: str, key: str, action: str, **fields: Any) -> dict[str, str]:
    return {"json": json.dumps({"query": {"userid": user, "userkey": key, "action": action, **fields}})}
