/** The face of the books to other modules: accounts, transfers, holds, reversals and statements. */
import { eq } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { LedgerCode, PostingCode } from '../failures'
import type { TransferType } from '../kinds'
import { type Leg, type Movement, post } from '../posting'
import { entries, transfers } from '../schema'
import { type Accounts, createAccounts } from './accounts'
import { createHolds, type Holds } from './holds'
import { insertEntry, insertTransfer, lockAccounts, markEntry, type Transfer, updateAccount } from './queries'
import { createStatements, type Statements } from './statements'

export interface TransferInput {
  type: TransferType
  /** What the parties agreed on, without the fee. */
  amount: number
  fee?: number
  currency: string
  debitAccountId: string
  creditAccountId: string
  /** All legs, the fee’s included; they sum to zero. */
  legs: readonly Leg[]
  reversalOf?: string
  /** The part of a hold that the movement uses up. */
  fromHold?: Leg
}

export interface Posted {
  transfer: Transfer
  /** The balance of each account after the movement, by account id. */
  balances: ReadonlyMap<string, number>
}

export interface CaptureInput extends Omit<TransferInput, 'fromHold'> {
  holdId: string
  /** How much of the hold is used up; the whole of what is left if left out. */
  captured?: number
  /** Whether the rest stays held for a later capture; otherwise it is released. */
  keepRest?: boolean
}

export type HoldCode = Extract<LedgerCode, 'hold_not_found' | 'hold_ended' | 'hold_expired' | 'hold_exceeded'>
export type ReverseCode =
  | PostingCode
  | Extract<LedgerCode, 'transfer_not_found' | 'already_reversed' | 'not_reversible'>

export interface Ledger
  extends Pick<Accounts, 'ensure' | 'system' | 'find' | 'ofOwner' | 'lockOfOwner' | 'setStateOfOwner' | 'totals'>,
    Statements {
  /** Moves money: every leg or none. Within a unit. */
  transfer(tx: Tx, input: TransferInput): Promise<Result<Posted, PostingCode>>
  /** Sets money aside for `purpose` until the moment; it counts against what is available at once. */
  hold: Holds['hold']
  release: Holds['release']
  expireHolds: Holds['expireDue']
  getHold: Holds['get']
  /** Turns a hold into a movement, wholly or in part. */
  capture(tx: Tx, input: CaptureInput): Promise<Result<Posted, PostingCode | HoldCode>>
  /** Books the exact opposite of a transfer, once. */
  reverse(tx: Tx, transferId: string): Promise<Result<Posted, ReverseCode>>
}

export function createLedger(runtime: Runtime): Ledger {
  const { clock, newId, metrics } = runtime
  const accounts = createAccounts(runtime)
  const holds = createHolds(runtime)
  const statements = createStatements(runtime)

  async function transfer(tx: Tx, input: TransferInput): Promise<Result<Posted, PostingCode>> {
    const {
      type,
      amount,
      fee = 0,
      currency,
      debitAccountId,
      creditAccountId,
      legs,
      reversalOf = null,
      fromHold,
    } = input
    const locked = await lockAccounts(
      tx,
      legs.map(({ accountId }) => accountId),
    )
    const row: Transfer = {
      id: newId('txn'),
      type,
      amount,
      fee,
      currency,
      debitAccountId,
      creditAccountId,
      reversalOf,
      at: clock(),
    }
    const movement: Movement = { transferId: row.id, currency, legs, at: row.at, ...(fromHold ? { fromHold } : {}) }
    const posting = post(locked, movement)
    if (!posting.ok) {
      metrics.ledgerRefusals.inc({ code: posting.code })
      return posting
    }
    const { entries: booked, accounts: changed } = posting.value
    insertTransfer(tx, row)
    for (const entry of booked) insertEntry(tx, entry)
    for (const account of changed) updateAccount(tx, account)
    const balances = new Map<string, number>()
    for (const entry of booked) {
      await markEntry(tx, entry)
      balances.set(entry.accountId, entry.balance)
    }
    metrics.ledgerTransfers.inc({ type })
    return ok({ transfer: row, balances })
  }

  return {
    ensure: accounts.ensure,
    system: accounts.system,
    find: accounts.find,
    ofOwner: accounts.ofOwner,
    lockOfOwner: accounts.lockOfOwner,
    setStateOfOwner: accounts.setStateOfOwner,
    totals: accounts.totals,
    ...statements,
    transfer,
    hold: holds.hold,
    release: holds.release,
    expireHolds: holds.expireDue,
    getHold: holds.get,

    async capture(tx, { holdId, captured, keepRest = false, ...input }) {
      const hold = await holds.lock(tx, holdId)
      if (!hold) return fail('hold_not_found')
      if (hold.state !== 'open') return fail('hold_ended')
      if (hold.expiresAt <= clock()) return fail('hold_expired')
      const left = hold.amount - hold.captured
      const amount = captured ?? left
      if (amount > left) return fail('hold_exceeded')
      // What is not kept is let go in the same movement.
      const unheld = keepRest ? amount : left
      const posted = await transfer(tx, { ...input, fromHold: { accountId: hold.accountId, amount: unheld } })
      if (!posted.ok) return posted
      await holds.noteCapture(tx, hold, amount, unheld === left)
      return posted
    },

    async reverse(tx, transferId) {
      const original = await getTransfer(tx, transferId)
      if (!original) return fail('transfer_not_found')
      if (original.reversalOf !== null) return fail('not_reversible')
      const [before] = await tx.select().from(transfers).where(eq(transfers.reversalOf, transferId))
      if (before) return fail('already_reversed')
      const booked = await tx.select().from(entries).where(eq(entries.transferId, transferId))
      return transfer(tx, {
        type: 'reversal',
        amount: original.amount,
        fee: original.fee,
        currency: original.currency,
        debitAccountId: original.creditAccountId,
        creditAccountId: original.debitAccountId,
        legs: booked.map(({ accountId, amount }) => ({ accountId, amount: -amount })),
        reversalOf: transferId,
      })
    },
  }
}

async function getTransfer(tx: Tx, id: string): Promise<Transfer | undefined> {
  const [found] = await tx.select().from(transfers).where(eq(transfers.id, id))
  return found
}
