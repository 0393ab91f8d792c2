"""optuna-dashboard on the studies of a competition, for browsers on this machine alone."""

import contextlib
import logging
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from pipeline.config import load_configuration
from pipeline.errors import DataError
from pipeline.progress import say
from pipeline.shared_studies import open_database, refusal_reported
from pipeline.studies import open_journal
from pipeline.wording import make_command
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = "127.0.0.1"


def serve_dashboard(workspace: Workspace, port: int) -> None:
    """Serve it until Ctrl-C; it is live while another terminal tunes."""
    name, journal = workspace.competition, workspace.journal
    shared = load_configuration(name).tune.storage
    if shared is None and not journal.exists():
        raise DataError(
            f"{journal}: no study yet. Tune first: `{make_command(name, 'tune')}` with `trials` "
            "above 0 in a [models.NAME] table of the competition's TOML."
        )
    from optuna_dashboard import wsgi

    logging.getLogger("optuna_dashboard").setLevel(logging.ERROR)
    with contextlib.nullcontext() if shared is None else refusal_reported(shared):
        storage = open_journal(journal) if shared is None else open_database(shared)
    guarded = for_this_machine(wsgi(storage), port)
    try:
        server = make_server(LOOPBACK, port, guarded, _ThreadedServer, _SilentHandler)
    except OSError as error:
        raise DataError(
            f"{LOOPBACK}:{port}: {error.strerror}; another program listens there. "
            f"Choose another one: {make_command(name, 'dashboard PORT=8081')}."
        ) from None
    with server, contextlib.suppress(KeyboardInterrupt):
        say(f"optuna-dashboard: http://{LOOPBACK}:{port}/  (Ctrl-C ends it)")
        server.serve_forever()


class _ThreadedServer(ThreadingMixIn, WSGIServer):
    """A connection that a browser opens ahead and leaves idle keeps no other waiting."""

    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    """Writes no line a request."""

    def log_message(self, format: str, *values: Any) -> None:
        pass


def for_this_machine(app: "WSGIApplication", port: int) -> "WSGIApplication":
    """The application, for pages that it served itself.

    Whoever runs a web site can let its name lead to 127.0.0.1 (DNS rebinding), and a browser then
    takes the dashboard for a part of that site: the Host header gives it away. A page may also send
    a form elsewhere, which the Origin header shows.
    """
    hosts = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}
    if port == 80:  # a browser leaves it out
        hosts |= {LOOPBACK, "localhost"}

    def guarded(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        is_ours = environ.get("HTTP_HOST", "").lower() in hosts
        if is_ours and environ["REQUEST_METHOD"] not in ("GET", "HEAD") and origin is not None:
            is_ours = origin.lower() in {f"http://{host}" for host in hosts}
        if is_ours:
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"The dashboard serves http://{LOOPBACK}:{port}/ alone.\n".encode()]

    return guarded
