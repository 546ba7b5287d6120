"""Derives the synchronous client from the asynchronous one. Reads from stdin and prints the result."""

import re
import sys

DOCSTRING = '"""The synchronous client, derived from `_async.py`. Do not edit: run `./generate`."""'
REPLACEMENTS = {
    r"\bAsync(?=[A-Z])": "",
    r"\basync (?=def|for|with)": "",
    r"\bawait ": "",
    r"\b(a)(?=close\b)": "",
    r"__a(?=enter__|exit__)": "__",
    r"\banyio\b": "time",
    r"^.*derives the synchronous client.*$": DOCSTRING,
}

if __name__ == "__main__":
    source = sys.stdin.read()
    for pattern, replacement in REPLACEMENTS.items():
        source = re.sub(pattern, replacement, source, flags=re.MULTILINE)
    sys.stdout.write(source)
