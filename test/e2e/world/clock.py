"""A wall clock of httpd's own, which a test may move while httpd runs.

SPDX-License-Identifier: Apache-2.0

libfaketime answers for the processes of one httpd; the CA and the test keep the real time. The
monotonic clock stays as it is, as it does when an administrator sets the time.
"""

from pathlib import Path


def find_libfaketime():
    """The path of libfaketime for programs with threads, None where it is not installed."""
    for folder in ("/usr/lib", "/usr/lib64"):
        for found in sorted(Path(folder).glob("**/faketime/libfaketimeMT.so.1")):
            return found
    return None


class Clock:
    def __init__(self, folder):
        self.library = find_libfaketime()
        self.file = Path(folder) / "clock"
        self.offset = 0
        self.advance(0)

    def options(self):
        """What httpd is started with."""
        return {
            "preload": self.library,
            "env": {
                "FAKETIME_TIMESTAMP_FILE": str(self.file),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1",
            },
        }

    def advance(self, seconds):
        """Sets the clock forward by so much; it goes on running from there."""
        self.offset += seconds
        new = self.file.with_suffix(".new")
        new.write_text(f"+{self.offset}s\n")
        new.chmod(0o644)
        new.rename(self.file)
