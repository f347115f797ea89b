"""Requests to a served model that no client should make: for `serving.py` and the tests."""

import base64
import json
from dataclasses import dataclass
from http.client import HTTPConnection
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

JSON = "application/json"
PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True)
class Request:
    """What is sent to the server; without a kind of content no such header is sent."""

    body: bytes = b""
    kind: str = JSON
    method: str = "POST"
    path: str = "/invocations"


def ask(port: int, request: Request) -> tuple[int, str]:
    """Send a request to this machine; returns the status and the text of the answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=240)
    headers = {"Content-Type": request.kind} if request.kind else {}
    try:
        connection.request(request.method, request.path, request.body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def fields(values: Any) -> Request:
    """Make the request for scores of raw fields, (n, height, width, 2)."""
    return Request(json.dumps({"inputs": values}).encode())


def npy(image: NDArray[np.generic]) -> bytes:
    """Return the bytes of an NPY file."""
    file = BytesIO()
    np.save(file, image)
    return file.getvalue()


def table(dc: Any, tcell: Any) -> Request:
    """Make the request for scores of a field whose channels are files; bytes go as base64."""
    row = [base64.b64encode(each).decode() if isinstance(each, bytes) else each
           for each in (dc, tcell)]  # fmt: skip
    split = {"columns": ["dc", "tcell"], "data": [row]}
    return Request(json.dumps({"dataframe_split": split}).encode())


def parquet(dc: bytes, tcell: bytes) -> Request:
    """Make the request for scores of a field as a table in Parquet."""
    return Request(pd.DataFrame({"dc": [dc], "tcell": [tcell]}).to_parquet(), PARQUET)


def filled(value: object, *shape: int) -> Request:
    """Make the request for an array that has the same value everywhere."""
    return fields(np.full(shape, value, dtype=object).tolist())


def malformed(size: int) -> dict[str, Request]:
    """Name requests that must be answered by 4xx, to a model of patches of this size.

    Parameters
    ----------
    size : int
        Side of a patch in pixels; the model takes 12 bits.
    """
    field = (1, size, size, 2)
    ragged = np.full(field, 300).tolist()
    ragged[0][-1] = ragged[0][-1][:-1]
    body = filled(300, *field).body
    image = npy(np.full((size, size), 300, np.uint16))
    huge = image.replace(f"({size}, {size})".encode(), b"(65536, 65536)")
    return {
        "nothing": Request(),
        "no JSON": Request(b"{"),
        "cut short": Request(body[:-100]),
        "bytes that are no text": Request(b"\xff\xfe\x00\x01"),
        "null": Request(b"null"),
        "number": Request(b"7"),
        "list": Request(b"[]"),
        "no inputs": Request(b"{}"),
        "another key": Request(b'{"fields": []}'),
        "two keys": Request(b'{"inputs": [], "instances": []}'),
        "keys of a chat": Request(b'{"messages": [{"role": "user", "content": "score"}]}'),
        "keys of a completion": Request(b'{"prompt": "score"}'),
        "inputs by name": Request(b'{"inputs": {"dc": [1], "tcell": [2]}}'),
        "table": Request(b'{"dataframe_split": {"columns": ["a"], "data": [[1]]}}'),
        "records": Request(b'{"dataframe_records": [{"a": 1}]}'),
        "damaged table": Request(b'{"dataframe_split": 5}'),
        "null inputs": fields(None),
        "text": fields("a field"),
        "missing values": filled(None, *field),
        "no number": filled(float("nan"), *field),
        "infinite": filled(float("inf"), *field),
        "negative": filled(-1, *field),
        "13 bits": filled(4096, *field),
        "17 bits": filled(65_536 + 300, *field),
        "70 bits": filled(2**70, *field),
        "no field": fields([]),
        "no pixels": filled(300, 1, 0, 0, 2),
        "one axis": fields([1, 2, 3]),
        "one channel": filled(300, 1, size, size, 1),
        "three channels": filled(300, 1, size, size, 3),
        "no axis of fields": filled(300, size, size, 2),
        "too many axes": filled(300, 1, 1, size, size, 2),
        "too small": filled(300, 1, size - 1, size, 2),
        "ragged": fields(ragged),
        "fractions": filled(300.5, *field),
        "numbers as texts": filled("300", *field),
        "yes and no": filled(True, *field),
        "files that are no images": table(b"a field", b"another"),
        "a file cut short": table(image, image[:-10]),
        "a file that claims to be huge": table(image, huge),
        "no base64": table("%%%", "%%%"),
        "numbers instead of files": table(1, 2),
        "no file": table(image, None),
        "channels of two sizes": table(image, npy(np.full((size, size + 1), 300, np.uint16))),
        "a file of 13 bits": table(image, npy(np.full((size, size), 4096, np.uint16))),
        "Parquet of no images": parquet(b"a field", b"another"),
        "image": Request(b"II*\x00", "image/tiff"),
        "another charset": Request(body, JSON + "; charset=latin-1"),
        "CSV": Request(b"a,b\n1,2\n", "text/csv"),
        "empty CSV": Request(b"", "text/csv"),
        "damaged Parquet": Request(b"PAR1", PARQUET),
        "GET": Request(method="GET"),
        "DELETE": Request(method="DELETE"),
        "unknown path": Request(body, path="/predict"),
        "path upwards": Request(method="GET", path="/../../etc/passwd"),
    }


def left_to_mlflow(size: int) -> dict[str, Request]:
    """Name requests that MLflow's server answers before the model is asked, by 200 or by 500."""
    field = (1, size, size, 2)
    return {
        "nested too deep": Request(b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "no kind of content": Request(filled(300, *field).body, ""),
        # By 400 from MLflow 3.16 on.
        "CSV that is no text": Request(b"\xff\xfe\x00", "text/csv"),
    }
