/** A message as the providers are handed it, for their tests. */
import type { OutgoingMessage } from '../../../src/modules/notifications/channels/channel'

let made = 0

/** Each has a delivery id of its own. */
export function outgoing(changes: Partial<OutgoingMessage> = {}): OutgoingMessage {
  made += 1
  return {
    deliveryId: `dlv_${String(made).padStart(20, '0')}`,
    medium: 'email',
    template: 'money_sent',
    language: 'en',
    to: 'amina@example.com',
    subject: 'You sent USD 15.00',
    text: 'You sent USD 15.00 to Bruno.',
    html: '<p>You sent USD 15.00 to Bruno.</p>',
    short: 'You sent USD 15.00.',
    approved: { name: 'money_sent', language: 'en', parameters: [] },
    push: [],
    data: {},
    attachments: [],
    ...changes,
  }
}
