/** SARIF 2.1.0. Source: docs.oasis-open.org/sarif/sarif/v2.1.0 */
import { createHash } from 'node:crypto';
import { hazards } from '../../rules/hazards.generated.ts';
import type { Span } from '../model/index.ts';
import { lineStarts, positionAt } from '../text/lines.ts';
import type { Result } from './results.ts';
import { VERSION } from './version.ts';

/** `texts` by path: the places of fixes are counted in them. */
export function toSarif(results: readonly Result[], texts: ReadonlyMap<string, string>): object {
  const used = [...new Set(results.map(({ rule }) => rule))];
  const seen = new Map<string, number>();
  const number = (twin: string) => {
    const count = seen.get(twin) ?? 0;
    seen.set(twin, count + 1);
    return count;
  };
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: { name: 'pool-migrate', semanticVersion: VERSION, rules: used.map(id => describeRule(id, results)) },
        },
        columnKind: 'utf16CodeUnits',
        results: results.map(result => ({
          ruleId: result.rule,
          ruleIndex: used.indexOf(result.rule),
          level: result.level,
          message: { text: `${result.message} ${result.fix}` },
          locations: [
            {
              physicalLocation: {
                artifactLocation: locate(result.file),
                region: { startLine: result.line, startColumn: result.column },
              },
            },
          ],
          // Without line numbers, so that it outlives edits above.
          partialFingerprints: {
            'poolMigrateHazard/v1': fingerprint(`${result.file}\0${result.rule}`, number),
          },
          ...describeFix(result, texts.get(result.file)),
        })),
      },
    ],
  };
}

const locate = (file: string) => ({ uri: file.split('/').map(encodeURIComponent).join('/') });

const fingerprint = (twin: string, number: (twin: string) => number): string =>
  createHash('sha256')
    .update(`${twin}\0${number(twin)}`)
    .digest('hex')
    .slice(0, 32);

function describeRule(id: string, results: readonly Result[]): object {
  const hazard = hazards.find(rule => rule.id === id);
  if (!hazard) return { id, shortDescription: { text: results.find(({ rule }) => rule === id)?.fix ?? id } };
  const { message, why, fix, source } = hazard;
  return {
    id,
    shortDescription: { text: message },
    fullDescription: { text: why },
    help: { text: fix },
    helpUri: source,
  };
}

/** A fix of SARIF is complete in itself; one that needs the pooler's settings too is not. */
function describeFix({ file, fix, mend }: Result, text: string | undefined): object {
  if (!mend || mend.connectQuery !== undefined || text === undefined) return {};
  const starts = lineStarts(text);
  const region = ({ start, end }: Span) => {
    const from = positionAt(starts, start);
    const to = positionAt(starts, end);
    return { startLine: from.line, startColumn: from.column, endLine: to.line, endColumn: to.column };
  };
  const replacements = mend.edits.map(edit => ({
    deletedRegion: region(edit.span),
    insertedContent: { text: edit.text },
  }));
  return {
    fixes: [{ description: { text: fix }, artifactChanges: [{ artifactLocation: locate(file), replacements }] }],
  };
}
