"""An httpd whose module was built with AddressSanitizer and UndefinedBehaviorSanitizer.

SPDX-License-Identifier: Apache-2.0
"""

import re
import subprocess
from pathlib import Path

SUPPRESSIONS = Path(__file__).resolve().parents[1] / "leaks.supp"
ROOTS = Path(__file__).resolve().parents[1] / "roots.c"
OURS = re.compile(r" mod_acme/\S+:\d+|/mod_acme\.so\+")
THEIRS = re.compile(r"\((/\S+/modules/mod_\w+\.so|/\S+/(apache2|httpd))\+")


def find_library():
    """libasan, which has to be loaded with the program; None where there is none."""
    found = subprocess.run(["gcc", "-print-file-name=libasan.so"], stdout=subprocess.PIPE, text=True)
    library = Path(found.stdout.strip())
    return library.resolve() if library.is_absolute() else None


def is_our_leak(leak):
    """True if the innermost caller outside the libraries is the module, not httpd or another module.

    Both stand in most stacks: httpd calls our hooks, and a handshake of mod_ssl our callback.
    """
    if "leak of" not in leak:
        return False
    for frame in re.findall(r"^ +#\d+ .*", leak, re.M):
        if OURS.search(frame):
            return True
        if THEIRS.search(frame):
            return False
    return False


class Sanitizers:
    """Where reports go, and what is in them."""

    def __init__(self, folder, exact=True):
        self.exact = exact
        self.reports = Path(folder) / "reports"
        self.reports.mkdir(exist_ok=True)
        self.reports.chmod(0o1777)
        self.roots = Path(folder) / "roots.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", self.roots, ROOTS, "-lasan"], check=True)

    def options(self, other_preload=None):
        """For Httpd(): environment and what to load first.

        What else is preloaded has to stand before libasan, which takes functions from the libraries
        behind it. Its allocator asks for the time while it holds a lock; libfaketime, asked there, would
        allocate to find out, and wait for that lock for ever.

        Stacks of allocations are unwound by their debug information if they shall be exact, which is slow:
        the libraries have no frame pointers, so stacks would end in the first of them and not show who
        called it.
        """
        asan_options = (
            f"log_path={self.reports}/asan:detect_leaks=1:exitcode=0"
            f":fast_unwind_on_malloc={0 if self.exact else 1}:verify_asan_link_order=0"
        )
        libraries = [self.roots, other_preload, find_library()]
        return {
            "preload": " ".join(str(library) for library in libraries if library),
            "env": {
                "ASAN_OPTIONS": asan_options,
                "UBSAN_OPTIONS": f"log_path={self.reports}/ubsan:print_stacktrace=1",
                "LSAN_OPTIONS": f"suppressions={SUPPRESSIONS}:print_suppressions=0",
            },
        }

    def findings(self):
        """Errors, and leaks of what our code asked for."""
        found = []
        for report in sorted(self.reports.iterdir()):
            text = report.read_text(errors="replace")
            if "ERROR: AddressSanitizer" in text or "runtime error:" in text or "fatal error" in text:
                found.append(text[:6000])
                continue
            found += [leak[:3000] for leak in text.split("\n\n") if is_our_leak(leak)]
        return found
