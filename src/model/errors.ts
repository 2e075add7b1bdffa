/** A file that can't be planned: it is refused by name and the others go on. `line` is 1-based. */
export class PlanError extends Error {
  readonly code: string;
  readonly line: number | undefined;
  constructor(code: string, message: string, line?: number) {
    super(message);
    this.code = code;
    this.line = line;
  }
}

/** Wrong use or a wrong configuration: exit 2, nothing done. */
export class UsageError extends Error {}

/** Something that was asked for can't be done safely: exit 3, nothing done. */
export class RefusedError extends Error {}
