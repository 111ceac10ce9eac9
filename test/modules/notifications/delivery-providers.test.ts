/** Providers that fail: who is left alone, for how long, who is asked instead, and what each message then does. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Notifications } from '../../../src/modules/notifications'
import type { Sent } from '../../../src/modules/notifications/channels/channel'
import { until } from '../../support/until'
import type { World } from '../../support/world'
import { createDeliveryWorld, type DeliveryWorld, deliveriesOf, noticeTo, provider } from './delivery-world'

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
const accepted = async (): Promise<Sent> => ({ outcome: 'accepted' })
const broken = async (): Promise<Sent> => ({ outcome: 'transient', reason: 'connection refused' })
const breakerOf = (copy: Notifications, name = 'smtp') => copy.providers.get(name)?.breaker.state()

/** Puts five messages out that fail one after the other, so that the provider is left alone from now on. */
async function trip(copy: Notifications, mail: ReturnType<typeof provider>) {
  mail.answer = broken
  for (let i = 0; i < 5; i += 1) {
    await place.put(copy, noticeTo(`trip${i}@example.com`, `trip-${i}`))
    await copy.dispatcher.drain()
  }
  expect(breakerOf(copy)).toBe('open')
}

describe('a provider that fails', () => {
  test('five times in a row is left alone for thirty seconds, and not before', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    mail.answer = broken
    for (let i = 0; i < 4; i += 1) {
      await place.put(copy, noticeTo(`p${i}@example.com`, `n-${i}`))
      await copy.dispatcher.drain()
    }
    expect(breakerOf(copy)).toBe('closed')
    await place.put(copy, noticeTo('p5@example.com', 'n-5'))
    await copy.dispatcher.drain()
    expect(breakerOf(copy)).toBe('open')
    const asked = mail.asked.length
    world.clock.advance(30 * SECOND - 1)
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(asked)
    world.clock.advance(1)
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(asked + 1)
  })

  test('for thirty messages that were under way together is left alone for thirty seconds too, not for minutes', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    mail.answer = broken
    await place.putMany(copy, 30)
    await copy.dispatcher.drain()
    expect(breakerOf(copy)).toBe('open')
    mail.answer = accepted
    const before = mail.asked.length
    for (let passed = 0; passed < 30; passed += 5) {
      world.clock.advance(5 * SECOND)
      await copy.dispatcher.drain()
    }
    expect(mail.asked.length).toBeGreaterThan(before)
    expect(breakerOf(copy)).toBe('closed')
  })

  test('is tried with one message only, however many wait; when that one is taken all go', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    await trip(copy, mail)
    await place.putMany(copy, 100)
    world.clock.advance(5 * MINUTE)
    const before = mail.asked.length
    const trial = place.held()
    mail.answer = () => trial.promise
    const going = Promise.all([copy.dispatcher.drain(), copy.dispatcher.drain(), copy.dispatcher.drain()])
    await until(() => mail.asked.length > before)
    await new Promise((resolve) => setImmediate(resolve))
    const atTrial = mail.asked.length - before
    mail.answer = accepted
    trial.release({ outcome: 'accepted' })
    await going
    for (let i = 0; i < 5; i += 1) {
      world.clock.advance(SECOND)
      await copy.dispatcher.drain()
    }
    expect(atTrial).toBe(1)
    expect(mail.asked.length - before).toBe(105)
  })

  test('at its trial is left alone for longer each time, up to five minutes', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    await trip(copy, mail)
    await place.putMany(copy, 3)
    const gaps: number[] = []
    let before = mail.asked.length
    let last = world.clock()
    for (let passed = 0; passed < 20 * 60 && gaps.length < 6; passed += 5) {
      world.clock.advance(5 * SECOND)
      await copy.dispatcher.drain()
      if (mail.asked.length === before) continue
      gaps.push((world.clock() - last) / SECOND)
      last = world.clock()
      before = mail.asked.length
    }
    expect(gaps).toEqual([30, 60, 120, 240, 300, 300])
  })

  test('by refusing messages for good, or for themselves, is not left alone', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    mail.answer = async () => ({ outcome: 'permanent', reason: 'refused' })
    await place.putMany(copy, 20)
    await copy.dispatcher.drain()
    mail.answer = async () => ({ outcome: 'transient', reason: 'mailbox full', aboutMessage: true })
    for (let i = 0; i < 20; i += 1) await place.put(copy, noticeTo(`full${i}@example.com`, `full-${i}`))
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(40)
    expect(breakerOf(copy)).toBe('closed')
  })

  test.each([
    [
      'at once',
      () => {
        throw new TypeError('a bug')
      },
    ],
    ['later', () => Promise.reject(new TypeError('a bug'))],
  ] as Array<[string, () => Promise<Sent>]>)(
    'with a fault of its own, thrown %s, fails like others and is asked again after its pause',
    async (_, answer) => {
      const mail = provider('smtp')
      const copy = place.copyOf([mail.channel])
      await trip(copy, mail)
      world.clock.advance(30 * SECOND)
      mail.answer = answer
      await copy.dispatcher.drain()
      mail.answer = accepted
      const before = mail.asked.length
      for (let i = 0; i < 40; i += 1) {
        world.clock.advance(MINUTE)
        await copy.dispatcher.drain()
      }
      expect(new Set(mail.asked.slice(before).map(({ to }) => to)).size).toBe(5)
      expect(breakerOf(copy)).toBe('closed')
    },
  )

  test('while the clock is an hour ahead is asked again soon after it was put right', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    world.clock.advance(5 * 60 * MINUTE)
    await trip(copy, mail)
    world.clock.advance(-5 * 60 * MINUTE)
    mail.answer = accepted
    await place.put(copy, noticeTo('a@example.com', 'news'))
    for (let i = 0; i < 10; i += 1) {
      world.clock.advance(MINUTE)
      await copy.dispatcher.drain()
    }
    expect(mail.asked.some(({ to }) => to === 'a@example.com')).toBe(true)
  })
})

