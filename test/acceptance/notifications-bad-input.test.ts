/** What people, programs and strangers send to the routes of messages that they should not: each gets a clear refusal. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createTwilioServer } from '../modules/notifications/providers/twilio'
import { type Answer, createWorld, type Person, type World } from '../support/world'
import { expectProblem, send as sendRaw } from './answers'
import { ANNOUNCEMENT, as, DAY, HOUR, MINUTE, PATH, provedToken } from './messages'

let world: World
let operator: Person
let amina: Person
let bruno: Person

beforeAll(async () => {
  world = await createWorld()
  operator = await world.person('operator')
  amina = await world.customer(10_000)
  bruno = await world.person('customer')
  await byOperator('POST', 'templates', { name: 'offer', sample: { amount: 100 } })
  await byOperator('PUT', 'templates/offer/words/en', { subject: "Only {{ amount | money: 'USD' }}", text: 'Today.' })
  await world.app.settle()
})
afterAll(() => world.end())

const byOperator = (method: string, path: string, body?: unknown) =>
  as(world, operator, method, path, body === undefined ? {} : { body })
const byAmina = (method: string, path: string, body?: unknown) =>
  as(world, amina, method, path, body === undefined ? {} : { body })
const send = (body: object) => byOperator('POST', 'send', { ...ANNOUNCEMENT, to: amina.id, ...body })
const cursorFor = (position: string) => Buffer.from(position).toString('base64url')

/** The refusal names the member at fault, and says back none of what was sent. */
function expectFault(answer: Answer, pointer: string): void {
  expectProblem(answer, 422, 'validation_failed')
  expect(answer.body.errors[0].pointer).toBe(pointer)
}

const notificationsThereAre = async () => {
  const { body } = await byOperator('GET', 'metrics')
  return Object.values<number>(body.notifications).reduce((sum, n) => sum + n, 0)
}

