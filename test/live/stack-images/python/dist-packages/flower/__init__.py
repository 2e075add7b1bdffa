"""Stands in for Flower, which Debian does not have: the state of the workers (over the broker) and of one
task (from the result backend) as JSON."""
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import click
from celery.bin.base import CeleryCommand


@click.command(cls=CeleryCommand)
@click.option("--port", type=int, default=5555)
@click.pass_context
def flower(context, port):
    app = context.obj.app

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            kind, _, name = self.path.strip("/").partition("/")
            if kind == "workers":
                answer = app.control.ping(timeout=2)
            else:
                answer = {"state": app.AsyncResult(name).state}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

    ThreadingHTTPServer(("", port), Handler).serve_forever()
