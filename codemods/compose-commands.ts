/** Where the commands of a service start in the compose file, for those that need a variable of their own. */
import { composeMapped, type MappedText, toSource } from '../src/text/mapped-text.ts';
import type { ComposeFile, ComposeService } from './compose-file.ts';
import { readShell } from './shell-words.ts';
import { getNode, isScalar, isSeq, mapScalar, type Node, resolveNode, type Scalar } from './yaml-nodes.ts';

export interface PlacedCommand {
  words: string[];
  /** Offset in the file, where `NAME=value ` can be put before the command. */
  at: number;
}

/** Simple commands of shell text in `command` and `entrypoint`: not those of an exec form, which no shell reads. */
export function placeCommands(file: ComposeFile, service: ComposeService): PlacedCommand[] {
  const body = resolveNode(service.pair.value, file.document);
  return ['entrypoint', 'command'].flatMap(key => {
    const node = getNode(body, key, file.document);
    const scalars = isSeq(node) ? (node.items as Node[]).map(item => resolveNode(item, file.document)) : [node];
    const texts = scalars.filter(item => isScalar(item)).map(item => mapScalar(file.text, item as Scalar));
    if (!isSeq(node)) return texts.flatMap(text => placeIn(text, false, 0));
    const script = texts.findIndex(text => text.text === '-c') + 1;
    return script > 0 && texts[script] ? placeIn(texts[script], true, 0) : [];
  });
}

/** `isScript`: the text is read by a shell, so that an assignment before a command has an effect. */
function placeIn(mapped: MappedText, isScript: boolean, depth: number): PlacedCommand[] {
  return readShell(mapped.text).flatMap(command => {
    const words = command.words.map(word => word.value.text);
    const script =
      words.findIndex((word, i) => word === '-c' && /(?:^|\/)(?:ba|da|a)?sh$/.test(words[i - 1] ?? '')) + 1;
    const nested = script > 0 ? command.words[script] : undefined;
    if (nested && depth < 3) return placeIn(composeMapped(mapped, nested.value), true, depth + 1);
    const start = toSource(mapped, command.start, command.start + 1);
    return isScript && start.exact && words.length > 0 ? [{ words, at: start.span.start }] : [];
  });
}