describe('a message that cannot be sent: refused, and nothing is put out', () => {
  let before: number
  beforeAll(async () => {
    before = await notificationsThereAre()
  })
  afterAll(async () => {
    expect(await notificationsThereAre()).toBe(before)
  })

  for (const to of [
    'usr_00000000000000000000',
    '0841234567',
    '+0841234567',
    '+258 84 abc 4567',
    '+1234567890123456',
    'nobody',
    'nobody@nowhere',
    'a@example.com,b@example.com',
    '<a@example.com>',
    '"a b"@example.com',
    "' or 1=1 --",
  ])
    test(`to nobody: ${to}`, async () => {
      expectProblem(await send({ to }), 404, 'recipient_unknown')
    })

  test('to what is no name of anybody: empty, too long, on two lines, or no text', async () => {
    for (const to of ['', 'ab', 'x'.repeat(255), 'a@example.com\nBcc: b@example.com', 258841234567, null, [amina.id]])
      expectFault(await send({ to }), '/to')
  })

  test('of a template that is not there, or that Kumbu alone sends', async () => {
    for (const template of ['nothing_there', 'constructor', 'to_string'])
      expectProblem(await send({ template }), 404, 'template_not_found')
    for (const template of ['code', 'password_reset', 'withdrawal_code', 'money_received', 'password_changed'])
      expectProblem(await send({ template, data: { code: '482913' } }), 403, 'template_protected')
    for (const template of ['Nothing', '../welcome', '__proto__', 'a', 'x'.repeat(61), 5, null])
      expectFault(await send({ template }), '/template')
  })

  test('in a language that there is none of', async () => {
    for (const language of ['de', 'EN', 'pt-BR', '', 5, null]) expectFault(await send({ language }), '/language')
  })

  test('without a value that the template prints: it is named', async () => {
    const answer = await send({ data: { title: 'Closed' } })
    expectProblem(answer, 422, 'template_data_missing')
    expect(answer.body.detail).toContain('"message"')
    expectProblem(await send({ data: undefined }), 422, 'template_data_missing')
  })

  test('with values that cannot be printed', async () => {
    const values = { title: 'Closed', message: 'x' }
    expectProblem(await send({ data: { ...values, title: { en: 'Closed' } } }), 422, 'template_invalid')
    expectProblem(await send({ data: { ...values, title: ' ' } }), 422, 'template_invalid')
    for (const amount of [0.5, '15', null])
      expectProblem(await send({ template: 'offer', data: { amount } }), 422, 'template_invalid')
    const deep = JSON.parse(`${'['.repeat(9)}1${']'.repeat(9)}`)
    expectProblem(await send({ data: { ...values, deep } }), 422, 'template_invalid')
    const deeper = JSON.parse(`${'['.repeat(40)}1${']'.repeat(40)}`)
    expectProblem(await send({ data: { ...values, deeper } }), 400, 'malformed_body')
  })

  test('with 51 values, or with values whose names are none', async () => {
    const many = Object.fromEntries(Array.from({ length: 49 }, (_, i) => [`more${i}`, i]))
    expectFault(await send({ data: { ...ANNOUNCEMENT.data, ...many } }), '/data')
    for (const name of ['two words', 'a.b', '1st', '', 'x'.repeat(41), '__proto__', 'ünïcode']) {
      const data = JSON.stringify({ ...ANNOUNCEMENT.data, name: 1 }).replace('"name"', JSON.stringify(name))
      const answer = await byOperator('POST', 'send', `{"to":"${amina.id}","template":"announcement","data":${data}}`)
      expect([name, answer.status, answer.body.code]).toEqual([name, 422, 'validation_failed'])
    }
    expectFault(await send({ data: [] }), '/data')
  })

  test('by channels that are none, come twice, or are not set up here', async () => {
    expectFault(await send({ channels: [] }), '/channels')
    expectFault(await send({ channels: ['email', 'email'] }), '/channels')
    expectFault(await send({ channels: ['pigeon'] }), '/channels/0')
    expectFault(await send({ channels: 'email' }), '/channels')
    expectProblem(await send({ channels: ['push'] }), 422, 'channel_off')
  })

  test('about what is no name of a thing', async () => {
    for (const about of ['', 'two words', 'ü', 'x'.repeat(101), 5]) expectFault(await send({ about }), '/about')
  })

  test('with members that it does not know', async () => {
    expectFault(await send({ html: '<b>x</b>' }), '/html')
    expectFault(await send({ userId: bruno.id }), '/userId')
  })

  // A date without a time or a place on the clock means another moment on each machine.
  for (const moment of [
    'tomorrow',
    '2026-11-25',
    '2026-11-25T10:00:00',
    '2026-13-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-11-25T25:00:00Z',
    '11/25/2026',
    '2026/11/25 9:30',
    'Wed Nov 25 2026 10:00:00 GMT+0200 (CAT)',
    '',
  ])
    test(`at a moment that is none: ${moment === '' ? 'empty' : moment}`, async () => {
      expectFault(await send({ sendAt: moment }), '/sendAt')
      expectFault(await send({ expiresAt: moment }), '/expiresAt')
    })

  test('at a moment that is no text', async () => {
    for (const sendAt of [1_795_600_000, null, {}]) expectFault(await send({ sendAt }), '/sendAt')
  })

  test('at a moment that is long over', async () => {
    const at = (ms: number) => new Date(world.clock() + ms).toISOString()
    expectProblem(await send({ sendAt: at(-24 * HOUR) }), 422, 'send_at_past')
  })

  test('at a moment that is more than a year away', async () => {
    const at = (days: number) => new Date(world.clock() + days * DAY).toISOString()
    expectProblem(await send({ sendAt: at(367) }), 422, 'send_at_too_far')
    expectProblem(await send({ sendAt: '9999-12-31T23:59:59Z' }), 422, 'send_at_too_far')
  })

  test('that has ended before it could be sent', async () => {
    const at = (ms: number) => new Date(world.clock() + ms).toISOString()
    expectProblem(await send({ expiresAt: at(-1) }), 422, 'expires_too_soon')
    expectProblem(await send({ sendAt: at(2 * HOUR), expiresAt: at(HOUR) }), 422, 'expires_too_soon')
  })
})

