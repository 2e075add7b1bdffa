/** A lossless scanner for env files: where keys and values stand. Grammar: github.com/motdotla/dotenv, `docker compose`. */
import { type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';

export interface EnvLine {
  key: string;
  value: MappedText;
  /** From the key (or `export`, or `#`) to the end of the value, quotes included. */
  start: number;
  end: number;
  valueStart: number;
  valueEnd: number;
  /** `# KEY=value`: someone will uncomment it. */
  commented: boolean;
  exported: boolean;
}

const ASSIGNMENT = /([ \t]*)(#[ \t#]*)?((?:export|set)[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*(?:=|:[ \t]+)[ \t]*/y;

export function readEnvLines(text: string): EnvLine[] {
  const found: EnvLine[] = [];
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (at < text.length) {
    ASSIGNMENT.lastIndex = at;
    const match = ASSIGNMENT.exec(text);
    const newline = text.indexOf('\n', at);
    const lineEnd = newline === -1 ? text.length : newline;
    if (!match || ASSIGNMENT.lastIndex > lineEnd) {
      at = lineEnd + 1;
      continue;
    }
    const [, indent = '', comment, exported, key = ''] = match;
    const valueStart = ASSIGNMENT.lastIndex;
    const value = readValue(text, valueStart, lineEnd, comment !== undefined);
    found.push({
      key,
      value: value.mapped,
      start: at + indent.length,
      end: value.end,
      valueStart,
      valueEnd: value.end,
      commented: comment !== undefined,
      exported: exported !== undefined,
    });
    const next = text.indexOf('\n', value.end);
    at = next === -1 ? text.length : next + 1;
  }
  return found;
}

function readValue(
  text: string,
  start: number,
  lineEnd: number,
  commented: boolean,
): { mapped: MappedText; end: number } {
  const quote = text[start];
  if (quote === '"' || quote === "'" || quote === '`') {
    const close = closingQuote(text, start, quote);
    // A quote may run over lines, but not out of a comment.
    if (close !== -1 && (!commented || close < lineEnd)) {
      const mapped = quote === '"' ? mapEscaped(text, start + 1, close) : mapSlice(text, start + 1, close);
      return { mapped, end: close + 1 };
    }
  }
  let end = lineEnd;
  const hash = /(?:^|[ \t])#/.exec(text.slice(start, lineEnd));
  if (hash) end = start + hash.index;
  while (end > start && /[ \t\r]/.test(text[end - 1] ?? '')) end--;
  return { mapped: mapSlice(text, start, end), end };
}

function closingQuote(text: string, open: number, quote: string): number {
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] === '\\' && quote === '"') i++;
    else if (text[i] === quote) {
      // One on a later line has to end its line: else it opens the value of another key.
      const isLater = text.slice(open, i).includes('\n');
      return !isLater || /^[ \t]*(?:#.*)?\r?(?:\n|$)/.test(text.slice(i + 1, i + 500)) ? i : -1;
    }
  }
  return -1;
}
