/**
 * Passwords out of any text that leaves the process: masked once, before every renderer, context lines too. It errs on
 * the side of masking: a word too many behind `****` costs a glance, a leaked password an incident.
 */
import { findUrlDsns } from './dsn.ts';

export const MASK = '****';

/** Names whose value is a secret; not those of files and of settings about passwords. */
const NAME =
  '(?:[\\w.-]*(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIALS?|_PWD|_PASS|PGPASS)(?:[\\w.-]*)|(?<![\\w-])(?:PASS|PWD))(?<!_FILE|_PATH|_ENCRYPTION|_POLICY|_FIELD|_LENGTH)';
const STRING = '(?:[rbuf]{0,2})(?:"(?:[^"\\\\]|\\\\.)*"?|\'(?:[^\'\\\\]|\\\\.)*\'?)';
/** What may stand between a name and its value: `"] =`, `: str =`, `) or`, `", default=`, `=> `. */
const LINK =
  '["\']?\\s*[\\])]?\\s*(?::\\s*[A-Za-z_][\\w[\\]., |]*?)?\\s*(?:=>|:=|=|:|,|\\|\\||\\?\\?|\\bor\\b|\\bPASSWORD\\b)\\s*(?:[A-Za-z_][\\w.]*\\(\\s*)?(?:default\\s*=\\s*)?';

