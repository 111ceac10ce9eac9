/**
 * A person’s money. Everybody has one wallet account in each currency they have used: a customer’s wallet, or the float
 * of an agent or ATM; it is opened when it is first needed.
 */
import { eq, inArray } from 'drizzle-orm'
import type { Tx } from '../../platform/db'
import type { Events } from '../../platform/events'
import type { Write } from '../../platform/http/idempotency'
import { iso } from '../../platform/moment'
import { share } from '../../platform/money'
import { fail, ok, type Result } from '../../platform/result'
import type { Runtime } from '../../platform/runtime'
import type { Actor, Identity, User } from '../identity'
import { type AccountKindName, type Ledger, legsOf, type StatementRow } from '../ledger'
import { receiptAsked, transferCompleted } from './events'
import type { WalletCode } from './failures'
import { transferNotes } from './schema'

export interface WalletOptions {
  currency: string
  transferFeeBps: number
}

export interface Balance {
  userId: string
  accountId: string
  currency: string
  balance: number
  /** What can be used: the balance less what is held. */
  available: number
  held: number
}

export interface TransferInput {
  fromUserId: string
  /** User id, phone number or e-mail address. */
  to: string
  amount: number
  currency?: string | undefined
  pin: string
  note?: string | undefined
}

export interface TransferReceipt {
  id: string
  amount: number
  currency: string
  fee: number
  from: string
  to: string
  /** The sender’s balance after it. */
  balance: number
  createdAt: string
}

export interface Movement {
  id: string
  type: string
  /** Signed: positive is money in. */
  amount: number
  currency: string
  fee: number
  balance: number
  note: string | null
  reversalOf: string | null
  createdAt: string
}

export interface MovementQuery {
  currency?: string | undefined
  limit: number
  after?: string | undefined
  from?: number | undefined
  to?: number | undefined
  type?: string | undefined
}

export interface Wallet {
  /** The wallet in the instance’s currency is opened when it is first looked at; others by their first movement. */
  balance(userId: string, currency?: string): Promise<Result<Balance, 'account_not_found'>>
  transfer(input: TransferInput, write: Write): Promise<Result<TransferReceipt, WalletCode>>
  /** Sends the receipt of a movement to its owner. */
  sendReceipt(userId: string, transferId: string): Promise<Result<true, 'movement_not_found'>>
  transactions(userId: string, query: MovementQuery): Promise<{ items: Movement[]; next: string | null }>
  /** The id of the user’s wallet account, opened within the unit if need be. */
  accountOf(tx: Tx, user: Pick<User, 'id' | 'role'>, currency: string): Promise<string>
  /** Whoever may be credited under this reference, or why not. */
  recipient(
    reference: string,
    /** Whoever it is stands at the till. */
    options?: { present: boolean },
  ): Promise<Result<User, 'recipient_not_found' | 'recipient_cannot_receive'>>
  setFrozen(
    userId: string,
    frozen: boolean,
    actor: Actor,
  ): Promise<Result<{ userId: string; status: string }, FreezeCode>>
}

type FreezeCode = Extract<WalletCode, 'user_not_found' | 'status_conflict' | 'role_protected'>

const KIND_OF_ROLE: Record<string, AccountKindName> = { agent: 'float', atm: 'float', biller: 'settlement' }

/** Whoever has no wallet of their own. */
const WITHOUT_WALLET = new Set(['operator', 'teller', 'support', 'auditor'])

function walletKindOf(role: string): AccountKindName {
  return KIND_OF_ROLE[role] ?? 'customer'
}

