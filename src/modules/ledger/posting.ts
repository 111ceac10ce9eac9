/**
 * The pure core of the books: given the accounts as they are and the legs of a movement, either the accounts and entries
 * as they will be, or the one reason why not. It knows no database and no clock.
 */
import { LARGEST_AMOUNT } from '../../platform/money'
import { fail, ok, type Result } from '../../platform/result'
import type { PostingCode } from './failures'

export interface AccountState {
  id: string
  kind: string
  currency: string
  balance: number
  held: number
  mayOverdraw: boolean
  state: string
  entryCount: number
  lastTransferId: string | null
  lastEntryAt: number
}

/** What one account gets (positive) or gives (negative). */
export interface Leg {
  accountId: string
  amount: number
}

export interface Movement {
  transferId: string
  currency: string
  legs: readonly Leg[]
  at: number
  /** Part of an account’s hold that this movement uses up. */
  fromHold?: Leg
}

export interface Entry {
  transferId: string
  accountId: string
  number: number
  amount: number
  balance: number
  previousTransferId: string | null
  at: number
}

export interface Posting {
  entries: Entry[]
  accounts: AccountState[]
}

/** A movement that no caller may ask for: a bug, not a refusal. */
export class UnbalancedError extends Error {
  override name = 'UnbalancedError'
}

export function post(accounts: ReadonlyMap<string, AccountState>, movement: Movement): Result<Posting, PostingCode> {
  assertBalanced(movement.legs)
  const posting: Posting = { entries: [], accounts: [] }
  for (const leg of movement.legs) {
    const account = accounts.get(leg.accountId)
    if (!account) return fail('account_not_found')
    const after = applyLeg(account, leg, movement)
    if (!after.ok) return after
    posting.accounts.push(after.value)
    posting.entries.push({
      transferId: movement.transferId,
      accountId: account.id,
      number: after.value.entryCount,
      amount: leg.amount,
      balance: after.value.balance,
      previousTransferId: account.lastTransferId,
      at: after.value.lastEntryAt,
    })
  }
  return ok(posting)
}

function applyLeg(account: AccountState, leg: Leg, movement: Movement): Result<AccountState, PostingCode> {
  if (account.state === 'frozen') return fail('account_frozen')
  if (account.state === 'closed') return fail('account_closed')
  if (account.currency !== movement.currency) return fail('currency_mismatch')
  const balance = account.balance + leg.amount
  if (Math.abs(balance) > LARGEST_AMOUNT) return fail('balance_limit_exceeded')
  const unheld = movement.fromHold?.accountId === account.id ? movement.fromHold.amount : 0
  const held = account.held - unheld
  // Only a debit can lack funds: crediting an account is always allowed.
  if (leg.amount < 0 && !account.mayOverdraw && balance < held) {
    return fail('insufficient_funds', undefined, { available: account.balance - account.held + unheld })
  }
  return ok({
    ...account,
    balance,
    held,
    entryCount: account.entryCount + 1,
    lastTransferId: movement.transferId,
    lastEntryAt: Math.max(movement.at, account.lastEntryAt),
  })
}

function assertBalanced(legs: readonly Leg[]): void {
  let sum = 0
  const seen = new Set<string>()
  for (const { accountId, amount } of legs) {
    if (!Number.isSafeInteger(amount) || amount === 0) throw new UnbalancedError(`A leg of ${amount} is no amount.`)
    if (seen.has(accountId)) throw new UnbalancedError(`The account ${accountId} has two legs.`)
    seen.add(accountId)
    sum += amount
    if (!Number.isSafeInteger(sum)) throw new UnbalancedError('The legs are too large to be counted exactly.')
  }
  if (legs.length < 2 || sum !== 0) throw new UnbalancedError(`The legs of a movement sum to ${sum}, not to zero.`)
}

/** Legs of amounts that may be zero (no fee) or meet on one account: summed, without those that come to nothing. */
export function legsOf(...parts: readonly Leg[]): Leg[] {
  const sums = new Map<string, number>()
  for (const { accountId, amount } of parts) sums.set(accountId, (sums.get(accountId) ?? 0) + amount)
  return [...sums].filter(([, amount]) => amount !== 0).map(([accountId, amount]) => ({ accountId, amount }))
}
