"""Ledger: add, post and sum entries."""
import os
import sys

import psycopg2

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id serial PRIMARY KEY,
    account text NOT NULL,
    cents bigint NOT NULL,
    posted boolean NOT NULL DEFAULT false
)
"""


def connect():
    """DATABASE_URL when it is set, else the split DB_* variables."""
    url = os.getenv("DATABASE_URL")
    if url:
        return psycopg2.connect(url)
    return psycopg2.connect(
        host=os.getenv("DB_HOST", "warehouse"),
        port=int(os.getenv("DB_PORT", "5432")),
        dbname="ledger",
        user="ledger",
        password=os.getenv("DB_PASSWORD", "ledger"),
    )


def add(cursor, account, cents):
    cursor.execute(
        "INSERT INTO entries (account, cents) VALUES (%s, %s)", (account, int(cents))
    )


def post(cursor):
    cursor.execute("UPDATE entries SET posted = true WHERE NOT posted")
    print(f"{cursor.rowcount} entries posted")


def balance(cursor):
    cursor.execute(
        "SELECT account, sum(cents) FROM entries WHERE posted GROUP BY 1 ORDER BY 1"
    )
    for account, cents in cursor.fetchall():
        print(f"{account}: {cents / 100:.2f}")


def main(argv):
    commands = {"add": add, "post": post, "balance": balance}
    if not argv or argv[0] not in commands:
        print("usage: python -m app.main add ACCOUNT CENTS | post | balance")
        return 2
    connection = connect()
    with connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        commands[argv[0]](cursor, *argv[1:])
    connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
