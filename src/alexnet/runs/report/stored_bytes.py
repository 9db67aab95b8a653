"""Bytes that a JSON file holds as base64."""

import base64
import binascii

from alexnet.storage.records import convert


def bytes_of(text: object, name: str) -> bytes:
    """The bytes that base64 text encodes; raises ValueError if it is not base64."""
    try:
        return base64.b64decode(convert(str, text, name), validate=True)
    except binascii.Error:
        raise ValueError(f"{name} is not base64") from None
