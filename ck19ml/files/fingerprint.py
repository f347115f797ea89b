"""Fingerprints: short hashes by which a finished step is recognised."""

import hashlib
import json
from typing import Any


def fingerprint(*parts: Any) -> str:
    """Hash JSON-like values to 16 hexadecimal digits.

    Equal values give equal fingerprints; the order of a mapping's keys does not matter.

    Raises
    ------
    TypeError
        If a value has no JSON form.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
