/** What the ledger refuses, and how HTTP says what reaches it; codes of holds and reversals end in the modules that use them. */
import type { Failures } from '../../platform/http/problem'

/** What any movement may be refused for. */
export type PostingCode =
  | 'account_not_found'
  | 'account_frozen'
  | 'account_closed'
  | 'currency_mismatch'
  | 'insufficient_funds'
  | 'balance_limit_exceeded'

export type LedgerCode =
  | PostingCode
  | 'hold_not_found'
  | 'hold_ended'
  | 'hold_expired'
  | 'hold_exceeded'
  | 'transfer_not_found'
  | 'already_reversed'
  | 'not_reversible'

export const postingFailures: Failures<PostingCode> = {
  account_not_found: { status: 404, title: 'There is no such account.' },
  account_frozen: { status: 403, title: 'An account of this movement is frozen.' },
  account_closed: { status: 409, title: 'An account of this movement is closed.' },
  currency_mismatch: { status: 422, title: 'The accounts are not in this currency.' },
  insufficient_funds: { status: 422, title: 'There is not enough money available.' },
  balance_limit_exceeded: { status: 422, title: 'The balance would become larger than can be counted exactly.' },
}
