/** What an answer says of the health of whoever gave it. */
import type { Breaker, Ticket } from './breaker'
import type { Sent } from './channel'

export function heard(breaker: Breaker, ticket: Ticket, sent: Sent): void {
  if (sent.outcome === 'accepted') breaker.succeeded(ticket)
  // A refusal of the message alone says little: the provider may not even have been asked.
  else if (sent.outcome === 'permanent' || sent.aboutMessage) breaker.release(ticket)
  else breaker.failed(ticket, sent.retryAfterMs)
}
