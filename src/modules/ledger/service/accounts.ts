/** Opening and finding accounts. Which account an owner has never changes, so it is remembered. */
import { and, asc, eq, ne } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { forUpdate, sum } from '../../../platform/db/dialect'
import type { Runtime } from '../../../platform/runtime'
import { type AccountKindName, accountKinds } from '../kinds'
import { accounts } from '../schema'
import { type Account, accountById, accountOfOwner } from './queries'

const SYSTEM = 'system'
const STRIPES_ON_POSTGRES = 16
const REMEMBERED_LIMIT = 50_000

export interface AccountName {
  ownerId: string
  kind: AccountKindName
  currency: string
}

export interface Accounts {
  /** The account’s id; opened within the unit if the owner has none yet. */
  ensure(tx: Tx, name: AccountName): Promise<string>
  /** The system account of a kind; of a busy kind on PostgreSQL, one of its stripes, always the same for one seed. */
  system(tx: Tx, kind: AccountKindName, currency: string, seed: string): Promise<string>
  find(db: Db, name: AccountName): Promise<Account | undefined>
  /** All accounts of an owner. */
  ofOwner(ownerId: string): Promise<Account[]>
  /** All accounts of an owner, locked until the unit ends. */
  lockOfOwner(tx: Tx, ownerId: string): Promise<Account[]>
  /** Freezes or closes all accounts of an owner, or makes them active again; a closed one stays closed. */
  setStateOfOwner(tx: Tx, ownerId: string, state: 'active' | 'frozen' | 'closed'): Promise<void>
  /** Balances by kind and currency, stripes summed. */
  totals(): Promise<Array<{ kind: string; currency: string; balance: number; held: number }>>
}

export function createAccounts({ store, clock, newId }: Runtime): Accounts {
  /** Account ids by kind, currency and stripe, then by owner. */
  const known = new Map<string, Map<string, Map<string, string>>>()
  const stripes = store.engine === 'postgres' ? STRIPES_ON_POSTGRES : 1

  async function ensureStripe(tx: Tx, { ownerId, kind, currency }: AccountName, stripe: number): Promise<string> {
    const owners = ownersOf(kind, currency, stripe)
    const remembered = owners.get(ownerId)
    if (remembered !== undefined) return remembered
    const [found] = await accountOfOwner(tx, { ownerId, kind, currency, stripe })
    if (found) {
      // Committed before this unit only if the read side sees it too; an account this unit opened is not remembered.
      const [committed] = await accountById(store.read, { id: found.id })
      if (committed) remember(owners, ownerId, found.id)
      return found.id
    }
    const id = newId('acc')
    await tx.insert(accounts).values({
      id,
      ownerId,
      kind,
      currency,
      stripe,
      balance: 0,
      held: 0,
      mayOverdraw: accountKinds[kind].mayOverdraw,
      state: 'active',
      entryCount: 0,
      lastTransferId: null,
      lastEntryAt: 0,
      createdAt: clock(),
    })
    return id
  }

  function ownersOf(kind: string, currency: string, stripe: number): Map<string, string> {
    const sort = stripe === 0 ? kind : `${kind} ${stripe}`
    const currencies = known.get(sort) ?? new Map<string, Map<string, string>>()
    const owners = currencies.get(currency) ?? new Map<string, string>()
    if (!currencies.has(currency)) known.set(sort, currencies.set(currency, owners))
    return owners
  }

  function remember(owners: Map<string, string>, ownerId: string, id: string): void {
    const oldest = owners.size >= REMEMBERED_LIMIT ? owners.keys().next().value : undefined
    if (oldest !== undefined) owners.delete(oldest)
    owners.set(ownerId, id)
  }

  return {
    ensure: (tx, name) => ensureStripe(tx, name, 0),
    system: (tx, kind, currency, seed) =>
      ensureStripe(tx, { ownerId: SYSTEM, kind, currency }, accountKinds[kind].busy ? stripeOf(seed, stripes) : 0),
    find: async (db, { ownerId, kind, currency }) =>
      (await accountOfOwner(db, { ownerId, kind, currency, stripe: 0 }))[0],
    ofOwner: (ownerId) =>
      store.read.select().from(accounts).where(eq(accounts.ownerId, ownerId)).orderBy(asc(accounts.id)),
    lockOfOwner: (tx, ownerId) =>
      forUpdate(tx.select().from(accounts).where(eq(accounts.ownerId, ownerId)).orderBy(asc(accounts.id))),
    async setStateOfOwner(tx, ownerId, state) {
      await tx
        .update(accounts)
        .set({ state })
        .where(and(eq(accounts.ownerId, ownerId), ne(accounts.state, 'closed')))
    },
    totals: () =>
      store.read
        .select({
          kind: accounts.kind,
          currency: accounts.currency,
          balance: sum(accounts.balance),
          held: sum(accounts.held),
        })
        .from(accounts)
        .groupBy(accounts.kind, accounts.currency)
        .orderBy(asc(accounts.currency), asc(accounts.kind)),
  }
}

function stripeOf(seed: string, stripes: number): number {
  return stripes === 1 ? 0 : Number(Bun.hash(seed) % BigInt(stripes))
}
