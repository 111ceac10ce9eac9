/** What withdrawals refuse, and how HTTP says it. */
import type { Failures } from '../../platform/http/problem'
import { type PinCode, pinFailures } from '../identity'
import { type PostingCode, postingFailures } from '../ledger'

export type WithdrawalCode =
  | 'token_malformed'
  | 'token_unknown'
  | 'terminal_locked'
  | 'withdrawal_not_found'
  | 'withdrawal_paid'
  | 'withdrawal_cancelled'
  | 'withdrawal_expired'
  | 'withdrawal_reversed'
  | 'withdrawal_not_paid'
  | 'own_withdrawal'
  | 'till_closed'
  | PinCode
  | PostingCode

export const withdrawalFailures: Failures<WithdrawalCode> = {
  token_malformed: { status: 422, title: 'This is no withdrawal token: a digit is missing or mistyped.' },
  token_unknown: { status: 404, title: 'No withdrawal has this token.' },
  terminal_locked: { status: 423, title: 'Too many wrong tokens at this terminal: wait until the lock ends.' },
  withdrawal_not_found: { status: 404, title: 'There is no such withdrawal.' },
  withdrawal_paid: { status: 409, title: 'This withdrawal was paid before.' },
  withdrawal_cancelled: { status: 409, title: 'This withdrawal was cancelled.' },
  withdrawal_expired: { status: 410, title: 'This withdrawal has expired.' },
  withdrawal_reversed: { status: 409, title: 'This withdrawal was reversed.' },
  withdrawal_not_paid: { status: 409, title: 'This withdrawal was not paid, so there is nothing to reverse.' },
  own_withdrawal: { status: 403, title: 'Nobody pays out his own withdrawal.' },
  till_closed: { status: 403, title: 'The till that you work at is closed.' },
  ...pinFailures,
  ...postingFailures,
}
