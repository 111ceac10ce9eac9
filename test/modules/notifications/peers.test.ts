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
  peers = createPeers(() => now, { atOnce: 2 })
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
