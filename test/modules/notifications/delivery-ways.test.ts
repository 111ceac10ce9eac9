/** The ways of a message: when the next is begun, when the others are called off, and what receipts do to them. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import type { Notifications } from '../../../src/modules/notifications'
import type { Medium, Receipt, Sent } from '../../../src/modules/notifications/channels/channel'
import { createWebhook } from '../../../src/modules/notifications/channels/webhook'
import { notifications } from '../../../src/modules/notifications/schema'
import type { Notice } from '../../../src/modules/notifications/service/notice'
import { SENT_BY_NAME } from '../../../src/modules/notifications/service/outbox'
import type { Step } from '../../../src/modules/notifications/service/routing'
import { until } from '../../support/until'
import type { World } from '../../support/world'
import { createDeliveryWorld, type DeliveryWorld, deliveriesOf, noticeTo, provider } from './delivery-world'
import { createFaultyServer } from './providers/faults'

const SECOND = 1_000
const DAY = 24 * 3_600_000

let place: DeliveryWorld
let world: World

beforeEach(async () => {
  place = await createDeliveryWorld()
  world = place.world
})
afterEach(() => place.end())

const MINUTE = 60 * SECOND
const broken = async (): Promise<Sent> => ({ outcome: 'transient', reason: 'connection refused' })
const PHONE = '+258841234567'
/** The audit log is no part of these stories. */
const unnoted = async () => {}

const told = (name: string, medium: Medium) => provider(name, medium, { receipts: true })
const media = () => [told('sms', 'sms'), told('whatsapp', 'whatsapp'), told('smtp', 'email')] as const
type Provider = ReturnType<typeof provider>

/** A person with a mail address and a number, and a message on its way to them. */
async function message(copy: Notifications, track: Step[], more: Partial<Notice> = {}) {
  const { id: userId } = await world.person('customer')
  const notice = { ...noticeTo('', 'x'), address: undefined, userId, tracks: [track], ...more }
  return { userId, ...(await place.put(copy, notice)) }
}
const urgent = () => ({
  template: 'code',
  data: { purpose: 'second_factor' },
  expiresAt: world.clock() + 5 * MINUTE,
  secret: { member: 'code', sealed: world.runtime.keyring.seal('code-in-transit', '482913') },
})
const ways = async (copy: Notifications, id: string) =>
  (await deliveriesOf(copy, id)).map(({ channel, state }) => `${channel} ${state}`)
const counts = (providers: readonly Provider[]) => providers.map(({ asked }) => asked.length)

async function wait(copy: Notifications, ms: number, stepMs = SECOND) {
  for (let passed = 0; passed < ms; passed += stepMs) {
    world.clock.advance(Math.min(stepMs, ms - passed))
    await copy.dispatcher.drain()
  }
}
async function receipt(copy: Notifications, name: string, receipts: Receipt[]) {
  const taken = await copy.receipts.take(name, {
    method: 'POST',
    url: `https://kumbu.example/receipts/${name}`,
    headers: new Headers(),
    body: JSON.stringify(receipts),
  })
  expect(taken.ok).toBe(true)
}
const idAt = (from: Provider, i = 0) => `${from.channel.provider}-${from.asked[i]?.deliveryId}`

