/** Servers that people name themselves: none takes the places or the time of the others. */
import { beforeEach, describe, expect, test } from 'bun:test'
import type { Sent } from '../../../src/modules/notifications/channels/channel'
import { createPeers, type Peers } from '../../../src/modules/notifications/channels/peers'

const SECOND = 1_000
const accepted: Sent = { outcome: 'accepted' }
const failed: Sent = { outcome: 'transient', reason: 'no answer in time' }
const leftAlone = (retryAfterMs: number): Sent => ({
  outcome: 'transient',
  reason: 'its server is left alone',
  retryAfterMs,
  aboutMessage: true,
})

let now: number
let peers: Peers
let asked: string[]

beforeEach(() => {
  now = Date.UTC(2026, 10, 25)
  peers = createPeers(() => now, { atOnce: 2, patienceMs: 20 })
  asked = []
})

function ask(server: string, answer: Sent | Promise<Sent>): Promise<Sent> {
  return peers.ask(server, async () => {
    asked.push(server)
    return answer
  })
}

describe('a server that people name', () => {
  test('and that fails says nothing of others: what went wrong is about the message', async () => {
    expect(await ask('slow', failed)).toEqual({ ...failed, aboutMessage: true })
  })

  test('is left alone after five failures in a row; then one message is let through to see', async () => {
    for (let i = 0; i < 5; i += 1) await ask('slow', failed)
    expect(await ask('slow', accepted)).toEqual(leftAlone(30 * SECOND))
    expect(await ask('well', accepted)).toEqual(accepted)
    now += 29 * SECOND
    expect(await ask('slow', accepted)).toEqual(leftAlone(SECOND))
    expect(asked).toHaveLength(6)
    now += SECOND
    const trial = Promise.withResolvers<Sent>()
    const trying = ask('slow', trial.promise)
    expect(await ask('slow', accepted)).toEqual(leftAlone(SECOND))
    trial.resolve(accepted)
    expect(await trying).toEqual(accepted)
    expect(await ask('slow', accepted)).toEqual(accepted)
  })

  test('is left alone for as long as it asks', async () => {
    await ask('busy', { ...failed, retryAfterMs: 7 * SECOND })
    expect(await ask('busy', accepted)).toEqual(leftAlone(7 * SECOND))
    now += 7 * SECOND
    expect(await ask('busy', accepted)).toEqual(accepted)
  })

  test('and refuses messages for good is not left alone', async () => {
    for (let i = 0; i < 20; i += 1) await ask('strict', { outcome: 'permanent', reason: 'refused 404' })
    expect(await ask('strict', accepted)).toEqual(accepted)
  })

  test('has its share of what is under way and no more, also while it never answers', async () => {
    const never = Promise.withResolvers<Sent>()
    const under = [ask('slow', never.promise), ask('slow', never.promise)]
    expect(await ask('slow', accepted)).toMatchObject({
      outcome: 'transient',
      aboutMessage: true,
      retryAfterMs: SECOND,
    })
    expect(await ask('well', accepted)).toEqual(accepted)
    never.resolve(failed)
    await Promise.all(under)
    expect(await ask('slow', accepted)).toEqual(accepted)
  })

  test('gives each place to whoever waits longest, and loses none', async () => {
    const gates = Array.from({ length: 5 }, () => Promise.withResolvers<Sent>())
    const begun: number[] = []
    const all = gates.map(({ promise }, i) =>
      peers.ask('well', () => {
        begun.push(i)
        return promise
      }),
    )
    await Bun.sleep(0)
    expect(begun).toEqual([0, 1])
    for (const { resolve } of gates) {
      resolve(accepted)
      await Bun.sleep(0)
    }
    expect(await Promise.all(all)).toEqual(Array.from({ length: 5 }, () => accepted))
    expect(begun).toEqual([0, 1, 2, 3, 4])
    // The two places are free again.
    const two = [Promise.withResolvers<Sent>(), Promise.withResolvers<Sent>()]
    const last = two.map(({ promise }) => ask('well', promise))
    for (const { resolve } of two) resolve(accepted)
    expect(await Promise.all(last)).toEqual([accepted, accepted])
  })

  test('that is left alone meanwhile sends those that waited for a place away at once', async () => {
    const gates = Array.from({ length: 8 }, () => Promise.withResolvers<Sent>())
    const all = gates.map(({ promise }) => ask('slow', promise))
    for (const { resolve } of gates) resolve(failed)
    const reasons = (await Promise.all(all)).map((sent) => (sent.outcome === 'accepted' ? '' : sent.reason))
    expect(reasons.filter((reason) => reason === 'no answer in time')).toHaveLength(6)
    expect(reasons.filter((reason) => reason === 'its server is left alone')).toHaveLength(2)
    now += 30 * SECOND
    expect(await ask('slow', accepted)).toEqual(accepted)
  })

  test('gives its place back also if asking it throws', async () => {
    const fault = () => peers.ask('odd', () => Promise.reject(new Error('odd')))
    for (let i = 0; i < 4; i += 1) await expect(fault()).rejects.toThrow('odd')
    expect(await ask('odd', accepted)).toEqual(accepted)
  })

  test('is forgotten when many others were asked since, unless something is under way there', async () => {
    for (let i = 0; i < 5; i += 1) await ask('slow', failed)
    const never = Promise.withResolvers<Sent>()
    const under = [ask('hanging', never.promise), ask('hanging', never.promise)]
    for (let i = 0; i < 1_000; i += 1) await ask(`made up ${i}`, accepted)
    expect(await ask('slow', accepted)).toEqual(accepted)
    expect(await ask('hanging', accepted)).toMatchObject({ outcome: 'transient' })
    never.resolve(accepted)
    await Promise.all(under)
  })
})
