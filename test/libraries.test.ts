/**
 * Libraries by name: what each does to a session, in which configuration, and that one without such a need is silent. Expected are the
 * rules at error or warning in transaction mode; `source` says where upstream tells it.
 */
import { describe, expect, test } from 'vitest';
import { PG, planned, URL } from './planned.ts';

interface Library {
  name: string;
  file: string;
  text: string;
  rules: string[];
  source: string;
}

const compose = (app: string) => `${PG}  app:\n    build: .\n    environment:\n      DATABASE_URL: ${URL}\n${app}`;

/** Errors and warnings of the plan; a migration beside the application goes direct in the same plan and is a note. */
async function found({ file, text }: Pick<Library, 'file' | 'text'>): Promise<string[]> {
  const { hazards } = await planned({ 'docker-compose.yml': compose(''), [file]: text });
  return [...new Set(hazards.filter(({ severity }) => severity !== 'note').map(({ rule }) => rule))].sort();
}

const LISTENS: Library[] = [
  {
    name: 'Action Cable, adapter postgresql',
    file: 'config/cable.yml',
    text: 'production:\n  adapter: postgresql\n',
    rules: ['cable-listens'],
    source: 'https://guides.rubyonrails.org/action_cable_overview.html#postgresql-adapter',
  },
  {
    name: 'GoodJob',
    file: 'config/application.rb',
    text: 'module App\n  config.active_job.queue_adapter = :good_job\nend\n',
    rules: ['adapter-listens'],
    source: 'https://github.com/bensheldon/good_job#pgbouncer-compatibility',
  },
  {
    name: 'Que',
    file: 'Gemfile',
    text: "gem 'pg'\ngem 'que'\n",
    rules: ['worker-listens'],
    source: 'https://github.com/que-rb/que/blob/master/docs/README.md#using-pgbouncer',
  },
  {
    name: 'Oban',
    file: 'config/config.exs',
    text: 'import Config\nconfig :app, Oban, repo: App.Repo, queues: [default: 10]\n',
    rules: ['oban-listens'],
    source: 'https://hexdocs.pm/oban/Oban.Notifiers.Postgres.html',
  },
  {
    name: 'River',
    file: 'main.go',
    text: 'package main\n\nimport "github.com/riverqueue/river"\n\nfunc main() { river.NewClient(driver, &river.Config{}) }\n',
    rules: ['library-listens'],
    source: 'https://riverqueue.com/docs/pgbouncer',
  },
  {
    name: 'graphile-worker',
    file: 'worker.ts',
    text: "import { run } from 'graphile-worker';\nrun({ connectionString: process.env.DATABASE_URL });\n",
    rules: ['worker-listens'],
    source: 'https://worker.graphile.org/docs/faq',
  },
  {
    name: 'PostGraphile',
    file: 'server.ts',
    text: "import { postgraphile } from 'postgraphile';\napp.use(postgraphile(process.env.DATABASE_URL, 'public', { watchPg: true }));\n",
    rules: ['worker-listens'],
    source: 'https://www.graphile.org/postgraphile/subscriptions/',
  },
  {
    name: 'pg-listen',
    file: 'events.ts',
    text: "import createSubscriber from 'pg-listen';\nconst s = createSubscriber({ connectionString: process.env.DATABASE_URL });\ns.listenTo('jobs');\n",
    rules: ['listen-call', 'worker-listens'],
    source: 'https://github.com/andywer/pg-listen',
  },
  {
    name: "Socket.IO's postgres adapter",
    file: 'io.ts',
    text: "import { createAdapter } from '@socket.io/postgres-adapter';\nio.adapter(createAdapter(pool));\n",
    rules: ['worker-listens'],
    source: 'https://socket.io/docs/v4/postgres-adapter/',
  },
  {
    name: 'procrastinate',
    file: 'tasks.py',
    text: 'import procrastinate\napp = procrastinate.App(connector=procrastinate.PsycopgConnector())\n',
    rules: ['worker-listens'],
    source: 'https://procrastinate.readthedocs.io/en/stable/howto/production/connections.html',
  },
  {
    name: 'channels_postgres',
    file: 'app/settings.py',
    text: "CHANNEL_LAYERS = {'default': {'BACKEND': 'channels_postgres.core.PostgresChannelLayer', 'CONFIG': {}}}\n",
    rules: ['adapter-listens'],
    source: 'https://github.com/danidee10/channels_postgres',
  },
  {
    name: 'psycopg, notifies()',
    file: 'listen.py',
    text: 'import psycopg\n\n\ndef main(conn):\n    for notify in conn.notifies():\n        print(notify)\n',
    rules: ['driver-listens'],
    source: 'https://www.psycopg.org/psycopg3/docs/advanced/async.html#asynchronous-notifications',
  },
  {
    name: 'asyncpg, add_listener()',
    file: 'listen.py',
    text: "import asyncpg\n\n\nasync def main(conn):\n    await conn.add_listener('jobs', print)\n",
    rules: ['driver-listens'],
    source: 'https://magicstack.github.io/asyncpg/current/api/index.html#asyncpg.connection.Connection.add_listener',
  },
  {
    name: "Spring Integration's channel subscriber",
    file: 'src/main/java/Config.java',
    text: 'import org.springframework.integration.jdbc.channel.PostgresChannelMessageTableSubscriber;\nclass Config {}\n',
    rules: ['worker-listens'],
    source: 'https://docs.spring.io/spring-integration/reference/jdbc/message-store.html',
  },
  {
    name: 'Hangfire.PostgreSql with long polling',
    file: 'Program.cs',
    text: 'using Hangfire.PostgreSql;\nservices.AddHangfire(c => c.UsePostgreSqlStorage(x => x.UseNpgsqlConnection(url), new PostgreSqlStorageOptions { EnableLongPolling = true }));\n',
    rules: ['long-polling-listens'],
    source: 'https://github.com/hangfire-postgres/Hangfire.PostgreSql',
  },
];