describe('a code or a welcome that cannot be sent', () => {
  const otp = (body: object) =>
    byOperator('POST', '/api/v1/internal/notifications/otp', { to: amina.id, code: '482913', ...body })

  test('a code of another form is refused, and not said back', async () => {
    for (const code of ['123', 'x'.repeat(13), '12 34', 'abcd', '482913\n', 482913, null]) {
      const answer = await otp({ code })
      expectFault(answer, '/code')
      if (typeof code === 'string') expect(JSON.stringify(answer.body.errors)).not.toContain(code)
    }
  })

  test('by another channel, or for too short or too long', async () => {
    for (const channel of ['whatsapp', 'push', 'pigeon', null]) expectFault(await otp({ channel }), '/channel')
    for (const expiresInSeconds of [0, 29, 3_601, 60.5, '300'])
      expectFault(await otp({ expiresInSeconds }), '/expiresInSeconds')
    expectFault(await otp({ template: 'announcement' }), '/template')
  })

  test('to nobody', async () => {
    expectProblem(await otp({ to: 'nobody' }), 404, 'recipient_unknown')
    const welcome = (body: object) => byOperator('POST', '/api/v1/internal/notifications/welcome', body)
    expectProblem(await welcome({ to: 'usr_00000000000000000000' }), 404, 'recipient_unknown')
    expectFault(await welcome({}), '/to')
  })

  test('by SMS where there is none', async () => {
    const poor = await createWorld({ mode: 'production' })
    try {
      const by = await poor.person('operator')
      const body = { to: 'new@example.com', code: '482913', channel: 'sms' }
      const answer = await as(poor, by, 'POST', '/api/v1/internal/notifications/otp', { body })
      expectProblem(answer, 422, 'channel_off')
    } finally {
      await poor.end()
    }
  })
})

describe('lists and single messages', () => {
  const lists: Array<[path: string, prefix: string]> = [
    ['messages', 'ntf'],
    ['dead', 'dlv'],
    ['suppressions', 'sup'],
  ]

  test('a cursor that the list did not give out is refused, another list’s too', async () => {
    for (const [path, prefix] of lists) {
      for (const cursor of ['abc', '', cursorFor('txn_00000000000000000000'), cursorFor(`${prefix}_x`), '%00']) {
        const answer = await byOperator('GET', `${path}?cursor=${cursor}`)
        expect([path, cursor, answer.body.code]).toEqual([path, cursor, 'cursor_invalid'])
        expectProblem(answer, 400, 'cursor_invalid')
      }
      for (const [, other] of lists.filter(([each]) => each !== path)) {
        const cursor = cursorFor(`${other}_00000000000000000000`)
        expectProblem(await byOperator('GET', `${path}?cursor=${cursor}`), 400, 'cursor_invalid')
      }
      for (const limit of ['0', '101', '-1', 'all', '1.5'])
        expectProblem(await byOperator('GET', `${path}?limit=${limit}`), 422, 'validation_failed')
    }
    const cursor = cursorFor('dlv_00000000000000000000')
    expectProblem(await byAmina('GET', `inbox?cursor=${cursor}`), 400, 'cursor_invalid')
  })

  test('a filter of another form is refused', async () => {
    expectFault(await byOperator('GET', 'messages?status=gone'), '/status')
    expectFault(await byOperator('GET', 'messages?template=X'), '/template')
    expectFault(await byOperator('GET', 'messages?about=two%20words'), '/about')
    expectFault(await byOperator('GET', 'messages?to=ab'), '/to')
    expectFault(await byOperator('GET', 'messages?subject=x'), '/subject')
    expectFault(await byAmina('GET', 'inbox?unread=yes'), '/unread')
    for (const from of ['yesterday', '1795600000', '2026-13-01T00:00:00Z'])
      expectFault(await byOperator('GET', `metrics?from=${from}`), '/from')
  })

  test('an id that names nothing, or is none', async () => {
    const nothing = 'ntf_00000000000000000000'
    expectProblem(await byOperator('GET', `messages/${nothing}`), 404, 'notification_not_found')
    expectProblem(await byOperator('POST', `dead/${nothing}/replay`, {}), 404, 'notification_not_found')
    expectProblem(await byAmina('POST', `inbox/${nothing}/read`, {}), 404, 'notification_not_found')
    expectProblem(await byOperator('DELETE', 'suppressions/sup_00000000000000000000'), 404, 'suppression_not_found')
    for (const id of ['x', 'NTF_00000000000000000000', 'dlv_00000000000000000000', "ntf_0'%20or%201=1--000000"]) {
      expectFault(await byOperator('GET', `messages/${id}`), '/id')
      expectFault(await byOperator('POST', `dead/${id}/replay`, {}), '/id')
      expectFault(await byAmina('POST', `inbox/${id}/read`, {}), '/id')
      expectFault(await byOperator('DELETE', `suppressions/${id}`), '/id')
    }
  })

  test('an address to be suppressed that the channel knows none of', async () => {
    const suppress = (channel: unknown, address: unknown) => byOperator('POST', 'suppressions', { channel, address })
    for (const channel of ['push', 'pigeon', null]) expectFault(await suppress(channel, 'a@example.com'), '/channel')
    for (const address of ['', 'ab', 'x'.repeat(255), 'a@example.com\n', null]) {
      expectFault(await suppress('email', address), '/address')
    }
    for (const [channel, address] of [
      ['email', 'not an address'],
      ['email', '+258841234567'],
      ['sms', 'nobody@example.com'],
      ['whatsapp', '0841234567'],
    ])
      expectProblem(await suppress(channel, address), 422, 'address_unfit')
  })
})

