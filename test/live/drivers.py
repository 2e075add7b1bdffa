"""Scenarios of Python drivers. Reads jobs as JSON lines, `{"id", "scenario", "host", "port", …}`, and writes
`{"id", "seen"}` for each: what the scenario saw, or its error. Jobs run side by side in threads."""
import asyncio
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import django
import psycopg
import psycopg2
import psycopg2.extensions
import sqlalchemy
from django.conf import settings
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

settings.configure(DATABASES={}, INSTALLED_APPS=[])
django.setup()
from django import forms  # noqa: E402  (needs the settings)
from django.db import connections, models  # noqa: E402
from django.db.utils import ConnectionHandler  # noqa: E402


class Row(models.Model):
    class Meta:
        app_label = "proof"
        db_table = "django_rows"
        managed = False


def keys(job, database="dbname"):
    return {"host": job["host"], "port": job["port"], "user": job["user"], "password": job["password"], database: job["database"]}


def first_line(error):
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def tally(results):
    """E.g. [True, True, "an error"] -> "2 right, 1 × an error" """
    return ", ".join(f"{results.count(kind)} {'right' if kind is True else '× ' + kind}" for kind in dict.fromkeys(results))


def repeat(times, work):
    seen = []
    for _ in range(times):
        try:
            seen.append(str(work()))
        except Exception as error:
            seen.append(first_line(error))
    return " ".join(seen)


def three(clients):
    """In pairs each client would come to the same server connection every time."""
    return [(0, clients[0]), (1, clients[1]), (0, clients[0])]


def connect2(job, **more):
    return psycopg2.connect(**{**keys(job), **more})


