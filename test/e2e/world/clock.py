"""A wall clock for httpd that a test sets forward, so that nobody waits for ten minutes.

SPDX-License-Identifier: Apache-2.0
"""

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).parent / "shifted_clock.c"


def build_library(folder):
    """The library for LD_PRELOAD, or None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        return None
    library = Path(folder) / "shifted_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)
    library.chmod(0o755)
    return library


class ShiftedClock:
    """The time of one httpd: real time until advance() is called."""

    def __init__(self, library, folder):
        self.library = library
        self.file = Path(folder) / "clock"
        self.file.write_bytes(struct.pack("=q", 0))
        self.file.chmod(0o644)

    def options(self):
        """For Httpd()."""
        return {"preload": self.library, "env": {"SHIFTED_CLOCK": str(self.file)}}

    def advance(self, seconds):
        with open(self.file, "r+b") as file, mmap.mmap(file.fileno(), 8) as mapped:
            (ahead,) = struct.unpack("=q", mapped[:8])
            mapped[:8] = struct.pack("=q", ahead + seconds)
