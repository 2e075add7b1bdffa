/** Spring applications that migrate at their start: the tool gets its own connection past the pooler. */
import { describe, expect, test } from 'vitest';
import { PG, planned } from './planned.ts';

const pom = (tool: string) =>
  `<project><dependencies><dependency><groupId>x</groupId><artifactId>${tool}</artifactId></dependency></dependencies></project>\n`;
const built = (environment: string): Record<string, string> => ({
  'compose.yml': `${PG}  api:\n    build: .\n    environment:\n${environment}`,
  Dockerfile: 'FROM eclipse-temurin:21\nCOPY target/app.jar app.jar\nCMD ["java", "-jar", "app.jar"]\n',
});
const ENTRIES = `      DB_URL: jdbc:postgresql://db:5432/d
      DB_USER: u
      DB_PASSWORD: p
`;
const YAML = `spring:
  application:
    name: api
  datasource:
    url: \${DB_URL:jdbc:postgresql://localhost:5432/d}
    username: "\${DB_USER}"
    password: \${DB_PASSWORD}   # from the environment
  jpa:
    open-in-view: false
`;
const SETTINGS = 'src/main/resources/application';

test('a block of its own below the data source, with the variables as they are called here', async () => {
  const { written, pools } = await planned({
    ...built(ENTRIES),
    'pom.xml': pom('flyway-core'),
    [`${SETTINGS}.yml`]: YAML,
  });
  expect(pools.map(({ mode, others }) => [mode, others])).toEqual([['transaction', []]]);
  // The environment of the service has the setting's own variables, which need no new image.
  expect(written('compose.yml')).toContain(`      DB_URL: jdbc:postgresql://pgbouncer:6432/d
      SPRING_FLYWAY_URL: jdbc:postgresql://db:5432/d
      SPRING_FLYWAY_USER: u
      SPRING_FLYWAY_PASSWORD: p
`);
});

describe('host and port are variables', () => {
  const HOST = '      DB_HOST: db\n      DB_PORT: "5432"\n      DB_USER: u\n      DB_PASSWORD: p\n';
  const url = (value: string) => YAML.replace('${DB_URL:jdbc:postgresql://localhost:5432/d}', value);

  test('in YAML, also where the tool has a block already', async () => {
    const { written, pools } = await planned({
      ...built(HOST),
      'pom.xml': pom('liquibase-core'),
      [`${SETTINGS}.yml`]: `${url('"jdbc:postgresql://${DB_HOST:localhost}:${DB_PORT}/d"')}  liquibase:\n    change-log: classpath:db.yml\n`,
    });
    expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
    expect(written(`${SETTINGS}.yml`)).toContain(`  liquibase:
    change-log: classpath:db.yml
    url: "jdbc:postgresql://\${DB_HOST_DIRECT:\${DB_HOST:localhost}}:\${DB_PORT_DIRECT:\${DB_PORT}}/d"
    user: "\${DB_USER}"
    password: \${DB_PASSWORD}
`);
    expect(written('compose.yml')).toContain('DB_HOST_DIRECT: db\n');
    expect(written('compose.yml')).toContain('DB_PORT_DIRECT: "5432"\n');
  });

  test('in properties, with the env file of what people start themselves', async () => {
    const { written, pools } = await planned({
      'compose.yml': `${PG}    ports: ["5432:5432"]\n`,
      '.env.example': 'DB_HOST=localhost\nDB_PORT=5432\nDB_USER=u\nDB_PASSWORD=p\n',
      'build.gradle': "dependencies { implementation 'org.flywaydb:flyway-core' }\n",
      [`${SETTINGS}.properties`]:
        'spring.datasource.url=jdbc:postgresql://${DB_HOST}:${DB_PORT}/d\r\nspring.datasource.username=${DB_USER}\r\nspring.datasource.password=${DB_PASSWORD}\r\nserver.port=80\r\n',
    });
    expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
    expect(written(`${SETTINGS}.properties`)).toContain(
      'spring.datasource.password=${DB_PASSWORD}\r\nspring.flyway.url=jdbc:postgresql://${DB_HOST_DIRECT:${DB_HOST}}:${DB_PORT_DIRECT:${DB_PORT}}/d\r\nspring.flyway.user=${DB_USER}\r\nspring.flyway.password=${DB_PASSWORD}\r\nserver.port=80',
    );
    expect(written('.env.example')).toContain('DB_HOST_DIRECT=localhost\n');
  });

  test.each([
    ['no user is set', url('jdbc:postgresql://${DB_HOST}:${DB_PORT}/d').replace(/ {4}username.*\n/, '')],
    [
      'the settings are written in one line',
      'spring: { datasource: { url: "jdbc:postgresql://${DB_HOST}:${DB_PORT}/d", username: u, password: p } }\n',
    ],
  ])('%s: the pool bears it in session mode', async (_, text) => {
    const { written, pools } = await planned({
      ...built(HOST),
      'pom.xml': pom('flyway-core'),
      [`${SETTINGS}.yml`]: text,
    });
    expect(pools.map(({ mode }) => mode)).toEqual(['session']);
    expect(written(`${SETTINGS}.yml`)).toBe('');
  });
});

