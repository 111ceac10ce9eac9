/**
 * Where messages of a development or demo instance can be looked at instead of being sent: it stands in for
 * mail, SMS and WhatsApp where no provider is set up, and sees what the others send. Never in production.
 */
import type { Clock, NewId } from '../../../platform/ids'
import { iso } from '../../../platform/moment'
import type { Channel, Medium, OutgoingMessage } from './channel'

export interface InboxMessage {
  id: string
  channel: string
  to: string
  subject: string
  text: string
  at: string
}

export interface DevInbox {
  /** Newest first. */
  list(to?: string): InboxMessage[]
  /** A provider that takes everything, for a medium that has none. */
  standIn(medium: Medium): Channel
  /** The same provider, whose messages are shown too. */
  showing(channel: Channel): Channel
}

const KEPT = 500
const CONCURRENCY = 16
/** Media whose message is the short one. */
const SHORT: ReadonlySet<string> = new Set<Medium>(['sms', 'whatsapp', 'push'])

export function createDevInbox(clock: Clock, newId: NewId): DevInbox {
  const messages: InboxMessage[] = []

  function show({ medium, to, subject, text, short, push, webhook }: OutgoingMessage): void {
    const shown = SHORT.has(medium) ? { subject: '', text: short } : { subject, text }
    const address = to || webhook?.url || `${push.length} devices`
    messages.unshift({ id: newId('msg'), channel: medium, to: address, ...shown, at: iso(clock()) })
    messages.length = Math.min(messages.length, KEPT)
  }

  return {
    list: (to) =>
      to === undefined ? [...messages] : messages.filter((message) => message.to.toLowerCase() === to.toLowerCase()),

    standIn: (medium) => ({
      provider: `inbox-${medium}`,
      medium,
      concurrency: CONCURRENCY,
      async send(message) {
        show(message)
        return { outcome: 'accepted' }
      },
      check: async () => ({ state: 'up', detail: 'shown at /dev/inbox' }),
      close() {},
    }),

    showing: (channel) => ({
      ...channel,
      async send(message) {
        const sent = await channel.send(message)
        if (sent.outcome === 'accepted') show(message)
        return sent
      },
    }),
  }
}
