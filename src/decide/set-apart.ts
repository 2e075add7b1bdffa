/** Settings that frameworks have for a migration's own connection. Sources: the documentation of each. */

/** `trigger`: variable of the application's connection; `own`: those of the migration's, with the application's that give their value. */
export interface MigrationSetting {
  /** What a need is called that it takes over. */
  what: string;
  trigger: RegExp;
  own(key: string): { url: string; copies: readonly [name: string, from: string][] };
}

export const MIGRATION_SETTINGS: readonly MigrationSetting[] = [
  // docs.spring.io/spring-boot/appendix/application-properties: spring.flyway.url needs its own user and password.
  {
    what: 'Flyway',
    trigger: /^SPRING_DATASOURCE_URL$/,
    own: () => ({
      url: 'SPRING_FLYWAY_URL',
      copies: [
        ['SPRING_FLYWAY_USER', 'SPRING_DATASOURCE_USERNAME'],
        ['SPRING_FLYWAY_PASSWORD', 'SPRING_DATASOURCE_PASSWORD'],
      ],
    }),
  },
  {
    what: 'Liquibase',
    trigger: /^SPRING_DATASOURCE_URL$/,
    own: () => ({
      url: 'SPRING_LIQUIBASE_URL',
      copies: [
        ['SPRING_LIQUIBASE_USER', 'SPRING_DATASOURCE_USERNAME'],
        ['SPRING_LIQUIBASE_PASSWORD', 'SPRING_DATASOURCE_PASSWORD'],
      ],
    }),
  },
  // quarkus.io/guides/flyway: quarkus.flyway.jdbc-url
  {
    what: 'Flyway',
    trigger: /^QUARKUS_DATASOURCE_JDBC_URL$/,
    own: () => ({
      url: 'QUARKUS_FLYWAY_JDBC_URL',
      copies: [
        ['QUARKUS_FLYWAY_USERNAME', 'QUARKUS_DATASOURCE_USERNAME'],
        ['QUARKUS_FLYWAY_PASSWORD', 'QUARKUS_DATASOURCE_PASSWORD'],
      ],
    }),
  },
];

/** True where the block has the migration's own setting already. */
export const isSetApart = (what: string, siblings: readonly string[]): boolean =>
  MIGRATION_SETTINGS.some(setting => setting.what === what && siblings.includes(setting.own('').url));
