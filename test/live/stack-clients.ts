/** Clients that run in the application's container, with the application's own SQLAlchemy. */
import { type Project, waitFor } from './stack-project.ts';

/**
 * How a connection by this variable of the application's container gets to Postgres: told by the address that Postgres sees,
 * and by whether PgBouncer lists the client while it is connected.
 */
export async function proveRoute(project: Project, variable: string): Promise<'pooled' | 'direct'> {
  const name = `proof-${variable}`;
  const code = `
import os, sqlalchemy
engine = sqlalchemy.create_engine(os.environ["${variable}"], connect_args={"application_name": "${name}"})
with engine.connect() as connection:
    address = connection.execute(sqlalchemy.text("SELECT host(inet_client_addr())")).scalar()
    try:
        connection.execute(sqlalchemy.text("SELECT pg_sleep(60)"))
    except sqlalchemy.exc.OperationalError:
        print(address)
`;
  const running = project.python(code);
  const sleeper = `FROM pg_stat_activity WHERE application_name = '${name}' AND wait_event = 'PgSleep'`;
  await waitFor(`${name} is connected`, 20, async () =>
    (await project.sql(`SELECT count(*) ${sleeper}`)) === '1' ? true : null,
  );
  const clients = (await project.console('SHOW CLIENTS')).filter(row => row.application_name === name);
  await project.sql(`SELECT pg_cancel_backend(pid) ${sleeper}`);
  const seen = (await running).trim();
  const [app, pooler] = [await project.container('test_app'), await project.container('pgbouncer')];
  if (seen === pooler.address && clients.length === 1 && clients[0]?.addr === app.address) return 'pooled';
  if (seen === app.address && clients.length === 0) return 'direct';
  throw new Error(`${variable}: Postgres sees ${seen}, PgBouncer ${JSON.stringify(clients)}`);
}

export interface Load {
  /** Ids of rows whose transaction was confirmed to the client. */
  confirmed: string[];
  /** Transactions that ended in an error. */
  failed: number;
  /** Seconds between two confirmed transactions, at most. */
  longestPause: number;
}

/**
 * Starts short write transactions through the pool, from so many threads at once, each with a connection of its own. They
 * insert into a new table.
 */
export async function startLoad(
  project: Project,
  { seconds, threads, table }: { seconds: number; threads: number; table: string },
): Promise<{ finished: Promise<Load> }> {
  await project.sql(`CREATE TABLE ${table} (id text PRIMARY KEY)`);
  const code = `
import json, os, threading, time
from sqlalchemy import create_engine, exc, text

engine = create_engine(os.environ["DATABASE_URL"], pool_size=${threads}, max_overflow=0, pool_pre_ping=True)
confirmed, failures = [], []
end = time.monotonic() + ${seconds}

def work(thread):
    row = 0
    while time.monotonic() < end:
        row += 1
        name = f"{thread}-{row}"
        try:
            with engine.begin() as connection:
                connection.execute(text("INSERT INTO ${table} VALUES (:name)"), {"name": name})
                connection.execute(text("SELECT pg_sleep(0.02)"))
            confirmed.append((time.monotonic(), name))
        except exc.DBAPIError as error:
            failures.append(str(error))
            time.sleep(0.1)

workers = [threading.Thread(target=work, args=(n,)) for n in range(${threads})]
for worker in workers: worker.start()
for worker in workers: worker.join()
times = [end - ${seconds}] + sorted(at for at, _ in confirmed) + [end]
pause = max(after - before for before, after in zip(times, times[1:]))
print(json.dumps({"confirmed": [name for _, name in confirmed], "failed": len(failures), "longestPause": pause}))
`;
  const finished = project.python(code).then(text => JSON.parse(text) as Load);
  finished.catch(() => {}); // whoever waits for it gets the error; until then it must not end the process
  return { finished };
}

/** A transaction through the pool that lasts so many seconds. Resolves to what its client prints at the end. */
export function openTransaction(project: Project, seconds: number): Promise<string> {
  return project.python(`
import os, sqlalchemy
engine = sqlalchemy.create_engine(os.environ["DATABASE_URL"])
with engine.begin() as connection:
    connection.execute(sqlalchemy.text("SELECT pg_sleep(${seconds})"))
print("committed")
`);
}
