"""A real httpd with the module, in a folder of its own, on loopback ports of its own.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from . import tls
from .processes import (
    NotInTime,
    accepts_connections,
    end_all,
    free_port,
    is_alive,
    is_free,
    listening_sockets,
    open_files,
    parent_of,
    pids_with_argument,
    send,
    wait_for,
)

RUN_USER = "www-data"


def find_httpd():
    for name in ("apache2", "httpd"):
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/apache2/bin")
        if found:
            return found
    return None


def find_modules():
    for folder in ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/local/apache2/modules"):
        if Path(folder, "mod_ssl.so").exists():
            return Path(folder)
    return None


class Folder:
    """A folder that the run user can enter, gone at the end unless it is to be kept."""

    def __init__(self, keep=False):
        self.path = Path(tempfile.mkdtemp(prefix="mod_acme-"))
        self.path.chmod(0o755)
        self.keep = keep

    def remove(self):
        if not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)


class Httpd:
    """One httpd. `config` is what stands below the common part; {http} and {https} in it are ports.

    The common part loads what every test needs, names the CA, agrees to its terms and puts the store
    into the folder. `acme=False` leaves the module out, `ca=None` the CA, `directives=False` all of the
    module's directives. `preflight=True` lets it look beside its orders, with the CA's DNS server; else
    it is off, so that no test asks the system's.
    """

    MODULES = "authz_core socache_shmcb ssl status dir mime alias".split()

    def __init__(
        self,
        folder,
        module,
        ca=None,
        mpm="event",
        as_root=None,
        modules=(),
        http_port=None,
        https_port=None,
        store=None,
        env=None,
        acme=True,
        directives=True,
        common="",
        children=None,
        log_level="info ssl:warn acme:debug",
        preload=None,
        preflight=False,
    ):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.module = Path(module) if module else None
        self.ca = ca
        self.mpm = mpm
        self.as_root = os.geteuid() == 0 if as_root is None else as_root
        self.modules = list(self.MODULES) + list(modules)
        self.http_port = http_port or free_port()
        self.https_port = https_port or free_port()
        self.store = Path(store) if store else self.folder / "store"
        self.env = {"LC_ALL": "C", "TZ": "UTC", **(env or {})}
        self.acme = acme
        self.directives = acme and directives
        self.common = common
        self.children = children
        self.log_level = log_level if acme else re.sub(r" acme:\w+", "", log_level)
        self.preload = preload
        self.preflight = preflight
        self.binary = find_httpd()
        self.config_file = self.folder / "httpd.conf"
        self.error_log = self.folder / "logs" / "error.log"
        self.access_log = self.folder / "logs" / "access.log"
        self.output = ""
        for name in ("logs", "run", "htdocs", "cgi"):
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name).chmod(0o755)
        (self.folder / "htdocs" / "index.html").write_text("served by mod_acme's test\n")
        if self.acme:
            # the build folder may be one that the run user cannot enter
            self.module = Path(shutil.copy(self.module, self.folder / "mod_acme.so"))
        if os.geteuid() == 0 and not self.as_root:
            self._give_to_run_user(self.folder)

    # ---- configuration

    def _give_to_run_user(self, path):
        user = pwd.getpwnam(RUN_USER)
        os.chown(path, user.pw_uid, user.pw_gid)
        for entry in path.rglob("*"):
            os.chown(entry, user.pw_uid, user.pw_gid, follow_symlinks=False)

    def _mpm_lines(self):
        if self.children is None:
            return ""
        if self.mpm == "prefork":
            return (
                f"StartServers {self.children}\nMinSpareServers {self.children}\n"
                f"MaxSpareServers {self.children}\nMaxRequestWorkers {max(self.children, 20)}\n"
            )
        return (
            f"ServerLimit {self.children}\nStartServers {self.children}\nThreadsPerChild 16\n"
            f"MaxRequestWorkers {16 * self.children}\nMinSpareThreads {16 * self.children}\n"
            f"MaxSpareThreads {16 * self.children}\n"
        )

    def common_config(self):
        built_in = subprocess.run([self.binary, "-l"], capture_output=True, text=True).stdout
        folder = find_modules()
        lines = [f"ServerRoot {self.folder}", "DefaultRuntimeDir run", "PidFile run/httpd.pid"]
        for name in [f"mpm_{self.mpm}", "unixd", "log_config", "watchdog", *self.modules]:
            if f"mod_{name}.c" not in built_in and not (name.startswith("mpm_") and f"{name[4:]}.c" in built_in):
                lines.append(f"LoadModule {name}_module {folder}/mod_{name}.so")
        if self.acme:
            lines.append(f"LoadModule acme_module {self.module}")
        if self.as_root and os.geteuid() == 0:
            lines += [f"User {RUN_USER}", f"Group {RUN_USER}"]
        lines += [
            "ServerName localhost",
            f"Listen 127.0.0.1:{self.http_port}",
            f"Listen 127.0.0.1:{self.https_port} https",
            "DocumentRoot htdocs",
            "DirectoryIndex index.html",
            "TypesConfig /dev/null",
            "ErrorLog logs/error.log",
            'ErrorLogFormat "[%{u}t] [%-m:%l] [pid %P] %7F: %E: %M"',
            f"LogLevel {self.log_level}",
            'LogFormat "%P %{SSL_SERVER_M_SERIAL}x %{msec}t %{Host}i %r %>s" test',
            "CustomLog logs/access.log test",
            "SSLSessionCache none",
            "SSLSessionTickets off",
            "GracefulShutdownTimeout 5",
        ]
        lines.append(self._mpm_lines())
        if self.directives:
            lines.append(f"ACMEStoreDir {self.store}")
            lines.append(f"ACMEPortMap http:{self.http_port} https:{self.https_port}")
            lines.append(f"ACMEPreflight {'on' if self.preflight else 'off'}")
        if self.directives and self.preflight:
            lines.append(f"ACMEDnsResolver {self.ca.dns.host}:{self.ca.dns.port}")
        if self.directives and self.ca:
            lines += [
                f"ACMECertificateAuthority {self.ca.directory_url}",
                f"ACMECACertificateFile {self.ca.certificate_file}",
                "ACMECertificateAgreement accepted",
            ]
        lines.append(self.common)
        return "\n".join(line for line in lines if line) + "\n"

    def configure(self, config):
        """Writes the configuration; {http}, {https} and {folder} in it are filled in."""
        for key, value in (
            ("{http}", self.http_port),
            ("{https}", self.https_port),
            ("{folder}", self.folder),
        ):
            config = config.replace(key, str(value))
        self.config_file.write_text(self.common_config() + config)
        return self

    def line_of(self, text):
        """The number of the first line of the configuration that contains text."""
        for number, line in enumerate(self.config_file.read_text().splitlines(), 1):
            if text in line:
                return number
        raise ValueError(f"{text!r} is not in the configuration")

    # ---- life

    def _environment(self):
        env = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
        env.update(self.env)
        if self.preload:
            env["LD_PRELOAD"] = str(self.preload)
        return env

    def _command(self, *arguments):
        command = [self.binary, "-d", str(self.folder), "-f", str(self.config_file), *arguments]
        if os.geteuid() == 0 and not self.as_root:
            command = ["setpriv", f"--reuid={RUN_USER}", f"--regid={RUN_USER}", "--clear-groups", *command]
        return command

    def run(self, *arguments, timeout=120):
        """Runs the binary and returns (status, what it printed)."""
        done = subprocess.run(
            self._command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            timeout=timeout,
            text=True,
        )
        self.output = done.stdout
        return done.returncode, done.stdout

    def start(self, timeout=60):
        if not self.pids():
            # a killed parent that still ends, or that nobody has reaped yet, would count as running
            wait_for(lambda: not self.parent_pid, "end of the former parent", 5)
            wait_for(lambda: is_free(self.http_port) and is_free(self.https_port), "free ports", 10)
            (self.folder / "run" / "httpd.pid").unlink(missing_ok=True)
        status, output = self.run("-k", "start")
        assert status == 0, f"httpd does not start: {output}\n{self.log_tail()}"
        wait_for(lambda: self.parent_pid, "pid file", timeout)
        wait_for(lambda: accepts_connections(self.http_port), "httpd listening", timeout)
        return self

    def graceful(self, wait=True, timeout=60):
        """Asks the parent to read its configuration anew; with wait, until the new children run."""
        before = self.log_size()
        send(self.parent_pid, signal.SIGUSR1)
        if wait:
            self.wait_for_log(r"resuming normal operations", since=before, timeout=timeout)

    def stop(self):
        pid = self.parent_pid
        if pid:
            send(pid, signal.SIGTERM)
            try:
                wait_for(lambda: not self.pids(), "end of httpd", 15)
            except NotInTime:
                pass
        self.end_orphans()

    def pids(self):
        return pids_with_argument(self.config_file)

    def end_orphans(self):
        if self.pids():
            end_all(self.pids)

    @property
    def parent_pid(self):
        try:
            pid = int((self.folder / "run" / "httpd.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if is_alive(pid) else None

    def children_pids(self):
        parent = self.parent_pid
        return [pid for pid in self.pids() if parent_of(pid) == parent]

    def serving_pids(self):
        """The children that take connections; the parent's short-lived helpers, such as its promoter, do not."""
        listening = listening_sockets(self.https_port)
        return [pid for pid in self.children_pids() if listening & open_files(pid)]

    # ---- looking

    def log(self, since=0):
        try:
            with open(self.error_log, "rb") as file:
                file.seek(since)
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def log_size(self):
        try:
            return self.error_log.stat().st_size
        except OSError:
            return 0

    def log_tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])

    def log_lines(self, pattern, since=0):
        return [line for line in self.log(since).splitlines() if re.search(pattern, line)]

    def wait_for_log(self, pattern, since=0, timeout=10.0):
        try:
            return wait_for(lambda: self.log_lines(pattern, since), f"{pattern!r} in the error log", timeout)[0]
        except NotInTime as error:
            raise NotInTime(f"{error}\n{self.log_tail()}") from None

    def handshake(self, name=None, **options):
        return tls.handshake(self.https_port, name, **options)

    def verified(self, name, **options):
        """A handshake whose chain ends at the CA's root, or None while that is not so."""
        import ssl

        try:
            return self.handshake(name, root=self.root_file(), **options)
        except (ssl.SSLError, ConnectionError):
            return None

    def root_file(self):
        file = self.ca.folder / "root.pem"
        return file if file.exists() else self.ca.write_root()

    def wait_for_certificate(self, *names, timeout=20.0, other_than=None):
        """Waits until each name is served by a certificate of the CA; returns the last handshake."""
        seen = None
        for name in names:

            def look(name=name):
                found = self.verified(name)
                return found if found and found.serial != other_than else None

            try:
                seen = wait_for(look, f"a certificate of the CA in use for {name}", timeout)
            except NotInTime as error:
                raise NotInTime(f"{error}\n{self.log_tail()}") from None
        return seen

    def get(self, name, path="/", **options):
        return tls.get(self.https_port, name, path, **options)

    def get_plain(self, name, path="/", **options):
        return tls.get_plain(self.http_port, name, path, **options)

    def status(self, path="/acme-status"):
        answer = self.get_plain("localhost", path)
        return json.loads(answer.text) if answer.status == 200 else None

    def domain_status(self, name):
        for domain in self.status()["managed-domains"]:
            if domain["name"] == name:
                return domain
        return None

    def cpu_seconds(self):
        """CPU time of all its living processes and of the children that have ended."""
        ticks = 0
        for pid in self.pids():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            ticks += sum(int(field) for field in fields[11:15])
        return ticks / os.sysconf("SC_CLK_TCK")


def vhost(name, *aliases, body=""):
    """A virtual host with TLS."""
    alias = f"  ServerAlias {' '.join(aliases)}\n" if aliases else ""
    return (
        "<VirtualHost 127.0.0.1:{https}>\n"
        f"  ServerName {name}\n{alias}  SSLEngine on\n{body}\n</VirtualHost>\n"
    )


STATUS_HANDLER = '<Location "/acme-status">\n  SetHandler acme-status\n</Location>\n'
