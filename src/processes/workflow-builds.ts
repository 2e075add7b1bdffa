/** Images that jobs build and publish: steps of docker/build-push-action. Source: github.com/docker/build-push-action. */

import { readYaml } from '../../codemods/yaml-nodes.ts';
import { imageName } from '../images/names.ts';
import { joinPath } from '../text/paths.ts';

export interface Build {
  /** The last part of its name. */
  name: string;
  /** The whole, without its tag. */
  repository: string;
  folder: string;
  /** Relative to the repository, as the folder. */
  dockerfile: string;
}

interface Step {
  id?: unknown;
  uses?: unknown;
  with?: Record<string, unknown>;
}

export function workflowBuilds(text: string): Build[] {
  if (!text.includes('build-push-action')) return [];
  const jobs = readYaml(text, true).map(({ document }) => document.toJS() as { jobs?: unknown } | null);
  return jobs.flatMap(job => Object.values((job?.jobs ?? {}) as Record<string, { steps?: unknown }>).flatMap(stepsOf));
}

function stepsOf(job: { steps?: unknown } | null): Build[] {
  const steps = (Array.isArray(job?.steps) ? job.steps : []) as (Step | null)[];
  const named = new Map(steps.map(step => [String(step?.id), text(step?.with?.images)]));
  return steps.flatMap(step => {
    if (!/(?:^|\/)build-push-action@/.test(text(step?.uses))) return [];
    const folder = text(step?.with?.context)
      .replace(/^\.\/?/, '')
      .replace(/\/$/, '');
    const file = text(step?.with?.file).replace(/^\.\//, '');
    if (/[${}]/.test(folder + file)) return [];
    // `${{ steps.meta.outputs.tags }}` are those of docker/metadata-action.
    const tags = text(step?.with?.tags).replace(
      /\$\{\{\s*steps\.([\w-]+)\.outputs\.\w+\s*\}\}/g,
      (_, id: string) => named.get(id) ?? '',
    );
    const names = tags.split(/[\n,]/).map(tag => imageName(tag.trim().replace(/\$\{\{[^}]*\}\}/g, '*')));
    return [...new Set(names)]
      .filter(name => /^[\w.-]+$/.test(name))
      .map(name => ({
        name,
        repository: name,
        folder,
        dockerfile: file === '' ? joinPath(folder, 'Dockerfile') : file,
      }));
  });
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