def ask2(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def autocommit2(job):
    connection = connect2(job)
    connection.autocommit = True
    return connection


# --- psycopg2 ---


def set_session_isolation(job, **more):
    a, b = connect2(job), autocommit2(job)
    a.set_session(isolation_level="SERIALIZABLE", **more)
    inside = ask2(a, "SHOW transaction_isolation")
    a.commit()
    seen = f"A: {inside}; B: " + repeat(4, lambda: ask2(b, "SHOW transaction_isolation"))
    a.close(), b.close()
    return seen


def set_session_read_only(job, **more):
    a, b = connect2(job), autocommit2(job)
    a.set_session(readonly=True, **more)
    inside = ask2(a, "SHOW transaction_read_only")
    a.commit()
    seen = f"A: {inside}; B: " + repeat(4, lambda: ask2(b, "SHOW transaction_read_only"))
    a.close(), b.close()
    return seen


def set_session_autocommit_alone(job):
    a, b = connect2(job), autocommit2(job)
    a.set_session(autocommit=True)
    question = "SELECT current_setting('transaction_isolation') || current_setting('transaction_read_only')"
    seen = [repeat(4, lambda: ask2(one, question)) for one in (a, b)]
    a.close(), b.close()
    return "; ".join(seen)


def with_hold(job, hold):
    a = connect2(job)
    a.autocommit = hold
    cursor = a.cursor("rows", withhold=hold)
    cursor.itersize = 2
    try:
        cursor.execute("SELECT generate_series(1, 6)")
        return "rows: " + " ".join(str(row[0]) for row in cursor)
    finally:
        a.close()


def dsn2(job, **more):
    a = connect2(job, **more)
    a.autocommit = True
    try:
        return f"connected: {ask2(a, 'SHOW statement_timeout')}"
    finally:
        a.close()


def two_phases(job):
    a = connect2(job)
    transaction = a.xid(1, job["name"], "b")
    a.tpc_begin(transaction)
    ask2(a, f"INSERT INTO {job['name']} DEFAULT VALUES RETURNING id")
    a.tpc_prepare()
    a.tpc_commit()
    a.reset()
    seen = ask2(a, f"SELECT count(*) FROM {job['name']}")
    a.close()
    return f"{seen} row"


def cancel(job):
    a = autocommit2(job)
    timer = threading.Timer(0.3, a.cancel)
    timer.start()
    try:
        return repeat(1, lambda: ask2(a, "SELECT pg_sleep(30)"))
    finally:
        timer.cancel()
        a.close()


# --- psycopg 3 ---


def prepared3(job, **more):
    """Two clients whose statements psycopg gives the same names; each must get its own answers."""
    clients = [psycopg.connect(**keys(job), autocommit=True, **more) for _ in range(2)]
    results = []
    for _ in range(10):
        for number, client in three(clients):
            try:
                answer = client.execute(f"SELECT {number} + %s::int", (0,)).fetchone()[0]
                results.append(True if answer == number else "another client's answer")
            except psycopg.Error as error:
                results.append(first_line(error))
    for client in clients:
        client.close()
    return tally(results)


def deallocates3(job, threshold):
    """More hot statements than psycopg keeps prepared: the oldest ones are deallocated by SQL."""
    results = []
    with psycopg.connect(**keys(job), autocommit=True, prepare_threshold=threshold) as client:
        client.prepared_max = 5
        for number in range(24):
            try:
                results.append(client.execute(f"SELECT {number} + %s::int", (0,)).fetchone()[0] == number)
            except psycopg.Error as error:
                results.append(first_line(error))
    return tally(results)


def pipeline(job):
    with psycopg.connect(**keys(job), autocommit=True, prepare_threshold=None) as client:
        with client.pipeline():
            cursors = [client.execute("SELECT %s::int", (number,)) for number in range(3)]
        return " ".join(str(cursor.fetchone()[0]) for cursor in cursors)


# --- asyncpg ---


async def listen(job, direct):
    endpoint = {**job, "port": job["direct_port"], "database": "app"} if direct else job
    listener = await asyncpg.connect(**keys(endpoint, "database"), statement_cache_size=0)
    sender = await asyncpg.connect(**keys(job, "database"), statement_cache_size=0)
    heard = []
    await listener.add_listener(job["name"], lambda *message: heard.append(message))
    for _ in range(4):
        await sender.execute(f"NOTIFY {job['name']}, 'x'")
    for _ in range(50 if direct or job["mode"] in (None, "session") else 4):
        if len(heard) == 4:
            break
        await asyncio.sleep(0.03)
    listener.terminate()
    await sender.close()
    return f"the listener hears {len(heard)} of 4"


async def startup(job, **settings):
    connection = await asyncpg.connect(**keys(job, "database"), statement_cache_size=0, server_settings=settings)
    try:
        return "connected: " + " ".join([await connection.fetchval(f"SHOW {name}") for name in settings])
    finally:
        await connection.close()


def search_path_option(job):
    """Two clients, each with a schema of its own."""
    clients = [connect2(job, options=f"-c search_path={path}") for path in ("a", "b")]
    for client in clients:
        client.autocommit = True
    seen = [repeat(4, lambda: ask2(client, "SHOW search_path")) for client in clients]
    for client in clients:
        client.close()
    return f"A: {seen[0]}; B: {seen[1]}"


async def search_path(job, how):
    """The same by asyncpg, in its settings or in the URL."""
    clients = []
    for path in ("a", "b"):
        if how == "url":
            dsn = f"postgresql://{job['user']}:{job['password']}@{job['host']}:{job['port']}/{job['database']}?search_path={path}"
            clients.append(await asyncpg.connect(dsn, statement_cache_size=0))
        else:
            settings = {"search_path": path}
            clients.append(await asyncpg.connect(**keys(job, "database"), statement_cache_size=0, server_settings=settings))
    seen = [" ".join([await client.fetchval("SHOW search_path") for _ in range(4)]) for client in clients]
    for client in clients:
        client.terminate()
    return f"A: {seen[0]}; B: {seen[1]}"


async def url(job, query, question):
    dsn = f"postgresql://{job['user']}:{job['password']}@{job['host']}:{job['port']}/{job['database']}?{query}"
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        return f"connected: {await connection.fetchval('SHOW ' + question)}"
    finally:
        await connection.close()


async def statement_cache(job, **more):
    clients = [await asyncpg.connect(**keys(job, "database"), **more) for _ in range(2)]
    results = []
    for _ in range(8):
        for number, client in three(clients):
            try:
                answer = await client.fetchval(f"SELECT {number} + $1::int", 0)
                results.append(True if answer == number else "another client's answer")
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                results.append(first_line(error))
    for client in clients:
        client.terminate()
    return tally([result if result is True else unnumbered(result) for result in results])


def unnumbered(text):
    """Names of asyncpg count the statements of a process."""
    return "".join("N" if character.isdigit() else character for character in text)


# --- Django ---


def rows_of(job, **options):
    """A connection as Django makes it, under a name of its own."""
    alias = job["name"]
    handler = ConnectionHandler(
        {
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": job["host"],
                "PORT": job["port"],
                "USER": job["user"],
                "PASSWORD": job["password"],
                "NAME": job["database"],
                **options,
            }
        }
    )
    connections[alias] = handler["default"]
    return Row.objects.using(alias).order_by("id")


def iterate(job, lazily, **options):
    rows = rows_of(job, **options)
    try:
        return "rows: " + " ".join(str(row.id) for row in (rows.iterator(chunk_size=2) if lazily else rows.all()))
    finally:
        connections[job["name"]].close()


def choices(job, **options):
    """Of a form's field: Django reads them by iterator()."""
    try:
        return "choices: " + " ".join(str(value) for value, _ in forms.ModelChoiceField(rows_of(job, **options), empty_label=None).choices)
    finally:
        connections[job["name"]].close()


