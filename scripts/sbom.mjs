/**
 * The bill of materials of the package, as CycloneDX on stdout: what is installed with it, and what the program holds (a built `dist`).
 * npm's `--omit dev` would leave out all that a development dependency needs too, so its marks are read instead.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const { name } = JSON.parse(readFileSync('package.json', 'utf8'));
const sbom = JSON.parse(
  execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  }),
);

const bundled = new Set(readFileSync('dist/THIRD-PARTY.txt', 'utf8').match(/^(?:@[\w.-]+\/)?[\w.-]+@\d\S*(?= \()/gm));
const isDevelopment = ({ properties }) =>
  properties.some(({ name, value }) => name === 'cdx:npm:package:development' && value === 'true');
sbom.components = sbom.components
  .filter(component => !isDevelopment(component) || bundled.has(component['bom-ref']))
  .map(({ properties, ...component }) => ({
    ...component,
    scope: 'required',
    properties: [
      ...properties.filter(({ name }) => name !== 'cdx:npm:package:development'),
      { name: `${name}:bundled`, value: String(bundled.has(component['bom-ref'])) },
    ],
  }));

const refs = new Set(sbom.components.map(component => component['bom-ref']));
const missing = [...bundled].filter(ref => !refs.has(ref));
if (missing.length > 0) throw new Error(`the program holds what the lock file does not have: ${missing.join(', ')}`);
// npm names the root by its folder.
sbom.metadata.component.name = name;
refs.add(sbom.metadata.component['bom-ref']);
sbom.dependencies = sbom.dependencies
  .filter(({ ref }) => refs.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(other => refs.has(other)) }));
process.stdout.write(`${JSON.stringify(sbom, null, 2)}\n`);
