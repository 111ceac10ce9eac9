/** Who is told later, gathered, or not at all: the night, a flood, what a person has chosen, and what is no longer so. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { createNotifications, type Notifications } from '../../../src/modules/notifications'
import type { Channel, Medium } from '../../../src/modules/notifications/channels/channel'
import { deliveries } from '../../../src/modules/notifications/schema'
import type { NotificationOptions } from '../../../src/modules/notifications/service'
import type { Notice } from '../../../src/modules/notifications/service/notice'
import { digestAt, type Preferences, quietUntil } from '../../../src/modules/notifications/service/preferences'
import { noTraffic } from '../../../src/platform/queue/traffic'
import { createWorld, type World } from '../../support/world'
import { deliveriesOf, noticeTo, provider } from './told-provider'

const SECOND = 1_000
const DAY = 24 * 3_600_000

let world: World
let copies: Notifications[]

beforeEach(async () => {
  world = await createWorld()
  copies = []
})
afterEach(async () => {
  for (const { dispatcher } of copies) await dispatcher.stop()
  await world.end()
})

function copyOf(channels: Channel[], options: Partial<NotificationOptions> = {}): Notifications {
  const made = createNotifications(world.runtime, world.app, channels, {
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
  copies.push(made)
  return made
}

async function put(copy: Notifications, notice: Notice) {
  const arranged = await copy.outbox.arrange(notice)
  return world.write((tx) => copy.outbox.put(tx, arranged))
}

const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const at = (text: string) => Date.parse(text)
const wishing = (wishes: Partial<Preferences>): Preferences => ({
  language: 'en',
  timeZone: 'Africa/Maputo',
  quiet: null,
  muted: {},
  digests: {},
  ...wishes,
})
const night = (timeZone: string, from: number, to: number) => wishing({ timeZone, quiet: { from, to } })

describe('quiet hours', () => {
  test('over midnight end on the next morning, or on this one after midnight', () => {
    const wishes = night('Africa/Maputo', 22 * 60, 7 * 60)
    expect(quietUntil(at('2026-11-24T19:59:59.999Z'), wishes)).toBeUndefined()
    expect(quietUntil(at('2026-11-24T20:00:00Z'), wishes)).toBe(at('2026-11-25T05:00:00Z'))
    expect(quietUntil(at('2026-11-25T04:59:59.999Z'), wishes)).toBe(at('2026-11-25T05:00:00Z'))
    expect(quietUntil(at('2026-11-25T05:00:00Z'), wishes)).toBeUndefined()
  })

  test('keep to the local clock where it is put forward and back', () => {
    const wishes = night('Europe/Lisbon', 22 * 60, 7 * 60)
    expect(quietUntil(at('2026-03-28T23:00:00Z'), wishes)).toBe(at('2026-03-29T06:00:00Z'))
    expect(quietUntil(at('2026-10-24T22:00:00Z'), wishes)).toBe(at('2026-10-25T07:00:00Z'))
  })

  test.each([
    ['Europe/Lisbon', '2026-10-24T20:00:00Z'],
    ['Europe/Lisbon', '2026-03-28T20:00:00Z'],
    ['America/New_York', '2026-10-31T20:00:00Z'],
    ['America/New_York', '2026-03-07T20:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T08:00:00Z'],
    ['Africa/Cairo', '2026-04-23T18:00:00Z'],
  ])('always end later than now, whatever the clock of %s does after %s', (timeZone, from) => {
    for (let to = 0; to < 300; to += 15)
      for (let passed = 0; passed < 16 * HOUR; passed += 15 * MINUTE) {
        const now = at(from) + passed
        const until = quietUntil(now, night(timeZone, 21 * 60, to))
        if (until !== undefined && until <= now)
          throw new Error(
            `At ${new Date(now).toISOString()} quiet hours until ${to} min end ${(now - until) / MINUTE} minutes ago.`,
          )
        expect(until ?? now + 1).toBeGreaterThan(now)
      }
  })

  test('gathered mails go later than now too', () => {
    for (const zone of ['Europe/Lisbon', 'Australia/Lord_Howe', 'Africa/Cairo', 'Asia/Kathmandu'])
      for (let passed = 0; passed < 365 * DAY; passed += 7 * HOUR + 13 * MINUTE) {
        const now = at('2026-01-01T00:00:00Z') + passed
        const [hourly, daily] = [digestAt(now, 'hourly', zone), digestAt(now, 'daily', zone)]
        expect([hourly > now, hourly - now <= HOUR, daily > now, daily - now <= 25 * HOUR]).toEqual([
          true,
          true,
          true,
          true,
        ])
      }
  })

  test('hold a message up, and neither a code nor what is about security', async () => {
    const mail = provider('smtp')
    const copy = copyOf([mail.channel])
    const { id: userId } = await world.person('customer')
    await copy.preferences.change(userId, { quiet: { from: 0, to: 23 * 60 }, muted: { news: ['sms'] } })
    const to = { userId, about: 'x', tracks: [[{ medium: 'email' as const }]] }
    await put(copy, { ...to, template: 'announcement', data: { title: 'T', message: 'M' } })
    await put(copy, { ...to, template: 'sessions_revoked', data: {} })
    const secret = { member: 'code', sealed: world.runtime.keyring.seal('code-in-transit', '482913') }
    await put(copy, {
      ...to,
      template: 'code',
      data: { purpose: 'second_factor' },
      secret,
      expiresAt: world.clock() + 5 * MINUTE,
    })
    await copy.dispatcher.drain()
    expect(mail.asked.map(({ template }) => template).sort()).toEqual(['code', 'sessions_revoked'])

    world.clock.advance(at('2026-11-24T21:00:00Z') - world.clock() - 1)
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(2)
    world.clock.advance(1)
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(3)
  })
})

describe('what is gathered', () => {
  const news = (userId: string, i: number, more: Partial<Notice> = {}): Notice => ({
    userId,
    template: 'announcement',
    data: { title: `Title ${i}`, message: `Message ${i}` },
    about: `news-${i}`,
    tracks: [[{ medium: 'email' }]],
    ...more,
  })
  async function gathering(mail: ReturnType<typeof provider>) {
    const copy = copyOf([mail.channel])
    const { id: userId } = await world.person('customer')
    await copy.preferences.change(userId, { digests: { news: 'hourly' } })
    return { copy, userId }
  }
  const said = (mail: ReturnType<typeof provider>) =>
    mail.asked.map(({ subject, text }) => `${subject}\n${text}`).join('\n')

  test('comes in one mail, at the full hour', async () => {
    const mail = provider('smtp')
    const { copy, userId } = await gathering(mail)
    for (let i = 0; i < 5; i += 1) await put(copy, news(userId, i))
    await copy.dispatcher.drain()
    expect(mail.asked).toEqual([])
    world.clock.advance(HOUR)
    await copy.dispatcher.drain()
    for (let i = 0; i < 5; i += 1) expect(said(mail)).toContain(`Title ${i}`)
    expect(mail.asked).toHaveLength(1)
  })

  test('of which there are more than fifty, comes in few mails, and each is in exactly one', async () => {
    const mail = provider('smtp')
    const { copy, userId } = await gathering(mail)
    for (let i = 100; i < 230; i += 1) await put(copy, news(userId, i))
    await copy.dispatcher.drain()
    world.clock.advance(HOUR)
    await copy.dispatcher.drain()
    for (let i = 100; i < 230; i += 1) expect(said(mail).split(`Title ${i}`).length - 1, `Title ${i}`).toBe(1)
    expect(mail.asked.length).toBeLessThanOrEqual(3)
  })

  test('and fails is tried again as a whole, under the same id', async () => {
    const mail = provider('smtp')
    const { copy, userId } = await gathering(mail)
    for (let i = 0; i < 20; i += 1) await put(copy, news(userId, i))
    await copy.dispatcher.drain()
    world.clock.advance(HOUR)
    mail.answer = async () => ({ outcome: 'transient', reason: 'connection lost' })
    await copy.dispatcher.drain()
    const failed = mail.asked.splice(0)
    mail.answer = async () => ({ outcome: 'accepted' })
    for (let i = 0; i < 50; i += 1) {
      world.clock.advance(SECOND / 10)
      await copy.dispatcher.drain()
    }
    expect(mail.asked).toHaveLength(1)
    expect(mail.asked.map(({ deliveryId }) => deliveryId)).toEqual(failed.map(({ deliveryId }) => deliveryId))
    for (let i = 0; i < 20; i += 1) expect(said(mail)).toContain(`Title ${i}`)
  })

  test('and has expired, or is wanted no more, is left out', async () => {
    const mail = provider('smtp')
    const { copy, userId } = await gathering(mail)
    // So few places that the others are gathered to the first.
    const narrow = copyOf([{ ...mail.channel, concurrency: 1 }])
    const { id } = await put(copy, news(userId, 0))
    await put(copy, news(userId, 1, { expiresAt: world.clock() + 45 * MINUTE }))
    await put(copy, news(userId, 2))
    await copy.dispatcher.drain()
    // The first to come due is one that still holds.
    await world.write(async (tx) => {
      await tx.update(deliveries).set({ dueAt: world.clock() }).where(eq(deliveries.notificationId, id))
    })
    world.clock.advance(HOUR)
    await narrow.dispatcher.drain()
    expect(said(mail)).toContain('Title 0')
    expect(said(mail)).toContain('Title 2')
    expect(said(mail)).not.toContain('Title 1')
  })

  test('is not held until it is worth nothing', async () => {
    const mail = provider('smtp')
    const { copy, userId } = await gathering(mail)
    await put(copy, news(userId, 0, { expiresAt: world.clock() + 10 * MINUTE }))
    await copy.dispatcher.drain()
    world.clock.advance(HOUR)
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(1)
  })
})

describe('a flood of messages to one person', () => {
  const news = (userId: string, medium: Medium, i: number): Notice => ({
    userId,
    template: 'announcement',
    data: { title: `Title ${i}`, message: 'M' },
    about: `news-${medium}-${i}`,
    tracks: [[{ medium }]],
  })

  test('is held to so many in an hour, also if all come at once', async () => {
    const sms = provider('sms', 'sms')
    const copy = copyOf([sms.channel], { hourlyCap: 5 })
    const { id: userId } = await world.person('customer')
    for (let i = 0; i < 20; i += 1) await put(copy, news(userId, 'sms', i))
    const perHour: number[] = []
    for (let hour = 0; hour < 5; hour += 1) {
      const before = sms.asked.length
      for (let minute = 0; minute < 60; minute += 10) {
        await copy.dispatcher.drain()
        world.clock.advance(10 * MINUTE)
      }
      perHour.push(sms.asked.length - before)
    }
    expect(perHour).toEqual([5, 5, 5, 5, 0])
  })

  test('by mail: what is too much comes gathered in one', async () => {
    const mail = provider('smtp')
    const copy = copyOf([mail.channel], { hourlyCap: 5 })
    const { id: userId } = await world.person('customer')
    for (let i = 10; i < 30; i += 1) await put(copy, news(userId, 'email', i))
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(5)
    world.clock.advance(HOUR)
    await copy.dispatcher.drain()
    world.clock.advance(HOUR)
    await copy.dispatcher.drain()
    const said = mail.asked.map(({ subject, text }) => `${subject}\n${text}`).join('\n')
    for (let i = 10; i < 30; i += 1) expect(said.split(`Title ${i}`).length - 1, `Title ${i}`).toBe(1)
    expect(mail.asked).toHaveLength(6)
  })

  test('counts for this person and this channel alone', async () => {
    const [sms, mail] = [provider('sms', 'sms'), provider('smtp')]
    const copy = copyOf([sms.channel, mail.channel], { hourlyCap: 1 })
    const [{ id: one }, { id: other }] = [await world.person('customer'), await world.person('customer')]
    for (const userId of [one, other])
      for (const medium of ['sms', 'email'] as const) {
        await put(copy, news(userId, medium, 0))
        await copy.dispatcher.drain()
        await put(copy, news(userId, medium, 1))
        await copy.dispatcher.drain()
      }
    expect([sms.asked.length, mail.asked.length]).toEqual([2, 2])
  })
})

describe('what expires', () => {
  test.each([
    [-1, 1],
    [0, 0],
    [1, 0],
  ])('goes until the millisecond before: %p ms after it, %p are sent', async (after, expected) => {
    const mail = provider('smtp')
    const copy = copyOf([mail.channel])
    const { id } = await put(copy, { ...noticeTo('a@example.com', 'news'), expiresAt: world.clock() + 60_000 })
    world.clock.advance(60_000 + after)
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(expected)
    expect((await deliveriesOf(copy, id))[0]?.state).toBe(expected === 1 ? 'accepted' : 'expired')
  })

  test('is not offered to the next provider when the one before took too long', async () => {
    const [slow, quick] = [provider('slow'), provider('quick')]
    const copy = copyOf([slow.channel, quick.channel])
    await put(copy, { ...noticeTo('a@example.com', 'news'), expiresAt: world.clock() + 10 * SECOND })
    slow.answer = async () => {
      world.clock.advance(45 * SECOND)
      return { outcome: 'transient', reason: 'no answer in time' }
    }
    await copy.dispatcher.drain()
    expect(slow.asked).toHaveLength(1)
    expect(quick.asked).toHaveLength(0)
  })
})
