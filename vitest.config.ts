import { defineConfig } from 'vitest/config';

/** What measures how fast something is comes last and alone. */
const TIMED = ['test/live/load.test.ts', 'test/live/lifecycle.test.ts'];
/** More than there are cores: tests on real servers mostly wait. */
const WORKERS = 3;

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/count-reporter.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/*.test.ts'], maxWorkers: WORKERS, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: 'live',
          include: ['test/live/*.test.ts'],
          exclude: TIMED,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'timed', include: TIMED, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
