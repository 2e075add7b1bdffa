/** Which services receive the variables of an env file, and what they run with them. */
import type { ComposeFile, ComposeService } from '../codemods/compose-file.ts';
import { readExpansions } from './expansion.ts';
import type { Extraction, Source, Use } from './model.ts';
import { baseOf, dirOf, joinPath } from './paths.ts';
import type { Topology } from './topology.ts';

export interface Receiver {
  file: string;
  service: string;
}

export interface Flow {
  /** By `file\0key` of an env file. */
  receivers: Map<string, Receiver[]>;
  received: Map<string, Use[]>;
  /** Every command that a compose service runs, as one text each. */
  commands: string[];
  /** Env files that the texts (of CI) name. */
  readBy(texts: readonly string[]): Set<string>;
}

export function readFlow(topology: Topology, extractions: ReadonlyMap<string, Extraction>, sources: ReadonlyMap<string, Source>): Flow {
  const receivers = new Map<string, Receiver[]>();
  const received = new Map<string, Use[]>();
  const environments = [...extractions].filter(([, { facts }]) => facts.defines.length > 0);
  for (const file of topology.composeFiles) {
    const services = extractions.get(file.path)?.facts.services ?? new Map<string, Use[]>();
    for (const service of file.services) {
      const read = new Set(variablesRead(file, service));
      for (const [path, { facts }] of environments) {
        const isGiven = service.envFiles.some(name => isTemplateFor(path, joinPath(dirOf(file.path), name)));
        const isProject = isTemplateFor(path, joinPath(dirOf(file.path), '.env'));
        for (const key of facts.defines) {
          if (!isGiven && !(isProject && read.has(key))) continue;
          const id = `${path}\0${key}`;
          receivers.set(id, [...(receivers.get(id) ?? []), { file: file.path, service: service.name }]);
          received.set(id, [...(received.get(id) ?? []), ...(services.get(service.name) ?? [])]);
        }
      }
    }
  }
  const commands = topology.composeFiles.flatMap(file => file.services.map(service => service.command)).filter(Boolean);
  const readBy = (texts: readonly string[]) =>
    new Set(environments.map(([path]) => path).filter(path => sources.has(path) && texts.some(text => mentions(text, baseOf(path)))));
  return { receivers, received, commands, readBy };
}

/** Variables that a service's environment and command expand, and those passed on by name. */
function variablesRead(file: ComposeFile, service: ComposeService): string[] {
  const found: string[] = [];
  const visit = (text: string): void => {
    for (const { variable, fallback } of readExpansions(text, 0, text.length)) {
      if (variable) found.push(variable);
      if (fallback) visit(text.slice(fallback.start, fallback.end));
    }
  };
  for (const { key, value } of service.environment) {
    if (value === null) found.push(key);
    else visit(value);
  }
  visit(service.command);
  return found;
}

const mentions = (text: string, name: string): boolean =>
  new RegExp(`(?:^|[\\s/"'=])${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?=$|[\\s"',;)])`, 'm').test(text);

/** True for the file itself and for the template that stands for it: `.env.example` for `.env`. */
export function isTemplateFor(template: string, file: string): boolean {
  if (template === file) return true;
  if (dirOf(template) !== dirOf(file)) return false;
  const strip = (name: string) =>
    name.replace(/[._-](?:example|sample|template|dist|tpl|defaults?)(?=$|[._-])/i, '').replace(/^(?:example|sample|default)(?=[._-])/i, '');
  const [a, b] = [strip(baseOf(template)), strip(baseOf(file))];
  return a === b || `.${a}` === b || a === `.${b}`;
}
