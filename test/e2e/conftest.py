"""Fixtures: binaries, DNS, CAs and httpds, each ended by the test that began it.

SPDX-License-Identifier: Apache-2.0
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from world.bind import Bind, find_program  # noqa: E402
from world.ca import Dns, Pebble, is_recent  # noqa: E402
from world.clock import Clock, find_libfaketime  # noqa: E402
from world.httpd import Folder, Httpd, find_httpd  # noqa: E402
from world.processes import free_port  # noqa: E402
from world.sanitizers import Sanitizers, find_library  # noqa: E402

TOP = Path(__file__).resolve().parents[2]


def pytest_addoption(parser):
    parser.addoption("--keep-folders", action="store_true", help="leave configurations, logs and stores")
    parser.addoption("--sanitize", action="store_true", help="run every httpd with the module built for ASan")
    parser.addoption("--all-of-it", action="store_true", help="full numbers where the default is a sample")


def pytest_configure(config):
    config.addinivalue_line("markers", "root: needs root, to have a run user who is another")
    config.addinivalue_line("markers", "alone: measures time; no other worker of pytest-xdist runs a test meanwhile")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)  # the others have nearly ended then
    for item in items:
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True


@pytest.fixture(autouse=True)
def turn(request, testrun_lock):
    """Holds the lock that tests share, and those that measure time have for themselves.

    Whoever wants it goes through a gate, which a test that measures keeps closed while it waits.
    """
    gate, lock = testrun_lock
    alone = request.node.get_closest_marker("alone")
    fcntl.flock(gate, fcntl.LOCK_EX)
    fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
    fcntl.flock(gate, fcntl.LOCK_UN)
    yield
    fcntl.flock(lock, fcntl.LOCK_UN)


@pytest.fixture(scope="session")
def testrun_lock(tmp_path_factory):
    """Two open files that all workers of this run share."""
    worker = "PYTEST_XDIST_WORKER" in os.environ
    folder = tmp_path_factory.getbasetemp().parent if worker else tmp_path_factory.getbasetemp()
    with open(folder / "gate", "w") as gate, open(folder / "lock", "w") as lock:
        yield gate, lock


def build_folder(variable, *candidates):
    """The build named by the environment, else the first candidate that has a module."""
    folders = [Path(os.environ[variable])] if os.environ.get(variable) else []
    folders += [TOP / "_build" / candidate for candidate in candidates]
    for folder in folders:
        if (folder / ".libs" / "mod_acme.so").exists():
            return folder
    return None


@pytest.fixture(scope="session")
def module():
    """mod_acme.so: MOD_ACME_SO, or that of the build MOD_ACME_BUILD."""
    if os.environ.get("MOD_ACME_SO"):
        return Path(os.environ["MOD_ACME_SO"])
    folder = build_folder("MOD_ACME_BUILD", "gcc", ".")
    if not folder:
        pytest.skip("mod_acme.so has not been built")
    return folder / ".libs" / "mod_acme.so"


@pytest.fixture(scope="session")
def asan_module():
    folder = build_folder("MOD_ACME_ASAN_BUILD", "asan")
    if not folder:
        pytest.skip("there is no build with --enable-asan")
    return folder / ".libs" / "mod_acme.so"


@pytest.fixture(scope="session")
def pebble_binaries():
    """The folder of Pebble 2.10 or newer; PEBBLE_DIR, or fetched."""
    folder = os.environ.get("PEBBLE_DIR")
    if not folder and "PEBBLE_DIR" not in os.environ:
        fetched = subprocess.run(
            [TOP / "test/lib/fetch-pebble.sh", TOP / "_build/pebble"], stdout=subprocess.PIPE, text=True
        )
        folder = fetched.stdout.strip()
    if not folder or not (Path(folder) / "pebble").exists():
        pytest.skip("there is no Pebble")
    if not is_recent(folder):
        pytest.skip("this Pebble is older than 2.10")
    return Path(folder)


@pytest.fixture(scope="session")
def session_folder():
    folder = Folder()
    yield folder.path
    folder.remove()


@pytest.fixture(scope="session")
def dns(pebble_binaries, session_folder):
    server = Dns(pebble_binaries, session_folder)
    yield server
    server.stop()


@pytest.fixture
def make_bind(folder):
    """make_bind(zones, lag=3): two name servers, started."""
    made = []
    for name in ("named", "nsupdate", "dig", "tsig-keygen"):
        if not find_program(name):
            pytest.skip(f"{name} is not installed")

    def make(zones, **options):
        made.append(Bind(folder / "bind", zones, **options))
        return made[-1].start()

    yield make
    for bind in made:
        bind.stop()


@pytest.fixture
def clock(folder):
    """A clock to set forward: make_httpd(…, **clock.options())."""
    if not find_libfaketime():
        pytest.skip("libfaketime is not installed")
    return Clock(folder)


@pytest.fixture
def folder(request):
    """A folder for one test; kept if the test fails and --keep-folders was given."""
    made = Folder(keep=request.config.getoption("--keep-folders"))
    yield made.path
    if made.keep:
        print(f"kept: {made.path}")
    made.remove()


@pytest.fixture
def ports():
    """The ports of the httpd under test, which the CA must know too."""
    return {"http_port": free_port(), "https_port": free_port()}


@pytest.fixture
def make_ca(pebble_binaries, dns, folder, ports):
    """make_ca(**options): a Pebble that validates on the test's ports."""
    made = []

    def make(name="ca", start=True, **options):
        ca = Pebble(
            pebble_binaries,
            folder / name,
            options.pop("dns", None) or dns.ensure(),
            ports["http_port"],
            ports["https_port"],
            **options,
        )
        made.append(ca)
        return ca.start() if start else ca

    yield make
    for ca in made:
        ca.stop()


@pytest.fixture
def make_httpd(request, module, folder, ports):
    """make_httpd(config, **options): a configured httpd, not yet started.

    sanitize=True, or the option --sanitize for all, takes the module that was built for it and lets
    the test fail for whatever the sanitizers report. many=True is for hundreds of domains: what is
    lost in a library that we called is not traced to us then, which would take five times as long.
    """
    if not find_httpd():
        pytest.skip("there is no httpd")
    made = []
    sanitizers = []

    def sanitized(options, exact):
        if not find_library():
            pytest.skip("libasan is not installed")
        sanitizers.append(Sanitizers(folder, exact))
        wanted = sanitizers[-1].options(other_preload=options.get("preload"))
        env = {**wanted["env"], **(options.get("env") or {})}
        module = request.getfixturevalue("asan_module")
        return {**options, "preload": wanted["preload"], "env": env, "module": module}

    def make(config="", name="httpd", **options):
        options = {**ports, "module": module, **options}
        many = options.pop("many", False)
        if options.pop("sanitize", request.config.getoption("--sanitize")):
            options = sanitized(options, exact=not many)
        httpd = Httpd(folder / name, **options)
        made.append(httpd)
        return httpd.configure(config)

    yield make
    for httpd in made:
        if getattr(request.node, "failed", False):
            print(f"---- {httpd.error_log}\n{httpd.log_tail(80)}")
        httpd.stop()
    for report in sanitizers:
        assert not report.findings(), "\n".join(report.findings())


@pytest.fixture
def need():
    """need("h2load"): skips the test where the program is missing."""

    def need_program(name):
        found = shutil.which(name)
        if not found:
            pytest.skip(f"{name} is not installed")
        return found

    return need_program


@pytest.fixture
def all_of_it(request):
    return request.config.getoption("--all-of-it")
