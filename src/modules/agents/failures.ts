/** What agents’ business refuses, and how HTTP says it. */
import type { Failures } from '../../platform/http/problem'
import { type PostingCode, postingFailures } from '../ledger'

export type AgentsCode =
  | 'agent_not_found'
  | 'customer_not_found'
  | 'customer_cannot_receive'
  | 'cash_in_to_self'
  | 'till_closed'
  | 'teller_not_found'
  | 'teller_frozen'
  | PostingCode

export const agentsFailures: Failures<AgentsCode> = {
  agent_not_found: { status: 404, title: 'There is no active agent or ATM with this id.' },
  customer_not_found: { status: 404, title: 'No customer has that user id, phone number or e-mail address.' },
  customer_cannot_receive: { status: 409, title: 'That customer’s wallet cannot receive money at present.' },
  cash_in_to_self: { status: 422, title: 'An agent cannot cash in to himself.' },
  till_closed: { status: 403, title: 'The till that you work at is closed.' },
  teller_not_found: { status: 404, title: 'No such teller works at your till.' },
  teller_frozen: {
    status: 403,
    title: 'The operator has frozen this teller, so only the operator lets them work again.',
  },
  ...postingFailures,
  insufficient_funds: { ...postingFailures.insufficient_funds, title: 'The float is not enough.' },
}
