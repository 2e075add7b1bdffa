/** Names of env files and of the templates that are copied to them. */
import { baseOf, dirOf } from './paths.ts';

/** True for the file itself and for the template that stands for it: `.env.example` for `.env`. */
export function isTemplateFor(template: string, file: string): boolean {
  if (template === file) return true;
  if (dirOf(template) !== dirOf(file)) return false;
  const strip = (name: string) =>
    name
      .replace(/[._-](?:example|sample|template|dist|tpl|defaults?)(?=$|[._-])/i, '')
      .replace(/^(ENV)(?:EXAMPLE|SAMPLE|TEMPLATE)$/i, '$1')
      .replace(/^(?:example|sample|default)(?=[._-])/i, '')
      .replace(/^\./, '')
      .replace(/^ENV$/, 'env');
  return strip(baseOf(template)) === strip(baseOf(file));
}
