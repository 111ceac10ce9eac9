/** The development inbox: what was sent, to be looked at. It keeps the latest messages in memory. */
import type { Clock, NewId } from '../../../platform/ids'
import type { Channel } from './channel'

export interface InboxMessage {
  id: string
  channel: string
  to: string
  subject: string
  text: string
  at: string
}

export interface Inbox extends Channel {
  /** Newest first. */
  list(to?: string): InboxMessage[]
}

const KEPT = 500

export function createInbox(clock: Clock, newId: NewId): Inbox {
  const messages: InboxMessage[] = []
  return {
    name: 'inbox',
    media: ['email', 'sms'],
    async send({ to, medium, subject, text, short }) {
      const shown = medium === 'sms' ? { subject: '', text: short } : { subject, text }
      messages.unshift({ id: newId('msg'), channel: medium, to, ...shown, at: new Date(clock()).toISOString() })
      messages.length = Math.min(messages.length, KEPT)
    },
    check: async () => ({ state: 'up', detail: 'shown at /dev/inbox' }),
    close() {},
    list: (to) =>
      to === undefined ? [...messages] : messages.filter((message) => message.to.toLowerCase() === to.toLowerCase()),
  }
}
