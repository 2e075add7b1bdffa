/** Pools that configuration files and other languages name: Prisma schemas, Hikari, Rails, Go. */
import { getNode, type Node, readYaml, startOf, textOf } from '../../codemods/yaml-nodes.ts';
import { PlanError } from '../model/errors.ts';
import { lineAt } from '../text/lines.ts';
import { baseOf } from '../text/paths.ts';
import { type ClientPool, libraryDefault, literal, unseen } from './client-pools.ts';
import { wholeNumber } from './quantity.ts';
import { CORES } from './workers.ts';

export function readSettingsPools(path: string, text: string): ClientPool[] {
  const name = baseOf(path);
  if (name === 'schema.prisma') return readPrisma(path, text);
  if (/^database\.ya?ml$/.test(name)) return readYamlPools(path, text, readRails);
  if (/^application[\w.-]*\.ya?ml$/.test(name)) return readYamlPools(path, text, readSpring);
  if (/^application[\w.-]*\.properties$/.test(name)) return readProperties(path, text);
  if (/\.conf$/.test(name)) return readOdoo(path, text);
  return /\.go$/.test(name) ? readGo(path, text) : [];
}

const base = { isProgram: false, isCelery: false, overflow: null, kind: 'pool' as const };

function readPrisma(path: string, text: string): ClientPool[] {
  const at = text.search(/^\s*provider\s*=\s*"postgres(?:ql)?"/m);
  const place = { file: path, line: lineAt(text, Math.max(at, 0) + 1) };
  const note = `Prisma's default is 2 × cores + 1, with ${CORES} cores taken`;
  return at === -1 ? [] : [{ ...base, library: 'Prisma', place, size: unseen(2 * CORES + 1, place, note) }];
}

type ReadYaml = (
  get: (...keys: string[]) => Node | null,
) => { node: Node; library: string; number: Node | null; value: number } | null;

function readYamlPools(path: string, text: string, read: ReadYaml): ClientPool[] {
  try {
    return readYaml(text, true).flatMap(({ document, contents }) => {
      const get = (...keys: string[]) =>
        keys.reduce((node: Node | null, key) => getNode(node, key, document), contents);
      const found = read(get);
      if (!found) return [];
      const { node, library, number, value } = found;
      const place = { file: path, line: lineAt(text, startOf(number ?? node)) };
      const note = `${library}'s default is ${value}`;
      // `<%= ENV.fetch("RAILS_MAX_THREADS") { 5 } %>`, `${POOL:20}`.
      const [, variable, fallback] =
        /["']?([A-Z][A-Z0-9_]+)["']?\)?[\s{,:(|]+["']?(\d+)/.exec(textOf(number) ?? '') ?? [];
      const size = wholeNumber(textOf(number) ?? fallback);
      const given = size ?? wholeNumber(fallback);
      return [
        {
          ...base,
          library,
          place,
          size:
            number === null
              ? libraryDefault(value, place, note)
              : given === null
                ? unseen(value, place, `it is computed; ${note}`)
                : literal(given, place, 'pool size', variable ?? null),
        },
      ];
    });
  } catch (error) {
    if (error instanceof PlanError) return [];
    throw error;
  }
}

const readRails: ReadYaml = get => {
  const roots = ['production', 'default', 'development'].filter(key => get(key, 'adapter') !== null);
  const root = roots[0];
  const adapter = root === undefined ? null : get(root, 'adapter');
  if (root === undefined || !adapter || !/^postg/.test(textOf(adapter) ?? '')) return null;
  return { node: adapter, library: 'Active Record', number: get(root, 'pool'), value: 5 };
};

const readSpring: ReadYaml = get => {
  const url = get('spring', 'datasource', 'url');
  if (!url || !/postgresql/.test(textOf(url) ?? '')) return null;
  const pool = ['maximum-pool-size', 'maximumPoolSize'].map(key => get('spring', 'datasource', 'hikari', key));
  return { node: url, library: 'Hikari', number: pool.find(Boolean) ?? null, value: 10 };
};

function readProperties(path: string, text: string): ClientPool[] {
  const lines = text.split(/\r?\n/);
  const lineOf = (pattern: RegExp) => lines.findIndex(line => pattern.test(line));
  const url = lineOf(/^\s*spring\.datasource\.url\s*[=:].*postgresql/);
  if (url === -1) return [];
  const pool = lineOf(/^\s*spring\.datasource\.hikari\.maximum-?pool-?size\s*[=:]/i);
  const place = { file: path, line: (pool === -1 ? url : pool) + 1 };
  const value = wholeNumber(lines[pool]?.split(/[=:]/)[1]);
  const size =
    pool === -1
      ? libraryDefault(10, place, "Hikari's default is 10")
      : value === null
        ? unseen(10, place, "it is computed; Hikari's default is 10")
        : literal(value, place, 'maximum-pool-size');
  return [{ ...base, library: 'Hikari', place, size }];
}

/** There is no parser of Go here; the call means nothing else. Source: pkg.go.dev/database/sql#DB.SetMaxOpenConns */
function readGo(path: string, text: string): ClientPool[] {
  const found = [...text.matchAll(/\.SetMaxOpenConns\(\s*(\w+)\s*\)|\.MaxConns\s*=\s*(?:int32\()?(\w+)/g)];
  return found.flatMap(([, open, most], i) => {
    const place = { file: path, line: lineAt(text, found[i]?.index ?? 0) };
    const [library, setting] = open === undefined ? ['pgxpool', 'MaxConns'] : ['database/sql', 'SetMaxOpenConns'];
    const written = open ?? most ?? '';
    const [, constant] = new RegExp(`\\b${written}\\s*(?:int(?:32|64)?\\s*)?:?=\\s*(\\d+)\\b`).exec(text) ?? [];
    const value = wholeNumber(constant ?? written);
    const size =
      value === null ? unseen(10, place, `${setting} is computed; 10 is taken`) : literal(value, place, setting);
    return value === 0 ? [] : [{ ...base, library, place, size }];
  });
}

/** Odoo: each worker has a pool of its own. Source: odoo.com/documentation, "db_maxconn". */
function readOdoo(path: string, text: string): ClientPool[] {
  const line = (key: string) => new RegExp(`^[ \\t]*${key}[ \\t]*=[ \\t]*(\\d+)`, 'm').exec(text);
  const workers = line('workers');
  const most = line('db_maxconn');
  if (!workers || !most) return [];
  const place = { file: path, line: lineAt(text, most.index) };
  const value = Number(most[1]) * Math.max(1, Number(workers[1]));
  return [{ ...base, library: 'Odoo', place, size: literal(value, place, 'workers × db_maxconn') }];
}
