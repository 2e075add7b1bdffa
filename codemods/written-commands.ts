/** Commands that are written down for people and jobs: in documents, scripts, Makefiles, packages, workflows. */
import { type MappedText, mapSlice } from '../src/text/mapped-text.ts';
import { readJustfile, readMakeTargets, readPackageScripts, readProcfile, readTaskfile } from './command-files.ts';
import { markdownTree } from './markdown-tree.ts';
import { isCiPath } from './paths.ts';
import { type PlacedCommand, placeShell, type Script } from './placed-shell.ts';
import { logicalLines } from './text.ts';
import { isMap, isScalar, isSeq, keyOf, mapScalar, readYaml, resolveNode } from './yaml-nodes.ts';

const SHELL_FENCE =
  /^(?:|sh|bash|shell|zsh|console|shell-?session|terminal|text|txt|plain|plaintext|cmd|powershell|ps1|makefile)$/;

/** All commands of a file with their places; none where the file holds no commands. */
export function placeWrittenCommands(file: string, text: string): PlacedCommand[] {
  const name = file.slice(file.lastIndexOf('/') + 1);
  const script: Script = { file, text, syntax: 'shell' };
  if (/\.(?:md|mdx|markdown)$/i.test(name)) return placeMarkdown(text, script);
  if (/\.(?:rst|txt|adoc)$/i.test(name)) return placeLines(mapSlice(text, 0, text.length), script);
  if (/^(?:GNU)?makefile$|\.(?:mk|mak)$/i.test(name)) return placeNamed(readMakeTargets(file, text));
  if (/^(?:package|composer)\.json$/.test(name)) return placeNamed(readPackageScripts(file, text));
  if (/^Procfile/.test(name)) return placeNamed(readProcfile(file, text));
  if (/^\.?justfile$|\.just$/i.test(name)) return placeNamed(readJustfile(file, text));
  if (/^taskfile\.ya?ml$/i.test(name)) return placeNamed(readTaskfile(file, text));
  if (isCiPath(file) && /\.ya?ml$/i.test(name)) return placeWorkflow(text, script);
  if (/\.(?:bat|cmd)$/i.test(name)) return placeBatch(text, { ...script, syntax: 'other' });
  if (/\.(?:sh|bash|zsh|ksh)$/i.test(name) || /^#!.*\b(?:ba|da|z|k|a)?sh\b/.test(text))
    return placeShell(mapSlice(text, 0, text.length), script);
  return [];
}

/** A Makefile names a recipe once for each of its targets. */
function placeNamed(commands: readonly { text: MappedText; script: Script }[]): PlacedCommand[] {
  const seen = new Set<number>();
  return commands.flatMap(({ text, script }) => {
    const at = text.runs[0]?.from ?? -1;
    if (text.text === '' || seen.has(at)) return [];
    seen.add(at);
    return placeShell(text, script);
  });
}

/** Line by line, so that an apostrophe in a comment can't swallow the lines after it. */
function placeLines(mapped: MappedText, script: Script): PlacedCommand[] {
  return logicalLines(mapped.text).flatMap(([start, end]) => {
    const line = mapped.text.slice(start, end);
    const lead = /^\s*(?:[$>%#]\s+)?/.exec(line)?.[0].length ?? 0;
    if (/^\s*#(?!\s*(?:docker|make|npm))/.test(line) || isProse(line.slice(lead))) return [];
    const from = (mapped.runs[0]?.from ?? 0) + start + lead;
    return placeShell(mapSlice(script.text, from, from + line.trimEnd().length - lead), script);
  });
}

/** Lines of a batch file that are commands of docker: `CALL docker compose up -d db`. */
const placeBatch = (text: string, script: Script): PlacedCommand[] =>
  [...text.matchAll(/^[ \t]*@?(?:call[ \t]+)?(docker(?:-compose)?[ \t][^\r\n&|<>^"]*)/gim)].flatMap(match => {
    const at = match.index + match[0].length - (match[1]?.length ?? 0);
    return placeShell(mapSlice(text, at, match.index + match[0].length), script);
  });

/** No program's name begins as a sentence, a list or a drawn tree does: `Run alembic first`, `- [x] done`, `├── app`; `DB_URL=…` is an assignment. */
const isProse = (line: string): boolean =>
  /^(?:[\u2500-\u257f]|[A-Z][\w'’-]*(?:\s|[.,:;]?$)|[-*+|{}<>[\]()]\s|\{\{|```)/.test(line);

/** Fenced code (indented too), code blocks, and inline code that is a command. */
function placeMarkdown(text: string, script: Script): PlacedCommand[] {
  const found: PlacedCommand[] = [];
  markdownTree(script.file, text).iterate({
    enter({ node }) {
      if (node.name === 'FencedCode' || node.name === 'CodeBlock') {
        const info = node.getChild('CodeInfo');
        const language = info
          ? (text
              .slice(info.from, info.to)
              .trim()
              .split(/[\s{,]/)[0] ?? '')
          : '';
        if (SHELL_FENCE.test(language.toLowerCase()))
          for (const { from, to } of node.getChildren('CodeText'))
            found.push(...placeLines(mapSlice(text, from, to), script));
        return false;
      }
      if (node.name === 'InlineCode') {
        const ticks = /^`+/.exec(text.slice(node.from, node.to))?.[0].length ?? 1;
        const body = mapSlice(text, node.from + ticks, node.to - ticks);
        if (/\s/.test(body.text.trim())) found.push(...placeLines(body, script));
        return false;
      }
      return undefined;
    },
  });
  return found;
}

/** `run:` and `script:` of workflows. */
function placeWorkflow(text: string, script: Script): PlacedCommand[] {
  const found: PlacedCommand[] = [];
  for (const { document, contents } of readYaml(text, true)) {
    const visit = (node: unknown, key: string): void => {
      const here = resolveNode(node, document);
      if (isMap(here)) for (const pair of here.items) visit(pair.value, keyOf(pair));
      else if (isSeq(here)) for (const item of here.items) visit(item, key);
      else if (isScalar(here) && /^(?:run|script|before_script|after_script|command|commands)$/.test(key))
        found.push(...placeShell(mapScalar(text, here), script));
    };
    visit(contents, '');
  }
  return found;
}
