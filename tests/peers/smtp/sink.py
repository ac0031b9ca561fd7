"""A mail server (aiosmtpd) that tells what it gets: a line of JSON on standard output for each message.

    python sink.py PORT [--auth USER:PASSWORD] [--refuse N] [--never]

--refuse: the first N messages are put off with 451; --never: all are refused with 550. Ends with its standard input.
"""

import argparse
import asyncio
import json
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    def __init__(self, refuse, never):
        self.refuse = refuse
        self.never = never

    async def handle_DATA(self, server, session, envelope):
        if self.never:
            return "550 5.1.1 Nobody of that name"
        if self.refuse > 0:
            self.refuse -= 1
            return "451 4.3.0 Try again later"
        message = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.original_content.decode("utf-8"),
            "authenticated": bool(session.authenticated),
            "hello": session.host_name,
        }
        print(json.dumps(message), flush=True)
        return "250 OK"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--auth")
    parser.add_argument("--refuse", type=int, default=0)
    parser.add_argument("--never", action="store_true")
    args = parser.parse_args()
    options = {"hostname": "sink.example"}
    if args.auth:
        user, password = args.auth.split(":", 1)

        def authenticate(server, session, envelope, mechanism, data):
            good = data.login == user.encode() and data.password == password.encode()
            return AuthResult(success=good, handled=good)

        options.update(authenticator=authenticate, auth_required=True, auth_require_tls=False)
    handler = Handler(args.refuse, args.never)
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: SMTP(handler, **options), "127.0.0.1", args.port)
    print(json.dumps({"ready": True}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