describe('preferences that are none: nothing changes', () => {
  const change = (body: object) => byAmina('PUT', 'preferences', body)
  let before: unknown
  beforeAll(async () => {
    before = (await byAmina('GET', 'preferences')).body
  })
  afterAll(async () => {
    expect((await byAmina('GET', 'preferences')).body).toEqual(before as never)
  })

  test('a language that there is none of', async () => {
    for (const language of ['de', 'PT', '', null]) expectFault(await change({ language }), '/language')
  })

  test('a time zone that nobody lives in', async () => {
    for (const timeZone of ['Mars/Olympus', 'Africa', '../Africa/Maputo', '2', 'UTC+2'])
      expectProblem(await change({ timeZone }), 422, 'time_zone_unknown')
    for (const timeZone of ['', 'x'.repeat(61), 2, null]) expectFault(await change({ timeZone }), '/timeZone')
  })

  test('an offset, which is no time zone: it knows no summer', async () => {
    for (const timeZone of ['+02:00', '-0330']) expectProblem(await change({ timeZone }), 422, 'time_zone_unknown')
  })

  test('quiet hours that are no times of the day', async () => {
    for (const quietHours of [
      { from: '22:00' },
      { from: '24:00', to: '07:00' },
      { from: '9:00', to: '17:00' },
      { from: '22:60', to: '07:00' },
      { from: '22:00', to: '07:00', zone: 'UTC' },
      { from: 22, to: 7 },
      '22:00-07:00',
      [],
    ])
      expectFault(await change({ quietHours }), '/quietHours')
    const empty = { from: '22:00', to: '22:00' }
    expectProblem(await change({ quietHours: empty }), 422, 'quiet_hours_empty')
  })

  test('channels and digests that there are none of, and any for security', async () => {
    expectFault(await change({ muted: { news: ['pigeon'] } }), '/muted/news/0')
    expectFault(await change({ muted: { news: ['email', 'email'] } }), '/muted/news')
    expectFault(await change({ muted: { security: ['email'] } }), '/muted/security')
    expectFault(await change({ digests: { news: 'weekly' } }), '/digests/news')
    expectFault(await change({ digests: { security: 'daily' } }), '/digests/security')
    expectFault(await change({ signature: 'x' }), '/signature')
  })
})

