/** Services based on others: `extends: { file: common.yml, service: app }`. */
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { dirOf, joinPath } from '../text/paths.ts';

/** Path of the file that holds the base; null for a service without one. */
export const baseFileOf = (file: ComposeFile, { extends: base }: ComposeService): string | null =>
  base === null ? null : base.file === null ? file.path : joinPath(dirOf(file.path), base.file);

export function findBase(
  file: ComposeFile,
  service: ComposeService,
  files: readonly ComposeFile[],
): [ComposeFile, ComposeService] | null {
  const path = baseFileOf(file, service);
  const found = files.find(candidate => candidate.path === path);
  const base = found?.services.find(candidate => candidate.name === service.extends?.service);
  return found && base && base !== service ? [found, base] : null;
}

/** The service with what it takes from its base. Source: github.com/compose-spec/compose-spec, `extends`. */
export function withBase(
  file: ComposeFile,
  service: ComposeService,
  files: readonly ComposeFile[],
  depth = 0,
): ComposeService {
  const found = depth < 10 ? findBase(file, service, files) : null;
  if (!found) return service;
  const base = withBase(...found, files, depth + 1);
  const own = new Set(service.environment.map(entry => entry.key));
  return {
    ...service,
    image: service.image ?? base.image,
    build: service.build ?? base.build,
    dockerfile: service.dockerfile ?? base.dockerfile,
    target: service.target ?? base.target,
    workingDir: service.workingDir ?? base.workingDir,
    command: service.command || base.command,
    healthcheck: service.healthcheck ?? base.healthcheck,
    environment: [...service.environment, ...base.environment.filter(entry => !own.has(entry.key))],
    envFiles: [...base.envFiles, ...service.envFiles],
    ports: [...base.ports, ...service.ports],
    volumes: [...base.volumes, ...service.volumes],
  };
}
