/**
 * Plans what it is told to, in a process with another time zone and language, where folders are read in another order: what it answers
 * must be what is planned anywhere.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

// The order that a file system gives is no promise: here it is the other way round from what it gave.
const { readdir, readdirSync } = fs;
fs.readdir = (path, ...rest) => {
  const done = rest.pop();
  readdir(path, ...rest, (error, entries) => done(error, entries?.reverse()));
};
fs.readdirSync = (...args) => readdirSync(...args).reverse();
const { promises } = fs;
const later = promises.readdir;
promises.readdir = async (...args) => (await later(...args)).reverse();
syncBuiltinESMExports();

const { planMigration, toReport } = await import('../dist/src/index.js');
process.on('message', async root => {
  try {
    const plan = await planMigration({ cwd: root });
    const { changes, notes } = plan;
    process.send({ report: toReport(plan, '0'), changes, notes });
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});
const { locale, timeZone } = Intl.DateTimeFormat().resolvedOptions();
process.send({ locale, timeZone });