describe('the next way', () => {
  test('is begun after five minutes, if nothing is said and the first way only fails for now', async () => {
    const all = media()
    const [sms, whatsapp] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    sms.answer = broken
    const { id } = await message(copy, [{ medium: 'sms' }, { medium: 'whatsapp' }])
    await copy.dispatcher.drain()
    await wait(copy, 299 * SECOND)
    expect(whatsapp.asked).toHaveLength(0)
    await wait(copy, SECOND)
    expect(whatsapp.asked).toHaveLength(1)
    expect(await ways(copy, id)).toEqual(['sms cancelled', 'whatsapp accepted'])
  })

  test('of a code is begun at the first failure; and after half a minute when the provider says nothing', async () => {
    const all = media()
    const [sms, whatsapp] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    sms.answer = broken
    await message(copy, [{ medium: 'sms' }, { medium: 'whatsapp' }], urgent())
    await copy.dispatcher.drain()
    expect(whatsapp.asked).toHaveLength(1)

    const slow = place.held()
    sms.answer = () => slow.promise
    await message(copy, [{ medium: 'sms' }, { medium: 'whatsapp' }], urgent())
    const going = copy.dispatcher.drain()
    await until(() => sms.asked.length >= 2)
    world.clock.advance(30 * SECOND - 1)
    expect(await copy.dispatcher.fallBackDue()).toBe(0)
    world.clock.advance(1)
    expect(await copy.dispatcher.fallBackDue()).toBe(1)
    slow.release({ outcome: 'permanent', reason: 'refused' })
    await going
    await copy.dispatcher.drain()
    expect(whatsapp.asked).toHaveLength(2)
  })

  test('is begun once: a way that fails late does not begin the third beside the second', async () => {
    const all = media()
    const [sms, whatsapp, mail] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    const [slow, alsoSlow] = [place.held(), place.held()]
    sms.answer = () => slow.promise
    whatsapp.answer = () => alsoSlow.promise
    copy.dispatcher.start()
    const { id } = await message(copy, [{ medium: 'sms' }, { medium: 'whatsapp' }, { medium: 'email' }], urgent())
    await until(() => sms.asked.length === 1)
    world.clock.advance(30 * SECOND)
    await copy.dispatcher.fallBackDue()
    await place.put(copy, { ...noticeTo('else@example.com', 'wakes it') })
    await until(() => whatsapp.asked.length === 1)

    slow.release({ outcome: 'transient', reason: 'no answer in time' })
    await until(() => mail.asked.length === 1)
    await waitForState(copy, id, 'sms', ({ attempts }) => attempts.length === 1)
    await copy.dispatcher.fallBackDue()
    const begun = await ways(copy, id)
    alsoSlow.release({ outcome: 'accepted', providerId: 'w' })
    await copy.dispatcher.stop()

    expect(begun).toEqual(['sms waiting', 'whatsapp waiting'])
  })

  test('is begun when a provider says that it did not arrive, or says nothing in time where that is asked for', async () => {
    const all = media()
    const [sms, whatsapp, mail] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    const track: Step[] = [
      { medium: 'sms', success: 'delivered', afterSeconds: 60 },
      { medium: 'whatsapp', success: 'delivered', afterSeconds: 60 },
      { medium: 'email' },
    ]
    const { id } = await message(copy, track)
    await copy.dispatcher.drain()
    await receipt(copy, 'sms', [{ providerId: idAt(sms), status: 'failed', reason: 'unreachable' }])
    await copy.dispatcher.drain()
    expect(counts(all)).toEqual([1, 1, 0])
    await wait(copy, 59 * SECOND)
    expect(mail.asked).toHaveLength(0)
    await wait(copy, SECOND)
    expect(counts(all)).toEqual([1, 1, 1])
    // It comes late, and both have reached the person.
    await receipt(copy, 'whatsapp', [{ providerId: idAt(whatsapp), status: 'delivered' }])
    expect(await ways(copy, id)).toEqual(['sms failed', 'whatsapp delivered', 'email accepted'])
  })

  test('is not begun when the receipt came in time', async () => {
    const all = media()
    const [sms] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    const { id } = await message(copy, [{ medium: 'sms', success: 'delivered', afterSeconds: 60 }, { medium: 'email' }])
    await copy.dispatcher.drain()
    await wait(copy, 59 * SECOND)
    await receipt(copy, 'sms', [{ providerId: idAt(sms), status: 'delivered' }])
    await wait(copy, 5 * MINUTE)
    expect(counts(all)).toEqual([1, 0, 0])
    expect(await ways(copy, id)).toEqual(['sms delivered'])
  })

  test('is begun where there is no address, or it is suppressed; if nobody can be reached the message is skipped', async () => {
    const all = media()
    const [, whatsapp] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    for (const medium of ['sms', 'whatsapp'] as const)
      await world.write((tx) => copy.suppressions.add(tx, medium, PHONE, 'operator'))
    const notice = {
      ...noticeTo(PHONE, 'x'),
      tracks: [[{ medium: 'sms' }, { medium: 'email' }, { medium: 'whatsapp' }]] as Step[][],
    }
    const { id } = await place.put(copy, notice)
    await copy.dispatcher.drain()
    expect(await ways(copy, id)).toEqual(['sms skipped', 'email skipped', 'whatsapp skipped'])
    const found = await copy.messages.get(id)
    expect(found.ok && found.value.status).toBe('skipped')
    expect(whatsapp.asked).toHaveLength(0)
  })
})

