/** The hot queries of the books, prepared. Accounts are always locked in the order of their ids. */
import { and, eq } from 'drizzle-orm'
import { prepared, preparedWrite, type Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { AccountState, Entry } from '../posting'
import { accounts, entries, entryMarks, transfers } from '../schema'

export type Account = typeof accounts.$inferSelect
export type Transfer = typeof transfers.$inferSelect

const stateColumns = {
  id: accounts.id,
  kind: accounts.kind,
  currency: accounts.currency,
  balance: accounts.balance,
  held: accounts.held,
  mayOverdraw: accounts.mayOverdraw,
  state: accounts.state,
  entryCount: accounts.entryCount,
  lastTransferId: accounts.lastTransferId,
  lastEntryAt: accounts.lastEntryAt,
}

const lockAccount = prepared<{ id: string }, AccountState[]>('lock_account', (db, $) =>
  forUpdate(
    db
      .select(stateColumns)
      .from(accounts)
      .where(eq(accounts.id, $('id'))),
  ),
)

/** The accounts as they are, locked until the unit ends; one that does not exist is missing from the map. */
export async function lockAccounts(tx: Tx, ids: readonly string[]): Promise<Map<string, AccountState>> {
  // All are asked for at once and answered in this order, which costs PostgreSQL one round trip.
  const found = await Promise.all([...ids].sort().map((id) => lockAccount(tx, { id })))
  const states = new Map<string, AccountState>()
  for (const [account] of found) if (account) states.set(account.id, account)
  return states
}

type Change = Pick<AccountState, 'id' | 'balance' | 'held' | 'entryCount' | 'lastTransferId' | 'lastEntryAt'>

export const updateAccount = preparedWrite<Change>('update_account', (db, $) =>
  db
    .update(accounts)
    .set({
      balance: $('balance'),
      held: $('held'),
      entryCount: $('entryCount'),
      lastTransferId: $('lastTransferId'),
      lastEntryAt: $('lastEntryAt'),
    } as never)
    .where(eq(accounts.id, $('id'))),
)

export const insertTransfer = preparedWrite<Transfer>('insert_transfer', (db, $) =>
  db.insert(transfers).values({
    id: $('id'),
    type: $('type'),
    amount: $('amount'),
    fee: $('fee'),
    currency: $('currency'),
    debitAccountId: $('debitAccountId'),
    creditAccountId: $('creditAccountId'),
    reversalOf: $('reversalOf'),
    at: $('at'),
  } as never),
)

type EntryRow = Pick<Entry, keyof Entry>

export const insertEntry = preparedWrite<EntryRow>('insert_entry', (db, $) =>
  db.insert(entries).values({
    transferId: $('transferId'),
    accountId: $('accountId'),
    number: $('number'),
    amount: $('amount'),
    balance: $('balance'),
    previousTransferId: $('previousTransferId'),
    at: $('at'),
  } as never),
)

export const accountById = prepared<{ id: string }, Account[]>('account_by_id', (db, $) =>
  db
    .select()
    .from(accounts)
    .where(eq(accounts.id, $('id'))),
)

export const accountOfOwner = prepared<{ ownerId: string; kind: string; currency: string; stripe: number }, Account[]>(
  'account_of_owner',
  (db, $) =>
    db
      .select()
      .from(accounts)
      .where(
        and(
          eq(accounts.ownerId, $('ownerId')),
          eq(accounts.kind, $('kind')),
          eq(accounts.currency, $('currency')),
          eq(accounts.stripe, $('stripe')),
        ),
      ),
)

/** An account leaves a mark at every so many entries; a moment lies at most that many steps from one. */
export const MARK_EVERY = 64

export async function markEntry(tx: Tx, { accountId, number, transferId, at }: Entry): Promise<void> {
  if (number % MARK_EVERY !== 0) return
  await tx.insert(entryMarks).values({ accountId, number, transferId, at })
}
