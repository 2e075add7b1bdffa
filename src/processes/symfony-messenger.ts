/** Symfony's workers: which of them wait with LISTEN is told by the transport that is configured. */
import type { Need, Process } from '../model/index.ts';
import type { Shelf } from './shelf.ts';

const SETTINGS = /(?:^|\/)config\/packages\/(?:\w+\/)?messenger\.(?:ya?ml|php)$|(?:^|\/)\.env(?:\.\w+)*$/;
/** https://symfony.com/doc/current/messenger.html#doctrine-transport: on PostgreSQL it uses LISTEN unless `use_notify` is false. */
const TRANSPORT = /^[^#\n]*\bdoctrine:\/\/(?![^\n]*use_notify=(?:false|0))/m;
const QUIET = /^[^#\n]*\buse_notify['"]?\s*(?::|=>)\s*(?:false|0)/m;

/** What a worker of the Messenger component waits for, where its messages are kept in the database. */
export function messengerNeeds({ words, place }: Pick<Process, 'words' | 'place'>, shelf: Shelf): Need[] {
  if (!words.includes('messenger:consume')) return [];
  const texts = shelf.paths.filter(path => SETTINGS.test(path)).map(path => shelf.text(path) ?? '');
  const listens = texts.some(text => TRANSPORT.test(text)) && !texts.some(text => QUIET.test(text));
  return listens ? [{ kind: 'listen', what: 'Symfony Messenger', place, reads: [] }] : [];
}