describe('a provider that will not take a message, for what it thinks of us', () => {
  const refused = async (): Promise<Sent> => ({ outcome: 'permanent', reason: 'refused 550 5.7.1', notHere: true })

  test('does not keep it from another one', async () => {
    const [first, second] = [provider('smtp'), provider('smtp-2')]
    const copy = place.copyOf([first.channel, second.channel])
    first.answer = refused
    const { id } = await place.put(copy, noticeTo('a@example.com', 'n'))
    await copy.dispatcher.drain()
    expect([first.asked.length, second.asked.length]).toEqual([1, 1])
    expect(await deliveriesOf(copy, id)).toMatchObject([{ state: 'accepted', provider: 'smtp-2' }])
  })

  test('has the last word only if all others say so too', async () => {
    const [first, second] = [provider('smtp'), provider('smtp-2')]
    const copy = place.copyOf([first.channel, second.channel])
    first.answer = refused
    second.answer = async () => ({ outcome: 'transient', reason: 'connection refused' })
    const { id } = await place.put(copy, noticeTo('a@example.com', 'n'))
    await copy.dispatcher.drain()
    expect(await deliveriesOf(copy, id)).toMatchObject([{ state: 'waiting' }])
    second.answer = refused
    world.clock.advance(MINUTE)
    await copy.dispatcher.drain()
    expect(await deliveriesOf(copy, id)).toMatchObject([{ state: 'dead', reason: 'refused 550 5.7.1' }])
  })

  test('is not asked for it again while the others fail for now', async () => {
    const [first, second] = [provider('smtp'), provider('smtp-2')]
    const copy = place.copyOf([first.channel, second.channel])
    first.answer = refused
    second.answer = broken
    await place.put(copy, noticeTo('a@example.com', 'n'))
    for (let minutes = 0; minutes < 120; minutes += 1) {
      await copy.dispatcher.drain()
      world.clock.advance(MINUTE)
    }
    expect(first.asked).toHaveLength(1)
    expect(second.asked.length).toBeGreaterThan(5)
  })

  test('has the last word once the others are there no more', async () => {
    const [first, second] = [provider('smtp'), provider('smtp-2')]
    const copy = place.copyOf([first.channel, second.channel])
    first.answer = refused
    second.answer = broken
    const { id } = await place.put(copy, noticeTo('a@example.com', 'n'))
    await copy.dispatcher.drain()
    const alone = place.copyOf([first.channel])
    world.clock.advance(MINUTE)
    await alone.dispatcher.drain()
    expect(await deliveriesOf(alone, id)).toMatchObject([{ state: 'dead', reason: 'refused 550 5.7.1' }])
  })

  test('does not end it while the other is left alone', async () => {
    const [first, second] = [provider('smtp'), provider('smtp-2')]
    const copy = place.copyOf([first.channel, second.channel])
    first.answer = refused
    second.answer = async () => ({ outcome: 'transient', reason: 'busy', retryAfterMs: MINUTE })
    await place.put(copy, noticeTo('b@example.com', 'before'))
    await copy.dispatcher.drain()
    const { id } = await place.put(copy, noticeTo('a@example.com', 'n'))
    await copy.dispatcher.drain()
    expect(await deliveriesOf(copy, id)).toMatchObject([{ state: 'waiting' }])
    second.answer = accepted
    world.clock.advance(2 * MINUTE)
    await copy.dispatcher.drain()
    expect(await deliveriesOf(copy, id)).toMatchObject([{ state: 'accepted', provider: 'smtp-2' }])
  })
})

