/** What a Dockerfile's stages start, and where their files come from. The parser is dockerfile-ast. */
import { type Copy, DockerfileParser, type From, type Instruction } from 'dockerfile-ast';
import { lineStarts } from '../src/text/lines.ts';
import { composeMapped, type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';

export interface ImageStage {
  name: string | null;
  /** What it is made from: an image, or the name of an earlier stage. */
  from: string;
  /** Exec form: words; shell form: one text. Null: that of `from`. */
  entrypoint: ImageCommand | null;
  command: ImageCommand | null;
  /** As written; null: that of `from`. */
  workdir: string | null;
  copies: { sources: string[]; target: string; stage: string | null; workdir: string | null }[];
  /** Texts of `RUN`. */
  runs: string[];
  environment: [name: string, value: string][];
}

export type ImageCommand = { form: 'exec'; words: MappedText[] } | { form: 'shell'; text: MappedText };

const cache = new Map<string, ImageStage[]>();

export function readImageStages(text: string): ImageStage[] {
  const known = cache.get(text);
  if (known) return known;
  const starts = lineStarts(text);
  const argumentsOf = (instruction: Instruction): MappedText | null => {
    const range = instruction.getArgumentsRange();
    if (!range) return null;
    const offset = ({ line, character }: { line: number; character: number }) => (starts[line] ?? 0) + character;
    return mapSlice(text, offset(range.start), offset(range.end));
  };
  const stages: ImageStage[] = [];
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const keyword = instruction.getKeyword();
    if (keyword === 'FROM') {
      const from = instruction as From;
      stages.push({
        name: from.getBuildStage()?.toLowerCase() ?? null,
        from: from.getImage() ?? '',
        entrypoint: null,
        command: null,
        workdir: null,
        copies: [],
        runs: [],
        environment: [],
      });
      continue;
    }
    const stage = stages.at(-1);
    const mapped = argumentsOf(instruction);
    if (!stage || !mapped) continue;
    if (keyword === 'ENTRYPOINT') stage.entrypoint = readCommand(mapped);
    else if (keyword === 'CMD') stage.command = readCommand(mapped);
    else if (keyword === 'WORKDIR') stage.workdir = mapped.text.trim();
    else if (keyword === 'RUN') stage.runs.push(mapped.text);
    else if (keyword === 'ENV') {
      for (const [, name = '', value = ''] of mapped.text.matchAll(/([A-Za-z_]\w*)[= ]["']?([^"'\s]*)/g))
        stage.environment.push([name, value]);
    } else if (keyword === 'COPY' || keyword === 'ADD') {
      const words = instruction
        .getArguments()
        .map(argument => argument.getValue().replace(/^[["',\s]+|[\]"',\s]+$/g, ''))
        .filter(word => word !== '' && !word.startsWith('--'));
      const flag = (instruction as Copy).getFlags?.().find(one => one.getName() === 'from');
      const target = words.pop();
      if (target !== undefined)
        stage.copies.push({ sources: words, target, stage: flag?.getValue() ?? null, workdir: stage.workdir });
    }
  }
  cache.set(text, stages);
  return stages;
}

/** Shell form, or the exec form: a JSON list of words. */
function readCommand(mapped: MappedText): ImageCommand {
  if (!/^\s*\[/.test(mapped.text)) return { form: 'shell', text: mapped };
  return {
    form: 'exec',
    words: [...mapped.text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(match =>
      composeMapped(mapped, mapEscaped(mapped.text, match.index + 1, match.index + 1 + (match[1] ?? '').length)),
    ),
  };
}
