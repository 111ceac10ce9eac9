/** What the tests of deliveries share: copies that send over one database, by providers that do as they are told. */
import { createNotifications, type Notifications } from '../../../src/modules/notifications'
import type {
  Channel,
  Medium,
  OutgoingMessage,
  Receipt,
  ReceiptRequest,
  Sent,
} from '../../../src/modules/notifications/channels/channel'
import type { NotificationOptions } from '../../../src/modules/notifications/service'
import type { Notice } from '../../../src/modules/notifications/service/notice'
import { noTraffic } from '../../../src/platform/queue/traffic'
import type { Runtime } from '../../../src/platform/runtime'
import { createWorld } from '../../support/world'

export type DeliveryWorld = Awaited<ReturnType<typeof createDeliveryWorld>>

const DAY = 24 * 3_600_000

export async function createDeliveryWorld() {
  const world = await createWorld()
  const copies = new Set<Notifications>()
  /** What is still held when a test ends, well or not. */
  const gates: Array<(sent: Sent) => void> = []

  function copyOf(
    channels: Channel[],
    { runtime = world.runtime, ...options }: Partial<NotificationOptions> & { runtime?: Runtime } = {},
  ): Notifications {
    const made = createNotifications(runtime, world.app, channels, {
      brand: 'Kumbu',
      language: 'en',
      timeZone: 'Africa/Maputo',
      baseUrl: () => 'https://kumbu.example',
      traffic: noTraffic,
      paces: {},
      hourlyCap: 10_000,
      callingCodes: [],
      keptMs: 90 * DAY,
      ...options,
    })
    copies.add(made)
    return made
  }

  async function put(copy: Notifications, notice: Notice) {
    const arranged = await copy.outbox.arrange(notice)
    return world.write((tx) => copy.outbox.put(tx, arranged))
  }

  async function putMany(copy: Notifications, count: number): Promise<void> {
    const arranged = await Promise.all(
      Array.from({ length: count }, (_, i) => copy.outbox.arrange(noticeTo(`p${i}@example.com`, `news-${i}`))),
    )
    await world.write(async (tx) => {
      for (const each of arranged) await copy.outbox.put(tx, each)
    })
  }

  /** Held until the test lets go. */
  function held() {
    const { promise, resolve: release } = Promise.withResolvers<Sent>()
    gates.push(release)
    return { promise, release }
  }

  return {
    world,
    copyOf,
    put,
    putMany,
    held,
    /** As of a process that died: nobody waits for what it has under way. */
    forget: (copy: Notifications) => copies.delete(copy),
    async end() {
      for (const release of gates) release({ outcome: 'accepted' })
      for (const { dispatcher } of copies) await dispatcher.stop()
      await world.end()
    },
  }
}

/**
 * A provider that keeps what it was asked and answers as it is told; by a promise, if a test wants to hold it. One that
 * sends receipts names each message by its own name and the delivery’s id, until it is told otherwise.
 */
export function provider(name: string, medium: Medium = 'email', { receipts = false } = {}) {
  const asked: OutgoingMessage[] = []
  const self = {
    asked,
    answer: async ({ deliveryId }: OutgoingMessage): Promise<Sent> => ({
      outcome: 'accepted',
      ...(receipts ? { providerId: `${name}-${deliveryId}` } : {}),
    }),
    channel: {
      provider: name,
      medium,
      concurrency: 32,
      send(message: OutgoingMessage): Promise<Sent> {
        asked.push(message)
        return self.answer(message)
      },
      ...(receipts
        ? {
            receipts: ({ body }: ReceiptRequest) => ({
              verdict: 'accepted' as const,
              receipts: JSON.parse(body) as Receipt[],
            }),
          }
        : {}),
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