describe('"Retry-After"', () => {
  test('is obeyed, although a message that was under way before is taken meanwhile', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    const [slow, limited] = [place.held(), place.held()]
    mail.answer = ({ to }) => (to === 'slow@example.com' ? slow.promise : limited.promise)
    await place.put(copy, noticeTo('slow@example.com', 'slow'))
    await place.put(copy, noticeTo('b@example.com', 'limited'))
    const going = copy.dispatcher.drain()
    await until(() => mail.asked.length === 2)
    limited.release({ outcome: 'transient', reason: 'too many requests', retryAfterMs: 10 * MINUTE })
    await new Promise((resolve) => setImmediate(resolve))
    slow.release({ outcome: 'accepted' })
    await going

    mail.answer = accepted
    await place.put(copy, noticeTo('c@example.com', 'next'))
    world.clock.advance(9 * MINUTE)
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(2)
    world.clock.advance(MINUTE)
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(4)
  })

  test('is seen in the figures for as long as it lasts', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    const figure = async () =>
      /kumbu_provider_breaker\{provider="smtp"\} (\d)/.exec(await world.runtime.metrics.registry.metrics())?.[1]
    expect(await figure()).toBe('0')
    mail.answer = async () => ({ outcome: 'transient', reason: 'busy', retryAfterMs: MINUTE })
    await place.put(copy, noticeTo('a@example.com', 'n'))
    await copy.dispatcher.drain()
    expect(await figure()).toBe('2')
    world.clock.advance(MINUTE)
    expect(await figure()).toBe('0')
    await trip(copy, mail)
    expect(await figure()).toBe('2')
    world.clock.advance(30 * SECOND)
    expect(await figure()).toBe('1')
  })

  test('of one provider does not keep a message from another that is well again', async () => {
    const [one, other] = [provider('one', 'sms'), provider('other', 'sms')]
    const copy = place.copyOf([one.channel, other.channel])
    one.answer = broken
    other.answer = async () => ({ outcome: 'transient', reason: 'too many requests', retryAfterMs: 60 * MINUTE })
    const secret = { member: 'code', sealed: world.runtime.keyring.seal('code-in-transit', '482913') }
    await place.put(copy, {
      ...noticeTo('+258841234567', 'code'),
      template: 'code',
      data: { purpose: 'second_factor' },
      secret,
      expiresAt: world.clock() + 5 * MINUTE,
      tracks: [[{ medium: 'sms' }]],
    })
    await copy.dispatcher.drain()
    expect([one.asked.length, other.asked.length]).toEqual([1, 1])
    one.answer = accepted
    for (let i = 0; i < 12; i += 1) {
      world.clock.advance(5 * SECOND)
      await copy.dispatcher.drain()
    }
    expect([one.asked.length, other.asked.length]).toEqual([2, 1])
  })

  test('about one message holds that one up, and no other', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    mail.answer = async ({ to }) =>
      to === 'grey@example.com'
        ? { outcome: 'transient', reason: 'greylisted', retryAfterMs: 10 * MINUTE, aboutMessage: true }
        : { outcome: 'accepted' }
    await place.put(copy, noticeTo('grey@example.com', 'grey'))
    await copy.dispatcher.drain()
    await place.putMany(copy, 5)
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(6)
    mail.answer = accepted
    world.clock.advance(10 * MINUTE - 1)
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(6)
    world.clock.advance(1)
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(7)
  })
})

describe('a message that fails', () => {
  test('is tried again after pauses that double and differ, up to half an hour, and is dead after four days', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    mail.answer = async () => ({ outcome: 'transient', reason: 'mailbox full', aboutMessage: true })
    const { id } = await place.put(copy, noticeTo('a@example.com', 'news'))
    const moments: number[] = []
    for (let passed = 0; passed < 101 * 60 && (await deliveriesOf(copy, id))[0]?.state === 'waiting'; passed += 1) {
      const before = mail.asked.length
      await copy.dispatcher.drain()
      if (mail.asked.length > before) moments.push(world.clock())
      const [delivery] = await deliveriesOf(copy, id)
      world.clock.advance(Math.max(1, Date.parse(delivery?.dueAt ?? '') - world.clock()))
    }
    const gaps = moments.slice(1).map((moment, i) => moment - (moments[i] ?? 0))
    gaps.forEach((gap, i) => {
      const whole = Math.min(30 * MINUTE, 2 * SECOND * 2 ** i)
      expect(gap).toBeGreaterThanOrEqual(whole / 2)
      expect(gap).toBeLessThanOrEqual(whole)
    })
    expect(new Set(gaps.slice(12)).size).toBeGreaterThan(10)
    expect((await deliveriesOf(copy, id))[0]?.state).toBe('dead')
    const lasted = (moments.at(-1) ?? 0) - (moments[0] ?? 0)
    expect(lasted).toBeGreaterThan(4 * DAY)
    expect(lasted).toBeLessThanOrEqual(4 * DAY + 30 * MINUTE)
  })

  test('goes round all providers, those that failed it longest ago first, and asks each once a round', async () => {
    const providers = [provider('a'), provider('b'), provider('c')]
    const copy = place.copyOf(providers.map(({ channel }) => channel))
    const order: string[] = []
    for (const each of providers)
      each.answer = async () => {
        order.push(each.channel.provider)
        return broken()
      }
    await place.put(copy, noticeTo('a@example.com', 'news'))
    await copy.dispatcher.drain()
    world.clock.advance(2 * SECOND)
    await copy.dispatcher.drain()
    expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
  })
})
