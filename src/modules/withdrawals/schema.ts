/** Cash-out by one-time token: one row a request, from the hold to the cash, and the locks of terminals that guess. */
import { sql } from 'drizzle-orm'
import { check, index, int, money, table, text, time, uniqueIndex } from '../../platform/db/dialect'

export const withdrawals = table(
  'withdrawals',
  {
    id: text('id').primaryKey(),
    userId: text('user_id').notNull(),
    amount: money('amount').notNull(),
    fee: money('fee').notNull(),
    currency: text('currency').notNull(),
    /** `requested`, `paid`, `cancelled`, `expired` or `reversed`. */
    status: text('status').notNull(),
    /** HMAC of the token under the instance's key. */
    tokenHash: text('token_hash').notNull(),
    holdId: text('hold_id').notNull(),
    expiresAt: time('expires_at').notNull(),
    createdAt: time('created_at').notNull(),
    /** Who paid: an agent, one of their tellers, or an ATM. */
    paidBy: text('paid_by'),
    /** Whose float it was paid from. */
    tillId: text('till_id'),
    paidAt: time('paid_at'),
    commission: money('commission').notNull(),
    transferId: text('transfer_id'),
    reversalId: text('reversal_id'),
  },
  (t) => [
    uniqueIndex('withdrawals_open_token').on(t.tokenHash).where(sql`status = 'requested'`),
    index('withdrawals_token').on(t.tokenHash),
    uniqueIndex('withdrawals_hold').on(t.holdId),
    index('withdrawals_user').on(t.userId, t.id),
    check('withdrawals_status', sql`${t.status} in ('requested', 'paid', 'cancelled', 'expired', 'reversed')`),
  ],
)

/** Wrong tokens typed at a terminal since its last right one. */
export const terminalLocks = table('terminal_locks', {
  terminalId: text('terminal_id').primaryKey(),
  failures: int('failures').notNull(),
  lockedUntil: time('locked_until').notNull(),
})
