/** Text of a repository within HTML: it begins no tag, ends no attribute and controls no terminal. */
import { escapeControls } from '../text/controls.ts';

export const toHtml = (text: string): string =>
  escapeControls(text).replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`);
