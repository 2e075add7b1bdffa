/** What is the name of a secret, and what is a value that shows none. */

const SECRET =
  /pass(?:word|wd|phrase)|secret|token(?!i[sz])|credential|pgpass|(?:api|private|access|account|auth|signing|encryption)[_.-]?key|(?:^|[_.-])(?:pass|pwd|pw)(?![a-z])/i;
/** E.g. `dbPass`, `userPwd`. */
const CAMEL_CASE = /[a-z](?:Pass|Pwd|Pw)(?![a-z])/;
const ABOUT =
  'file|path|dir|name|ref|url|uri|endpoint|encryption|policy|field|length|min|max|expiry|expires|ttl|timeout|minutes|seconds|' +
  'hours|days|age|type|validators|hashers|column|algorithm|env|var|prompt|regex|pattern|label|placeholder|error|count|limit';
/** Of a file or a setting about secrets, e.g. `PASSWORD_FILE`, `passwordFile`, `password_encryption`, `secretName`. */
const NO_SECRET = new RegExp(`(?:[_.-](?:${ABOUT})|[a-z](?:${ABOUT.replace(/\b[a-z]/g, c => c.toUpperCase())}))$`);
/** Lists of names, e.g. the `secrets:` of Docker Compose. */
const LIST = /(?:^|[_.-])(?:secrets|tokens)$/i;

export function isSecretName(word: string): boolean {
  const name = word.slice(-120).replace(/[.-]+$/, '');
  if (!SECRET.test(name) && !CAMEL_CASE.test(name)) return false;
  return !NO_SECRET.test(/[a-z]/.test(name) ? name : name.toLowerCase()) && !LIST.test(name);
}

/** E.g. `$A`, `${A}`, `${A:?message}`, `${A:-}`, `$(cat f)`, `${{ a }}`, `{{ a }}`, `{a.b}`, `#{a}`, `<a>`, `%s`, `%(a)s`, `****`. */
const REFERENCE =
  /^(?:\*|\$\$?\w+|\$\$?\{\w+(?::?[?+][^}]*|:?-)?\}|\$\([^)]*\)|\$?\{\{[^}]*\}\}|#?\{[\w.[\]'"]*\}|<[^<>]*>|%\w+%|%\(\w+\)s|%s)+$/;
/** A place in a store of secrets, a tag of YAML: `!Ref`, `!secret`. */
const STORED =
  /^(?:arn:aws:[\w:/.+=@-]+|op:\/\/[\w/ -]+|!(?:Ref|Sub|GetAtt|ImportValue|secret|env|ENV|reference|vault)\b.*)$/;

/** A reference to a variable, a file or a placeholder: it shows nothing. */
export const isReference = (value: string): boolean => value === '' || REFERENCE.test(value) || STORED.test(value);

/** E.g. `POSTGRES_PASSWORD`: a literal that names the variable. */
export const isVariableName = (value: string): boolean => /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(value);

const NOTHING = /^(?:true|false|null|none|nil|undefined|[|>][+-]?\d?|[{[(]+[\])}]*|\\)[\s),;:\]}]*$/i;
export const TYPE =
  '(?:str|string|String|bytes|bool|boolean|Secret(?:Str)?|Any|any|unknown|Optional|Union|Annotated|Final)(?![\\w-])';
const DECLARED = new RegExp(`^${TYPE}(?:\\[[\\w., |]*\\])?\\s*(?:[|,;)=}].*)?$`);
const OBJECTS =
  'os|self|this|settings|config|process|env|app|args|options|opts|params|cfg|conf|secrets|vault|std|System';
const READERS =
  '(?:get|read|load|fetch|decrypt|lookup|require|resolve|find|prompt|generate|random|hash|env|input|config)\\w*';
/** E.g. `os.getenv(`, `self.password`, `process.env.A`, `get_secret(`, `await readFile(`. */
const CODE = new RegExp(`^(?:await\\s+|new\\s+)?(?:(?:${OBJECTS})(?:\\.|\\?\\.)\\w|(?:\\w+\\.){0,4}${READERS}[([])`);

/** An expression that reads a secret from elsewhere; only its beginning counts. */
export const isReading = (value: string): boolean => CODE.test(value);

/** Words for no value and types, e.g. `None`, `str | None = None`, `string;`; a constant's name has no type. */
export const isNoValue = (value: string, name: string): boolean =>
  NOTHING.test(value) || (/[a-z]/.test(name) && DECLARED.test(value));

/** An argument or a property that passes a variable on, e.g. `password` in `connect(password=password)`. */
export const isVariable = (value: string): boolean =>
  value.length < 80 && /^[A-Za-z_]+(?:\.[A-Za-z_]+)*$/.test(value) && isSecretName(value);