test('a profile with a data source of its own leaves the tool where it is', async () => {
  const { written, pools } = await planned({
    ...built('      DB_HOST: db\n      DB_USER: u\n      DB_PASSWORD: p\n'),
    'pom.xml': pom('flyway-core'),
    [`${SETTINGS}.yml`]: YAML.replace('${DB_URL:jdbc:postgresql://localhost:5432/d}', 'jdbc:postgresql://${DB_HOST}/d'),
    [`${SETTINGS}-prod.yml`]: 'spring:\n  datasource:\n    url: ${PROD_URL}\n',
  });
  expect(pools.map(({ mode }) => mode)).toEqual(['session']);
  expect(written(`${SETTINGS}.yml`)).not.toContain('flyway');
});

test('so does one that stands further down in the same file', async () => {
  const { written, pools } = await planned({
    ...built('      DB_HOST: db\n      DB_PORT: "5432"\n      DB_USER: u\n      DB_PASSWORD: p\n'),
    'pom.xml': pom('flyway-core'),
    [`${SETTINGS}.yml`]: `${YAML.replace('${DB_URL:jdbc:postgresql://localhost:5432/d}', 'jdbc:postgresql://${DB_HOST}:${DB_PORT}/d')}---
spring:
  config: { activate: { on-profile: prod } }
  datasource:
    url: \${PROD_URL}
`,
  });
  expect(pools.map(({ mode }) => mode)).toEqual(['session']);
  expect(written(`${SETTINGS}.yml`)).not.toContain('flyway');
});

test('what the tool is given already stays', async () => {
  const { written } = await planned({
    ...built(ENTRIES),
    'pom.xml': pom('flyway-core'),
    [`${SETTINGS}.yml`]: `${YAML}  flyway:\n    url: jdbc:postgresql://db:5432/d\n`,
  });
  expect(written(`${SETTINGS}.yml`)).toBe('');
});

test('what listens too has no connection of its own for the tool alone: session mode', async () => {
  const { written, pools } = await planned({
    ...built(ENTRIES),
    'pom.xml': pom('flyway-core'),
    [`${SETTINGS}.yml`]: YAML,
    'src/main/java/Feed.java': `import org.postgresql.PGConnection;
class Feed {
  void run(java.sql.Connection connection) throws Exception {
    connection.createStatement().execute("LISTEN events");
    connection.unwrap(PGConnection.class).getNotifications(1000);
  }
}
`,
  });
  expect(pools.map(({ mode }) => mode)).toEqual(['session']);
  expect(written('compose.yml')).not.toContain('SPRING_FLYWAY_URL');
});
