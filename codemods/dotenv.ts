/** Sites of env files and templates. */

import { type Extraction, noFacts } from '../src/model/index.ts';
import { hostVariables, type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { lineStartOf } from '../src/text/lines.ts';
import type { ExtractContext } from './codemod.ts';
import { readEnvLines } from './dotenv-lines.ts';

export function extract(text: string, scan: ExtractContext): Extraction {
  const lines = readEnvLines(text);
  const hostKeys = new Map([
    ...(scan.hostKeys ?? []),
    ...lines.flatMap(({ key, value }) => hostVariables(key, value.text)),
  ]);
  const context = { ...scan, hostKeys };
  const live = lines.filter(line => !line.commented);
  const siblings = live.map(line => line.key);
  const settings = (commented: boolean): Setting[] =>
    lines
      .filter(line => line.commented === commented)
      .map(line => ({
        key: line.key,
        value: line.value,
        scope: {
          role: commented ? 'comment' : 'environment',
          facts: commented ? ['commented'] : isDuplicate(siblings, line.key) ? ['defined-twice'] : [],
          entry: commented
            ? null
            : {
                style: 'dotenv',
                key: line.key,
                span: { start: line.start, end: line.end },
                value: { start: line.valueStart, end: line.valueEnd },
                indent: text.slice(lineStartOf(text, line.start), line.start),
                siblings,
                block: 'file',
              },
        },
      }));
  const sites = [...scanBlock(settings(false), 'file', context), ...scanBlock(settings(true), 'comments', context)];
  const reads = live.flatMap(line =>
    [...line.value.text.matchAll(/\$\{?([A-Za-z_]\w*)/g)].map(match => match[1] ?? ''),
  );
  return { sites, facts: { ...noFacts(), reads, defines: siblings } };
}

const isDuplicate = (keys: string[], key: string): boolean => keys.indexOf(key) !== keys.lastIndexOf(key);