const QUOTED = new RegExp(`(${NAME}${LINK})(${STRING}(?:\\\\'${STRING})*)`, 'gi');
/** `KEY=value` and `key: value` that fill their line, or the quotes of a list item. */
const WHOLE = new RegExp(
  `^(\\s*(?:[-+#>]\\s*)*(?:export\\s+|set\\s+|ENV\\s+|ARG\\s+)?["']?${NAME}["']?(?:\\s*[:=]\\s*|\\s+(?<=^ENV\\s.*)))(?!["'])(\\S.*?)(["']?,?)(\\r?)$`,
  'i',
);
/** `KEY=value` inside a line: commands, call arguments, query strings, lists. */
const INLINE = new RegExp(`((?:^|[\\s{,;(\\-"'?&[#])${NAME}\\s*(?:=>|=)\\s*)(?!["'\\s])([^\\s,)"'\\]}]+)`, 'gi');
const FLAG = new RegExp(
  `(--?(?:[\\w-]*-)?(?:password|passwd|pass|secret|token)(?:["'],\\s*|\\s+|=))(${STRING}|[^\\s"',-][^\\s"',]*)`,
  'gi',
);
const SQL = /(\bPASSWORD\s+)('(?:[^']|'')*')/gi;
const USERLIST = /^(\s*"[^"]+"\s+)"(?:[^"]|"")*"(\s*)$/;
const PGPASS = /((?:^|[\s"'])[\w.*[\]:-]+?:(?:\d{4,5}|\*):[^:\s"']+:[^:\s"']+:)([^"'\r\n]+)/;

/** The text with every password replaced; lines stay as many as they were. */
export function maskSecrets(text: string): string {
  const lines = text.split('\n');
  const isSecretManifest = /^\s*kind:\s*["']?Secret\b/m.test(text);
  let block: number | null = null;
  let dataIndent: number | null = null;
  return lines
    .map((line, i) => {
      const indent = line.length - line.trimStart().length;
      if (block !== null && (line.trim() === '' || indent > block))
        return line.trim() === '' ? line : line.slice(0, indent) + MASK;
      block = BLOCK.test(line) ? indent : null;
      if (isSecretManifest && /^\s*(?:data|stringData):\s*\r?$/.test(line)) dataIndent = indent;
      else if (dataIndent !== null && line.trim() !== '' && indent <= dataIndent) dataIndent = null;
      else if (dataIndent !== null)
        return line.replace(/^(\s*[^:]+:\s*).*?(\r?)$/, (_, key, end) => `${key}${MASK}${end}`);
      const before = lines[i - 1] ?? '';
      if (NAMED_ABOVE.test(before))
        return line.replace(
          /^(\s*(?:value\s*:)?\s*)(.*?)([),]*\r?)$/,
          (_, key, value, end) => key + maskValue(value) + end,
        );
      return maskLine(line);
    })
    .join('\n');
}

/** `password: |`: the lines below, as long as they are deeper. */
const BLOCK = new RegExp(`${NAME}["']?\\s*:\\s*[|>][+-]?\\d*\\s*\\r?$`, 'i');
/** `- name: DB_PASSWORD` with its value, or `getenv("DB_PASSWORD",` with its default, on the next line. */
const NAMED_ABOVE = new RegExp(`(?:name:\\s*["']?${NAME}["']?|["']${NAME}["'],)\\s*\\r?$`, 'i');

function maskLine(line: string): string {
  let out = maskUrls(line);
  out = out.replace(QUOTED, (whole, lead: string, value: string) =>
    isNameOnly(value) ? whole : lead + maskQuoted(value),
  );
  const whole = WHOLE.exec(out);
  if (whole && !isCode(whole[2] ?? '')) out = `${whole[1]}${maskValue(whole[2] ?? '')}${whole[3]}${whole[4]}`;
  else
    out = out.replace(INLINE, (text, lead: string, value: string) => (isCode(value) ? text : lead + maskValue(value)));
  return out
    .replace(
      FLAG,
      (_, lead: string, value: string) => lead + (/^["']/.test(value) ? maskQuoted(value) : maskValue(value)),
    )
    .replace(SQL, `$1'${MASK}'`)
    .replace(USERLIST, `$1"${MASK}"$2`)
    .replace(PGPASS, `$1${MASK}`);
}

function maskUrls(line: string): string {
  if (!line.includes('://')) return line;
  let out = line;
  // From the end, so that earlier places stay valid.
  for (const { password, query } of findUrlDsns(out).reverse()) {
    if (query) {
      const masked = out.slice(query.start).replace(/((?:password|pwd|sslpassword)=)[^&\s"'`]*/gi, `$1${MASK}`);
      out = out.slice(0, query.start) + masked;
    }
    if (password && !isReference(out.slice(password.start, password.end)))
      out = out.slice(0, password.start) + MASK + out.slice(password.end);
  }
  // What the tokenizer ends early at, such as a quote in the password: everything up to the last @ before the host.
  return out.replace(
    /(:\/\/[^\s:@/]*:)([^\s]*)(@(?=[\w.[${<%-]+))/g,
    (whole, lead: string, password: string, end: string) =>
      isReference(password) || password.includes('://') ? whole : `${lead}${MASK}${end}`,
  );
}

/** A reference to a variable, a file or a placeholder: it shows nothing. */
const isReference = (value: string): boolean =>
  value === '' ||
  /^(?:\$\{\w+(?::?\?[^}]*)?\}|\$\w+|\$\$\{?\w+\}?|\$\([^)]*\)|\$\{\{[^}]*\}\}|\{\{[^}]*\}\}|\{[\w.[\]'"]*\}|<[^<>]*>|%\(\w+\)s|%s|\*+)$/.test(
    value,
  );

/** Words that stand for no secret, and expressions of code: `None`, `password`, `os.getenv(…)`, `settings.password`. */
const isCode = (value: string): boolean =>
  isReference(value) ||
  /^(?:true|false|null|none|nil|undefined|str|string|password|passwd|pass|pwd|secret|token)\b[\s),;:]*$/i.test(value) ||
  /^(?:os|self|settings|config|process|env|app|this|args|options|params|cfg|conf|secrets|vault)\.\w[\w.]*(?:$|[\s(),;[|?])/.test(
    value,
  ) ||
  /^(?:os\.)?(?:getenv|environ|env|config|require|fetch|input|getpass|str|int)[\w.]*[([]/.test(value) ||
  /^(?:\||>-?|!\w+)$/.test(value);

/** A quoted word that is itself a name: `getenv("DB_PASSWORD", …)`, `name: "POSTGRES_PASSWORD"`. */
const isNameOnly = (value: string): boolean =>
  new RegExp(`^["']${NAME}["']$`, 'i').test(value) && /[A-Z]_[A-Z]/.test(value);

function maskValue(value: string): string {
  if (isReference(value)) return value;
  const fallback = /^(["']?\$\{\w+:?[-=])(.*)(\}["']?)$/s.exec(value);
  if (fallback) return `${fallback[1]}${fallback[2] === '' ? '' : MASK}${fallback[3]}`;
  return /^["']/.test(value) ? maskQuoted(value) : MASK;
}

function maskQuoted(value: string): string {
  const [, prefix = '', quote = ''] = /^([rbuf]*)(["'])/i.exec(value) ?? [];
  const inner = value.slice(
    prefix.length + 1,
    value.endsWith(quote) && value.length > prefix.length + 1 ? -1 : undefined,
  );
  return prefix + quote + (isReference(inner) ? inner : maskValue(inner)) + quote;
}

/** Control and bidirectional characters as `\u{…}`, so that a file's content can't drive the terminal. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    char => `\\u{${char.charCodeAt(0).toString(16)}}`,
  );
}
