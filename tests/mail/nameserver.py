"""A real DNS server for tests, on a port of this machine: says what its zone says, over UDP and TCP."""

import contextlib
import socketserver
import struct
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.reversename
import dns.rrset


class NameServer:
    """Answers from `zone`: records by name and type, like ``{("shop.example", "TXT"): ["v=spf1 -all"]}``.

    Names in `failing` get a server failure, those in `silent` no answer at all; `asked` keeps what was asked for.
    """

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[str]] = {}
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        self.asked: list[tuple[str, str, str]] = []
        self.port = 0

    @property
    def setting(self) -> str:
        return f"127.0.0.1:{self.port}"

    def reverse(self, address: str, *names: str) -> None:
        """Name an address: its PTR records."""
        name = dns.reversename.from_address(address).to_text().rstrip(".")
        self.zone[name, "PTR"] = [f"{one}." for one in names]

    def answer(self, wire: bytes, *, over: str) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text().rstrip(".").lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, over))
        if name in self.silent:
            return b""
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name in self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
        else:
            self._fill(response, name, kind)
        made = response.to_wire(max_size=65535)
        if over == "udp" and len(made) > 1232:
            response = dns.message.make_response(query)
            response.flags |= dns.flags.RA | dns.flags.TC
            made = response.to_wire(max_size=65535)
        return made

    def _fill(self, response: dns.message.Message, name: str, kind: str) -> None:
        for _hop in range(8):
            values = [_quoted(one) if kind == "TXT" else one for one in self.zone.get((name, kind), [])]
            if values:
                response.answer.append(dns.rrset.from_text(f"{name}.", 300, "IN", kind, *values))
            alias = self.zone.get((name, "CNAME"))
            if values or not alias:
                break
            response.answer.append(dns.rrset.from_text(f"{name}.", 300, "IN", "CNAME", *alias))
            name = alias[0].rstrip(".").lower()
        if not any(known == name or known.endswith(f".{name}") for known, _kind in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)


def _quoted(text: str) -> str:
    """Return a text as zone files have it: in strings of at most 255 bytes (RFC 1035, 3.3.14)."""
    escaped = [
        text[at : at + 200].replace("\\", "\\\\").replace('"', '\\"') for at in range(0, len(text), 200)
    ]
    return " ".join(f'"{part}"' for part in escaped or [""])


@contextlib.contextmanager
def running():
    """Run the server until the end of the block."""
    known = NameServer()

    class OverUdp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, sock = self.request
            if made := known.answer(wire, over="udp"):
                sock.sendto(made, self.client_address)

    class OverTcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (size,) = struct.unpack("!H", self.rfile.read(2))
            if made := known.answer(self.rfile.read(size), over="tcp"):
                self.wfile.write(struct.pack("!H", len(made)) + made)

    with (
        # A port that is free for TCP first: far fewer are taken for UDP.
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), OverTcp) as tcp,
        socketserver.ThreadingUDPServer(tcp.server_address, OverUdp) as udp,
    ):
        known.port = udp.server_address[1]
        threads = [threading.Thread(target=one.serve_forever, args=(0.05,)) for one in (udp, tcp)]
        for thread in threads:
            thread.start()
        try:
            yield known
        finally:
            for one in (udp, tcp):
                one.shutdown()
            for thread in threads:
                thread.join()
