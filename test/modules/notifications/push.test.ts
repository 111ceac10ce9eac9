/** Push messages to every device of a person: one message, several providers, one answer. */
import { describe, expect, test } from 'bun:test'
import type { Channel, PushTarget, Sent } from '../../../src/modules/notifications/channels/channel'
import { createPush } from '../../../src/modules/notifications/channels/push'
import { outgoing } from './outgoing'

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
    expect(await createPush({ web: lost, fcm: taken }).send(to(browser, phone))).toEqual({
      outcome: 'accepted',
      providerId: 'projects/x/messages/1',
      gone: ['tgt_a'],
    })
    expect(await createPush({ web: lost, fcm: later }).send(to(browser, phone))).toEqual({
      outcome: 'transient',
      reason: 'put off 503',
      retryAfterMs: 5,
      gone: ['tgt_a', 'tgt_b'],
    })
  })

  test('wait for the provider’s health unless all that failed were matters of one device', async () => {
    const [device, provider] = [
      answering({ outcome: 'transient', reason: 'put off 503', aboutMessage: true, retryAfterMs: 9 }, 'web-push'),
      answering({ outcome: 'transient', reason: 'refused 500', retryAfterMs: 7 }, 'fcm'),
    ]
    const message = to(browser, phone)
    expect(await createPush({ web: device, fcm: provider }).send(message)).toEqual({
      outcome: 'transient',
      reason: 'put off 503',
      retryAfterMs: 9,
    })
    expect(await createPush({ web: device, fcm: device }).send(message)).toMatchObject({ aboutMessage: true })
  })

  test('are reached by the provider that there is; with no device of its kind nobody is', async () => {
    const only = createPush({ web: answering({ outcome: 'accepted' }, 'web-push') })
    expect(await only.send(to(browser, phone))).toEqual({ outcome: 'accepted' })
    expect(await only.send(to(phone))).toEqual({ outcome: 'permanent', reason: 'no device' })
    expect(await createPush({}).check()).toEqual({ state: 'off' })
  })
})
