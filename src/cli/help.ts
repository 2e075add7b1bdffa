export const HELP = `pool-migrate: put PgBouncer between a repository and its Postgres

Usage
  pool-migrate [command] [options]

Commands
  plan                 show what would change (default; writes nothing)
  audit                what breaks behind PgBouncer; exit 1 on errors
  apply FILE           apply a plan that was saved with plan --out FILE
  verify               check the running stack, both ways: through the pool and past it
  undo [RUN]           take the last run back, or the one named
  size                 how many connections there can be, with the evidence for each number
  explain ID           a rule: why it exists, its examples; a place: who reads it
  rules test           run the examples of all rules, yours too
  init                 write a commented pool-migrate.yml
  report merge FILE-OR-DIR…  the JSON reports of many repositories as one overview: markdown, html or json
  completion SHELL     completion for bash, zsh or fish
  mcp                  a server of the Model Context Protocol on stdin and stdout; writes only if started with --write
  schema NAME          JSON Schema of report, config, rules, plan, verify or overview

Mode
  --dry-run            the default: diff on stdout, summary on stderr
  --write              apply the safe edits
  -i, --interactive    ask for each decision, the unsafe ones too, then apply what was chosen
  --unsafe             also those that need a human decision first
  --check              list pending changes; exit 1 if there are any
  --strict             with --check: open reviews count too
  --answers FILE       answers to the questions of a plan, as its JSON offers them (a piece of pool-migrate.yml)
  --force              write files with uncommitted changes too
  --out FILE           with plan: save the plan for apply

Target
  --service NAME       the Postgres service, where several could be meant
  --pool-host NAME     name of the pooler (pgbouncer)
  --pool-port PORT     its port inside the network (auto: 6432)
  --pool-mode MODE     auto, transaction, session or statement
  --pgbouncer-version V  version that the pooler will run
  --base alpine|debian   base of the generated image
  --keep-direct NAME   a variable that stays direct

Audit
  --fail-on LEVEL      error (default), warning or never
  --baseline FILE      known findings, which don't fail; written where it is missing
  --strict-baseline    findings of the baseline that are gone fail too

Scope
  -C, --cwd DIR        the directory to migrate (.)
  --include GLOB       only these files, instead of the configuration's; repeatable
  --exclude GLOB       not these files, nor the configuration's; repeatable
  --changed            only what concerns files that differ from HEAD, as for a pre-commit hook; stage them before --write
  --since COMMIT       only what concerns files that differ from where the branch left it
  --include-ignored-env  also write git-ignored env files
  -c, --config FILE    configuration (pool-migrate.yml, .yaml, .json, package.json)
  --no-config          read none

Verify
  --run CMD            run your own command too, pooled and then direct
  --allow-writes       also test a transaction that is rolled back
  --pooled-url URL     instead of what compose publishes; or POOL_MIGRATE_POOLED_URL
  --direct-url URL     likewise; or POOL_MIGRATE_DIRECT_URL

Output
  --json               the report as one JSON object on stdout
  --stat               a table of the changed files instead of the diff
  --reporter NAME[=FILE]  text, diff, stat, json, sarif, github, markdown or html (a page to review on); repeatable
  --patch FILE         write the exact patch, passwords included (mode 0600)
  --show-secrets       do not mask passwords
  --color auto|always|never
  -q, --quiet          no summary
  --verbose            every decision, and stacks of errors
  --no-progress
  --no-cache           look at every file again (else: an unchanged tree gets the last answer)
  -h, --help           -V, --version

Exit codes
  0 done, also when there was nothing to do    1 pending changes, failed checks
  2 usage or configuration                     3 refused or rolled back
  70 internal error                            130, 143 signals

Examples
  npx pool-migrate                             review
  npx pool-migrate --write                     patch
  npx pool-migrate undo                        take it back
  npx pool-migrate --check                     in CI
`;
