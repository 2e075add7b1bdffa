/** Passwords out of what servers, compose and the user's command say. */

import { MASK, maskSecrets } from '../render/index.ts';
import { escapeControls } from '../text/controls.ts';

/**
 * @param secrets Passwords as they are.
 * @param open Names that are shown anyway: a password that equals the user's name is no secret that could be kept.
 */
export function makeRedactor(secrets: readonly string[], open: readonly string[]): (text: string) => string {
  const forms = secrets.flatMap(secret => [secret, encodeURIComponent(secret), encodeURI(secret)]);
  const hidden = [...new Set(forms)].filter(text => text.length > 2 && !open.includes(text));
  // Longest first: one password may be the beginning of another.
  hidden.sort((a, b) => b.length - a.length);
  return text => escapeControls(maskSecrets(hidden.reduce((shown, secret) => shown.replaceAll(secret, MASK), text)));
}
