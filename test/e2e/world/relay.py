"""Relays: UDP and TCP on one loopback address led to a port of 127.0.0.1.

SPDX-License-Identifier: Apache-2.0

BIND listens only on addresses that an interface has, and 127.0.0.2 is none, though everybody may bind
it: so nothing of the machine's network need be changed.
"""

import select
import socket
import threading


class Relay:
    """Leads host:port to 127.0.0.1:target until it is stopped."""

    def __init__(self, host, port, target):
        self.target = ("127.0.0.1", target)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((host, port))
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((host, port))
        self.tcp.listen(50)
        self.is_stopping = False
        self.main = self._begin(self._serve)

    def _begin(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        return thread

    def _serve(self):
        while not self.is_stopping:
            for ready in select.select([self.udp, self.tcp], [], [], 0.2)[0]:
                try:
                    if ready is self.udp:
                        self._begin(self._answer, *self.udp.recvfrom(65535))
                    else:
                        self._begin(self._connect, self.tcp.accept()[0])
                except OSError:
                    pass

    def _answer(self, question, peer):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.settimeout(5)
            try:
                out.connect(self.target)
                out.send(question)
                self.udp.sendto(out.recv(65535), peer)
            except OSError:
                pass

    def _connect(self, near):
        try:
            far = socket.create_connection(self.target, timeout=5)
        except OSError:
            near.close()
            return
        with near, far:
            while True:
                ready = select.select([near, far], [], [], 30)[0]
                for source in ready:
                    try:
                        data = source.recv(65535)
                        (far if source is near else near).sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
                if not ready:
                    return

    def stop(self):
        self.is_stopping = True
        self.main.join()
        self.udp.close()
        self.tcp.close()
