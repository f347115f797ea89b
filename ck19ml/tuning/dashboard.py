"""Optuna's dashboard on a study, by way of the study's own storage and locks."""

from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

from ck19ml.errors import Ck19Error, ConfigError
from ck19ml.tuning.storage import open_storage, require_answer, require_storage, shown

HOST = "127.0.0.1"
INTERRUPTED = 130
HEARTBEAT_S = 15


class _Silent(WSGIRequestHandler):
    """A handler that does not print every request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        pass


def serve_dashboard(where: str, port: int) -> int:
    """Serve Optuna's dashboard on this machine until it is interrupted.

    What a person changes there is written under the locks of the study's processes: the locks
    of Optuna's own journal storage, which ``optuna-dashboard FILE`` takes, do not exclude them.

    Parameters
    ----------
    where : str
        Optuna's journal file, or a ``postgresql://`` URL.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    ConfigError
        If the extra is not installed, the port is in use, or the URL is of another database.
    Ck19Error
        If there is no study.
    """
    if require_storage(where) is None and not Path(where).is_file():
        raise Ck19Error(
            f"there is no study at {where}; give the journal or the database of 'ck19ml tune'"
        )
    require_answer(where)
    try:
        from optuna_dashboard import wsgi
    except ImportError as error:
        raise ConfigError(
            "Optuna's dashboard is not installed; install it with: pip install 'ck19ml[dashboard]'"
        ) from error
    with open_storage(where, "dashboard", heartbeat=HEARTBEAT_S) as opened:
        try:
            server = make_server(HOST, port, wsgi(opened.storage), handler_class=_Silent)
        except OSError as error:
            raise ConfigError(f"port {port} is in use; choose another with --port") from error
        print(f"Optuna's dashboard on http://{HOST}:{port} (study: {shown(where)})", flush=True)
        with server:
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                return INTERRUPTED
    return 0
