import { hazards } from '../../dist/rules/hazards.generated.js';
import { hazardPage } from '../.vitepress/pages.mjs';

/** A page for each hazard. */
export default { paths: () => hazards.map(hazard => ({ params: { hazard: hazard.id }, content: hazardPage(hazard) })) };