describe('a way that fails where nobody can take the next', () => {
  test('is dead, and can be sent again', async () => {
    const all = media()
    const [, , mail] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    mail.answer = async () => ({ outcome: 'permanent', reason: 'refused 554' })
    const tracks = [[{ medium: 'email' }, { medium: 'whatsapp' }, { medium: 'sms' }]] as Step[][]
    const { id } = await place.put(copy, { ...noticeTo('without-a-number@example.com', 'x'), tracks })
    await copy.dispatcher.drain()
    expect(await ways(copy, id)).toEqual(['email dead', 'whatsapp skipped', 'sms skipped'])
    expect((await copy.messages.dead({ limit: 10 })).map(({ notificationId }) => notificationId)).toEqual([id])
    mail.answer = async () => ({ outcome: 'accepted' })
    expect((await copy.messages.replay(id, unnoted)).ok).toBe(true)
    await copy.dispatcher.drain()
    expect(await ways(copy, id)).toEqual(['email accepted', 'whatsapp skipped', 'sms skipped'])
  })
})

describe('a provider that asks to be left alone for longer than a code is good', () => {
  test('does not keep the code from its next way', async () => {
    const all = media()
    const [sms, _whatsapp] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    sms.answer = async () => ({ outcome: 'transient', reason: 'too many requests', retryAfterMs: 60 * MINUTE })
    await message(copy, [{ medium: 'sms' }, { medium: 'whatsapp' }], urgent())
    await copy.dispatcher.drain()
    await wait(copy, MINUTE, 5 * SECOND)
    expect(counts(all)).toEqual([1, 1, 0])
  })
})

describe('two ways that both succeed', () => {
  test('are both counted, when the first one did so while the second was already taken', async () => {
    const all = media()
    const [sms, whatsapp] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    const slow = place.held()
    sms.answer = () => slow.promise
    copy.dispatcher.start()
    const { id } = await message(copy, [{ medium: 'sms' }, { medium: 'whatsapp' }], urgent())
    await until(() => sms.asked.length === 1)
    world.clock.advance(30 * SECOND)
    await copy.dispatcher.fallBackDue()
    await place.put(copy, noticeTo('else@example.com', 'wakes it'))
    await until(() => whatsapp.asked.length === 1)
    await waitForState(copy, id, 'whatsapp', ({ state }) => state === 'accepted')
    slow.release({ outcome: 'accepted', providerId: 'late' })
    await copy.dispatcher.stop()

    expect(counts(all).slice(0, 2)).toEqual([1, 1])
    const [first] = await deliveriesOf(copy, id)
    expect(first).toMatchObject({ channel: 'sms', state: 'accepted', provider: 'sms' })
    expect(first?.attempts).toHaveLength(1)
    await receipt(copy, 'sms', [{ providerId: 'late', status: 'delivered' }])
    expect(await ways(copy, id)).toEqual(['sms delivered', 'whatsapp accepted'])
  })
})

