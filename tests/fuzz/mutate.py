"""Small valid files made into hostile ones: bytes of any format, values of JSON, cells of a csv, lines of YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random
from typing import Any

Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]
"""Makes an input of a valid one and of its siblings, of which it may take parts."""

LARGEST = 1 << 14
"""Bytes of the largest input."""

TOKENS = (
    b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", "\u202e".encode(), b"\x1b[31m",
    b"\r", b"\r\n", b"\n\n", b'"', b'""', b"'", b",", b";", b"\t", b"|", b"\\", b"{", b"}", b"[", b"]", b":", b"- ", b"#", b"&a ", b"*a",
    b"NaN", b"Infinity", b"-Infinity", b"null", b"true", b"-0", b"1e999", b"-1e-999", b"9" * 25, b"9" * 400, b"9" * 5000, b"0x7f", b"1_000",
    b"[" * 64, b"[" * 3000, b'{"a":' * 64, b'{"a":' * 3000, b"{" * 3000, b'"\\ud800"', b'"\\u0000"', b"2026-01-01", b"9999-99-99T99:99:99Z",
    b"ARROW1", b"PAR1", b"\x93NUMPY\x01\0", b"\x1f\x8b\x08", b"BZh9", b"\x28\xb5\x2f\xfd", b"\xff\xff\xff\xff\0\0\0\0", b"\xff\xff\xff\xff",
)  # fmt: skip
"""What readers are known to trip over."""

_EXTREMES = (0, 1, -1, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**33, 2**62, 2**63 - 1, -(2**63))

_RAW = {
    "@deep@": "[" * 3000 + "]" * 3000,
    "@digits@": "9" * 5000,
    "@deeper@": '{"a":' * 3000 + "1" + "}" * 3000,
    "@open@": "[" * 3000,
}
"""What no JSON writer writes, put in place of its names."""
_RAW_NAME = re.compile("|".join(f'"{name}"' for name in _RAW))

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.5, -0.0, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400, 1e308, 5e-324,
    float("nan"), float("inf"), float("-inf"), "", "x", "0", "\0", "\ud800", "\u202e", "a" * 1000, "猫", "2026-01-01", "../../etc", "a b",
    [], {}, [[]], [None], [1, "a"], [1.5, 2.5], {"": None}, {"a": {"b": [1]}}, [[1.0], [2.0, 3.0]], *_RAW,
)  # fmt: skip


def of_bytes(random: Random, data: bytes, siblings: Sequence[bytes]) -> bytes:
    """Change one to four places of ``data``, whatever it is."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        data = random.choice(_CHANGES)(random, data, siblings)
    return data[:LARGEST]


def of_json(random: Random, data: bytes, siblings: Sequence[bytes]) -> bytes:
    """Replace, remove or add one to three values of a JSON document."""
    if random.random() < 0.4:
        return of_bytes(random, data, siblings)
    return _written(_changed(random, json.loads(data)))


def of_json_lines(random: Random, data: bytes, siblings: Sequence[bytes]) -> bytes:
    """Replace, remove or add values in one line of JSON, or in the same of all lines."""
    if random.random() < 0.4:
        return of_bytes(random, data, siblings)
    lines = data.splitlines()
    one = random.randrange(len(lines))
    lines[one] = _written(_changed(random, json.loads(lines[one])))
    return b"\n".join(lines * random.choice((1, 1, 1, 5)))


def of_cells(random: Random, data: bytes, siblings: Sequence[bytes]) -> bytes:
    """Replace, remove or double a cell or a row of a csv."""
    if random.random() < 0.4:
        return of_bytes(random, data, siblings)
    lines = data.split(b"\n")
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(lines) or 1)
        lines = lines or [b""]
        mark = b"\t" if b"\t" in data else b","
        lines[at] = mark.join(_listed(random, lines[at].split(mark), random.choice(TOKENS)))
        lines = _listed(random, lines, random.choice(TOKENS)) if random.random() < 0.2 else lines
    return b"\n".join(lines)[:LARGEST]


