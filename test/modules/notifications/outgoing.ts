/** Messages as the providers are handed them, for their tests; a test names what matters to it. */
import type { OutgoingMessage } from '../../../src/modules/notifications/channels/channel'

let made = 0

/** News of a payment, by mail unless something else is said. Each has a delivery id of its own. */
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

/** A code to a phone, in words with everything in them that is easily broken on the way. */
export const outgoingCode = (changes: Partial<OutgoingMessage> = {}): OutgoingMessage =>
  outgoing({
    medium: 'sms',
    template: 'code',
    language: 'pt',
    to: '+258841234567',
    subject: 'Your code',
    text: 'A long text with the code 123456.',
    html: '<p>A long text with the code 123456.</p>',
    short: 'Code 123456. Não o diga a ninguém & "guarde"-o.',
    approved: { name: 'kumbu_code', language: 'pt_PT', parameters: ['123456'], button: '123456' },
    ...changes,
  })
