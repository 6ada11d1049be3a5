"""A real mail server for tests, on a port of this machine: says what it is told, keeps what it is sent."""

import asyncio
import contextlib
import datetime
import email
import ipaddress
import logging
import ssl
import threading
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "shop", "s3cret/with:signs"

# It tells each line, to the end of a connection that may come after the test's.
logging.getLogger("mail.log").setLevel(logging.WARNING)


class MailServer:
    """Keeps accepted mails; `answers` gives what to say at a stage, by stage or by stage and recipient.

    An answer is a line like ``550 5.1.1 no such user``, or ``drop`` to drop the line without a word.
    """

    def __init__(self) -> None:
        self.mails: list[tuple[Envelope, EmailMessage]] = []
        self.answers: dict[str, str] = {}
        self.connections = 0
        self.commands: list[str] = []
        self.secured: list[bool] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.lock = threading.Lock()
        self.port = 0

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.commands.append("EHLO")
        if server._writer is not None:
            self.writers.append(server._writer)
        with self.lock:
            self.connections += session.ssl is None or not server.require_starttls
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append("MAIL")
        self.secured.append(session.ssl is not None)
        if answer := self._answer(server, "mail", address):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := self._answer(server, "rcpt", address):
            return answer
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if answer := self._answer(server, "data", envelope.rcpt_tos[0]):
            return answer
        assert isinstance(envelope.content, bytes)
        with self.lock:
            self.mails.append((envelope, email.message_from_bytes(envelope.content, policy=default)))
            return f"250 2.0.0 Queued as {len(self.mails)}"

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.commands.append("RSET")
        return "250 OK"

    async def handle_NOOP(self, server: SMTP, session: Session, envelope: Envelope, arg: str) -> str:  # noqa: N802
        self.commands.append("NOOP")
        return "250 OK"

    def _answer(self, server: SMTP, stage: str, address: str) -> str:
        answer = self.answers.get(f"{stage} {address}") or self.answers.get(stage, "")
        if answer == "drop":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "421 gone"
        return answer


@contextlib.contextmanager
def running(handler: MailServer, *, tls: Path | None = None, mode: str = "plain", **options):
    """Run the server until the end of the block; `mode` is plain, starttls or implicit."""
    context = None
    if mode != "plain":
        assert tls is not None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls / "server.pem", tls / "key.pem")
    if options.pop("with_auth", False):
        options |= {
            "authenticator": _authenticate,
            "auth_required": True,
            "auth_require_tls": mode == "starttls",
        }
    if mode == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=0,
        ssl_context=context if mode == "implicit" else None,
        server_hostname="sink.test",
        ready_timeout=10,
        **options,
    )
    # aiosmtpd connects once to see whether it runs, with the port it was given; 0 must be resolved first.
    controller.port = _free_port()
    controller.start()
    handler.port = controller.port
    try:
        yield handler
    finally:
        controller.stop()


def make_certificate(folder: Path) -> None:
    """Write a self-made authority (`ca.pem`) and a server's certificate for 127.0.0.1 into a folder."""
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    ca = _certificate(ca_name, ca_name, ca_key, ca_key, now).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    ca = ca.add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    ca = ca.add_extension(usage, critical=True)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink.test")])
    server = _certificate(name, ca_name, key, ca_key, now)
    server = server.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
    )
    server = server.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    (folder / "server.pem").write_bytes(server.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _certificate(subject, issuer, key, _issuer_key, now):
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _authenticate(_server, _session, _envelope, _mechanism, data) -> AuthResult:
    assert isinstance(data, LoginPassword)
    right = data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)  # the server itself says no