def of_yaml(random: Random, data: bytes, siblings: Sequence[bytes]) -> bytes:
    """Replace, remove, double, indent or tag lines of YAML, or their values."""
    if data.startswith(b"{"):
        return of_json(random, data, siblings)
    if random.random() < 0.3:
        return of_bytes(random, data, siblings)
    lines = data.split(b"\n")
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(lines) or 1)
        lines = lines or [b""]
        key, colon, value = lines[at].partition(b":")
        new = random.choice(_YAML)
        lines[at] = random.choice(
            (key + b": " + new, new + colon + value, key + colon + b" " + new + value, b"  " + lines[at], new)
        )
        lines = _listed(random, lines, random.choice(_YAML)) if random.random() < 0.3 else lines
    return b"\n".join(lines)[:LARGEST]


_YAML = (
    b"", b"&a", b"*a", b"&a [*a]", b"<<: *a", b"<<: [*a, *a]", b"? a", b"? [a, b]", b"- a", b"!!binary =", b"!!timestamp x", b"!!omap [a]", b"!!set {a}",
    b"!!int x", b"!!float x", b"!!python/object:os.system x", b"!<x", b"!x y", b"2026-01-01", b"2026-99-99", b"2026-01-01 25:61:61.999 +99:99", b"0x", b"0b2",
    b"1e999", b".nan", b"-.inf", b"1:60:60", b"9" * 5000, b"~", b"{a: }", b"{", b"[", b"]", b"[a, b", b"'", b'"', b'"\\x"', b'"\\ud800"', b"|", b">9", b"|+",
    b"---", b"...", b"%YAML 9.9", b"%TAG ! x", b"%", b"@", b"`", b"\t", b"# x", b": :", b"- - - -", b"[" * 500, b"{a: " * 500, b"- " * 500, b"\xc2\x85", b"\xff",
    b"ExpectationsStore", b"module_name: 1", b"module_name: [x]", b"expectations_store_name: [s]", b"stores: []", b"stores: {s: 1}", b"=", b"y", b"1_0", b"08",
)  # fmt: skip


def of_npy(random: Random, data: bytes, siblings: Sequence[bytes]) -> bytes:
    """Write another header before the numbers of a ``.npy`` file, or change its bytes."""
    if random.random() < 0.5:
        return of_bytes(random, data, siblings)
    numbers = data[10 + int.from_bytes(data[8:10], "little") :]
    header = f"{{'descr': {random.choice(_KINDS)}, 'fortran_order': {random.choice(_ORDERS)}, 'shape': {random.choice(_SHAPES)}, }}"
    packed = header.encode() + b" " * random.randrange(64) + b"\n"
    return (b"\x93NUMPY\x01\0" + len(packed).to_bytes(2, "little") + packed + numbers)[:LARGEST]


_KINDS = (
    "'<f4'", "'<f8'", "'>f4'", "'<i8'", "'|u1'", "'|b1'", "'|O'", "'O'", "'<U0'", "'<U4'", "'|S3'", "'|V0'", "'|V9'", "'<V2147483647'", "'<M8[ns]'", "'<m8'",
    "'<c16'", "'<f16'", "'<f3'", "''", "'x'", "1", "None", "[]", "[('a', '<f4')]", "[('a', '|O')]", "[('a', '<f4', (2, 2))]", "[('', '')]", "('<f4', (2,))",
    "{'a': 1}", "['<f4']", "('O', 1)", "'<f4,<f4'", "'<f4' * 99", "[[[[[]]]]]", "(" * 99 + ")" * 99,
)  # fmt: skip
_ORDERS = ("False", "False", "False", "True", "None", "1", "[]")
_SHAPES = (
    "()", "(1,)", "(0,)", "(4,)", "(2, 2)", "(-1,)", "(-1, -1)", "(0, -1)", "(9223372036854775807,)", "(9223372036854775808,)", "(4294967296, 4294967296)",
    "(1,) * 99", "(True,)", "(1.0,)", "('a',)", "1", "None", "[]", "(1, 1, 1, 1, 1, 1, 1, 1)", f"({'1, ' * 70})", "(1e9,)", f"({'9' * 500},)",
    f"({'[' * 90}{']' * 90},)",
)  # fmt: skip


