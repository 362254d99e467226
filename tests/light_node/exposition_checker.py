"""A strict reader of the Prometheus text format 0.0.4, written apart from the code under test."""

from __future__ import annotations

import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.e+-]+|NaN|[+-]Inf)")
ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n"}
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse_exposition(text: str) -> Samples:
    """Samples by name and labels; anything that is out of the format raises AssertionError."""
    assert text.endswith("\n")
    samples: Samples = {}
    helped, typed, done, current = set[str](), dict[str, str](), set[str](), ""
    for line in text[:-1].split("\n"):
        kind, _, rest = line.partition(" ")
        if kind == "#":
            word, name, value = rest.split(" ", 2)
            assert re.fullmatch(NAME, name)
            assert word in ("HELP", "TYPE")
            if word == "HELP":
                assert name not in helped
                assert not re.search(r"\\(?![\\n])", value)
                helped.add(name)
            else:
                assert name in helped
                assert name not in typed
                assert value in ("counter", "gauge")
                assert (value == "counter") == name.endswith("_total")
                typed[name] = value
                done.add(current)
                current = name
            continue
        found = SAMPLE.fullmatch(line)
        assert found, line
        name, labels = found[1], found[2] or ""
        assert name == current
        assert name in typed
        assert name not in done
        pairs = tuple((label, _unescaped(value)) for label, value in re.findall(LABEL, labels))
        assert len({label for label, _ in pairs}) == len(pairs)
        assert (name, pairs) not in samples
        samples[name, pairs] = float(found[found.re.groups])
        assert math.isfinite(samples[name, pairs])
        assert typed[name] != "counter" or samples[name, pairs] >= 0
    return samples


def _unescaped(text: str) -> str:
    return re.sub(r'\\["\\n]', lambda found: ESCAPES[found[0]], text)
