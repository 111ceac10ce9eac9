/**
 * Answers of requests that carried an `Idempotency-Key`, written with their effect. The key comes first in the primary
 * key: time-ordered keys (UUID v7) then always land at the end of the table, which keeps a large one quick.
 */
import { index, primaryKey, table, text, time } from '../db/dialect'

export const idempotencyKeys = table(
  'idempotency_keys',
  {
    key: text('key').notNull(),
    principalId: text('principal_id').notNull(),
    /** Keyed hash of the route and the body. */
    fingerprint: text('fingerprint').notNull(),
    /** The answer's JSON, sealed under the instance's key when it holds a secret. */
    body: text('body').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'idempotency_keys_pk', columns: [t.key, t.principalId] }),
    index('idempotency_keys_created').on(t.createdAt),
  ],
)
