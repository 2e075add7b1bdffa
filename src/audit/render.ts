/** Hazards as text, JSON, SARIF 2.1.0, GitHub annotations and Markdown. */
import { createHash } from 'node:crypto';
import { hazards as rules } from '../../rules/hazards.generated.ts';
import { escapeControls } from '../controls.ts';
import type { Hazard, Severity } from '../model.ts';
import type { Plan } from '../plan.ts';
import { VERSION } from '../version.ts';
import type { Finding } from './audit.ts';
import type { AuditReporter } from './command.ts';

export async function renderHazards(name: AuditReporter, plan: Plan, hazards: readonly Finding[]): Promise<string> {
  switch (name) {
    case 'text':
      return renderText(hazards);
    case 'json':
      return `${JSON.stringify((await import('../report.ts')).toReport({ ...plan, hazards: [...hazards] }, VERSION), null, 2)}\n`;
    case 'sarif':
      return `${JSON.stringify(toSarif(hazards), null, 2)}\n`;
    case 'github':
      return hazards.map(toAnnotation).join('');
    case 'markdown':
      return renderMarkdown(plan, hazards);
  }
}

function renderText(hazards: readonly Hazard[]): string {
  const lines = hazards.flatMap(({ file, line, column, severity, rule, message, fix }) => [
    `${file}:${line}:${column}  ${severity}  ${rule}`,
    `    ${message}`,
    `    → ${fix}`,
  ]);
  return lines.length > 0 ? `${escapeControls(lines.join('\n'))}\n` : '';
}

/** Source: docs.oasis-open.org/sarif/sarif/v2.1.0 */
export function toSarif(hazards: readonly Hazard[]): object {
  const used = rules.filter(rule => hazards.some(hazard => hazard.rule === rule.id));
  const seen = new Map<string, number>();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'pool-migrate',
            semanticVersion: VERSION,
            rules: used.map(rule => ({
              id: rule.id,
              shortDescription: { text: rule.message },
              fullDescription: { text: rule.why },
              help: { text: rule.fix },
              helpUri: rule.source,
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: hazards.map(hazard => {
          const twin = `${hazard.file}\0${hazard.rule}`;
          const count = seen.get(twin) ?? 0;
          seen.set(twin, count + 1);
          return {
            ruleId: hazard.rule,
            ruleIndex: used.findIndex(rule => rule.id === hazard.rule),
            level: hazard.severity,
            message: { text: `${hazard.message} ${hazard.fix}` },
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri: hazard.file.split('/').map(encodeURIComponent).join('/') },
                  region: { startLine: hazard.line, startColumn: hazard.column },
                },
              },
            ],
            // Without line numbers, so that it outlives edits above.
            partialFingerprints: {
              'poolMigrateHazard/v1': createHash('sha256').update(`${twin}\0${count}`).digest('hex').slice(0, 32),
            },
          };
        }),
      },
    ],
  };
}

const COMMANDS: Record<Severity, string> = { error: 'error', warning: 'warning', note: 'notice' };

/** Source: docs.github.com/actions/reference/workflow-commands-for-github-actions */
function toAnnotation({ file, line, column, severity, rule, message, fix }: Hazard): string {
  const property = (text: string) => data(text).replace(/:/g, '%3A').replace(/,/g, '%2C');
  return `::${COMMANDS[severity]} file=${property(file)},line=${line},col=${column},title=${property(rule)}::${data(`${message} ${fix}`)}\n`;
}

const data = (text: string): string => text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');

function renderMarkdown({ config }: Plan, hazards: readonly Hazard[]): string {
  const head = `## PgBouncer audit (${config.pool.mode} pooling)\n\n`;
  if (hazards.length === 0) return `${head}Nothing was found that breaks.\n`;
  const cell = (text: string) => text.replace(/\|/g, '\\|').replace(/\s+/g, ' ');
  const rows = hazards.map(
    ({ file, line, severity, rule, message, fix }) =>
      `| ${severity} | \`${cell(file)}:${line}\` | ${rule} | ${cell(message)} ${cell(fix)} |`,
  );
  return `${head}| | Place | Rule | What and what to do |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}