const LOCKS: Library[] = [
  {
    name: 'django-pglock',
    file: 'job.py',
    text: "import pglock\n\nwith pglock.advisory('job'):\n    pass\n",
    rules: ['session-lock-library'],
    source: 'https://django-pglock.readthedocs.io/',
  },
  {
    name: 'golang-migrate',
    file: 'main.go',
    text: 'package main\n\nimport "github.com/golang-migrate/migrate/v4"\n\nfunc main() {\n\tm, _ := migrate.New("file://x", os.Getenv("DATABASE_URL"))\n\tm.Up()\n}\n',
    rules: ['migration-lock'],
    source: 'https://github.com/golang-migrate/migrate/tree/master/database/pgx',
  },
  {
    name: 'goose with a session locker',
    file: 'main.go',
    text: 'package main\n\nimport (\n\t"github.com/pressly/goose/v3"\n\t"github.com/pressly/goose/v3/lock"\n)\n\nfunc main() {\n\tlocker, _ := lock.NewPostgresSessionLocker()\n\tgoose.NewProvider(goose.DialectPostgres, db, fs, goose.WithSessionLocker(locker))\n}\n',
    rules: ['session-lock-by-library'],
    source: 'https://pkg.go.dev/github.com/pressly/goose/v3/lock',
  },
  {
    name: 'sqlx (Rust), migrate!',
    file: 'src/main.rs',
    text: 'use sqlx::postgres::PgPoolOptions;\nasync fn run(pool: sqlx::PgPool) { sqlx::migrate!().run(&pool).await.unwrap(); }\n',
    rules: ['migration-lock'],
    source: 'https://docs.rs/sqlx/latest/sqlx/migrate/struct.Migrator.html',
  },
  {
    name: 'django-tenants',
    file: 'app/settings.py',
    text: "DATABASES = {'default': {'ENGINE': 'django_tenants.postgresql_backend', 'NAME': 'd'}}\n",
    rules: ['tenant-backend'],
    source: 'https://django-tenants.readthedocs.io/',
  },
  {
    name: 'apartment',
    file: 'config/initializers/apartment.rb',
    text: "require 'apartment/elevators/subdomain'\nApartment.configure do |config|\n  config.use_schemas = true\nend\n",
    rules: ['tenant-schemas'],
    source: 'https://github.com/rails-on-services/apartment',
  },
];

