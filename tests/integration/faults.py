"""A bad line and a bad broker, in user space: a cable that delays and loses as TCP shows it to a program, and a broker that does as it is told."""
import heapq
import random
import socket
import struct
import threading
import time


class Line:
    """A cable with a propagation time and loss. A lost segment shows to a TCP program as silence until it is sent again, 200 ms later and then twice as
    long each time, with all that came after it waiting behind: so long a segment is held back here. Delayed bytes do not hold up later ones beyond their order."""

    SEGMENT, RESEND_S = 1400, 0.2

    def __init__(self, rig, target_port, delay=0.0, loss=0.0, seed=7):
        self.target_port, self.delay, self.loss = target_port, delay, loss
        self.random = random.Random(seed)
        self.lost_count = 0
        self.opened = []  # when each connection was
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        rig.cleanups.append(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target_port), 2)
            except OSError:
                if self.listener.fileno() < 0:
                    return
                client.close()
                continue
            server.settimeout(None)
            self.opened.append(time.time())
            self.sockets += [client, server]
            for a, b in ((client, server), (server, client)):
                for s in (a, b):
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _Direction(self, a, b)

    def hold_s(self):
        """How much longer than its way a segment takes."""
        held, wait = 0.0, self.RESEND_S
        while self.random.random() < self.loss:
            self.lost_count += 1
            held, wait = held + wait, min(2 * wait, 3.0)
        return held

    def close(self):
        self.listener.close()
        for s in self.sockets:
            s.close()


class _Direction:
    def __init__(self, line, a, b):
        self.line, self.a, self.b = line, a, b
        self.waiting, self.changed = [], threading.Condition()
        self.count, self.last = 0, 0.0
        for run in (self._read, self._write):
            threading.Thread(target=run, daemon=True).start()

    def _push(self, data, held):
        self.last = max(self.last, time.monotonic() + self.line.delay + held)
        with self.changed:
            heapq.heappush(self.waiting, (self.last, self.count, data))
            self.count += 1
            self.changed.notify()

    def _read(self):
        while True:
            try:
                data = self.a.recv(65536)
            except OSError:
                data = b""
            for at in range(0, len(data), self.line.SEGMENT):
                self._push(data[at:at + self.line.SEGMENT], self.line.hold_s())
            if not data:
                self._push(b"", 0.0)
                return

    def _write(self):
        while True:
            with self.changed:
                while not self.waiting:
                    self.changed.wait()
                at, _, data = heapq.heappop(self.waiting)
            time.sleep(max(0.0, at - time.monotonic()))
            try:
                if data:
                    self.b.sendall(data)
                    continue
                self.b.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            return


def number(n):
    """A variable byte integer."""
    out = b""
    while True:
        out += bytes([n % 128 | (128 if n > 127 else 0)])
        n //= 128
        if n == 0:
            return out


class ScriptedBroker:
    """MQTT 5 (and 3.1.1, where `levels` has 4) without TLS, as much of it as an agent meets. A level that is not in `levels` is refused as a 3.1.1 broker does;
    with hangs_up=True nothing is said. `greeted` has the level of each CONNECT. `answer` gives the reason of the PUBACK to a topic, or None for none at all; `connack` holds the
    properties of the CONNACK, `grant` gives the code of the SUBACK to a filter. What was published is in `published`: (time, topic, payload, qos, is_dup)."""

    def __init__(self, rig, answer=lambda topic, payload: 0, connack=b"", levels=(5,), hangs_up=False):
        self.answer, self.connack = answer, connack
        self.levels, self.hangs_up, self.greeted = levels, hangs_up, []
        self.published, self.connections = [], 0
        self.grant = lambda topic_filter: 1
        self.lock, self.client = threading.Lock(), None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        rig.cleanups.append(self.close)
        threading.Thread(target=self._run, daemon=True).start()

    def close(self):
        self.listener.close()
        if self.client is not None:
            self.client.close()

    def _run(self):
        while True:
            try:
                self.client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(self.client,), daemon=True).start()

    def _send(self, s, kind, body):
        with self.lock:
            s.sendall(bytes([kind]) + number(len(body)) + body)

    def _serve(self, s):
        f = s.makefile("rb")
        try:
            while True:
                kind = f.read(1)[0]
                n, shift = 0, 0
                while True:
                    b = f.read(1)[0]
                    n |= (b & 127) << shift
                    shift += 7
                    if b < 128:
                        break
                self._take(s, kind, f.read(n))
        except (OSError, IndexError):
            s.close()

    def _take(self, s, kind, body):
        level = self.greeted[-1] if self.greeted else 0
        if kind >> 4 == 1:
            level = body[6]
            self.greeted.append(level)
            if level not in self.levels:
                if not self.hangs_up:
                    self._send(s, 0x20, b"\0\1")
                raise OSError("hung up")
            self._send(s, 0x20, b"\0\0" + (number(len(self.connack)) + self.connack if level == 5 else b""))
        elif kind >> 4 == 3:
            self._publish(s, kind, body, level)
        elif kind >> 4 == 8:
            at = 2 + (1 + body[2] if level == 5 else 0)  # no properties of ours need two bytes of length
            codes = []
            while at < len(body):
                n = struct.unpack_from(">H", body, at)[0]
                codes.append(self.grant(body[at + 2:at + 2 + n].decode()))
                at += 2 + n + 1
            self._send(s, 0x90, body[:2] + (b"\0" if level == 5 else b"") + bytes(codes))
        elif kind >> 4 == 12:
            self._send(s, 0xD0, b"")

    def _publish(self, s, kind, body, level):
        n = struct.unpack_from(">H", body)[0]
        topic, at, qos = body[2:2 + n].decode(), 2 + n, kind >> 1 & 3
        packet = body[at:at + 2] if qos else b""
        at += len(packet)
        length, shift = 0, 0
        while level == 5:
            b = body[at]
            at += 1
            length |= (b & 127) << shift
            shift += 7
            if b < 128:
                break
        payload = body[at + length:]
        reason = self.answer(topic, payload)
        self.published.append((time.monotonic(), topic, payload, qos, bool(kind & 8)))
        if qos and reason is not None:
            self._send(s, 0x40, packet + (bytes([reason, 0]) if level == 5 else b""))

    def deliver(self, topic, payload, packet_id, is_dup=False):
        """A PUBLISH with QoS 1 to the agent."""
        t = topic.encode()
        self._send(self.client, 0x32 | (8 if is_dup else 0), struct.pack(">H", len(t)) + t + struct.pack(">H", packet_id) + (b"\0" if self.greeted[-1] == 5 else b"") + payload)