describe('a channel that was taken away while messages wait', () => {
  test('leaves none waiting for ever: the last way ends, and somebody can see it', async () => {
    const all = media()
    const [sms, , mail] = all
    const before = place.copyOf(all.map(({ channel }) => channel))
    const { id } = await message(before, [{ medium: 'sms' }], { expiresAt: world.clock() + 60 * MINUTE })
    const after = place.copyOf([mail.channel])
    await after.dispatcher.drain()
    await wait(after, 2 * 60 * MINUTE, 10 * MINUTE)
    expect(sms.asked).toHaveLength(0)
    expect(await ways(after, id)).not.toContain('sms waiting')
  })

  test('makes its next way begin', async () => {
    const all = media()
    const [, , mail] = all
    const before = place.copyOf(all.map(({ channel }) => channel))
    await message(before, [{ medium: 'sms' }, { medium: 'whatsapp' }, { medium: 'email' }])
    const after = place.copyOf([mail.channel])
    await wait(after, 6 * MINUTE, 10 * SECOND)
    expect(mail.asked).toHaveLength(1)
  })
})

describe('receipts', () => {
  test('that come before the acceptance is noted, twice, and of messages that nobody knows, count once', async () => {
    const all = media()
    const [sms] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    sms.answer = async () => {
      await receipt(copy, 'sms', [{ providerId: 'early', status: 'delivered' }])
      await receipt(copy, 'sms', [
        { providerId: 'early', status: 'delivered' },
        { providerId: 'stranger', status: 'failed' },
      ])
      return { outcome: 'accepted', providerId: 'early' }
    }
    const { id } = await message(copy, [{ medium: 'sms' }, { medium: 'email' }])
    await copy.dispatcher.drain()
    expect(await ways(copy, id)).toEqual(['sms delivered'])
    await receipt(copy, 'sms', [
      { providerId: 'early', status: 'failed' },
      { providerId: 'early', status: 'accepted' },
    ])
    await copy.dispatcher.drain()
    expect(await ways(copy, id)).toEqual(['sms delivered'])
  })

  test('of a number that does not exist suppress that number, and not the one that the person has by now', async () => {
    const all = media()
    const [sms] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    const person = await world.person('customer')
    await place.put(copy, {
      ...noticeTo('', 'x'),
      address: undefined,
      userId: person.id,
      tracks: [[{ medium: 'sms' }]],
    })
    await copy.dispatcher.drain()
    const old = sms.asked[0]?.to ?? ''
    const fresh = '+258849999999'
    await world.call('PUT', '/api/v1/auth/phone', { token: person.token, body: { phone: fresh } })
    const [told] = await world.mailTo(fresh)
    const code = /\d{6}/.exec(told?.text ?? '')?.[0]
    const proved = await world.call('POST', '/api/v1/auth/phone/verify', { token: person.token, body: { code } })
    expect(proved.status).toBe(200)
    await receipt(copy, 'sms', [{ providerId: idAt(sms), status: 'failed', invalidRecipient: true }])
    expect(await copy.suppressions.causeOf('sms', fresh, false)).toBeUndefined()
    expect(await copy.suppressions.causeOf('sms', old, false)).toBe('invalid')
  })

  test('of an invalid address hold a security message up for a day, and any other for good', async () => {
    const all = media()
    const [sms] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    sms.answer = async () => ({ outcome: 'permanent', reason: 'unknown number', invalidRecipient: true })
    const notice = { ...noticeTo(PHONE, 'first'), tracks: [[{ medium: 'sms' as const }]] }
    await place.put(copy, notice)
    await copy.dispatcher.drain()
    sms.answer = async () => ({ outcome: 'accepted' })
    const security = (about: string) => place.put(copy, { ...notice, about, ...urgent() })
    await security('at once')
    await place.put(copy, { ...notice, about: 'second' })
    await copy.dispatcher.drain()
    expect(sms.asked).toHaveLength(1)
    world.clock.advance(DAY)
    await security('after a day')
    await place.put(copy, { ...notice, about: 'third' })
    await copy.dispatcher.drain()
    expect(sms.asked.map(({ template }) => template)).toEqual(['announcement', 'code'])
  })
})

