/**
 * The books. An account carries its balance and what is held of it; a transfer is one movement; its entries say what it
 * did to each account. Transfers and entries are only ever added (the database refuses to change or delete them), and
 * an account cannot fall under its holds unless its kind may be overdrawn.
 *
 * Entries are clustered by transfer, so that posting only appends. An account's own entries hang together as a chain:
 * each names the transfer before it, the account names the last, and every 64th leaves a mark with its moment, from
 * which any past moment is reached in a few steps.
 *
 * Transfers, entries and marks refer to each other and to accounts without foreign keys (see docs/decisions): posting
 * locks the accounts it writes to, accounts and transfers are never deleted, and `verify-ledger` looks for orphans.
 */
import { sql } from 'drizzle-orm'
import {
  bool,
  check,
  foreignKey,
  index,
  int,
  money,
  primaryKey,
  table,
  text,
  time,
  uniqueIndex,
} from '../../platform/db/dialect'

const LARGEST = sql.raw(String(Number.MAX_SAFE_INTEGER))

export const accounts = table(
  'accounts',
  {
    id: text('id').primaryKey(),
    /** A user id, or `system`. */
    ownerId: text('owner_id').notNull(),
    kind: text('kind').notNull(),
    currency: text('currency').notNull(),
    /** Busy system accounts are several rows, so that transfers do not wait for each other; all others are stripe 0. */
    stripe: int('stripe').notNull(),
    /** Credits less debits. */
    balance: money('balance').notNull(),
    /** Sum of what is left of the account's open holds. */
    held: money('held').notNull(),
    mayOverdraw: bool('may_overdraw').notNull(),
    /** `active`, `frozen` or `closed`. */
    state: text('state').notNull(),
    /** How many entries the account has; the last one bears this number. */
    entryCount: int('entry_count').notNull(),
    lastTransferId: text('last_transfer_id'),
    lastEntryAt: time('last_entry_at').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('accounts_owner').on(t.ownerId, t.kind, t.currency, t.stripe),
    check('accounts_held', sql`${t.held} >= 0`),
    check('accounts_available', sql`${t.mayOverdraw} or ${t.balance} >= ${t.held}`),
    check('accounts_range', sql`${t.balance} between -${LARGEST} and ${LARGEST}`),
    check('accounts_state', sql`${t.state} in ('active', 'frozen', 'closed')`),
  ],
)

export const transfers = table(
  'transfers',
  {
    id: text('id').primaryKey(),
    /** The kind of movement, in the words of the GSMA Mobile Money API where it has one. */
    type: text('type').notNull(),
    /** What the parties agreed on, without the fee; positive. */
    amount: money('amount').notNull(),
    fee: money('fee').notNull(),
    currency: text('currency').notNull(),
    debitAccountId: text('debit_account_id').notNull(),
    creditAccountId: text('credit_account_id').notNull(),
    reversalOf: text('reversal_of'),
    at: time('at').notNull(),
  },
  (t) => [
    uniqueIndex('transfers_reversal_of').on(t.reversalOf).where(sql`reversal_of is not null`),
    foreignKey({ name: 'transfers_reversal_of_fk', columns: [t.reversalOf], foreignColumns: [t.id] }),
    check('transfers_amount', sql`${t.amount} > 0 and ${t.amount} <= ${LARGEST}`),
    check('transfers_fee', sql`${t.fee} >= 0`),
  ],
)

export const entries = table(
  'entries',
  {
    transferId: text('transfer_id').notNull(),
    accountId: text('account_id').notNull(),
    /** The account's first entry is 1, and no number is left out. */
    number: int('number').notNull(),
    /** Positive: credited. Negative: debited. */
    amount: money('amount').notNull(),
    /** The account's balance after this entry. */
    balance: money('balance').notNull(),
    /** The account's transfer before this one. */
    previousTransferId: text('previous_transfer_id'),
    /** Never before the account's previous entry, whatever the clock did. */
    at: time('at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'entries_pk', columns: [t.transferId, t.accountId] }),
    check('entries_amount', sql`${t.amount} <> 0`),
  ],
)

export const entryMarks = table(
  'entry_marks',
  {
    accountId: text('account_id').notNull(),
    number: int('number').notNull(),
    transferId: text('transfer_id').notNull(),
    at: time('at').notNull(),
  },
  (t) => [primaryKey({ name: 'entry_marks_pk', columns: [t.accountId, t.number] })],
)

export const holds = table(
  'holds',
  {
    id: text('id').primaryKey(),
    accountId: text('account_id')
      .notNull()
      .references(() => accounts.id),
    amount: money('amount').notNull(),
    captured: money('captured').notNull(),
    /** `open`, `captured` (wholly or its rest released), `released` or `expired`. */
    state: text('state').notNull(),
    /** What it is for, such as `withdrawal`; its maker ends it. */
    purpose: text('purpose').notNull(),
    expiresAt: time('expires_at').notNull(),
    createdAt: time('created_at').notNull(),
    endedAt: time('ended_at'),
  },
  (t) => [
    index('holds_due').on(t.purpose, t.expiresAt).where(sql`state = 'open'`),
    index('holds_account').on(t.accountId).where(sql`state = 'open'`),
    check('holds_amount', sql`${t.amount} > 0 and ${t.captured} >= 0 and ${t.captured} <= ${t.amount}`),
    check('holds_state', sql`${t.state} in ('open', 'captured', 'released', 'expired')`),
  ],
)
