/** Pools of JavaScript and TypeScript: node-postgres, postgres.js, Sequelize, Knex, TypeORM, Prisma. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@lezer/javascript';
import { readValue } from '../../codemods/javascript-values.ts';
import { lineAt } from '../text/lines.ts';
import { type ClientPool, libraryDefault, literal, type Setting, unseen } from './client-pools.ts';
import { CORES } from './workers.ts';

interface Library {
  /** Text of the callee. */
  call: RegExp;
  library: string;
  /** Keys on the way to the number, outermost first. */
  path: string[];
  value: number;
  /** Module that the file has to import, where the call alone says too little. */
  module?: RegExp;
}

// Sources: node-postgres.com/apis/pool, github.com/porsager/postgres, sequelize.org/docs/v6/other-topics/connection-pool,
// knexjs.org/guide/#pool, typeorm.io/data-source-options, prisma.io/docs/orm/prisma-client/setup-and-configuration
const LIBRARIES: Library[] = [
  { call: /^(?:\w+\.)?Pool$/, library: 'node-postgres', path: ['max'], value: 10, module: /^pg$|^@neondatabase/ },
  { call: /^postgres$/, library: 'postgres.js', path: ['max'], value: 10, module: /^postgres$/ },
  { call: /^(?:\w+\.)?Sequelize$/, library: 'Sequelize', path: ['pool', 'max'], value: 5 },
  { call: /^(?:knex|Knex)$/, library: 'Knex', path: ['pool', 'max'], value: 10 },
  {
    call: /^(?:DataSource|TypeOrmModule\.forRoot|createConnection)$/,
    library: 'TypeORM',
    path: ['poolSize'],
    value: 10,
  },
];

export function readJavaScriptPools(path: string, text: string): ClientPool[] {
  const dialect = /\.[cm]?ts$/i.test(path) ? 'ts' : /\.tsx$/i.test(path) ? 'ts jsx' : 'jsx';
  const tree = parser.configure({ dialect }).parse(text);
  const found: ClientPool[] = [];
  const modules: string[] = [];
  tree.iterate({
    enter({ node }) {
      const parent = node.parent?.name ?? '';
      if (node.name === 'String' && /^(?:ImportDeclaration|ArgList)$/.test(parent))
        modules.push(text.slice(node.from + 1, node.to - 1));
    },
  });
  tree.iterate({
    enter({ node }) {
      if (node.name !== 'NewExpression' && node.name !== 'CallExpression') return;
      const callee = node.name === 'NewExpression' ? node.firstChild?.nextSibling : node.firstChild;
      const name = callee ? text.slice(callee.from, callee.to).replace(/<.*$/s, '') : '';
      const place = { file: path, line: lineAt(text, node.from) };
      const base = { place, isProgram: false, isCelery: false, overflow: null, kind: 'pool' as const };
      if (name === 'PrismaClient' && node.name === 'NewExpression') {
        const note = `Prisma's default is 2 × cores + 1, with ${CORES} cores taken`;
        // `connection_limit` of the URL, which the caller knows, would come before it.
        found.push({ ...base, library: 'Prisma', size: unseen(2 * CORES + 1, place, note) });
        return;
      }
      const known = LIBRARIES.find(
        library => library.call.test(name) && (!library.module || modules.some(module => library.module?.test(module))),
      );
      if (known) found.push({ ...base, library: known.library, size: readSize(node, known, path, text, place) });
    },
  });
  return found;
}

function readSize(
  call: SyntaxNode,
  { library, path: keys, value }: Library,
  path: string,
  text: string,
  place: { file: string; line: number },
): Setting {
  const note = `${library}'s default is ${value}`;
  const objects = call.getChild('ArgList')?.getChildren('ObjectExpression') ?? [];
  let object: SyntaxNode | null = objects.at(-1) ?? null;
  for (const [i, key] of keys.entries()) {
    const property = object?.getChildren('Property').find(child => nameOf(child, text) === key);
    if (!object || !property?.lastChild) {
      const isOpen = object?.getChild('Spread') || hasVariable(call);
      return isOpen
        ? unseen(value, place, `${keys.join('.')} may come from options that can't be seen here; ${note}`)
        : libraryDefault(value, place, note);
    }
    const node: SyntaxNode = property.lastChild;
    if (i < keys.length - 1) {
      object = node.name === 'ObjectExpression' ? node : null;
      continue;
    }
    const read = readValue(node, text);
    const number = Number(read?.mapped.text);
    const at = { file: path, line: lineAt(text, node.from) };
    return read && Number.isInteger(number)
      ? literal(number, at, keys.join('.'), read.key)
      : unseen(value, at, `${keys.join('.')} is computed; ${note}`);
  }
  return libraryDefault(value, place, note);
}

const nameOf = (property: SyntaxNode, text: string): string =>
  property.firstChild ? text.slice(property.firstChild.from, property.firstChild.to).replace(/^['"]|['"]$/g, '') : '';

/** The last argument is a name: `new Pool(config)`. */
function hasVariable(call: SyntaxNode): boolean {
  const last = call.getChild('ArgList')?.lastChild?.prevSibling;
  return last?.name === 'VariableName' || last?.name === 'MemberExpression' || last?.name === 'CallExpression';
}