export function createWallet(
  { store }: Runtime,
  { identity, ledger, events }: { identity: Identity; ledger: Ledger; events: Events },
  options: WalletOptions,
): Wallet {
  const accountOf = (tx: Tx, user: Pick<User, 'id' | 'role'>, currency: string) =>
    ledger.ensure(tx, { ownerId: user.id, kind: walletKindOf(user.role), currency })

  async function known(userId: string): Promise<User> {
    const user = await identity.find(userId)
    if (!user) throw new Error(`The user ${userId} of a session is not there.`)
    return user
  }

  async function recipient(reference: string, { present } = { present: false }): ReturnType<Wallet['recipient']> {
    const user = await (present ? identity.findPresent(reference) : identity.find(reference))
    if (!user || user.status === 'pending_verification' || WITHOUT_WALLET.has(user.role))
      return fail('recipient_not_found')
    if (user.status !== 'active') return fail('recipient_cannot_receive')
    return ok(user)
  }

  async function notesOf(ids: string[]): Promise<Map<string, string>> {
    if (ids.length === 0) return new Map()
    const rows = await store.read.select().from(transferNotes).where(inArray(transferNotes.transferId, ids))
    return new Map(rows.map(({ transferId, note }) => [transferId, note]))
  }

  /** The movement in whichever of the person’s wallets it happened. */
  async function movementIn(user: User, transferId: string): Promise<StatementRow | undefined> {
    for (const { id, kind } of await ledger.ofOwner(user.id)) {
      const row = kind === walletKindOf(user.role) ? await ledger.entry(id, transferId) : undefined
      if (row) return row
    }
    return undefined
  }

  const wallet: Wallet = {
    accountOf,
    recipient,

    async balance(userId, currency = options.currency) {
      const user = await known(userId)
      const name = { ownerId: userId, kind: walletKindOf(user.role), currency }
      let account = await ledger.find(store.read, name)
      if (!account && currency !== options.currency) return fail('account_not_found')
      if (!account) {
        await store.write((tx) => ledger.ensure(tx, name))
        account = await ledger.find(store.read, name)
      }
      if (!account) throw new Error(`The wallet of ${userId} could not be opened.`)
      const { id, balance, held } = account
      return ok({ userId, accountId: id, currency, balance, available: balance - held, held })
    },

    async transfer({ fromUserId, to, amount, currency = options.currency, pin, note }, write) {
      const found = await recipient(to)
      if (!found.ok) return found
      const receiver = found.value
      if (receiver.id === fromUserId) return fail('recipient_is_sender')
      const allowed = await identity.verifyPin(fromUserId, pin)
      if (!allowed.ok) return allowed
      const sender = allowed.value
      const fee = share(amount, options.transferFeeBps)
      return write(async (tx): Promise<Result<TransferReceipt, WalletCode>> => {
        const debitAccountId = await accountOf(tx, sender, currency)
        const creditAccountId = await accountOf(tx, receiver, currency)
        const feeLeg =
          fee === 0 ? [] : [{ accountId: await ledger.system(tx, 'fees', currency, debitAccountId), amount: fee }]
        const posted = await ledger.transfer(tx, {
          type: 'transfer',
          amount,
          fee,
          currency,
          debitAccountId,
          creditAccountId,
          legs: legsOf(
            { accountId: debitAccountId, amount: -(amount + fee) },
            { accountId: creditAccountId, amount },
            ...feeLeg,
          ),
        })
        if (!posted.ok) return posted
        const { transfer, balances } = posted.value
        const balance = balances.get(debitAccountId) ?? 0
        if (note !== undefined)
          await tx.insert(transferNotes).values({ transferId: transfer.id, note, authorId: fromUserId })
        await events.append(tx, transferCompleted, fromUserId, {
          transferId: transfer.id,
          fromUserId,
          toUserId: receiver.id,
          amount,
          fee,
          currency,
          fromBalance: balance,
          toBalance: balances.get(creditAccountId) ?? 0,
        })
        return ok({
          id: transfer.id,
          amount,
          currency,
          fee,
          from: fromUserId,
          to: receiver.id,
          balance,
          createdAt: iso(transfer.at),
        })
      })
    },

    async transactions(userId, { currency = options.currency, ...query }) {
      const user = await known(userId)
      const account = await ledger.find(store.read, { ownerId: userId, kind: walletKindOf(user.role), currency })
      if (!account) return { items: [], next: null }
      const { rows, next } = await ledger.statement({ accountId: account.id, ...query })
      const notes = await notesOf(rows.map(({ transferId }) => transferId))
      return { items: rows.map((row) => movementOf(row, notes.get(row.transferId) ?? null)), next }
    },

    async sendReceipt(userId, transferId) {
      const user = await known(userId)
      const row = await movementIn(user, transferId)
      if (!row) return fail('movement_not_found')
      const { type, amount, currency, balance, at } = row
      const fee = amount < 0 ? row.fee : 0
      await store.write((tx) =>
        events.append(tx, receiptAsked, userId, { userId, transferId, type, amount, fee, currency, balance, at }),
      )
      return ok(true)
    },

    setFrozen: (userId, frozen, actor) =>
      store.write(async (tx): Promise<Result<{ userId: string; status: string }, FreezeCode>> => {
        const changed = await identity.people.setFrozen(tx, userId, frozen, actor)
        if (!changed.ok) return changed
        await ledger.setStateOfOwner(tx, userId, frozen ? 'frozen' : 'active')
        return ok({ userId, status: changed.value.status })
      }),
  }

  identity.closing.keeps({
    name: 'wallet',
    export: (userId) => movementsOf(wallet, userId),
    async mayClose(tx, userId) {
      const accounts = await ledger.lockOfOwner(tx, userId)
      return accounts.some(({ balance, held }) => balance !== 0 || held !== 0) ? fail('money_left') : ok(true)
    },
    async erase(tx, userId) {
      await tx.delete(transferNotes).where(eq(transferNotes.authorId, userId))
      await ledger.setStateOfOwner(tx, userId, 'closed')
    },
  })
  return wallet
}

const EXPORT_PAGE = 100

/** All of them, newest first. */
async function movementsOf(wallet: Wallet, userId: string): Promise<Movement[]> {
  const all: Movement[] = []
  let after: string | undefined
  do {
    const { items, next } = await wallet.transactions(userId, { limit: EXPORT_PAGE, after })
    all.push(...items)
    after = next ?? undefined
  } while (after !== undefined)
  return all
}

function movementOf(row: StatementRow, note: string | null): Movement {
  return {
    id: row.transferId,
    type: row.type,
    amount: row.amount,
    currency: row.currency,
    fee: row.amount < 0 ? row.fee : 0,
    balance: row.balance,
    note,
    reversalOf: row.reversalOf,
    createdAt: iso(row.at),
  }
}
