/** Where a place stands, as it is named in every report. */
import type { Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { lineAt } from '../text/lines.ts';

/** `docker-compose.yml:12` */
export const placeOf = ({ file, span }: Pick<Site, 'file' | 'span'>, { texts }: Pick<Plan, 'texts'>): string =>
  `${file}:${lineAt(texts.get(file) ?? '', span.start)}`;
