/** What a program starts. */

import { imageName, isServerImage } from '../src/images/names.ts';
/** A script that runs a Postgres of its own: `docker run -p 5432:5432 postgres`. */
export const startsServer = (commands: readonly (readonly string[])[]): boolean =>
  commands.some(words => {
    const at = words.findIndex((word, i) => word === 'run' && /^(?:docker|podman)$/.test(words[i - 1] ?? ''));
    return at !== -1 && words.slice(at).some(word => isServerImage(imageName(word)));
  });

/** Code that starts psql: `spawn("psql", …)`, `subprocess.run(["psql", …])`. */
export const PSQL = /(?:spawn|exec\w*|run|call|check_\w+|Popen|system|Command)(?:Sync)?\(\s*\[?\s*["'`]psql["'`\s]/;

/** Code that starts a dump or a restore. */
export const DUMPS = /["'`\s/](?:pg_dump|pg_dumpall|pg_restore|pg_basebackup)["'`\s]/;
