/** What a run does, counted: the same in every run over the same tree, so that a test can hold it. */
export const counters = {
  /** Files whose bytes were searched. */
  scanned: 0,
  /** Files that were read as text. */
  read: 0,
  /** Files whose text was looked at a second time, because of a word in its bytes. */
  judged: 0,
  /** Files that were searched for places, by format. */
  extracted: {} as Record<string, number>,
  /** Files whose code, SQL or commands were read for the audit. */
  audited: 0,
  /** Syntax trees of Lezer's parsers, and the characters in them. */
  trees: 0,
  treeCharacters: 0,
  /** Texts given to PostgreSQL's grammar. */
  sqlParsed: 0,
  /** Rules that were asked about something in the code. */
  rulesAsked: 0,
  /** Looks at the whole: one, and one more over the edited texts. */
  rounds: 0,
  gitProcesses: 0,
};
