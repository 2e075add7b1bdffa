/** The logins of both ways. Their sessions stay open for the checks that follow. */
import { failed, passed, skipped, type Verdict, warning } from './check.ts';
import type { Context } from './context.ts';
import { dialInside } from './dial.ts';
import { type Endpoint, showAddress } from './endpoint.ts';
import { explainFailure, showFailure, toFailure, type Way } from './explain-failure.ts';
import { readBackend } from './gather.ts';
import type { Backend } from './judge-path.ts';
import { openSession, type Session, type SessionOptions, withSession } from './session.ts';

/** Name of our connections, which are left out where connections are counted. */
export const APPLICATION = 'pool-migrate verify';

export interface OpenWay {
  endpoint: Endpoint;
  session: Session;
  backend: Backend;
}

export interface Login {
  /** Null: the login failed. */
  way: OpenWay | null;
  verdict: Verdict;
}

/** Endpoints inside the compose network are reached through the pooler's container. */
export function toSessionOptions({ compose, ways }: Context): SessionOptions {
  if (!compose || !ways) return { applicationName: APPLICATION };
  return { applicationName: APPLICATION, dial: ({ address }) => dialInside(compose, ways.pooler, address) };
}

export async function openWay(endpoint: Endpoint | null, way: Way, options: SessionOptions): Promise<Login> {
  if (!endpoint) return { way: null, verdict: skipped('No address is known') };
  const where = `${endpoint.user ?? ''}@${showAddress(endpoint)}/${endpoint.database ?? ''} (${endpoint.origin})`;
  let session: Session | null = null;
  try {
    session = await openSession(endpoint, options);
    const backend = await readBackend(session);
    return { way: { endpoint, session, backend }, verdict: judgeLogin(session, where) };
  } catch (error) {
    await session?.close();
    const failure = toFailure(error);
    const version = way === 'pooled' && /timeout/i.test(failure.message) ? await askVersion(endpoint, options) : null;
    const verdict =
      version === null
        ? failed(`${where}: ${showFailure(failure)}`, explainFailure(failure, way))
        : failed(
            `${where}: ${showFailure(failure)}, while the console of ${version} answers`,
            explainFailure({ message: 'pgbouncer cannot connect to server', code: null }, way),
          );
    return { way: null, verdict };
  }
}

const judgeLogin = ({ method }: Session, where: string): Verdict =>
  method === 'SCRAM'
    ? passed(`${where} by SCRAM`)
    : warning(
        `${where} by ${method}`,
        'Use scram-sha-256: auth_type in PgBouncer, pg_hba.conf and password_encryption in Postgres.',
      );

/** PgBouncer's console answers without Postgres, unlike everything else there. */
export async function askVersion(endpoint: Endpoint, options: SessionOptions): Promise<string | null> {
  try {
    const [row] = await withSession(endpoint, { ...options, database: 'pgbouncer' }, session =>
      session.query('SHOW VERSION'),
    );
    return row?.version ? String(row.version) : null;
  } catch {
    return null;
  }
}
