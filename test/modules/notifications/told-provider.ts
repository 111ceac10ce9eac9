/** What the tests of deliveries share: a provider that does as it is told, a message for it, and a look at what became of it. */
import type { Notifications } from '../../../src/modules/notifications'
import type { Channel, Medium, OutgoingMessage, Sent } from '../../../src/modules/notifications/channels/channel'
import type { Notice } from '../../../src/modules/notifications/service/notice'

/** A provider that keeps what it was asked and answers as it is told; by a promise, if a test wants to hold it. */
export function provider(name: string, medium: Medium = 'email', concurrency = 32) {
  const asked: OutgoingMessage[] = []
  const self = {
    asked,
    answer: (async (_message: OutgoingMessage): Promise<Sent> => ({ outcome: 'accepted' })) as (
      message: OutgoingMessage,
    ) => Promise<Sent>,
    channel: {
      provider: name,
      medium,
      concurrency,
      send(message: OutgoingMessage): Promise<Sent> {
        asked.push(message)
        return self.answer(message)
      },
      check: async () => ({ state: 'up' as const }),
      close() {},
    } satisfies Channel,
  }
  return self
}

export const noticeTo = (address: string, about: string): Notice => ({
  userId: undefined,
  address,
  template: 'announcement',
  data: { title: 'Closed on Monday', message: 'We are back on Tuesday.' },
  about,
  tracks: [[{ medium: 'email' }]],
})

export async function deliveriesOf(copy: Notifications, id: string) {
  const found = await copy.messages.get(id)
  if (!found.ok) throw new Error(found.code)
  return found.value.deliveries
}