const NONE: Library[] = [
  [
    'acts_as_tenant',
    'app/models/user.rb',
    "require 'acts_as_tenant'\nclass User < ApplicationRecord\n  acts_as_tenant :account\nend\n",
    'https://github.com/ErwinM/acts_as_tenant',
  ],
  [
    'Solid Queue',
    'config/application.rb',
    'module App\n  config.active_job.queue_adapter = :solid_queue\nend\n',
    'https://github.com/rails/solid_queue',
  ],
  [
    'Solid Cable',
    'config/cable.yml',
    'production:\n  adapter: solid_cable\n  polling_interval: 0.1.seconds\n',
    'https://github.com/rails/solid_cable',
  ],
  [
    'delayed_job',
    'config/application.rb',
    'module App\n  config.active_job.queue_adapter = :delayed_job\nend\n',
    'https://github.com/collectiveidea/delayed_job',
  ],
  [
    'Sidekiq',
    'config/application.rb',
    'module App\n  config.active_job.queue_adapter = :sidekiq\nend\n',
    'https://github.com/sidekiq/sidekiq',
  ],
  [
    'django-pgtrigger',
    'app/models.py',
    "import pgtrigger\n\n\nclass Meta:\n    triggers = [pgtrigger.Protect(name='p', operation=pgtrigger.Delete)]\n",
    'https://django-pgtrigger.readthedocs.io/',
  ],
  [
    'Oban with a notifier of its own',
    'config/config.exs',
    'import Config\nconfig :app, Oban, repo: App.Repo, notifier: Oban.Notifiers.PG\n',
    'https://hexdocs.pm/oban/Oban.Notifiers.PG.html',
  ],
  [
    'Phoenix.PubSub',
    'lib/app/application.ex',
    'defmodule App do\n  def start, do: [{Phoenix.PubSub, name: App.PubSub}]\nend\n',
    'https://hexdocs.pm/phoenix_pubsub',
  ],
  [
    'River that only polls',
    'main.go',
    'package main\n\nimport "github.com/riverqueue/river"\n\nfunc main() { river.NewClient(driver, &river.Config{PollOnly: true}) }\n',
    'https://riverqueue.com/docs/pgbouncer',
  ],
  [
    'pgmq',
    'queue.py',
    "from tembo_pgmq_python import PGMQueue\nqueue = PGMQueue(host='db')\nqueue.send('jobs', {})\n",
    'https://github.com/pgmq/pgmq',
  ],
  [
    'pg-boss',
    'queue.ts',
    "import PgBoss from 'pg-boss';\nconst boss = new PgBoss(process.env.DATABASE_URL);\nawait boss.start();\n",
    'https://timgit.github.io/pg-boss/',
  ],
  [
    'Hocuspocus',
    'hub.ts',
    "import { Server } from '@hocuspocus/server';\nimport { Database } from '@hocuspocus/extension-database';\nnew Server({ extensions: [new Database({})] });\n",
    'https://tiptap.dev/docs/hocuspocus/server/extensions/database',
  ],
  [
    'Hangfire.PostgreSql',
    'Program.cs',
    'using Hangfire.PostgreSql;\nservices.AddHangfire(c => c.UsePostgreSqlStorage(x => x.UseNpgsqlConnection(url)));\n',
    'https://github.com/hangfire-postgres/Hangfire.PostgreSql',
  ],
  [
    'Quartz by JDBC',
    'src/main/resources/quartz.properties',
    'org.quartz.jobStore.class=org.quartz.impl.jdbcjobstore.JobStoreTX\norg.quartz.jobStore.driverDelegateClass=org.quartz.impl.jdbcjobstore.PostgreSQLDelegate\n',
    'https://www.quartz-scheduler.org/documentation/quartz-2.3.0/configuration/ConfigJobStoreTX.html',
  ],
  [
    'ShedLock',
    'src/main/java/Config.java',
    'import net.javacrumbs.shedlock.provider.jdbctemplate.JdbcTemplateLockProvider;\nclass Config { Object p() { return new JdbcTemplateLockProvider(dataSource); } }\n',
    'https://github.com/lukas-krecan/ShedLock',
  ],
  [
    'db-scheduler',
    'src/main/java/Config.java',
    'import com.github.kagkarlsson.scheduler.Scheduler;\nclass Config { Object s() { return Scheduler.create(dataSource).threads(5).build(); } }\n',
    'https://github.com/kagkarlsson/db-scheduler',
  ],
  [
    "Spring Integration's lock registry",
    'src/main/java/Config.java',
    'import org.springframework.integration.jdbc.lock.JdbcLockRegistry;\nclass Config { Object r() { return new JdbcLockRegistry(repository); } }\n',
    'https://docs.spring.io/spring-integration/reference/jdbc/lock-registry.html',
  ],
  [
    'Liquibase',
    'src/main/java/Migrate.java',
    'import liquibase.Liquibase;\nclass Migrate { void m() throws Exception { new Liquibase("a.xml", accessor, database).update(""); } }\n',
    'https://docs.liquibase.com/concepts/tracking-tables/databasechangeloglock-table.html',
  ],
  [
    'refinery',
    'src/main.rs',
    'mod embedded { refinery::embed_migrations!("migrations"); }\nfn run() { embedded::migrations::runner().run(&mut client).unwrap(); }\n',
    'https://docs.rs/refinery',
  ],
  [
    'diesel',
    'src/main.rs',
    'use diesel_migrations::{embed_migrations, MigrationHarness};\nfn run(c: &mut PgConnection) { c.run_pending_migrations(MIGRATIONS).unwrap(); }\n',
    'https://docs.rs/diesel_migrations',
  ],
  [
    'goose',
    'main.go',
    'package main\n\nimport "github.com/pressly/goose/v3"\n\nfunc main() { goose.Up(db, "migrations") }\n',
    'https://pkg.go.dev/github.com/pressly/goose/v3',
  ],
  [
    'Drizzle',
    'db.ts',
    "import { drizzle } from 'drizzle-orm/node-postgres';\nexport const db = drizzle(process.env.DATABASE_URL);\n",
    'https://orm.drizzle.team/',
  ],
  [
    'TypeORM',
    'db.ts',
    "import { DataSource } from 'typeorm';\nexport const db = new DataSource({ type: 'postgres', url: process.env.DATABASE_URL });\n",
    'https://typeorm.io/',
  ],
  [
    'Sequelize',
    'db.js',
    "const { Sequelize } = require('sequelize');\nmodule.exports = new Sequelize(process.env.DATABASE_URL);\n",
    'https://sequelize.org/',
  ],
  [
    'MikroORM',
    'db.ts',
    "import { MikroORM } from '@mikro-orm/postgresql';\nexport const orm = await MikroORM.init({ clientUrl: process.env.DATABASE_URL });\n",
    'https://mikro-orm.io/',
  ],
  [
    'Kysely',
    'db.ts',
    "import { Kysely, Migrator, PostgresDialect } from 'kysely';\nexport const db = new Kysely({ dialect: new PostgresDialect({ pool }) });\nawait new Migrator({ db, provider }).migrateToLatest();\n",
    'https://kysely.dev/docs/migrations',
  ],
  [
    'connect-pg-simple',
    'session.js',
    "const session = require('express-session');\nconst Store = require('connect-pg-simple')(session);\nmodule.exports = session({ store: new Store({ conString: process.env.DATABASE_URL }) });\n",
    'https://github.com/voxpelli/node-connect-pg-simple',
  ],
].map(([name = '', file = '', text = '', source = '']) => ({ name, file, text, rules: [], source }));

describe.each([
  ['what listens', LISTENS],
  ['what locks, or keeps state', LOCKS],
  ['what does neither', NONE],
])('%s', (_, libraries) => {
  test.each(libraries.map(library => [library.name, library] as const))('%s', async (_name, library) => {
    expect(library.source).toMatch(/^https:\/\//);
    expect(await found(library)).toEqual(library.rules);
  });
});