describe('devices and endpoints', () => {
  const keys = {
    p256dh: 'BIJm48XcsaaJ0CO7RU7a7sqYq9s_qmcYkFaISb7H29q0SQmtmQUoF-hp_2ylXtm-wpXFoM-ItrEOXc3YrdDiSZM',
    auth: 'tBHItJI5svbpez7KI4CCXg',
  }
  const browser = (endpoint: unknown, more: object = {}) =>
    byAmina('POST', 'devices/browsers', { endpoint, keys, ...more })
  const webhook = async (url: unknown) =>
    world.call('PUT', `${PATH}/devices/webhook`, { token: await provedToken(world, amina), body: { url } })

  for (const url of [
    'https://localhost/hook',
    'https://127.0.0.1/hook',
    'https://127.1/hook',
    'https://2130706433/hook',
    'https://0x7f000001/hook',
    'https://[::1]/hook',
    'https://[::ffff:10.0.0.1]/hook',
    'https://10.1.2.3/hook',
    'https://169.254.169.254/latest/meta-data',
    'https://[fd00::1]/hook',
    'http://93.184.216.34/hook',
    'https://user:secret@93.184.216.34/hook',
    'https://two words.example/hook',
  ])
    test(`an address that must not be called: ${url}`, async () => {
      for (const answer of [await webhook(url), await browser(url)]) {
        expectProblem(answer, 422, 'target_address_refused')
        expect(JSON.stringify(answer.body)).not.toContain('secret')
      }
    })

  test('an address that must not be called: nobody learns which names there are in the house', async () => {
    const answers = await Promise.all(
      ['https://10.1.2.3/hook', 'https://localhost/hook', 'https://no-such-host.invalid/hook'].map(webhook),
    )
    expect(answers.map(({ body: { code } }) => code)).toEqual(Array(3).fill('target_address_refused'))
    expect(new Set(answers.map(({ body: { detail } }) => detail)).size).toBe(1)
  })

  test('an address of another sort, or none', async () => {
    for (const url of [
      'ftp://93.184.216.34',
      'javascript:alert(1)',
      'file:///etc/passwd',
      '',
      `https://${'x'.repeat(2_000)}`,
      5,
    ]) {
      expectFault(await webhook(url), '/url')
      expectFault(await browser(url), '/endpoint')
    }
  })

  test('a proof that is too old, for an endpoint', async () => {
    const body = { url: 'https://93.184.216.34/hook' }
    expectProblem(await byAmina('PUT', 'devices/webhook', body), 403, 'step_up_required')
  })

  test('keys, tokens and names that are none', async () => {
    const endpoint = 'https://93.184.216.34/push'
    expectFault(await browser(endpoint, { keys: { ...keys, auth: 'short' } }), '/keys/auth')
    expectFault(await browser(endpoint, { keys: { ...keys, p256dh: `${keys.p256dh}AA` } }), '/keys/p256dh')
    expectFault(await browser(endpoint, { keys: { ...keys, extra: 1 } }), '/keys/extra')
    expectFault(await browser(endpoint, { keys: undefined }), '/keys')
    expectFault(await browser(endpoint, { name: 'two\nlines' }), '/name')
    for (const token of ['short', 'with a space in the middle of it', 'x'.repeat(4_097), null])
      expectFault(await byAmina('POST', 'devices/phones', { token }), '/token')
    expect((await byAmina('GET', 'devices')).body).toEqual({ items: [] })
  })

  test('one too many', async () => {
    const add = (i: number) => byAmina('POST', 'devices/phones', { token: `registration-token-number-${i}` })
    for (let i = 0; i < 20; i++) expect((await add(i)).status).toBe(201)
    expectProblem(await add(20), 422, 'too_many_targets')
    expect((await byAmina('GET', 'devices')).body.items).toHaveLength(20)
    expect((await add(0)).status).toBe(201)
  })

  test('another’s, or none', async () => {
    const [first] = (await byAmina('GET', 'devices')).body.items
    expectProblem(await as(world, bruno, 'DELETE', `devices/${first.id}`), 404, 'target_not_found')
    expectProblem(await byAmina('DELETE', 'devices/tgt_00000000000000000000'), 404, 'target_not_found')
    expectFault(await byAmina('DELETE', 'devices/ntf_00000000000000000000'), '/id')
    expect((await byAmina('GET', 'devices')).body.items[0].id).toBe(first.id)
  })
})

describe('the link at a mail’s foot', () => {
  const link = () => new URL(world.app.notifications.unsubscribing.urlFor(amina.id, 'news', 'email') as string)
  const follow = (query: string) => sendRaw(world, 'POST', `/unsubscribe?${query}`)
  const look = (query: string) => world.call('GET', `/unsubscribe?${query}`)

  test('that was forged, cut off or made for somebody or something else ends nothing', async () => {
    const { u, c, s } = Object.fromEntries(link().searchParams) as Record<'u' | 'c' | 's', string>
    const forgeries: Array<Partial<typeof forged>> = [
      {},
      { u, c },
      { u, c, s: s.slice(0, -1) },
      { u, c, s: s.toUpperCase() },
      { u: bruno.id, c, s },
      { u, c: 'money', s },
      { u, c: 'security', s: world.runtime.keyring.hash('unsubscribe', u, 'security') },
      { u: `${u} news`, c: '', s },
      { u: '<script>', c, s },
    ]
    const forged = { u, c, s }
    for (const each of forgeries) {
      const query = new URLSearchParams(each as Record<string, string>).toString()
      for (const page of [await look(query), await follow(query)]) {
        expect(page.status).toBe(400)
        expect(page.headers.get('content-type')).toStartWith('text/html')
        expect(page.body).toContain('not one of ours')
        expect(page.body).not.toContain('<form')
        expect(page.body).not.toContain('<script>')
      }
    }
    for (const who of [amina, bruno]) expect((await as(world, who, 'GET', 'preferences')).body.muted).toEqual({})
  })

  test('that is longer than any of ours is not looked at', async () => {
    for (const name of ['u', 'c', 's']) expectFault(await follow(`${name}=${'x'.repeat(200)}`), `/${name}`)
  })
})