describe('a secret on two tracks', () => {
  test('is kept as long as one of them is still tried, though the other has arrived', async () => {
    const [sms, mail] = [provider('sms', 'sms', { receipts: true }), provider('smtp', 'email')]
    const copy = place.copyOf([sms.channel, mail.channel])
    mail.answer = broken
    const tracks = [[{ medium: 'sms' as const }], [{ medium: 'email' as const }]]
    const { id } = await message(copy, [], { ...urgent(), tracks, expiresAt: world.clock() + DAY })
    await copy.dispatcher.drain()
    await receipt(copy, 'sms', [{ providerId: idAt(sms), status: 'delivered' }])
    expect(await ways(copy, id)).toEqual(['sms delivered', 'email waiting'])

    const { answer } = sms
    mail.answer = answer
    await wait(copy, MINUTE)

    expect(mail.asked.at(-1)?.text).toContain('482913')
    expect(await ways(copy, id)).toEqual(['sms delivered', 'email accepted'])
  })
})

describe('a message that is called off', () => {
  test('takes no other way, also when the one that had taken it fails afterwards', async () => {
    const whatsapp = provider('whatsapp', 'whatsapp', { receipts: true })
    const [sms, mail] = [provider('sms', 'sms'), provider('smtp', 'email')]
    const copy = place.copyOf([whatsapp, sms, mail].map(({ channel }) => channel))
    mail.answer = broken
    const tracks: Step[][] = [[{ medium: 'whatsapp' }, { medium: 'sms' }], [{ medium: 'email' }]]
    const { id } = await message(copy, [], { tracks })
    await world.write(async (tx) => {
      const uniqueKey = `${SENT_BY_NAME}${id}`
      await tx.update(notifications).set({ uniqueKey }).where(eq(notifications.id, id))
    })
    await copy.dispatcher.drain()
    expect(await ways(copy, id)).toEqual(['whatsapp accepted', 'email waiting'])
    expect((await copy.messages.cancel(id, unnoted)).ok).toBe(true)
    await receipt(copy, 'whatsapp', [{ providerId: idAt(whatsapp), status: 'failed' }])
    await copy.dispatcher.drain()
    expect(sms.asked).toEqual([])
    expect(await ways(copy, id)).toEqual(['whatsapp dead', 'email cancelled'])
  })
})

describe('what somebody suppresses', () => {
  test('stays theirs, whatever a provider says of the address later', async () => {
    const copy = place.copyOf([])
    const address = 'unwanted@example.com'
    await world.write((tx) => copy.suppressions.add(tx, 'email', address, 'operator'))
    await world.write((tx) => copy.suppressions.add(tx, 'email', address, 'invalid'))
    expect(await copy.suppressions.causeOf('email', address, false)).toBe('operator')
    await world.write((tx) => copy.suppressions.liftInvalid(tx, 'email', address, unnoted))
    expect(await copy.suppressions.causeOf('email', address, false)).toBe('operator')
  })
})

