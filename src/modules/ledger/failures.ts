/** What the ledger refuses, and how HTTP says it. */
import type { Failures } from '../../platform/http/problem'

export type LedgerCode =
  | 'account_not_found'
  | 'account_frozen'
  | 'account_closed'
  | 'currency_mismatch'
  | 'insufficient_funds'
  | 'balance_limit_exceeded'
  | 'hold_not_found'
  | 'hold_ended'
  | 'hold_expired'
  | 'hold_exceeded'
  | 'transfer_not_found'
  | 'already_reversed'
  | 'not_reversible'

export const ledgerFailures: Failures<LedgerCode> = {
  account_not_found: { status: 404, title: 'There is no such account.' },
  account_frozen: { status: 403, title: 'An account of this movement is frozen.' },
  account_closed: { status: 409, title: 'An account of this movement is closed.' },
  currency_mismatch: { status: 422, title: 'The accounts are not in this currency.' },
  insufficient_funds: { status: 422, title: 'There is not enough money available.' },
  balance_limit_exceeded: { status: 422, title: 'The balance would become larger than can be counted exactly.' },
  hold_not_found: { status: 404, title: 'There is no such hold.' },
  hold_ended: { status: 409, title: 'The hold was captured, released or has expired.' },
  hold_expired: { status: 410, title: 'The hold has expired.' },
  hold_exceeded: { status: 422, title: 'More would be captured than is held.' },
  transfer_not_found: { status: 404, title: 'There is no such transfer.' },
  already_reversed: { status: 409, title: 'The transfer was reversed before.' },
  not_reversible: { status: 409, title: 'A reversal cannot be reversed.' },
}
