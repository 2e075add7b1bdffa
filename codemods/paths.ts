/** File names that say what a file is, without loading a parser. */
export const isComposePath = (path: string): boolean =>
  isSwarmPath(path) ||
  /(?:^|\/)(?:[\w.-]*[._-])?compose(?:[._-][\w.-]*)?\.ya?ml(?:\.(?:example|sample|dist|template))?$/i.test(path);

/** Compose files under other names (`src/main/docker/app.yml`) are told by their shape: services with images or builds. */
const COMPOSE_SHAPE =
  /^services:[ \t]*(?:#.*)?\r?\n(?:[ \t]*(?:#.*)?\r?\n)*[ \t]+["']?[\w.-]+["']?:[ \t]*(?:#.*|&\S+)?\r?$/m;

export const isComposeFile = (path: string, text: string): boolean =>
  isComposePath(path) || (isOddCompose(path) && COMPOSE_SHAPE.test(text) && /^[ \t]+(?:image|build):/m.test(text));

/** YAML that can be a compose file though its name does not say so. */
export const isOddCompose = (path: string): boolean =>
  /\.ya?ml$/i.test(path) && !isCiPath(path) && !/(?:^|\/)(?:templates|charts?|k8s|kubernetes|manifests)\//i.test(path);

/** Stack files of Docker Swarm: compose files that can't build an image. */
export const isSwarmPath = (path: string): boolean =>
  /(?:^|\/)(?:docker-)?(?:stack|swarm)(?:[._-][\w.-]*)?\.ya?ml$/i.test(path);

/** Files of CI systems, whose service containers are thrown away after each run. */
export const isCiPath = (path: string): boolean =>
  /(?:^|\/)(?:\.\w+\/workflows\/|\.github\/(?:actions|scripts)\/|\.ci\/|\.gitlab\/|\.circleci\/|\.buildkite\/|\.woodpecker|\.drone|\.travis|\.gitlab-ci|azure-pipelines|bitbucket-pipelines|Jenkinsfile|appveyor|\.appveyor|cloudbuild|\.semaphore|\.cirrus|\.tekton\/)/i.test(
    path,
  );

/** Code of tests by its place: it starts with values of its own, and no program of the repository loads it. */
export const isTestPath = (path: string): boolean =>
  /(?:^|\/)(?:(?:[\w-]+[-_])?tests?|__tests__|specs?|(?:[\w-]+[-_])?e2e(?:[-_][\w-]+)?|testdata|fixtures|cypress|playwright)\//i.test(
    path,
  ) || /(?:^|[._-])(?:test|spec)\.[a-z]+$|(?:^|\/)(?:test_|conftest)/i.test(path);

/** Env files and their templates, whatever their format is read as. */
const ENVIRONMENT =
  /^(?:env(?:\.list)?|[\w-]+_env\.list|\.[\w-]+_env|\.env(?:rc)?(?:[._-].*)?|.*\.env(?:[._-](?:example|sample|template|dist|defaults?|tpl|local|test|dev|development|prod|production|docker|ci|staging))?|env[._-]?(?:example|sample|template|dist)[\w.-]*|(?:example|sample|default)[._-]env|.*\.envrc)$/i;

export const isEnvironmentFile = (path: string): boolean =>
  ENVIRONMENT.test(path.slice(path.lastIndexOf('/') + 1)) && !/\.(?:ts|js|py|go|rb|ya?ml|json|sh)$/i.test(path);

/** Tests, migrations, benchmarks, documents and scripts that a new server runs: only a program that names them runs them, and what they do to a session stays theirs. */
export const isAsidePath = (path: string): boolean =>
  /(?:^|\/)(?:tests?|__tests__|spec|e2e|examples?|docs?|benchmarks?|benches|perf|db_perf|migrations?|migrate|alembic|seeds?|seeders|initdb(?:\.d)?|docker-entrypoint-initdb\.d|[\w-]*test_?db[\w-]*)\/|\.(?:Unit|Integration)?Tests?\//i.test(
    path,
  ) ||
  /(?:^|[._-])(?:test|spec)\.[a-z]+$|(?:^|\/)(?:test_|conftest)|Tests?\.(?:cs|java|kt|php)$|(?:^|\/)(?:migrat\w*|seeds?)\.[a-z]+$|Console\/Commands\/\w*Migrat/i.test(
    path,
  ) ||
  /[a-z]Tests?\//.test(path);
