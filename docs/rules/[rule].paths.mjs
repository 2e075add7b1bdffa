import { rules } from '../../dist/rules/rules.generated.js';
import { rulePage } from '../.vitepress/pages.mjs';

/** A page for each rule that decides a place. */
export default { paths: () => rules.map(rule => ({ params: { rule: rule.id }, content: rulePage(rule) })) };
