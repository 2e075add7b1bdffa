/** What an engine could leave on the machine. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Processes, mounts, control groups and network devices that go by one of the names, or by podman's; one line each. */
export function findTraces(names: string[]): string[] {
  const groups = spawnSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', 'libpod-*'], { encoding: 'utf8' }).stdout;
  const mounts = readFileSync('/proc/self/mounts', 'utf8');
  const lines = [...readCommands(), ...groups.split('\n'), ...mounts.split('\n')];
  const devices = readFileSync('/proc/net/dev', 'utf8').split('\n');
  return [
    ...lines.filter(line => names.some(name => line.includes(name))),
    ...devices.filter(line => /^\s*(podman|veth)/.test(line)),
  ];
}

function readCommands(): string[] {
  return readdirSync('/proc').flatMap(pid => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
    } catch {
      return []; // ended meanwhile
    }
  });
}