# --- SQLAlchemy ---


async def sqlalchemy_asyncpg(job, query, **more):
    url = f"postgresql+asyncpg://{job['user']}:{job['password']}@{job['host']}:{job['port']}/{job['database']}{query}"
    engine = create_async_engine(url, **more)
    clients = [await engine.connect() for _ in range(2)]
    results = []
    for _ in range(8):
        for number, client in three(clients):
            try:
                async with client.begin():
                    answer = (await client.execute(text(f"SELECT {number} + CAST(:zero AS int)"), {"zero": 0})).scalar()
                results.append(True if answer == number else "another client's answer")
            except DBAPIError as error:
                results.append(first_line(error.orig).split(": ", 1)[-1])
    for client in clients:
        await client.invalidate()
    await engine.dispose()
    return tally([result if result is True else unnumbered(result) for result in results])


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 20))


SCENARIOS = {
    "listen": lambda job: run(listen(job, False)),
    "listen-direct": lambda job: run(listen(job, True)),
    "startup-timeout": lambda job: run(startup(job, statement_timeout="5000")),
    "startup-jit": lambda job: run(startup(job, jit="off")),
    "startup-search-path": lambda job: run(search_path(job, "settings")),
    "startup-isolation": lambda job: run(startup(job, default_transaction_isolation="serializable")),
    "startup-work-mem": lambda job: run(startup(job, work_mem="5MB")),
    "startup-name": lambda job: run(startup(job, application_name="x")),
    "url-search-path": lambda job: run(search_path(job, "url")),
    "url-timeout": lambda job: run(url(job, "statement_timeout=5000", "statement_timeout")),
    "url-lock-timeout": lambda job: run(url(job, "lock_timeout=5000", "lock_timeout")),
    "url-name": lambda job: run(url(job, "application_name=x", "application_name")),
    "statement-cache": lambda job: run(statement_cache(job)),
    "no-statement-cache": lambda job: run(statement_cache(job, statement_cache_size=0)),
    "set-session-isolation": lambda job: set_session_isolation(job, autocommit=True),
    "set-session-isolation-in-tx": set_session_isolation,
    "set-session-read-only": lambda job: set_session_read_only(job, autocommit=True),
    "set-session-read-only-in-tx": set_session_read_only,
    "set-session-autocommit": set_session_autocommit_alone,
    "with-hold": lambda job: with_hold(job, True),
    "without-hold": lambda job: with_hold(job, False),
    "options-search-path": search_path_option,
    "options": lambda job: dsn2(job, options="-c statement_timeout=5"),
    "no-options": lambda job: dsn2(job, connect_timeout=5),
    "two-phases": two_phases,
    "cancel": cancel,
    "prepared": prepared3,
    "not-prepared": lambda job: prepared3(job, prepare_threshold=None),
    "deallocates": lambda job: deallocates3(job, 0),
    "deallocates-not": lambda job: deallocates3(job, None),
    "pipeline": pipeline,
    "iterator": lambda job: iterate(job, True),
    "iterator-off": lambda job: iterate(job, True, DISABLE_SERVER_SIDE_CURSORS=True),
    "all": lambda job: iterate(job, False),
    "choices": choices,
    "choices-off": lambda job: choices(job, DISABLE_SERVER_SIDE_CURSORS=True),
    "sqlalchemy": lambda job: run(sqlalchemy_asyncpg(job, "")),
    "sqlalchemy-no-cache": lambda job: run(
        sqlalchemy_asyncpg(job, "?prepared_statement_cache_size=0", connect_args={"statement_cache_size": 0})
    ),
    "django-options-timeout": lambda job: iterate(job, False, OPTIONS={"options": "-c statement_timeout=5000"}),
    "django-options": lambda job: iterate(job, False, OPTIONS={"options": "-c search_path=public"}),
    "django-sslmode": lambda job: iterate(job, False, OPTIONS={"sslmode": "prefer"}),
    "versions": lambda job: json.dumps(
        {
            "psycopg2": psycopg2.__version__.split(" ")[0],
            "psycopg": psycopg.__version__,
            "asyncpg": asyncpg.__version__,
            "Django": django.get_version(),
            "SQLAlchemy": sqlalchemy.__version__,
        }
    ),
}


def answer(job):
    try:
        seen = SCENARIOS[job["scenario"]](job)
    except Exception as error:
        seen = first_line(error)
    sys.stdout.write(json.dumps({"id": job["id"], "seen": seen}) + "\n")
    sys.stdout.flush()


with ThreadPoolExecutor(4) as pool:
    for line in sys.stdin:
        pool.submit(answer, json.loads(line))