describe('a receipt', () => {
  const twilio = createTwilioServer({ accountSid: 'AC0123456789abcdef0123456789abcdef', authToken: 'twilio-secret' })
  let place: World

  beforeAll(async () => {
    twilio.receiptsUrl = 'https://kumbu.example/receipts/twilio'
    place = await createWorld({
      'public-url': 'https://kumbu.example',
      'rate-limit': '100',
      'twilio-account': 'AC0123456789abcdef0123456789abcdef',
      'twilio-token': 'twilio-secret',
      'twilio-from': '+15005550006',
      'twilio-api': twilio.url,
      'sms-calling-codes': '258',
    })
  })
  afterAll(async () => {
    await place.end()
    await twilio.stop()
  })

  /** As it came to the public address of the instance, from an address of its own. */
  async function bring(request: Request, from: string): Promise<Answer> {
    const { pathname, search } = new URL(request.url)
    const headers = Object.fromEntries(request.headers)
    return sendRaw(place, 'POST', `${pathname}${search}`, { headers, body: await request.text(), from })
  }
  const receipt = (forged = false) => twilio.receipt('delivered', { of: `SM${'0'.repeat(32)}`, forged })

  test('of a provider that there is none of', async () => {
    for (const name of ['nobody', 'Twilio', 'smtp', 'inbox-email', 'webhook', 'constructor'])
      expectProblem(await sendRaw(place, 'POST', `/receipts/${name}`, { body: '{}' }), 404, 'provider_unknown')
    expectProblem(await sendRaw(place, 'GET', '/receipts/nobody'), 404, 'provider_unknown')
    expectProblem(await sendRaw(place, 'DELETE', '/receipts/twilio'), 405, 'method_not_allowed')
  })

  test('that nobody signed, or somebody else', async () => {
    expectProblem(await bring(receipt(true), '203.0.113.1'), 401, 'receipt_forged')
    expectProblem(await sendRaw(place, 'POST', '/receipts/twilio', { body: 'MessageSid=SM1' }), 401, 'receipt_forged')
    expectProblem(await sendRaw(place, 'GET', '/receipts/twilio'), 401, 'receipt_forged')
    const elsewhere = new Request('https://kumbu.example/receipts/twilio?x=1', receipt())
    expectProblem(await bring(elsewhere, '203.0.113.1'), 401, 'receipt_forged')
  })

  test('that is signed and says nothing that can be read', async () => {
    const url = 'https://kumbu.example/receipts/twilio'
    const signature = new Bun.CryptoHasher('sha1', 'twilio-secret').update(`${url}Wordmeaningless`).digest('base64')
    const headers = { 'x-twilio-signature': signature, 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await sendRaw(place, 'POST', '/receipts/twilio', { headers, body: 'Word=meaningless' })
    expectProblem(answer, 400, 'receipt_malformed')
  })

  test('of a message that is not ours is taken, and changes nothing', async () => {
    expect((await bring(receipt(), '203.0.113.1')).status).toBe(200)
  })

  test('is refused unread after thirty forged ones in a minute, from that address only', async () => {
    for (let i = 0; i < 30; i++) expectProblem(await bring(receipt(true), '203.0.113.2'), 401, 'receipt_forged')
    expectProblem(await bring(receipt(true), '203.0.113.2'), 429, 'rate_limited')
    expectProblem(await bring(receipt(), '203.0.113.2'), 429, 'rate_limited')
    expectProblem(await bring(receipt(true), '203.0.113.3'), 401, 'receipt_forged')
    place.clock.advance(MINUTE)
    expect((await bring(receipt(), '203.0.113.2')).status).toBe(200)
  })

  test('that is larger than any provider’s', async () => {
    const body = 'x'.repeat(3 * 1024 * 1024 + 1)
    expectProblem(await sendRaw(place, 'POST', '/receipts/twilio', { body }), 413, 'body_too_large')
  })
})
