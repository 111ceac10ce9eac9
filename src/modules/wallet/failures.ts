/** What the wallet refuses, and how HTTP says it. */
import type { Failures } from '../../platform/http/problem'
import { identityFailures, type PinCode, pinFailures } from '../identity'
import { type PostingCode, postingFailures } from '../ledger'

export type WalletCode =
  | 'not_your_wallet'
  | 'recipient_not_found'
  | 'recipient_is_sender'
  | 'recipient_cannot_receive'
  | 'movement_not_found'
  | 'user_not_found'
  | 'status_conflict'
  | 'role_protected'
  | PinCode
  | PostingCode

export const walletFailures: Failures<WalletCode> = {
  not_your_wallet: { status: 403, title: 'This wallet is not yours.' },
  recipient_not_found: { status: 404, title: 'Nobody has that user id, phone number or e-mail address here.' },
  recipient_is_sender: { status: 422, title: 'You cannot send money to yourself.' },
  recipient_cannot_receive: { status: 409, title: 'That person’s wallet cannot receive money at present.' },
  movement_not_found: { status: 404, title: 'There is no such movement in this wallet.' },
  user_not_found: identityFailures.user_not_found,
  status_conflict: identityFailures.status_conflict,
  role_protected: identityFailures.role_protected,
  ...pinFailures,
  ...postingFailures,
}
