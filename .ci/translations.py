#!/usr/bin/env python3
"""A translation service for checks: speaks LibreTranslate's /languages and /translate on loopback.

    translations.py PORT

A "translation" is each word written backwards, with tags left alone, so that it differs from what it was made of.
"""
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CODES = ["de", "en", "fr"]


def translate(html):
    parts = re.split(r"(<[^>]*>|&[#\w]+;)", html)
    return "".join(p if i % 2 else re.sub(r"\w+", lambda m: m[0][::-1], p) for i, p in enumerate(parts))


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path != "/languages":
            return self.answer(404, {"error": "Not found"})
        self.answer(200, [{"code": c, "name": c, "targets": CODES} for c in CODES])

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path != "/translate" or "q" not in asked:
            return self.answer(400, {"error": "Invalid request: missing q parameter"})
        texts = asked["q"] if isinstance(asked["q"], list) else [asked["q"]]
        made = [translate(text) for text in texts]
        body = {"translatedText": made if isinstance(asked["q"], list) else made[0]}
        if asked.get("source") == "auto":
            detected = [{"confidence": 90, "language": "de"} for _ in texts]
            body["detectedLanguage"] = detected if isinstance(asked["q"], list) else detected[0]
        self.answer(200, body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
