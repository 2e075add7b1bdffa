/** Named commands of files that hold such: scripts of packages, targets of Makefiles, processes of Procfiles and supervisors. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@lezer/javascript';
import { composeMapped, type MappedText, mapSlice } from '../src/text/mapped-text.ts';
import { readValue } from './javascript-values.ts';
import type { Script } from './placed-shell.ts';
import { logicalLines } from './text.ts';
import { isMap, isScalar, isSeq, keyOf, mapScalar, type Node, pairsOf, readYaml, resolveNode } from './yaml-nodes.ts';

/** A text that a shell reads, under its name. `needs`: other names that run before it. */
export interface NamedCommand {
  name: string;
  text: MappedText;
  script: Script;
  needs: string[];
}

/** `"scripts": { "start": "…" }` of package.json and composer.json. */
export const readPackageScripts = (file: string, text: string): NamedCommand[] => readScripts(file, text, 'scripts');

/** `"betterScripts": { "start": "…", "test": { "command": "…" } }` of better-npm-run. */
export const readBetterScripts = (file: string, text: string): NamedCommand[] =>
  readScripts(file, text, 'betterScripts');

function readScripts(file: string, text: string, field: string): NamedCommand[] {
  const script: Script = { file, text, syntax: 'json', isInner: true };
  const shift = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const wrapped = `(${text.slice(shift)})`;
  const outer: MappedText = { text: wrapped, runs: [{ at: 1, from: shift, length: text.length - shift }] };
  const root = parser.parse(wrapped).topNode.getChild('ExpressionStatement')?.getChild('ParenthesizedExpression');
  const scripts = propertyOf(root?.getChild('ObjectExpression') ?? null, field, wrapped);
  if (scripts?.name !== 'ObjectExpression') return [];
  return scripts.getChildren('Property').flatMap(property => {
    const name = nameOf(property, wrapped);
    const { lastChild } = property;
    const value = lastChild?.name === 'ObjectExpression' ? propertyOf(lastChild, 'command', wrapped) : lastChild;
    const values = value?.name === 'ArrayExpression' ? value.getChildren('String') : value ? [value] : [];
    return values.flatMap(one => {
      const read = readValue(one, wrapped);
      return read && !read.isNumber ? [{ name, text: composeMapped(outer, read.mapped), script, needs: [] }] : [];
    });
  });
}

