/** Sites of Dockerfiles: ENV and ARG values, commands. The parser is dockerfile-ast. */
import { DockerfileParser, type From, type Instruction, type PropertyInstruction } from 'dockerfile-ast';
import { imageName } from '../src/images/names.ts';
import { type Extraction, noFacts, type RawSite } from '../src/model/index.ts';
import { type Setting, scanBlock } from '../src/scan/scan-block.ts';
import type { Scope } from '../src/scan/scan-value.ts';
import { lineStarts } from '../src/text/lines.ts';
import { composeMapped, type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import { type ShellResult, scanArgv, scanShell } from './shell.ts';

export function extract(text: string, context: ExtractContext): Extraction {
  const starts = lineStarts(text);
  const offset = (at: { line: number; character: number }) => (starts[at.line] ?? 0) + at.character;
  const settings: Setting[] = [];
  const sites: RawSite[] = [];
  const starting = new Map<string, string[][]>();
  let image: string | null = null;
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const keyword = instruction.getKeyword();
    if (keyword === 'ENV' || keyword === 'ARG') settings.push(...readProperties(text, instruction, offset));
    else if (/^(?:RUN|CMD|ENTRYPOINT|HEALTHCHECK)$/.test(keyword)) {
      const range = instruction.getArgumentsRange();
      if (!range) continue;
      const start = offset(range.start);
      const mapped = mapSlice(text, start, offset(range.end));
      const role = keyword === 'HEALTHCHECK' ? 'healthcheck' : 'command';
      // The program itself may be the entry point of the image that this one is made from.
      const uses = [{ words: [], service: null, image }];
      const result = scanCommand(mapped, { role, uses, facts: keyword === 'RUN' ? ['build-step'] : [] }, context);
      sites.push(...result.sites);
      // The last of each counts, and those of earlier stages not at all.
      if (keyword === 'CMD' || keyword === 'ENTRYPOINT') starting.set(keyword, result.commands);
    } else if (keyword === 'FROM') {
      starting.clear();
      image = imageName((instruction as From).getImageName()) || null;
    }
  }
  const commands = [...starting.values()].flat();
  return { sites: [...scanBlock(settings, 'env', context), ...sites], facts: { ...noFacts(), commands } };
}

/** Shell form, or the exec form: a JSON list of words. */
function scanCommand(mapped: MappedText, scope: Scope, context: ExtractContext): ShellResult {
  if (!/^\s*\[/.test(mapped.text)) return scanShell(mapped, scope, context);
  const words = [...mapped.text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(match =>
    composeMapped(mapped, mapEscaped(mapped.text, match.index + 1, match.index + 1 + (match[1] ?? '').length)),
  );
  return scanArgv(words, scope, context);
}

function readProperties(
  text: string,
  instruction: Instruction,
  offset: (at: { line: number; character: number }) => number,
): Setting[] {
  const properties = (instruction as PropertyInstruction).getProperties?.() ?? [];
  return properties.flatMap(property => {
    const range = property.getValueRange();
    if (!range) return [];
    let start = offset(range.start);
    let end = offset(range.end);
    const quote = text[start];
    if ((quote === '"' || quote === "'") && text[end - 1] === quote && end - start > 1) {
      start++;
      end--;
    }
    const facts = instruction.getKeyword() === 'ARG' ? ['build-argument'] : [];
    return [
      { key: property.getName(), value: mapSlice(text, start, end), scope: { role: 'environment' as const, facts } },
    ];
  });
}
