"""A mail server for tests: aiosmtpd with one account. It keeps each message as a file.

smtp.py FOLDER PORT plain|starttls|tls
"""

import asyncio
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

folder, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
REFUSED = {"gone@": "550 5.1.1 no such mailbox", "later@": "451 4.7.1 greylisted, try again"}


class Mailboxes:
    kept = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        for start, answer in REFUSED.items():
            if address.startswith(start):
                return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        Mailboxes.kept += 1
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "login": session.auth_data.login.decode() if session.auth_data else None,
            "data": envelope.content.decode("ascii"),
        }
        path = os.path.join(folder, f"{Mailboxes.kept:04}.json")
        with open(path + ".new", "w") as file:
            json.dump(kept, file)
        os.rename(path + ".new", path)
        return f"250 2.0.0 kept as {Mailboxes.kept}"


def login(server, session, envelope, mechanism, data):
    known = LoginPassword(b"muster", b"correct horse")
    return AuthResult(success=data == known, handled=False, auth_data=data)


async def serve():
    context = None
    if mode != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem"))

    def session():
        return SMTP(
            Mailboxes(),
            hostname="mail.test",
            tls_context=context if mode == "starttls" else None,
            require_starttls=mode == "starttls",
            authenticator=login,
            auth_required=mode != "plain",
            auth_require_tls=mode == "starttls",
        )

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", port, ssl=context if mode == "tls" else None
    )
    print("mail is taken", flush=True)
    await server.serve_forever()


asyncio.run(serve())
