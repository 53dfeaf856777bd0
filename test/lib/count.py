#!/usr/bin/env python3
"""Adds up what the test programs of `make check` and pytest say they have tested.

SPDX-License-Identifier: Apache-2.0

usage: count.py CHECK_FOLDER... [--junit FILE]...

A program of `make check` that speaks cmocka counts as many tests as it ran; one that says lines like
"ok name", "not ok name" and "skip name" counts those; any other is one test.  Prints the closing line
"N passed, N failed, N skipped" and exits with 1 if something failed or nothing was run at all.
"""

import argparse
import re
import sys
import xml.etree.ElementTree
from pathlib import Path

CMOCKA = {
    "run": re.compile(r"^\[ RUN +\]", re.M),
    "ok": re.compile(r"^\[ +OK \]", re.M),
    "skipped": re.compile(r"^\[ +SKIPPED +\] +(\d+) test\(s\)", re.M),
}
LINES = {
    "ok": re.compile(r"^ok ", re.M),
    "failed": re.compile(r"^not ok ", re.M),
    "skipped": re.compile(r"^skip ", re.M),
}


def count_log(text, result):
    """(passed, failed, skipped) of one test program, given its log and automake's verdict."""
    run = len(CMOCKA["run"].findall(text))
    if run:
        passed = len(CMOCKA["ok"].findall(text))
        skipped = sum(int(n) for n in CMOCKA["skipped"].findall(text))
        failed = max(0, run - passed - skipped)
    else:
        passed, failed, skipped = (len(LINES[key].findall(text)) for key in ("ok", "failed", "skipped"))
    if result in ("FAIL", "ERROR", "XPASS"):
        failed = max(1, failed)  # it died after its last test, or never began one
    elif passed + failed + skipped == 0:
        passed, skipped = (0, 1) if result == "SKIP" else (1, 0)
    return passed, failed, skipped


def count_folder(folder):
    total = [0, 0, 0]
    for trs in sorted(Path(folder).rglob("*.trs")):
        found = re.search(r"^:global-test-result: *(\w+)", trs.read_text(), re.M)
        result = found.group(1) if found else "ERROR"
        log = trs.with_suffix(".log")
        text = log.read_text(errors="replace") if log.exists() else ""
        counted = count_log(text, result)
        if counted[1]:
            print(f"failed: {trs.with_suffix('')}")
        total = [a + b for a, b in zip(total, counted)]
    return total


def count_junit(file):
    total = [0, 0, 0]
    for suite in xml.etree.ElementTree.parse(file).getroot().iter("testsuite"):
        number = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
        bad = number["failures"] + number["errors"]
        total[0] += number["tests"] - bad - number["skipped"]
        total[1] += bad
        total[2] += number["skipped"]
    return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--junit", action="append", default=[])
    parser.add_argument("--more-failed", type=int, default=0)
    options = parser.parse_args()
    counts = [count_folder(folder) for folder in options.folders]
    counts += [count_junit(file) for file in options.junit if Path(file).exists()]
    counts.append([0, options.more_failed, 0])
    passed, failed, skipped = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
