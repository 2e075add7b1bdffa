/**
 * A file that only migrations read takes the direct variable first and falls back to the shared one.
 * E.g.: `process.env.DB_URL` → `(process.env.DB_URL_DIRECT || process.env.DB_URL)`
 */
import type { SyntaxNode } from '@lezer/common';
import { parser as javascript } from '@lezer/javascript';
import { parser as python } from '@lezer/python';
import type { Span } from '../src/model/index.ts';

export interface DirectFirst {
  span: Span;
  text: string;
}

/** Null where the file does not read the variable in a way that can be followed exactly. */
export function readDirectFirst(path: string, text: string, key: string, direct: string): DirectFirst[] | null {
  const found = /\.(?:[cm]?[jt]s|[jt]sx)$/.test(path)
    ? inJavaScript(text, key, direct)
    : /\.py$/.test(path)
      ? inPython(text, key, direct)
      : /\.prisma$/.test(path)
        ? inPrisma(text, key, direct)
        : [];
  return found.length > 0 ? found : null;
}

function inJavaScript(text: string, key: string, direct: string): DirectFirst[] {
  const found: DirectFirst[] = [];
  javascript
    .configure({ dialect: 'ts' })
    .parse(text)
    .iterate({
      enter({ node }) {
        const source = text.slice(node.from, node.to);
        const isMember =
          node.name === 'MemberExpression' &&
          (source === `process.env.${key}` || source === `process.env['${key}']` || source === `process.env["${key}"]`);
        const isCall = node.name === 'CallExpression' && (source === `env('${key}')` || source === `env("${key}")`);
        if (!isMember && !isCall) return undefined;
        // What is assigned to the variable sets it.
        if (/^\s*=[^=]/.test(text.slice(node.to, node.to + 4))) return false;
        const rest = node.parent?.name === 'NonNullExpression' || text[node.to] === '!' ? '!' : '';
        found.push({
          span: { start: node.from, end: node.to + rest.length },
          // Compose passes on what is not set as an empty text.
          text: `(process.env.${direct} || ${source}${rest})`,
        });
        return false;
      },
    });
  return found;
}

function inPython(text: string, key: string, direct: string): DirectFirst[] {
  const found: DirectFirst[] = [];
  python.parse(text).iterate({
    enter({ node }) {
      if (node.name !== 'CallExpression' && node.name !== 'MemberExpression') return undefined;
      const read = readOf(node, text, key);
      if (read === null) return undefined;
      const source = text.slice(node.from, node.to);
      // `os.environ["X"] = …` sets it.
      if (/^\s*=[^=]/.test(text.slice(node.to, node.to + 4))) return false;
      found.push({ span: { start: node.from, end: node.to }, text: `(${read}("${direct}") or ${source})` });
      return false;
    },
  });
  return found;
}

/** How the variable is read, as a call that bears its absence; null: the node reads something else. */
function readOf(node: SyntaxNode, text: string, key: string): string | null {
  const source = text.slice(node.from, node.to);
  const match = /^((?:os\.)?(?:getenv|environ\.get|environ(?=\[)))\s*[([]\s*(["'])(\w+)\2/.exec(source);
  if (!match || match[3] !== key) return null;
  return (match[1] ?? '').replace(/environ$/, 'environ.get');
}

/** `url = env("X")` of the datasource gets `directUrl = env("X_DIRECT")` below. Source: prisma.io/docs, `directUrl`. */
function inPrisma(text: string, key: string, direct: string): DirectFirst[] {
  const block = /\bdatasource\s+\w+\s*\{([^}]*)\}/.exec(text);
  if (!block || /\bdirectUrl\b/.test(block[1] ?? '')) return [];
  const line = new RegExp(`^([ \\t]*)url([ \\t]*)=[ \\t]*env\\("${key}"\\)[ \\t]*$`, 'm').exec(block[0]);
  if (!line) return [];
  const at = block.index + line.index + line[0].length;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const gap = (line[2] ?? ' ').length > 6 ? ' '.repeat((line[2] ?? '').length - 6) : ' ';
  return [{ span: { start: at, end: at }, text: `${newline}${line[1]}directUrl${gap}= env("${direct}")` }];
}
