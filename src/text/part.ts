import type { Part, Span } from '../model/index.ts';
import { readExpansion } from './expansion.ts';
import type { MappedText } from './mapped-text.ts';
import { toSource } from './mapped-text.ts';

/**
 * Classifies the text of a host or a port. E.g. `${DB_HOST:-postgres}` → kind `default`, value `postgres`, `inner` its
 * span, variables [DB_HOST]; `${A:-${B:-x}}` → value `x`, variables [A, B].
 */
export function classifyPart(mapped: MappedText, at: Span): Part {
  const { text } = mapped;
  const whole = toSource(mapped, at.start, at.end);
  const base = { span: whole.span, inner: whole.span, variables: [] as string[], exact: whole.exact };
  const variables: string[] = [];
  let { start, end } = at;
  for (;;) {
    const expansion = readExpansion(text, start, end);
    if (!expansion) break;
    if (expansion.end !== end || expansion.variable === null) {
      // A field of an f-string: `{HOST}`, `{settings.HOST}`.
      const [, field] = /^\{(?:\w+\.)*([A-Za-z_]\w*)\}$/.exec(text.slice(start, end)) ?? [];
      return { ...base, kind: 'hole', value: null, variables: field ? [...variables, field] : variables };
    }
    variables.push(expansion.variable);
    if (!expansion.fallback || expansion.fallback.start === expansion.fallback.end) {
      return { ...base, kind: 'variable', value: null, variables };
    }
    ({ start, end } = expansion.fallback);
  }
  const value = text.slice(start, end);
  if (!isPlain(value)) return { ...base, kind: 'hole', value: null, variables };
  const inner = toSource(mapped, start, end);
  return {
    ...base,
    inner: inner.span,
    exact: whole.exact && inner.exact && !value.includes('%'),
    kind: variables.length > 0 ? 'default' : 'literal',
    value,
    variables,
  };
}

/** A value without any placeholder in it. IPv6 comes in brackets, a Unix socket directory as a path. */
const isPlain = (value: string): boolean => /^(?:[\w.%/-]+|\[[0-9A-Fa-f:.%]+\])$/.test(value) && !/%[sdr(]/.test(value);
