/** Values of compose and env files after their interpolation. */

/** Replaces `${VAR:-default}` by the variable's value or its default; null where a variable has neither. */
export function resolveText(text: string, environment: ReadonlyMap<string, string>): string | null {
  let missing = false;
  let value = text;
  for (let round = 0; round < 5 && value.includes('$'); round++) {
    value = value.replace(/\$\{(\w+)(?::?[-=]([^${}]*))?(?::?\?[^{}]*)?\}|\$(\w+)/g, (_, name, fallback, bare) => {
      const known = environment.get(name ?? bare) || fallback;
      if (known === undefined) missing = true;
      return known ?? '';
    });
  }
  return missing || value.includes('${') ? null : value;
}
