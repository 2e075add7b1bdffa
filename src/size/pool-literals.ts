/** What code has to hold that the sizing wants to see: for the candidate search. */

export const POOL_LITERALS: readonly string[] = [
  'new Pool(',
  '.Pool(',
  'PrismaClient',
  'SetMaxOpenConns',
  'django.db.backends',
];

export const POOL_PATTERN =
  '\\bnew (?:\\w+\\.)?(?:Pool|PrismaClient)\\(|\\.SetMaxOpenConns\\(|django\\.db\\.backends\\.postgresql|\\bprovider\\s*=\\s*"postgres(?:ql)?"';