const nameOf = (property: SyntaxNode, text: string): string =>
  text.slice(property.firstChild?.from ?? 0, property.firstChild?.to ?? 0).replace(/^["']|["']$/g, '');

const propertyOf = (object: SyntaxNode | null, name: string, text: string): SyntaxNode | null =>
  object?.getChildren('Property').find(property => nameOf(property, text) === name)?.lastChild ?? null;

/** Recipe lines of Makefiles, each under its target. */
export function readMakeTargets(file: string, text: string): NamedCommand[] {
  const script: Script = { file, text, syntax: 'make' };
  const found: NamedCommand[] = [];
  let targets: { names: string[]; needs: string[] } = { names: [], needs: [] };
  for (const [start, end] of logicalLines(text)) {
    const line = text.slice(start, end);
    if (line.startsWith('\t')) {
      const skip = /^\t[ \t]*[@+-]*[ \t]*/.exec(line)?.[0].length ?? 1;
      if (line[skip] === '#') continue;
      const body = mapSlice(text, start + skip, end);
      for (const name of targets.names) found.push({ name, text: body, script, needs: targets.needs });
      continue;
    }
    const rule = /^([\w./%$(){} -]+?)\s*::?(?!=)\s*([^#;]*)/.exec(line);
    if (!rule || /^\s*(?:#|\.)/.test(line)) continue;
    const names = (rule[1] ?? '').split(/\s+/);
    const needs = (rule[2] ?? '').trim().split(/\s+/).filter(Boolean);
    targets = { names, needs };
    // A target without a recipe stands for those that it needs.
    for (const name of names) found.push({ name, text: { text: '', runs: [] }, script, needs });
  }
  return found;
}

/** `web: command` of a Procfile. */
export function readProcfile(file: string, text: string): NamedCommand[] {
  const script: Script = { file, text, syntax: 'shell' };
  return logicalLines(text).flatMap(([start, end]) => {
    const lead = /^([\w-]+):\s*/.exec(text.slice(start, end));
    return lead ? [{ name: lead[1] ?? '', text: mapSlice(text, start + lead[0].length, end), script, needs: [] }] : [];
  });
}

/** `command=` of supervisord's programs. Quotes are read as by a shell. */
export function readSupervisor(file: string, text: string): NamedCommand[] {
  const script: Script = { file, text, syntax: 'argv' };
  let name = '';
  return logicalLines(text).flatMap(([start, end]) => {
    const line = text.slice(start, end);
    name = /^\[program:([^\]]+)\]/.exec(line)?.[1] ?? (/^\[/.test(line) ? '' : name);
    const lead = name === '' ? null : /^command\s*=\s*/.exec(line);
    return lead ? [{ name, text: mapSlice(text, start + lead[0].length, end), script, needs: [] }] : [];
  });
}

/** `hook-pre-app = exec:…`, `exec-asap = …` and `attach-daemon = …` of uWSGI's ini. Source: uwsgi-docs.readthedocs.io, Hooks */
export function readUwsgi(file: string, text: string): NamedCommand[] {
  return logicalLines(text).flatMap(([start, end]) => {
    const lead = /^\s*(hook-[\w-]+\s*=\s*exec:|(?:exec-[\w-]+|(?:smart-)?attach-daemon2?)\s*=\s*(?:cmd=)?)\s*/.exec(
      text.slice(start, end),
    );
    if (!lead) return [];
    const [whole, name = ''] = lead;
    // Hooks are run by a shell; a daemon's command is only split at blanks.
    const script: Script = { file, text, syntax: name.includes('daemon') ? 'other' : 'shell' };
    return [{ name, text: mapSlice(text, start + whole.length, end), script, needs: [] }];
  });
}

/** Recipes of a justfile: indented lines below `name args: needs`. */
export function readJustfile(file: string, text: string): NamedCommand[] {
  const script: Script = { file, text, syntax: 'shell' };
  let recipe: { name: string; needs: string[] } | null = null;
  return logicalLines(text).flatMap(([start, end]) => {
    const line = text.slice(start, end);
    const head = /^@?([A-Za-z_][\w-]*)(?:\s+[^:=]*)?:(?!=)\s*(.*)$/.exec(line.trimEnd());
    if (head) recipe = { name: head[1] ?? '', needs: (head[2] ?? '').split(/\s+/).filter(Boolean) };
    const lead = /^[ \t]+[@-]*/.exec(line);
    if (head || !lead || recipe === null || /^\s*(?:#|$)/.test(line)) return [];
    return [{ ...recipe, text: mapSlice(text, start + lead[0].length, end), script }];
  });
}

/** `tasks:` of a Taskfile: `cmds`, or `cmd`, and `deps`. */
export function readTaskfile(file: string, text: string): NamedCommand[] {
  const script: Script = { file, text, syntax: 'json', isInner: true };
  const [first] = readYaml(text, true);
  if (!first || !isMap(first.contents)) return [];
  const { document } = first;
  const at = (node: Node | null, key: string): Node | null =>
    resolveNode(pairsOf(node, document).find(pair => keyOf(pair) === key)?.value, document);
  return pairsOf(at(first.contents, 'tasks'), document).flatMap(task => {
    const body = resolveNode(task.value, document);
    const list = isMap(body) ? (at(body, 'cmds') ?? at(body, 'cmd')) : body;
    const items = isSeq(list) ? list.items.map(item => resolveNode(item, document)) : [list];
    const deps = isMap(body) ? at(body, 'deps') : null;
    const needs = isSeq(deps) ? deps.items.flatMap(item => (isScalar(item) ? [String(item.value)] : [])) : [];
    return items.flatMap(item => {
      const inner = isMap(item) ? (at(item, 'cmd') ?? null) : item;
      const called = isMap(item) ? at(item, 'task') : null;
      const calls = isScalar(called) ? [String(called.value)] : [];
      if (!isScalar(inner))
        return [{ name: keyOf(task), text: { text: '', runs: [] }, script, needs: [...needs, ...calls] }];
      return [{ name: keyOf(task), text: mapScalar(text, inner), script, needs }];
    });
  });
}
