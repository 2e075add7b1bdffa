/** All proofs by the rule that they prove. */
import type { Proof } from './proof.ts';
import { driverProofs } from './proofs-drivers.ts';
import { frameworkProofs } from './proofs-frameworks.ts';
import { preparedProofs } from './proofs-prepared.ts';
import { settingProofs } from './proofs-settings.ts';
import { sqlProofs } from './proofs-sql.ts';
import { stringProofs } from './proofs-strings.ts';

export const proofs: Record<string, Proof[]> = {
  ...settingProofs,
  ...sqlProofs,
  ...driverProofs,
  ...frameworkProofs,
  ...preparedProofs,
  ...stringProofs,
};
