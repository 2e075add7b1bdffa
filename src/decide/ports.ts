/** Where a pooler listens. */
import type { Server, Site } from '../model/index.ts';
import { portKeyOf } from '../processes/index.ts';
import { dirOf, isInside } from '../text/paths.ts';
import { isGate, isOtherDefault } from './settle-groups.ts';

export const DEFAULT_PORT = 6432;

/**
 * Servers whose pooler has to listen on the server's own port: a host for which nothing can bring another one, or whose port variable
 * has a second job.
 */
export function portsWanted(sites: readonly Site[]): Map<Server, string> {
  const wanted = new Map<Server, string>();
  const add = (site: Site, why: string) => {
    const { resolution } = site;
    if (resolution.kind === 'server' && !wanted.has(resolution.server)) wanted.set(resolution.server, why);
  };
  for (const site of sites) {
    const place = `${site.key ?? site.text} (${site.file})`;
    if (site.rule === 'host-without-port') add(site, `${place} takes no port`);
    // The service's own port comes before that of the env file with the host, and may be beside other hosts as well.
    if (site.rule === 'lone-port' && site.format === 'compose')
      for (const host of sites.filter(other => other.format === 'env' && isHostOf(other, site)))
        add(host, `${place} is the server's`);
    if (site.rule !== 'group-disagrees' && site.rule !== 'published-port-variable') continue;
    const own = sites.find(
      other => other.decision === site.decision && (isOtherDefault(other) || (isGate(other) && other.port === null)),
    );
    if (own) add(site, `${own.file} ${isGate(own) ? 'asks for no port' : 'brings a port of its own'}`);
    const ports = sites.filter(other => other.decision === site.decision && other.rule === 'published-port-variable');
    if (ports.length > 0)
      for (const host of sites.filter(other => other.decision === site.decision && other.host !== null))
        add(
          host,
          `${ports[0]?.key} is also the port of ${host.resolution.kind === 'server' ? host.resolution.server.service : 'the server'} itself`,
        );
  }
  return wanted;
}

/** A host by its name, of an env file beside the compose file that has the port. */
const isHostOf = ({ form, role, key, file }: Site, port: Site): boolean =>
  form === 'host' &&
  role === 'environment' &&
  key !== null &&
  portKeyOf(key) === port.key &&
  isInside(dirOf(port.file), file);
