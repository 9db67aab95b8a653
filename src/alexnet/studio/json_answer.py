"""JSON that every browser reads, whatever is in it: text that is not Unicode is escaped; NaN and infinity, which are no JSON, are null."""

import json
import math
from typing import Any

from fastapi.responses import JSONResponse


def json_text(value: object) -> str:
    """Builtins as JSON in ASCII."""
    return json.dumps(_defined(value))


class JsonAnswer(JSONResponse):
    """What the studio's routes answer with: names in damaged or foreign folders must not cost an answer."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json_text(content).encode()


def _defined(value: object) -> object:
    if isinstance(value, dict):
        return {key: _defined(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
