/** Messages that operators and programs of the house send, and how they see what became of them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createWorld, PASSWORD, type Person, type World } from '../support/world'
import { expectProblem } from './answers'
import { ANNOUNCEMENT, as, HOUR, MINUTE, provedToken, shownFor } from './messages'

let world: World
let operator: Person
let amina: Person
let bruno: Person

beforeAll(async () => {
  world = await createWorld()
  operator = await world.person('operator')
  amina = await world.customer(100_000)
  bruno = await world.person('customer')
  await world.app.settle()
})
afterAll(() => world.end())

const send = (body: object, headers: Record<string, string> = {}) =>
  as(world, operator, 'POST', 'send', { body: { ...ANNOUNCEMENT, ...body }, headers })
const sent = async (body: object): Promise<string> => {
  const answer = await send(body)
  expect(answer.status).toBe(202)
  return answer.body.id
}
const messageOf = async (id: string) => (await as(world, operator, 'GET', `messages/${id}`)).body
const mailsTo = async (email: string) => (await world.mailTo(email)).map(({ subject }) => subject)

describe('a message', () => {
  test('is on its way when it is answered, and arrives in the words of its template', async () => {
    const { status, body } = await send({ to: amina.email })
    expect({ status, body }).toEqual({
      status: 202,
      body: { id: expect.stringMatching(/^ntf_[0-9a-z]{20}$/), status: 'waiting' },
    })

    const [mail] = await world.mailTo(amina.email)

    expect(mail?.subject).toBe('Closed on Monday')
    expect(mail?.text).toContain('We are back on Tuesday at eight.')
    const message = await messageOf(body.id)
    expect(message).toMatchObject({
      id: body.id,
      userId: amina.id,
      template: 'announcement',
      category: 'news',
      status: 'accepted',
      about: body.id,
    })
    expect(message.deliveries).toMatchObject([
      { channel: 'email', state: 'accepted', provider: 'inbox-email', attempts: [{ outcome: 'accepted' }] },
    ])
    for (const said of [amina.email, ANNOUNCEMENT.data.title, ANNOUNCEMENT.data.message])
      expect(JSON.stringify(message)).not.toContain(said)
  })

  test('goes to a user by id, by mail address and by number alike', async () => {
    const { phone } = await world.app.identity.known(amina.id)
    for (const to of [amina.id, amina.email.toUpperCase(), phone as string])
      expect((await messageOf(await sent({ to }))).userId).toBe(amina.id)
  })

  test('goes to an address that is nobody’s here, greeting nobody', async () => {
    const id = await sent({ to: 'new@example.com' })
    const [mail] = await world.mailTo('new@example.com')
    expect(mail?.text).toStartWith('Hello,\n')
    expect(await messageOf(id)).toMatchObject({ userId: null, status: 'accepted' })

    await sent({ to: '+258 84 765-43 21', channels: ['sms'] })
    expect(await shownFor(world, '+258847654321')).toMatchObject([
      { channel: 'sms', text: 'Kumbu: Closed on Monday - We are back on Tuesday at eight.' },
    ])
  })

  test('goes to a number by SMS if nobody says how, by the ways alone that go there otherwise', async () => {
    await sent({ to: '+258847654322' })
    expect(await shownFor(world, '+258847654322')).toMatchObject([{ channel: 'sms' }])
    const { deliveries } = await messageOf(
      await sent({ to: '+258847654323', channels: ['email', 'whatsapp', 'in_app'] }),
    )
    expect(deliveries.map(({ channel }: { channel: string }) => channel)).toEqual(['whatsapp'])
  })

  test('that none of its ways can bring there is refused', async () => {
    for (const [to, channels] of [
      ['+258847654322', ['email']],
      ['+258847654322', ['in_app', 'push', 'webhook']],
      ['stranger@example.com', ['sms', 'whatsapp']],
      ['stranger@example.com', ['in_app']],
    ])
      expectProblem(await send({ to, channels }), 422, 'address_unfit')
  })

  test('takes the channels that are named, the next only when the one before fails', async () => {
    const id = await sent({ to: amina.id, channels: ['sms', 'email', 'in_app'] })
    await world.app.settle()
    expect((await messageOf(id)).deliveries).toMatchObject([{ channel: 'sms', track: 0, step: 0, state: 'accepted' }])
    const { body } = await as(world, amina, 'GET', 'inbox?limit=1')
    expect(body.items[0].id).toBe(id)
    expect(
      (await as(world, operator, 'GET', `messages/${await sent({ to: amina.id, channels: ['sms'] })}`)).status,
    ).toBe(200)
    expect((await as(world, amina, 'GET', 'inbox?limit=1')).body.items[0].id).toBe(id)
  })

  test('in a language that is named, whatever the person’s own is', async () => {
    await sent({ to: amina.id, language: 'pt' })
    expect((await world.mailTo(amina.email))[0]?.text).toStartWith('Olá')
  })

  test('that is put off goes out at its moment, and not before', async () => {
    const before = await mailsTo(bruno.email)
    const sendAt = new Date(world.clock() + 2 * HOUR).toISOString()
    const id = await sent({ to: bruno.id, sendAt })
    await world.wait(2 * HOUR - MINUTE)
    expect(await mailsTo(bruno.email)).toEqual(before)
    expect(await messageOf(id)).toMatchObject({ status: 'waiting', dueAt: sendAt })

    await world.wait(MINUTE)

    expect(await mailsTo(bruno.email)).toEqual(['Closed on Monday', ...before])
  })

  test('that could not be sent in time is not sent late', async () => {
    const before = await mailsTo(bruno.email)
    const [sendAt, expiresAt] = [1, 2].map((hours) => new Date(world.clock() + hours * HOUR).toISOString())
    const id = await sent({ to: bruno.id, sendAt, expiresAt })
    await world.wait(3 * HOUR)
    expect(await messageOf(id)).toMatchObject({ status: 'expired', expiresAt })
    expect(await mailsTo(bruno.email)).toEqual(before)
  })

  test('that is put off for longer than messages are kept is still sent', async () => {
    const forgetful = await createWorld({ 'messages-kept-days': '1' })
    try {
      const [by, to] = [await forgetful.person('operator'), await forgetful.person('customer')]
      const sendAt = new Date(forgetful.clock() + 72 * HOUR).toISOString()
      const body = { ...ANNOUNCEMENT, to: to.id, sendAt }
      expect((await as(forgetful, by, 'POST', 'send', { body })).status).toBe(202)
      for (let day = 0; day < 3; day++) {
        await forgetful.wait(24 * HOUR)
        await forgetful.app.notifications.keeping.prune()
      }
      await forgetful.app.settle()
      expect((await forgetful.mailTo(to.email))[0]?.subject).toBe('Closed on Monday')
    } finally {
      await forgetful.end()
    }
  })

  test('about the same thing is told once, and by whichever name the person is called', async () => {
    const before = await mailsTo(bruno.email)
    const first = await sent({ to: bruno.id, about: 'closing-2026-11-30' })
    await world.app.settle()
    const again = await send({ to: bruno.email, about: 'closing-2026-11-30' })
    expect(again.body).toEqual({ id: first, status: 'accepted' })
    expect(await mailsTo(bruno.email)).toEqual(['Closed on Monday', ...before])
  })

  test('with an Idempotency-Key is sent once; the key is good for nothing else', async () => {
    const before = await mailsTo(bruno.email)
    const headers = { 'idempotency-key': 'closing' }
    const first = await send({ to: bruno.id }, headers)
    const again = await send({ to: bruno.id }, headers)
    expect([first.status, again.status]).toEqual([202, 202])
    expect(again.body).toEqual(first.body)
    expect(await mailsTo(bruno.email)).toEqual(['Closed on Monday', ...before])
    expectProblem(await send({ to: amina.id }, headers), 422, 'idempotency_key_reused')
    expectProblem(await send({ to: bruno.id }, { 'idempotency-key': 'ä' }), 400, 'idempotency_key_invalid')
  })

  test('shows what a value holds, and obeys none of it', async () => {
    const title = '{{ brand }} {% for i in (1..9) %}x{% endfor %} {{ "a" | upcase }}'
    const message = '<script>alert(1)</script>\n\nhttps://evil.example/\r\nBcc: all@example.com'
    await sent({ to: bruno.id, data: { title, message, brand: 'Another' } })
    const [mail] = await world.mailTo(bruno.email)
    expect(mail?.subject).toBe(title)
    expect(mail?.text).toContain('<script>alert(1)</script>')
    expect(mail?.text).toContain('\n\nKumbu')
    const page = await world.call('GET', `/dev/inbox?to=${bruno.email}`, { headers: { accept: 'text/html' } })
    expect(page.body).not.toContain('<script>')
  })
})

describe('a code of another program of the house', () => {
  const otp = (body: object) => as(world, operator, 'POST', '/api/v1/internal/notifications/otp', { body })

  test('arrives, and stands in no list', async () => {
    const { status, body } = await otp({ to: bruno.email, code: 'QX48K2' })
    expect(status).toBe(202)
    expect((await world.mailTo(bruno.email))[0]?.text).toContain('QX48K2')

    const shown = await messageOf(body.id)
    expect(shown).toMatchObject({ template: 'code', category: 'security', status: 'accepted' })
    const inbox = await as(world, bruno, 'GET', 'inbox')
    for (const each of [shown, inbox.body]) expect(JSON.stringify(each)).not.toContain('QX48K2')
    expect(inbox.body.items.map(({ id }: { id: string }) => id)).not.toContain(body.id)
  })

  test('goes by SMS if that is asked for, to the number and nowhere else', async () => {
    const before = await mailsTo(amina.email)
    const { body } = await otp({ to: amina.id, code: '771100', channel: 'sms' })
    const { phone } = await world.app.identity.known(amina.id)
    expect((await shownFor(world, phone as string))[0]?.text).toContain('771100')
    expect(await mailsTo(amina.email)).toEqual(before)
    expect((await messageOf(body.id)).deliveries.map(({ channel }: { channel: string }) => channel)).toEqual(['sms'])
  })

  test('goes by SMS to a number, and by no way that cannot bring it there', async () => {
    const { status } = await otp({ to: '+258 84 7654 331', code: '771104' })
    expect(status).toBe(202)
    expect((await shownFor(world, '+258847654331'))[0]).toMatchObject({ channel: 'sms' })
    const { phone } = await world.app.identity.known(bruno.id)
    await otp({ to: phone as string, code: '771105' })
    expect((await shownFor(world, phone as string))[0]?.text).toContain('771105')
    for (const body of [
      { to: '+258847654332', channel: 'email' },
      { to: 'stranger@example.com', channel: 'sms' },
    ])
      expectProblem(await otp({ ...body, code: '771106' }), 422, 'address_unfit')
  })

  test('is one in a minute, three in ten and ten in a day for an address, whoever asks and however it is named', async () => {
    const to = '+258847654333'
    const other = await world.person('operator')
    const again = async () => {
      const answer = await as(world, other, 'POST', '/api/v1/internal/notifications/otp', {
        body: { to: '+258 84-7654-333', code: '771107' },
      })
      await world.app.settle()
      return answer
    }
    const count = async () => (await shownFor(world, to)).length
    expect((await otp({ to, code: '771107' })).status).toBe(202)

    const refused = await again()
    expectProblem(refused, 429, 'code_sent_too_often')
    expect([refused.body.retryAfter, refused.headers.get('retry-after')]).toEqual([60, '60'])
    expect(await count()).toBe(1)

    for (let i = 0; i < 2; i++) {
      world.clock.advance(MINUTE)
      expect((await again()).status).toBe(202)
    }
    world.clock.advance(MINUTE)
    expect((await again()).body.retryAfter).toBe(7 * 60)
    for (let i = 0; i < 7; i++) {
      world.clock.advance(10 * MINUTE)
      expect((await again()).status).toBe(202)
    }
    world.clock.advance(10 * MINUTE)
    expectProblem(await again(), 429, 'code_sent_too_often')
    expect(await count()).toBe(10)
    world.clock.advance(24 * HOUR)
    expect((await again()).status).toBe(202)
  })

  test('counts with the codes of Kumbu itself', async () => {
    const person = await world.person('customer')
    const phone = '+258847654334'
    const claim = async () =>
      world.call('PUT', '/api/v1/auth/phone', { token: await provedToken(world, person), body: { phone } })
    await claim()
    expect(await shownFor(world, phone)).toHaveLength(1)
    expectProblem(await otp({ to: phone, code: '771108' }), 429, 'code_sent_too_often')
    world.clock.advance(MINUTE)
    expect((await otp({ to: phone, code: '771108' })).status).toBe(202)
    await claim()
    expect(await shownFor(world, phone)).toHaveLength(2)
  })

  test('is not sent when its time is over', async () => {
    world.clock.advance(MINUTE)
    const before = await mailsTo(bruno.email)
    const { body } = await otp({ to: bruno.id, code: '771101', expiresInSeconds: 30 })
    await world.wait(31_000)
    expect(await mailsTo(bruno.email)).toEqual(before)
    expect((await messageOf(body.id)).status).toBe('expired')
  })
})

describe('a welcome', () => {
  const welcome = (to: string) =>
    as(world, operator, 'POST', '/api/v1/internal/notifications/welcome', { body: { to } })

  test('is said once, however often it is asked for', async () => {
    const welcomes = async () => (await mailsTo(amina.email)).filter((subject) => subject === 'Welcome to Kumbu').length
    const before = await welcomes()
    const [first, second] = [await welcome(amina.id), await welcome(amina.email)]
    expect([first.status, second.status]).toEqual([202, 202])
    expect(second.body.id).toBe(first.body.id)
    expect(await welcomes()).toBe(before)
  })

  test('is sent by nobody in another way', async () => {
    expectProblem(await send({ to: amina.id, template: 'welcome', data: {} }), 403, 'template_protected')
  })

  test('is for people who are here', async () => {
    expectProblem(await welcome('nobody@example.com'), 404, 'recipient_unknown')
    await world.call('POST', '/api/v1/auth/register', {
      body: { name: 'Pia', email: 'pia@example.com', password: PASSWORD },
    })
    expectProblem(await welcome('pia@example.com'), 404, 'recipient_unknown')
  })
})

describe('sending', () => {
  const routes: Array<[path: string, body: object]> = [
    ['/api/v1/notifications/send', { ...ANNOUNCEMENT, to: 'new@example.com' }],
    ['/api/notifications/send', { ...ANNOUNCEMENT, to: 'new@example.com' }],
    ['/api/v1/internal/notifications/otp', { to: 'new@example.com', code: '482913' }],
    ['/internal/notifications/otp', { to: 'new@example.com', code: '482913' }],
    ['/api/v1/internal/notifications/welcome', { to: 'new@example.com' }],
    ['/internal/notifications/welcome', { to: 'new@example.com' }],
    ['/notifications/send-welcome-email', { to: 'new@example.com' }],
  ]

  test('is closed to strangers, and to everybody but operators', async () => {
    const others = await Promise.all(
      (['agent', 'teller', 'atm', 'biller', 'support', 'auditor'] as const).map((role) => world.person(role)),
    )
    const before = await mailsTo('new@example.com')
    for (const [path, body] of routes) {
      expectProblem(await world.call('POST', path, { body }), 401, 'unauthenticated')
      for (const who of [amina, ...others])
        expectProblem(await as(world, who, 'POST', path, { body }), 403, 'insufficient_scope')
    }
    expect(await mailsTo('new@example.com')).toEqual(before)
  })

  test('is open to a key of an operator that has its scope, and to no other', async () => {
    const token = await world.signIn(operator.email)
    const keyFor = async (scope: string) =>
      (await world.call('POST', '/api/v1/auth/api-keys', { token, body: { name: 'CRM', scopes: [scope] } })).body.key
    const [path, body] = routes[0] as [string, object]
    expect((await world.call('POST', path, { token: await keyFor('notifications:send'), body })).status).toBe(202)
    const answer = await world.call('POST', path, { token: await keyFor('notifications:read'), body })
    expectProblem(answer, 403, 'insufficient_scope')
  })
})

describe('the other names of these routes', () => {
  test('a message and a welcome', async () => {
    const body = { ...ANNOUNCEMENT, to: bruno.id }
    const answer = await as(world, operator, 'POST', '/api/notifications/send', { body })
    expect([answer.status, answer.body.status]).toEqual([202, 'waiting'])
    const names = ['/notifications/send-welcome-email', '/internal/notifications/welcome']
    const welcomed = await Promise.all(
      names.map((path) => as(world, operator, 'POST', path, { body: { to: bruno.email } })),
    )
    expect(welcomed.map(({ status }) => status)).toEqual([202, 202])
    expect(new Set(welcomed.map(({ body: { id } }) => id)).size).toBe(1)
  })

  test('a code of another program', async () => {
    world.clock.advance(MINUTE)
    const body = { to: bruno.id, code: '771102' }
    const answer = await as(world, operator, 'POST', '/internal/notifications/otp', { body })
    expect(answer.status).toBe(202)
    expect(await mailsTo(bruno.email)).toContain('771102 is your Kumbu code')
  })

  test('the confirmation of an address: asking for the code again, and giving it', async () => {
    const email = 'nia@example.com'
    await world.call('POST', '/api/v1/auth/register', { body: { name: 'Nia', email, password: PASSWORD } })
    await world.mailTo(email)
    world.clock.advance(MINUTE)

    const asked = await world.call('POST', '/notifications/send-verification-email', { body: { email } })

    expect(asked.status).toBe(202)
    const mails = await world.mailTo(email)
    expect(mails).toHaveLength(2)
    const code = /\b\d{6}\b/.exec(mails[0]?.subject ?? '')?.[0]
    const given = await world.call('POST', '/notifications/verify-email-otp', { body: { email, code } })
    expect(given.status).toBe(200)
    expect(given.body.user).toMatchObject({ status: 'active' })
  })

  test('end where the route’s name ends', async () => {
    for (const path of [
      '/api/notifications/sendx',
      '/notifications/send-welcome-emailx',
      '/internal/notifications/otpx',
    ])
      expectProblem(await as(world, operator, 'POST', path, { body: {} }), 404, 'route_not_found')
  })
})
