/** Commands as events: of scripts, of files that hold named commands, and of the settings and strings that a shell gets. */
import { type MappedText, mapSlice, toSource } from '../src/text/mapped-text.ts';
import { baseOf } from '../src/text/paths.ts';
import { type NamedCommand, readMakeTargets, readPackageScripts, readProcfile } from './command-files.ts';
import type { Event } from './events.ts';
import { isScriptFlag, isShell, readShell } from './shell-words.ts';

const FILES: [name: RegExp, read: (path: string, text: string) => NamedCommand[]][] = [
  [/^package\.json$/, readPackageScripts],
  [/^Procfile/, readProcfile],
  [/^(?:GNU)?[Mm]akefile$|\.mk$/, readMakeTargets],
];

const isScript = (path: string, text: string): boolean =>
  /\.(?:sh|bash)$/i.test(path) || /^#!.*\b(?:ba|da|z|k|a)?sh\b/.test(text.slice(0, 200));

export const holdsCommands = (path: string, text: string): boolean =>
  isScript(path, text) || FILES.some(([name]) => name.test(baseOf(path)));

export function readCommandEvents(path: string, text: string): Event[] {
  const read = FILES.find(([name]) => name.test(baseOf(path)))?.[1];
  if (read) return read(path, text).flatMap(one => commandsIn(one.text));
  return isScript(path, text) ? commandsIn(mapSlice(text, 0, text.length)) : [];
}

/** Each simple command of a text that a shell reads; that of `sh -c "…"` is read too. */
export function commandsIn(mapped: MappedText, depth = 0): Event[] {
  return readShell(mapped.text).flatMap(({ words, start }): Event[] => {
    const texts = words.map(({ value }) => value.text);
    if (texts.length === 0) return [];
    const at = toSource(mapped, start, start).span.start;
    // What is only said, or asked for, runs nothing.
    if (/^(?:echo|printf|command|which|type|apt|apt-get|apk|yum|brew|exit)$/.test(texts[0] ?? '')) return [];
    const inner = depth < 3 ? texts.find((_, i) => i > 1 && isScriptFlag(texts[i - 1] ?? '')) : undefined;
    const nested = isShell(texts[0] ?? '') && inner ? commandsIn({ text: inner, runs: [] }, depth + 1) : [];
    return [{ kind: 'command', name: texts.join(' '), at }, ...nested.map(event => ({ ...event, at }) as Event)];
  });
}

/** Functions that start what they get. */
const STARTS =
  /(?:^|[.:>])(?:system!?|sh|exec\w*|spawn\w*|run|call|check_call|check_output|[Pp]open|shell_exec|passthru|fromShellCommandline|capture\w*|command)$/;

/** Nothing else begins so. */
const DUMPS =
  /^(?:[A-Z_]+=\S+\s+)*(?:pg_dump|pg_dumpall|pg_restore)\s+(?!--(?:version|help)\b)(?:-|\$|\{|%|postgres(?:ql)?:)/;

/** A string that code gives to a shell, or the program's name in a list of words. */
export function commandOf(value: MappedText, callee: string | null): Event[] {
  const isStarted = callee !== null && STARTS.test(callee) && /^[\w./-]+(?:\s|$)/.test(value.text);
  if (!isStarted && !DUMPS.test(value.text)) return [];
  const at = value.runs[0]?.from ?? 0;
  return [{ kind: 'command', name: value.text.slice(0, 300), at }];
}
