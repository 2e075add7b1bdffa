/** What a source does, as events: by its language, which its ending tells, or its first line. */
import { holdsCommands, readCommandEvents } from '../../codemods/command-events.ts';
import type { Event } from '../../codemods/events.ts';
import type { Source } from '../model/index.ts';
import { mapSlice } from '../text/mapped-text.ts';
import { isAudited, isSettingsFile } from './candidates.ts';

/** Scripts, Dockerfiles and manifests: only the variables that they set. */
export const setsVariables = ({ path, text }: Pick<Source, 'path' | 'text'>): boolean =>
  text.includes('PGOPTIONS') &&
  !isAudited(path) &&
  (/\.(?:sh|bash|ya?ml)$|Dockerfile|entrypoint$/i.test(path) || /^#!.*\b(?:ba|da|z|k|a)?sh\b/.test(text));

/** The language of a script without an ending, by its first line. */
const INTERPRETERS: [interpreter: string, ending: string][] = [
  ['python', '.py'],
  ['ruby', '.rb'],
  ['node', '.js'],
  ['php', '.php'],
];

function pathByInterpreter({ path, text }: Source): string {
  if (!/(?:^|\/)[^./]+$/.test(path)) return path;
  const [, name = ''] = /^#!.*?\b(python|ruby|node|php)/.exec(text.slice(0, 200)) ?? [];
  return path + (INTERPRETERS.find(([interpreter]) => interpreter === name)?.[1] ?? '');
}

export async function readEvents(source: Source): Promise<Event[]> {
  const { text } = source;
  const path = pathByInterpreter(source);
  const commands = holdsCommands(path, text) ? readCommandEvents(path, text) : [];
  return [...commands, ...(await readCodeEvents({ path, text }))];
}

async function readCodeEvents({ path, text }: Pick<Source, 'path' | 'text'>): Promise<Event[]> {
  if (/\.pyi?$/i.test(path)) return (await import('../../codemods/python-events.ts')).readPythonEvents(text);
  if (/\.(?:[cm]?[jt]s|[jt]sx)$/i.test(path))
    return (await import('../../codemods/javascript-events.ts')).readJavaScriptEvents(text, path);
  const start = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  if (/\.sql$/i.test(path)) return [{ kind: 'sql', value: mapSlice(text, start, text.length), callee: 'psql' }];
  if (isSettingsFile(path)) {
    const settings = await import('../../codemods/setting-events.ts');
    if (/\.ya?ml/i.test(path)) return settings.readYamlEvents(text);
    return /\.(?:properties|ini)$/i.test(path)
      ? settings.readPropertiesEvents(text)
      : settings.readEnvironmentEvents(text);
  }
  if (setsVariables({ path, text })) {
    const settings = await import('../../codemods/setting-events.ts');
    return /\.ya?ml$/i.test(path)
      ? settings.readYamlEvents(text).filter(event => event.kind === 'setting')
      : settings.readVariableEvents(text, /Dockerfile/i.test(path));
  }
  return (await import('../../codemods/token-events.ts')).readTokenEvents(text, path);
}
