/** Where a place or a process stands, as it is named in every report. */
import { describeCommand } from '../config/rules.ts';
import type { Process, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { lineAt } from '../text/lines.ts';

/** `docker-compose.yml:12` */
export const placeOf = ({ file, span }: Pick<Site, 'file' | 'span'>, { texts }: Pick<Plan, 'texts'>): string =>
  `${file}:${lineAt(texts.get(file) ?? '', span.start)}`;

/** `web: npm run migrate (compose.yml:12)` */
export const describeProcess = ({ service, words, place }: Process): string =>
  `${[service, describeCommand(words)].filter(Boolean).join(': ')} (${place.file}:${place.line})`;
