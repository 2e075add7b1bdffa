/** Annotations of GitHub Actions. Source: docs.github.com/actions/reference/workflow-commands-for-github-actions */
import type { Severity } from '../model/index.ts';
import type { Result } from './results.ts';

const COMMANDS: Record<Severity, string> = { error: 'error', warning: 'warning', note: 'notice' };

export function toAnnotation({ file, line, column, level, rule, message, fix }: Result): string {
  const property = (text: string) => data(text).replace(/:/g, '%3A').replace(/,/g, '%2C');
  return `::${COMMANDS[level]} file=${property(file)},line=${line},col=${column},title=${property(rule)}::${data(`${message} ${fix}`)}\n`;
}

const data = (text: string): string => text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
