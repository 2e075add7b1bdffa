/** Passwords out of any text that leaves the process. Masked once, before every renderer, context lines too. */
import { findUrlDsns } from './dsn.ts';

export const MASK = '****';

const SECRET_NAME =
  '[\\w.-]*(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIALS?|_PWD|_PASS)[\\w.-]*|PASS|PWD|PGPASS';
/** `KEY=value`, `KEY: value`, `"key": "value"`, `key => value`, `--password value`. */
const SETTING = new RegExp(
  `((?:^|[\\s{,;(\\-"'?&[:#])(?:${SECRET_NAME})["']?\\s*(?:=>|[:=])\\s*)("(?:[^"\\\\]|\\\\.)*"?|'(?:[^'\\\\]|\\\\.)*'?|[^\\s,;&]+)`,
  'gi',
);
const FLAG = /(--?(?:[\w-]*-)?(?:password|passwd|pass|secret|token)\s+)("[^"]*"|'[^']*'|[^\s-]\S*)/gi;
const READ = new RegExp(
  `((?:getenv|environ\\.get|env|config)\\(\\s*["'](?:${SECRET_NAME})["']\\s*,\\s*(?:default\\s*=\\s*)?)("[^"]*"|'[^']*')`,
  'gi',
);
const PGPASS = /^([^:\s#]+:(?:\d+|\*):[^:\s]+:[^:\s]+:)(\S+)$/;

/** The text with every password replaced; lines stay as many as they were. */
export function maskSecrets(text: string): string {
  const isSecretManifest = /^\s*kind:\s*Secret\b/m.test(text);
  return text
    .split('\n')
    .map(line =>
      maskLine(
        isSecretManifest ? line.replace(/^(\s+[\w.-]+:\s+)([A-Za-z0-9+/]{4,}={0,2})(\r?)$/, `$1${MASK}$3`) : line,
      ),
    )
    .join('\n');
}

function maskLine(line: string): string {
  let out = line;
  if (out.includes('://')) {
    // From the end, so that earlier places stay valid.
    for (const { password, query } of findUrlDsns(out).reverse()) {
      if (query)
        out =
          out.slice(0, query.start) +
          out.slice(query.start, query.end).replace(/((?:password|pwd|sslpassword)=)[^&]*/gi, `$1${MASK}`) +
          out.slice(query.end);
      if (password && hides(out.slice(password.start, password.end)))
        out = out.slice(0, password.start) + MASK + out.slice(password.end);
    }
    out = out.replace(/(:\/\/[^\s:@/'"$]+:)([^\s@'"*${<]+)(@)/g, `$1${MASK}$3`);
  }
  return out
    .replace(SETTING, (whole, lead: string, value: string) => (isHarmless(value) ? whole : lead + maskValue(value)))
    .replace(FLAG, (whole, lead: string, value: string) => (isHarmless(value) ? whole : lead + MASK))
    .replace(READ, (_, lead: string, value: string) => `${lead}${value[0]}${MASK}${value[0]}`)
    .replace(PGPASS, `$1${MASK}`);
}

/** A reference to a variable shows nothing; its default does. */
const hides = (value: string): boolean =>
  value !== '' && !/^(?:\$\{?\w+\}?|\{\w*\}|<[^>]*>|%\(?\w*\)?s?|\*+)$/.test(value);

const isHarmless = (value: string): boolean => {
  const bare = value.replace(/^["']|["'],?$/g, '');
  return (
    !hides(bare) ||
    /^(?:true|false|null|none|str|string|os\.\S*|env\S*\(.*|process\.\S*|settings\.\S*|self\.\S*|config\S*|Field\S*|password|\||>-?|\||!\w+|\w+\()$/i.test(
      bare,
    ) ||
    /^\w+\.\w+/.test(bare)
  );
};

function maskValue(value: string): string {
  const fallback = /^(["']?\$\{\w+:?[-=?])([^}]*)(\}.*)$/s.exec(value);
  if (fallback) return `${fallback[1]}${fallback[2] === '' ? '' : MASK}${fallback[3]}`;
  const quote = /^["']/.exec(value)?.[0] ?? '';
  return `${quote}${MASK}${quote}${value.startsWith(quote) && quote && !value.endsWith(quote) ? value.slice(value.lastIndexOf(quote) + 1) : ''}`;
}

/** Control and bidirectional characters as `\u{…}`, so that a file's content can't drive the terminal. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    char => `\\u{${char.charCodeAt(0).toString(16)}}`,
  );
}
