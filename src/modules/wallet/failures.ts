/** What the wallet refuses, and how HTTP says it. */
import type { Failures } from '../../platform/http/problem'
import { identityFailures, type PinCode } from '../identity'
import { ledgerFailures } from '../ledger'

type FromLedger =
  | 'account_not_found'
  | 'account_frozen'
  | 'account_closed'
  | 'currency_mismatch'
  | 'insufficient_funds'
  | 'balance_limit_exceeded'

export type WalletCode =
  | 'not_your_wallet'
  | 'recipient_not_found'
  | 'recipient_is_sender'
  | 'recipient_cannot_receive'
  | 'user_not_found'
  | 'status_conflict'
  | PinCode
  | FromLedger

const {
  account_not_found,
  account_frozen,
  account_closed,
  currency_mismatch,
  insufficient_funds,
  balance_limit_exceeded,
} = ledgerFailures
const { pin_not_set, pin_wrong, pin_locked, user_not_found, status_conflict } = identityFailures

export const walletFailures: Failures<WalletCode> = {
  not_your_wallet: { status: 403, title: 'This wallet is not yours.' },
  recipient_not_found: { status: 404, title: 'Nobody has that user id, phone number or e-mail address here.' },
  recipient_is_sender: { status: 422, title: 'You cannot send money to yourself.' },
  recipient_cannot_receive: { status: 409, title: 'That person’s wallet cannot receive money at present.' },
  user_not_found,
  status_conflict,
  pin_not_set,
  pin_wrong,
  pin_locked,
  account_not_found,
  account_frozen,
  account_closed,
  currency_mismatch,
  insufficient_funds,
  balance_limit_exceeded,
}
