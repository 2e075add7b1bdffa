/** Where something stands in the texts of a repository, and what is changed there. Offsets are UTF-16 units into the raw text. */

export interface Span {
  start: number;
  end: number;
}

/** A place that shows something. */
export interface Place {
  file: string;
  line: number;
}

/** Edits that mend a hazard, and the SQL that the pooler has to run on each server connection instead of what they remove. */
export interface Mend {
  edits: { span: Span; text: string }[];
  connectQuery?: string;
}
