/** What every provider behind HTTP does when the network or the provider fails: the same words for each of them. */
import { describe, expect, test } from 'bun:test'
import type { Channel, Sent } from '../../../../src/modules/notifications/channels/channel'
import { outgoingCode } from '../outgoing'
import type { ProviderServer, Taken } from './server'

export interface Subject {
  provider: string
  server: ProviderServer<Taken>
  /** A channel to that server. */
  channel(deadlineMs?: number): Channel
  /** None of these may stand in a reason. */
  secrets: string[]
  clock: () => number
}

export function keepsItsWordUnderFaults({ provider, server, channel, secrets, clock }: Subject): void {
  const send = () => channel().send(outgoingCode())
  const transient = (words: string): Sent => ({ outcome: 'transient', reason: `${provider}${words}` })

  describe('when the network or the provider fails', () => {
    test('one that is down is tried again, and takes messages when it is back', async () => {
      await server.stop()
      expect(await send()).toEqual(transient(': cannot be reached'))
      server.start()
      expect(await send()).toMatchObject({ outcome: 'accepted' })
    })

    test.each(['silence', 'stalled'] as const)('one that is not done is left at the deadline: %s', async (fault) => {
      server.answerWith(fault)
      expect(await channel(100).send(outgoingCode())).toEqual(transient(': no answer in time'))
    })

    test('a connection cut before the message was taken is tried again', async () => {
      const taken = server.messages.length
      server.answerWith('cut')
      expect(await send()).toEqual(transient(': connection lost'))
      expect(server.messages).toHaveLength(taken)
    })

    test('so is one cut after it was taken, because nobody can tell the two apart', async () => {
      const taken = server.messages.length
      server.answerWith('lost')
      expect(await send()).toEqual(transient(': connection lost'))
      expect(server.messages).toHaveLength(taken + 1)
    })

    test('an answer that points elsewhere is not followed', async () => {
      const offered = server.offered
      server.answerWith('redirect')
      expect(await send()).toEqual(transient(': answered by pointing elsewhere'))
      expect(server.offered).toBe(offered + 1)
    })

    test('an error of the provider is tried again', async () => {
      server.answerWith('broken')
      expect(await send()).toEqual(transient(' 500: provider error'))
    })

    test('a page of something in between is no success', async () => {
      server.answerWith('garbage')
      expect(await send()).toEqual(transient(' 200: answer not understood'))
    })

    test.each([
      ['7', 7_000],
      [new Date(clock() + 90_000).toUTCString(), 90_000],
      ['86400', 3_600_000],
      [new Date(clock() - 90_000).toUTCString(), 30_000],
      ['0', 30_000],
      ['-5', 30_000],
      ['soon', 30_000],
      ['1e3', 30_000],
      [undefined, 30_000],
    ])('one that has had enough and says "Retry-After: %s" is left alone for %p ms', async (limited, retryAfterMs) => {
      server.answerWith({ status: 429, headers: limited === undefined ? {} : { 'retry-after': limited } })
      expect(await send()).toEqual({ ...transient(' 429: too many requests'), retryAfterMs } as Sent)
    })

    test('no reason holds a secret, a number or the text', async () => {
      const faults = [{ status: 429 }, { code: 400 }, { code: 401 }, 'broken', 'garbage', 'redirect', 'cut'] as const
      for (const fault of faults) {
        server.answerWith(fault)
        const sent = await send()
        expect(sent.outcome).not.toBe('accepted')
        const told = JSON.stringify(sent)
        for (const secret of [...secrets, '258841234567', '123456', server.url]) expect(told).not.toContain(secret)
      }
    })
  })
}