def _changed(random: Random, document: Any) -> Any:  # noqa: ANN401 - any JSON
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = list(_places(document))
        if not places:
            return document
        holder, key = random.choice(places)
        if isinstance(holder, dict):
            _in_dict(random, holder, key)
        else:
            holder[:] = _listed(random, holder, _value(random))
    return document


def _in_dict(random: Random, holder: dict[str, Any], key: str) -> None:
    match random.randrange(8):
        case 0:
            del holder[key]
        case 1:
            holder[random.choice(("", "x", "\ud800", "schema", key.upper(), f"{key} "))] = holder.pop(key)
        case 2:
            holder[key] = [holder[key]]
        case _:
            holder[key] = _value(random)


def _value(random: Random) -> Any:  # noqa: ANN401 - any JSON
    return deepcopy(random.choice(_VALUES))  # it may be changed itself


def _places(document: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - any JSON
    """Return where values stand, each as its holder and its key."""
    if not isinstance(document, dict | list):
        return []
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    return [(document, key) for key in keys] + [place for key in keys for place in _places(document[key])]


def _listed(random: Random, values: list[Any], new: Any) -> list[Any]:  # noqa: ANN401 - values of any kind
    """Return a list with one of its values replaced, taken out, put in or doubled."""
    at = random.randrange(len(values)) if values else 0
    return random.choice(
        (
            [*values[:at], new, *values[at + 1 :]],
            [*values[:at], new, *values[at + 1 :]],
            [*values[:at], *values[at + 1 :]],
            [*values[:at], new, *values[at:]],
            [*values[:at], *values[at : at + 1] * 3, *values[at + 1 :]],
        )
    )


def _written(document: Any) -> bytes:  # noqa: ANN401 - any JSON
    return _RAW_NAME.sub(lambda found: _RAW[found[0][1:-1]], json.dumps(document)).encode()


def _flip(random: Random, data: bytes, _siblings: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) or 1)
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :] if data else data


def _set(random: Random, data: bytes, _siblings: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.randbytes(1) + data[at + 1 :]


def _number(random: Random, data: bytes, _siblings: Sequence[bytes]) -> bytes:
    """Write an extreme number over the bytes, as binary formats hold lengths and offsets."""
    size = random.choice((1, 2, 4, 4, 8))
    value = random.choice(_EXTREMES) + random.choice((0, 0, -1, 1))
    at = random.randrange(len(data) + 1)
    at -= at % random.choice((1, size))
    return data[:at] + (value % 256**size).to_bytes(size, "little") + data[at + size :]


def _cut(random: Random, data: bytes, _siblings: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return random.choice((data[:at], data[:at], data[at:]))


def _remove(random: Random, data: bytes, _siblings: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + data[at + random.choice((1, 4, 8, 64)) :]


def _double(random: Random, data: bytes, _siblings: Sequence[bytes]) -> bytes:
    at, length = random.randrange(len(data) + 1), random.choice((1, 8, 64, 512))
    return data[:at] + data[at : at + length] * random.choice((2, 2, 3, 20)) + data[at + length :]


def _insert(random: Random, data: bytes, _siblings: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(TOKENS) + data[at:]


def _overwrite(random: Random, data: bytes, _siblings: Sequence[bytes]) -> bytes:
    at, new = random.randrange(len(data) + 1), random.choice((*TOKENS[:20], random.randbytes(random.choice((2, 8, 32)))))
    return data[:at] + new + data[at + len(new) :]


def _splice(random: Random, data: bytes, siblings: Sequence[bytes]) -> bytes:
    other = random.choice(siblings)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


_CHANGES: tuple[Mutation, ...] = (_flip, _flip, _set, _set, _number, _number, _cut, _remove, _double, _insert, _overwrite, _splice)
