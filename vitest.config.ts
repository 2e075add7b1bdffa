import { defineConfig } from 'vitest/config';

/** What measures how fast something is comes last and alone. */
const TIMED = ['test/live/load.test.ts', 'test/live/lifecycle.test.ts'];

export default defineConfig({
  test: {
    // Much more than any takes, also on a machine that is busy.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    reporters: ['default', './test/count-reporter.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/*.test.ts'], maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: 'live',
          include: ['test/live/*.test.ts'],
          exclude: TIMED,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'timed', include: TIMED, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
