/** Push messages to every device of a person: one message, several providers, one answer. */
import { describe, expect, test } from 'bun:test'
import type { Channel, PushTarget, Sent } from '../../../src/modules/notifications/channels/channel'
import { createPush } from '../../../src/modules/notifications/channels/push'
import { outgoing } from './outgoing'

const clock = () => Date.UTC(2026, 10, 25)
const browser: PushTarget = { id: 'tgt_browser', kind: 'web', address: 'https://push.example/1' }
const to = (...push: PushTarget[]) => outgoing({ medium: 'push', push })

describe('all devices of a person', () => {
  const answering = (answer: Sent, provider: string): Channel => ({
    provider,
    medium: 'push',
    concurrency: 1,
    send: async () => answer,
    check: async () => ({ state: 'up' }),
    close() {},
  })
  const phone: PushTarget = { id: 'tgt_phone', kind: 'fcm', address: 'token' }

  test('are answered for by the best that happened to any, and all that are gone are named', async () => {
    const taken = answering({ outcome: 'accepted', providerId: 'projects/x/messages/1' }, 'fcm')
    const lost = answering({ outcome: 'permanent', reason: 'gone 410', gone: ['tgt_a'] }, 'web-push')
    const later = answering({ outcome: 'transient', reason: 'put off 503', retryAfterMs: 5, gone: ['tgt_b'] }, 'fcm')
    expect(await createPush({ web: lost, fcm: taken, clock }).send(to(browser, phone))).toEqual({
      outcome: 'accepted',
      providerId: 'projects/x/messages/1',
      gone: ['tgt_a'],
    })
    expect(await createPush({ web: lost, fcm: later, clock }).send(to(browser, phone))).toEqual({
      outcome: 'transient',
      reason: 'put off 503',
      retryAfterMs: 5,
      aboutMessage: true,
      gone: ['tgt_a', 'tgt_b'],
    })
  })

  test('of one kind get their messages while the provider of the other is down, which is left alone', async () => {
    let asked = 0
    const down: Channel = {
      ...answering({ outcome: 'accepted' }, 'fcm'),
      async send() {
        asked += 1
        return { outcome: 'transient', reason: 'refused 401' }
      },
    }
    const push = createPush({ web: answering({ outcome: 'accepted' }, 'web-push'), fcm: down, clock })
    for (let i = 0; i < 5; i += 1) expect(await push.send(to(phone))).toMatchObject({ reason: 'refused 401' })
    expect(await push.send(to(phone))).toEqual({
      outcome: 'transient',
      reason: 'its server is left alone',
      retryAfterMs: 30_000,
      aboutMessage: true,
    })
    expect(asked).toBe(5)
    expect(push.parts?.()).toEqual([['fcm', 'open']])
    expect(await push.send(to(browser))).toEqual({ outcome: 'accepted' })
    expect(await push.send(to(browser, phone))).toEqual({ outcome: 'accepted' })
  })

  test('are reached by the provider that there is; with no device of its kind nobody is', async () => {
    const only = createPush({ web: answering({ outcome: 'accepted' }, 'web-push'), clock })
    expect(await only.send(to(browser, phone))).toEqual({ outcome: 'accepted' })
    expect(await only.send(to(phone))).toEqual({ outcome: 'permanent', reason: 'no device' })
    expect(await createPush({ clock }).check()).toEqual({ state: 'off' })
  })
})