describe('an endpoint of somebody’s own', () => {
  test('is not blamed for what could not even be made, which is for the operator to look at', async () => {
    const hook = createFaultyServer({ handle: async () => new Response('', { status: 204 }) })
    const copy = place.copyOf([createWebhook({ allowPrivate: true, clock: world.clock })], { privateWebhooks: true })
    const { id: userId } = await world.person('customer')
    await copy.targets.setWebhook(userId, hook.url, unnoted)
    for (let i = 0; i < 21; i += 1)
      await place.put(copy, { ...noticeTo('', `about-${i}`), address: undefined, userId, data: {}, tracks: [] })
    await copy.dispatcher.drain()
    await hook.stop()
    expect(hook.offered).toBe(0)
    expect(await copy.targets.list(userId)).toMatchObject([{ kind: 'webhook', pausedAt: null }])
    expect(await copy.messages.dead({ channel: 'webhook', limit: 50 })).toHaveLength(21)
  })

  test('is not blamed for what the one before it refused', async () => {
    const copy = place.copyOf([], { privateWebhooks: true })
    const { id: userId } = await world.person('customer')
    const named = async (url: string) => {
      const set = await copy.targets.setWebhook(userId, url, unnoted)
      if (!set.ok) throw new Error(set.code)
      return set.value.id
    }
    const old = await named('http://127.0.0.1:9/old')
    const fresh = await named('http://127.0.0.1:9/new')
    const refused = (id: string) => world.write((tx) => copy.targets.endpointRefused(tx, id))
    for (let i = 0; i < 20; i += 1) await refused(old)
    expect(await copy.targets.list(userId)).toMatchObject([{ id: fresh, pausedAt: null }])
    for (let i = 0; i < 20; i += 1) await refused(fresh)
    expect(await copy.targets.list(userId)).toMatchObject([{ id: fresh, pausedAt: expect.any(String) }])
  })
})

describe('an endpoint that says it is gone', () => {
  test('is called no more', async () => {
    const hook = createFaultyServer({ handle: async () => new Response('', { status: 410 }) })
    const channel = createWebhook({ allowPrivate: true, clock: world.clock })
    const copy = place.copyOf([channel], { privateWebhooks: true })
    const { id: userId } = await world.person('customer')
    await copy.targets.setWebhook(userId, hook.url, unnoted)
    for (const about of ['one', 'two']) {
      await place.put(copy, { ...noticeTo('', about), address: undefined, userId, tracks: [] })
      await copy.dispatcher.drain()
    }
    await hook.stop()
    expect(hook.offered).toBe(1)
    expect(await copy.targets.list(userId)).toEqual([])
  })
})

describe('a dead message that is sent again', () => {
  test('after its code has expired sends nothing', async () => {
    const all = media()
    const [sms] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    sms.answer = async () => ({ outcome: 'permanent', reason: 'refused' })
    const { id } = await message(copy, [{ medium: 'sms' }], urgent())
    await copy.dispatcher.drain()
    expect(await ways(copy, id)).toEqual(['sms dead'])
    world.clock.advance(5 * MINUTE)
    sms.answer = async () => ({ outcome: 'accepted' })
    expect((await copy.messages.replay(id, unnoted)).ok).toBe(true)
    await copy.dispatcher.drain()
    expect(sms.asked).toHaveLength(1)
    expect(await ways(copy, id)).toEqual(['sms expired'])
    expect((await copy.messages.replay(id, unnoted)).ok).toBe(false)
  })

  test('goes once more by its ways, and twice asked for at the same moment still once', async () => {
    const all = media()
    const [sms] = all
    const copy = place.copyOf(all.map(({ channel }) => channel))
    sms.answer = async () => ({ outcome: 'permanent', reason: 'refused' })
    const { id } = await message(copy, [{ medium: 'sms' }])
    await copy.dispatcher.drain()
    sms.answer = async () => ({ outcome: 'accepted' })
    const answers = await Promise.all([copy.messages.replay(id, unnoted), copy.messages.replay(id, unnoted)])
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1)
    await copy.dispatcher.drain()
    expect(sms.asked).toHaveLength(2)
    expect(await ways(copy, id)).toEqual(['sms accepted'])
  })
})

/** Waits until the delivery by a channel is as the test says. */
async function waitForState(
  copy: Notifications,
  id: string,
  channel: string,
  holds: (delivery: Awaited<ReturnType<typeof deliveriesOf>>[number]) => boolean,
) {
  const delivery = async () => (await deliveriesOf(copy, id)).find((each) => each.channel === channel)
  await until(delivery, (found) => found !== undefined && holds(found))
}
