"""An httpd whose module was built with AddressSanitizer and UndefinedBehaviorSanitizer.

SPDX-License-Identifier: Apache-2.0
"""

import re
import subprocess
from pathlib import Path

SUPPRESSIONS = Path(__file__).resolve().parents[1] / "leaks.supp"


def find_library():
    """libasan, which has to be loaded before everything else; None where there is none."""
    found = subprocess.run(["gcc", "-print-file-name=libasan.so"], stdout=subprocess.PIPE, text=True)
    library = Path(found.stdout.strip())
    return library.resolve() if library.is_absolute() else None


class Sanitizers:
    """Where reports go, and what is in them."""

    def __init__(self, folder):
        self.reports = Path(folder) / "reports"
        self.reports.mkdir(exist_ok=True)
        self.reports.chmod(0o1777)

    def options(self):
        """For Httpd(): environment and what to load first."""
        return {
            "preload": find_library(),
            "env": {
                "ASAN_OPTIONS": f"log_path={self.reports}/asan:detect_leaks=1:exitcode=0",
                "UBSAN_OPTIONS": f"log_path={self.reports}/ubsan:print_stacktrace=1",
                "LSAN_OPTIONS": f"suppressions={SUPPRESSIONS}:print_suppressions=0",
            },
        }

    def findings(self):
        """Errors, and leaks in whose stack a function or file of ours stands."""
        found = []
        for report in sorted(self.reports.iterdir()):
            text = report.read_text(errors="replace")
            if "ERROR: AddressSanitizer" in text or "runtime error:" in text:
                found.append(text[:6000])
                continue
            found += [
                leak[:3000]
                for leak in re.split(r"\n\n", text)
                if re.search(r"leak of.*(mod_acme|acme_)", leak, re.S)
            ]
        return found
