/** All proofs by the rule that they prove. */
import type { Proof } from './proof.ts';
import { driverProofs } from './proofs-drivers.ts';
import { sqlProofs } from './proofs-sql.ts';
import { stringProofs } from './proofs-strings.ts';

export const proofs: Record<string, Proof[]> = { ...sqlProofs, ...driverProofs, ...stringProofs };
