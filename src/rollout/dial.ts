/** A stream into the compose network, for stacks that publish nothing on the host. */
import { Duplex } from 'node:stream';
import type { Compose } from './compose.ts';
import type { Address } from './endpoint.ts';
import { endGroup, startProgram } from './processes.ts';

/** Runs in the pooler's container: busybox has nc (Alpine), Debian's bash can open sockets itself. */
const SCRIPT =
  'if command -v nc >/dev/null 2>&1; then exec nc "$1" "$2"; fi; exec bash -c \'exec 3<>"/dev/tcp/$0/$1" || exit; cat <&3 & cat >&3; kill %1\' "$1" "$2"';

/** @returns a stream with what the driver calls on a socket besides reading and writing. */
export function dialInside(compose: Compose, service: string, { host, port }: Address): Duplex {
  const [command, ...rest] = compose.program;
  const args = [...rest, ...compose.select, 'exec', '-T', service, 'sh', '-c', SCRIPT, 'sh', host, String(port)];
  const child = startProgram(command, args, { cwd: compose.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error(`${command} has no pipes`);
  let complaint = '';
  child.stderr?.on('data', chunk => {
    complaint = (complaint + chunk).slice(-2_000);
  });
  const stream = new Duplex({
    read: () => stdout.resume(),
    write: (chunk, _, done) => void stdin.write(chunk, () => done()),
    final: done => void stdin.end(done),
    destroy: (error, done) => {
      endGroup(child);
      done(error);
    },
  });
  stdin.on('error', () => undefined); // what ended it is told by its exit
  stdout.on('data', chunk => {
    if (!stream.push(chunk)) stdout.pause();
  });
  child.once('error', error => stream.destroy(error));
  child.once('close', code => {
    if (code === 0 || stream.writableEnded) {
      stream.push(null);
      stream.destroy();
    } else
      stream.destroy(new Error(`${compose.program.join(' ')} exec ${service} ended with ${code}: ${complaint.trim()}`));
  });
  return Object.assign(stream, {
    connect: () => process.nextTick(() => stream.emit('connect')),
    setNoDelay: () => stream,
    setKeepAlive: () => stream,
    ref: () => stream,
    unref: () => stream,
  });
}
