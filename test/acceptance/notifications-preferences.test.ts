/** How people want to be told: language, quiet hours, channels, digests, the link at a mail’s foot, and where to push. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createWorld, PASSWORD, type Person, PIN, type World } from '../support/world'
import { expectProblem, send as sendRaw } from './answers'
import { ANNOUNCEMENT, as, HOUR, MINUTE, PATH, provedToken, shownFor } from './messages'

let world: World
let operator: Person
let payer: Person

beforeAll(async () => {
  world = await createWorld({ 'private-webhooks': 'true' })
  operator = await world.person('operator')
  payer = await world.customer(1_000_000)
  await world.app.settle()
})
afterAll(() => world.end())

async function newcomer(preferences: object = {}): Promise<Person> {
  const person = await world.person('customer')
  await world.app.settle()
  await prefer(person, preferences)
  return person
}

const preferencesOf = async (who: Person) => (await as(world, who, 'GET', 'preferences')).body
async function prefer(who: Person, body: object) {
  const changed = await as(world, who, 'PUT', 'preferences', { body })
  expect(changed.status).toBe(200)
  return changed.body
}

async function pay(to: Person, amount = 100): Promise<string> {
  const body = { to: to.id, amount, pin: PIN }
  const paid = await as(world, payer, 'POST', '/api/v1/wallet/me/transfer', { body })
  expect(paid.status).toBe(201)
  await world.app.settle()
  return paid.body.id
}

async function announce(to: Person): Promise<string> {
  const { body } = await as(world, operator, 'POST', 'send', { body: { ...ANNOUNCEMENT, to: to.id } })
  await world.app.settle()
  return body.id
}

const mailsTo = async ({ email }: Person) => (await world.mailTo(email)).map(({ subject }) => subject)
const newestMailTo = async ({ email }: Person) => (await world.mailTo(email))[0] as { subject: string; text: string }

/** The one delivery by mail of what is about this. */
async function mailAbout(about: string, to: Person) {
  const list = await as(world, operator, 'GET', `messages?about=${about}&to=${to.id}`)
  const { body } = await as(world, operator, 'GET', `messages/${list.body.items[0].id}`)
  return body.deliveries.find(({ channel }: { channel: string }) => channel === 'email')
}

describe('preferences', () => {
  test('are the instance’s until a person has their own', async () => {
    expect(await preferencesOf(await newcomer())).toEqual({
      language: 'en',
      timeZone: 'UTC',
      quietHours: null,
      muted: {},
      digests: {},
    })
  })

  test('change where they are named, and nowhere else', async () => {
    const person = await newcomer({ language: 'pt', timeZone: 'Africa/Maputo' })
    await prefer(person, { quietHours: { from: '22:00', to: '07:00' }, digests: { news: 'daily', money: 'hourly' } })
    await prefer(person, { muted: { money: ['sms'] } })

    expect(await prefer(person, {})).toEqual({
      language: 'pt',
      timeZone: 'Africa/Maputo',
      quietHours: { from: '22:00', to: '07:00' },
      muted: { money: ['sms'] },
      digests: { news: 'daily', money: 'hourly' },
    })
    expect(await prefer(person, { quietHours: null })).toMatchObject({ quietHours: null, language: 'pt' })
  })

  test('of one sort of messages change without those of another', async () => {
    const person = await newcomer({ muted: { news: ['email'] }, digests: { news: 'daily', money: 'hourly' } })
    const changed = await prefer(person, { muted: { money: ['sms'] }, digests: { money: null } })
    expect(changed.muted).toEqual({ news: ['email'], money: ['sms'] })
    expect(changed.digests).toEqual({ news: 'daily' })
    expect((await prefer(person, { muted: { news: [] } })).muted).toMatchObject({ money: ['sms'] })
    expect(await preferencesOf(person)).toMatchObject({ digests: { news: 'daily' } })
  })

  test('are each person’s own', async () => {
    const [person, other] = [await newcomer({ language: 'fr' }), await newcomer()]
    expect([(await preferencesOf(person)).language, (await preferencesOf(other)).language]).toEqual(['fr', 'en'])
  })
})

describe('a language', () => {
  test('is that of the next message, in whatever is said of it', async () => {
    const person = await newcomer()
    await pay(person, 1_500)
    await prefer(person, { language: 'pt' })
    await pay(person, 1_500)
    await prefer(person, { language: 'fr' })
    await pay(person, 1_500)

    expect((await mailsTo(person)).slice(0, 3)).toEqual([
      'Vous avez reçu USD 15,00',
      'Recebeu USD 15,00',
      'You received USD 15.00',
    ])
    expect((await newestMailTo(person)).text).toStartWith('Bonjour ')
  })
})

describe('a channel that is muted', () => {
  test('is left out, for messages of that sort, and the inbox still has them', async () => {
    const person = await newcomer({ muted: { money: ['email'] } })
    const before = await mailsTo(person)
    const about = await pay(person)
    expect(await mailsTo(person)).toEqual(before)
    expect(await mailAbout(about, person)).toMatchObject({ state: 'skipped', reason: 'opted out' })
    expect((await as(world, person, 'GET', 'inbox?limit=1')).body.items[0]).toMatchObject({ about })
    await announce(person)
    expect(await mailsTo(person)).toEqual(['Closed on Monday', ...before])
  })

  test('is not the inbox, and is none for security', async () => {
    const person = await newcomer({ muted: { money: ['in_app', 'email'], news: ['email'], appointments: ['email'] } })
    expect((await preferencesOf(person)).muted.money).toEqual(['email'])
    const about = await pay(person)
    expect((await as(world, person, 'GET', 'inbox?limit=1')).body.items[0]).toMatchObject({ about })
    await world.call('POST', '/api/v1/auth/forgot-password', { body: { email: person.email } })
    expect((await newestMailTo(person)).text).toContain('reset-password?token=')
  })
})

describe('quiet hours', () => {
  // The clock of the tests begins at 9:30 in UTC, half past eleven in Maputo.
  test('put a message off to their end, on the person’s own clock; security comes at once', async () => {
    const person = await newcomer()
    const local = (ms: number) => new Date(world.clock() + 2 * HOUR + ms).toISOString().slice(11, 16)
    await prefer(person, { timeZone: 'Africa/Maputo', quietHours: { from: local(-HOUR), to: local(HOUR) } })
    const before = await mailsTo(person)

    const about = await pay(person)

    expect(await mailsTo(person)).toEqual(before)
    const until = new Date(world.clock() + HOUR).toISOString()
    expect(await mailAbout(about, person)).toMatchObject({ state: 'waiting', reason: 'quiet hours', dueAt: until })
    expect((await as(world, person, 'GET', 'inbox?limit=1')).body.items[0]).toMatchObject({ about })
    await world.call('POST', '/api/v1/auth/forgot-password', { body: { email: person.email } })
    expect((await newestMailTo(person)).text).toContain('reset-password?token=')
    await world.wait(HOUR - MINUTE)
    expect(await mailsTo(person)).toHaveLength(before.length + 1)

    await world.wait(MINUTE)

    expect((await mailsTo(person))[0]).toBe('You received USD 1.00')
  })

  test('may go over midnight, and end for good when nothing takes their place', async () => {
    const person = await newcomer({ quietHours: { from: '22:00', to: '07:00' } })
    const now = world.clock()
    const ten = Date.UTC(2026, 10, new Date(now).getUTCDate(), 22, 30)
    await world.wait(ten - now)
    const about = await pay(person)
    expect((await mailAbout(about, person)).dueAt).toBe(new Date(ten + 8.5 * HOUR).toISOString())
    await prefer(person, { quietHours: null })
    expect(await mailAbout(await pay(person), person)).toMatchObject({ state: 'accepted' })
  })
})

describe('a digest', () => {
  const nextHour = () => HOUR - (world.clock() % HOUR)

  test('gathers mails into one at the full hour; the inbox does not wait', async () => {
    await world.wait(nextHour() + 10 * MINUTE)
    const person = await newcomer({ digests: { money: 'hourly' } })
    const before = await mailsTo(person)
    const paid = [await pay(person, 100), await pay(person, 200), await pay(person, 300)]
    expect((await as(world, person, 'GET', 'inbox?unread=true')).body.items).toHaveLength(4)
    expect(await mailsTo(person)).toEqual(before)
    expect(await mailAbout(paid[0] as string, person)).toMatchObject({ state: 'waiting', reason: 'gathered' })

    await world.wait(nextHour())

    expect(await mailsTo(person)).toHaveLength(before.length + 1)
    const { text } = await newestMailTo(person)
    for (const sum of ['USD 1.00', 'USD 2.00', 'USD 3.00']) expect(text).toContain(sum)
    for (const about of paid) expect(await mailAbout(about, person)).toMatchObject({ state: 'accepted' })
    await world.wait(HOUR)
    expect(await mailsTo(person)).toHaveLength(before.length + 1)
  })

  test('of a day comes at eight where the person is, and holds what is of its sort only', async () => {
    const person = await newcomer({ timeZone: 'Africa/Maputo', digests: { money: 'daily' } })
    const about = await pay(person, 400)
    await announce(person)
    expect((await mailsTo(person))[0]).toBe('Closed on Monday')
    const { dueAt } = await mailAbout(about, person)
    expect(dueAt).toEndWith('T06:00:00.000Z')
    await pay(person, 500)

    await world.wait(Date.parse(dueAt) - world.clock())

    const { text } = await newestMailTo(person)
    for (const sum of ['USD 4.00', 'USD 5.00']) expect(text).toContain(sum)
    expect(text).not.toContain('Closed on Monday')
  })
})

describe('the link at a mail’s foot', () => {
  const pathIn = (text: string) => /\/unsubscribe\?\S+/.exec(text)?.[0] as string
  const ONE_CLICK = 'List-Unsubscribe=One-Click'

  async function linkOf(person: Person): Promise<string> {
    await announce(person)
    return pathIn((await newestMailTo(person)).text)
  }
  const mutedOf = async (who: Person) => (await preferencesOf(who)).muted

  test('ends mails of that sort with one click, without signing in, and no others', async () => {
    const person = await newcomer({ muted: { news: ['sms'] } })
    const path = await linkOf(person)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }

    const answer = await sendRaw(world, 'POST', path, { headers, body: ONE_CLICK })

    expect(answer.status).toBe(200)
    expect(await mutedOf(person)).toEqual({ news: ['sms', 'email'] })
    const before = await mailsTo(person)
    await announce(person)
    expect(await mailsTo(person)).toEqual(before)
    await pay(person)
    expect(await mailsTo(person)).toEqual(['You received USD 1.00', ...before])
    expect((await sendRaw(world, 'POST', path, { headers, body: ONE_CLICK })).status).toBe(200)
    expect(await mutedOf(person)).toEqual({ news: ['sms', 'email'] })
  })

  test('takes the click in either form of body, and without one (RFC 8058, section 3.2)', async () => {
    const form = new FormData()
    form.set('List-Unsubscribe', 'One-Click')
    for (const body of [undefined, new URLSearchParams(ONE_CLICK), form]) {
      const person = await newcomer()
      const answer = await sendRaw(world, 'POST', await linkOf(person), body === undefined ? {} : { body })
      expect(answer.status).toBe(200)
      expect(await mutedOf(person)).toEqual({ news: ['email'] })
    }
  })

  test('asks once more when it is only looked at, on a page whose form does it', async () => {
    const person = await newcomer()
    const path = await linkOf(person)
    const page = await world.call('GET', path)
    expect(page.status).toBe(200)
    expect(page.headers.get('content-type')).toStartWith('text/html')
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self'")
    expect(await mutedOf(person)).toEqual({})

    const action = /action="([^"]+)"/.exec(page.body)?.[1]?.replaceAll('&amp;', '&') as string
    const done = await sendRaw(world, 'POST', action)

    expect(action).toBe(path)
    expect(done.status).toBe(200)
    expect(done.body).toContain('<h1>You get no more mails about news.</h1>')
    for (const { body } of [page, done]) expect(body).toContain('security of your account')
    expect(await mutedOf(person)).toEqual({ news: ['email'] })
  })

  test.each([
    ['pt', 'Não receber mais e-mails sobre novidades?', 'Já não recebe e-mails sobre novidades.'],
    [
      'fr',
      'Ne plus recevoir d&#39;e-mails sur les nouveautés ?',
      'Vous ne recevez plus d&#39;e-mails sur les nouveautés.',
    ],
  ])('speaks the language of whoever follows it: %s', async (language, asked, done) => {
    const person = await newcomer({ language })
    const path = await linkOf(person)
    const pages = [await world.call('GET', path), await sendRaw(world, 'POST', path)]
    expect(pages.map(({ body }) => /<h1>(.*)<\/h1>/.exec(body)?.[1])).toEqual([asked, done])
    for (const { body } of pages) expect(body).toContain(`<html lang="${language}">`)
  })

  test('can be undone among the preferences', async () => {
    const person = await newcomer()
    await sendRaw(world, 'POST', await linkOf(person))
    await prefer(person, { muted: { news: [] } })
    await announce(person)
    expect((await mailsTo(person))[0]).toBe('Closed on Monday')
  })

  test('is on no mail about security', async () => {
    const person = await newcomer()
    await world.call('POST', '/api/v1/auth/forgot-password', { body: { email: person.email } })
    const { text } = await newestMailTo(person)
    expect(text).toContain('reset-password?token=')
    expect(text).not.toContain('unsubscribe')
  })
})

describe('an endpoint of a person', () => {
  interface Posted {
    headers: Headers
    body: string
  }

  /** Somebody’s server, which answers what it is told to. */
  function endpoint() {
    const posted: Posted[] = []
    const answer = { status: 204 }
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      async fetch(request): Promise<Response> {
        posted.push({ headers: request.headers, body: await request.text() })
        return new Response(null, { status: answer.status })
      },
    })
    return { posted, answer, url: `http://127.0.0.1:${server.port}/kumbu`, stop: () => server.stop(true) }
  }

  function isSigned(secret: string, { headers, body }: Posted): boolean {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
    const signed = `${headers.get('webhook-id')}.${headers.get('webhook-timestamp')}.${body}`
    const expected = new Bun.CryptoHasher('sha256', key).update(signed).digest('base64')
    return headers.get('webhook-signature') === `v1,${expected}`
  }

  /** The endpoint of the person is this server from now on, and has heard of that. */
  async function pointTo(person: Person, server: ReturnType<typeof endpoint>) {
    const token = await provedToken(world, person)
    const made = await world.call('PUT', `${PATH}/devices/webhook`, { token, body: { url: server.url } })
    expect(made.status).toBe(200)
    await world.app.settle()
    server.posted.length = 0
    return made.body
  }

  test('is told of everything that is no secret, signed with a secret that is shown once', async () => {
    const server = endpoint()
    const person = await newcomer()
    const { id, secret, url } = await pointTo(person, server)
    expect(url).toBe(server.url)
    expect(secret).toMatch(/^whsec_/)

    await pay(person, 1_500)
    await world.call('POST', '/api/v1/auth/forgot-password', { body: { email: person.email } })
    await world.app.settle()

    expect(server.posted).toHaveLength(1)
    const [told] = server.posted as [Posted]
    expect(isSigned(secret, told)).toBe(true)
    expect(JSON.parse(told.body)).toMatchObject({ type: 'money_received', data: { amount: 1_500, currency: 'USD' } })
    const { body } = await as(world, person, 'GET', 'devices')
    expect(body.items.map((each: { id: string }) => each.id)).toEqual([id])
    expect(JSON.stringify(body)).not.toContain(secret)
    await server.stop()
  })

  test.each([
    [['webhook', 'email'], 0],
    [['email', 'webhook'], 1],
    [['in_app'], 0],
  ])('hears once of what goes by %p', async (channels, mails) => {
    const server = endpoint()
    const person = await newcomer()
    await pointTo(person, server)
    const before = (await mailsTo(person)).length
    const sent = await as(world, operator, 'POST', 'send', { body: { ...ANNOUNCEMENT, to: person.id, channels } })
    expect(sent.status).toBe(202)
    await world.app.settle()
    expect(server.posted.map(({ body }) => JSON.parse(body).type)).toEqual(['announcement'])
    expect((await mailsTo(person)).length - before).toBe(mails)
    await server.stop()
  })

  test('that nobody has is no way', async () => {
    const body = { ...ANNOUNCEMENT, to: (await newcomer()).id, channels: ['webhook', 'email'] }
    const sent = await as(world, operator, 'POST', 'send', { body })
    await world.app.settle()
    const { deliveries } = (await as(world, operator, 'GET', `messages/${sent.body.id}`)).body
    expect(deliveries.map(({ channel }: { channel: string }) => channel)).toEqual(['email'])
  })

  test('asks for a proof of late, and the person hears of it on another way', async () => {
    const server = endpoint()
    const person = await newcomer()
    const body = { url: server.url }
    expectProblem(await as(world, person, 'PUT', 'devices/webhook', { body }), 403, 'step_up_required')
    const before = await mailsTo(person)
    await pointTo(person, server)
    const mails = await world.mailTo(person.email)
    expect(mails).toHaveLength(before.length + 1)
    expect(mails[0]?.text).toContain('endpoint')
    await server.stop()
  })

  test('is one a person: a new one takes the place of the one before; removed, it hears nothing', async () => {
    const [first, second] = [endpoint(), endpoint()]
    const person = await newcomer()
    await pointTo(person, first)
    const { id } = await pointTo(person, second)
    first.posted.length = 0
    await pay(person)
    expect([first.posted.length, second.posted.length]).toEqual([0, 1])
    expect((await as(world, person, 'DELETE', `devices/${id}`)).status).toBe(204)
    await world.app.settle()
    const heard = second.posted.length
    await pay(person)
    expect(second.posted).toHaveLength(heard)
    await first.stop()
    await second.stop()
  })

  test('that fails is asked again with the same id', async () => {
    const server = endpoint()
    const person = await newcomer()
    await pointTo(person, server)
    server.answer.status = 503
    await pay(person)
    server.answer.status = 200
    await world.wait(MINUTE)
    const ids = server.posted.map(({ headers }) => headers.get('webhook-id'))
    expect(ids).toHaveLength(2)
    expect(ids[1]).toBe(ids[0] as string)
    await server.stop()
  })

  test('that says it is gone (410) is forgotten', async () => {
    const server = endpoint()
    const person = await newcomer()
    await pointTo(person, server)
    server.answer.status = 410
    await pay(person)
    const heard = server.posted.length
    await pay(person)
    expect([heard, server.posted.length]).toEqual([1, 1])
    expect((await as(world, person, 'GET', 'devices')).body).toEqual({ items: [] })
    await server.stop()
  })

  test('that refuses is nothing for the operator to look at; after twenty in a row it is paused, and its owner is told', async () => {
    const server = endpoint()
    const person = await newcomer()
    await pointTo(person, server)
    server.answer.status = 404
    for (let i = 0; i < 19; i++) await announce(person)
    server.answer.status = 204
    const taken = await announce(person)
    server.answer.status = 404
    for (let i = 0; i < 19; i++) await announce(person)
    const device = async () => (await as(world, person, 'GET', 'devices')).body.items[0]
    expect(await device()).toMatchObject({ kind: 'webhook', pausedAt: null })
    const last = await announce(person)
    await world.app.settle()

    expect((await device()).pausedAt).toBe(new Date(world.clock()).toISOString())
    const heard = server.posted.length
    await announce(person)
    expect(server.posted).toHaveLength(heard)
    const [told] = (await as(world, person, 'GET', 'inbox?limit=2')).body.items.filter(
      ({ template }: { template: string }) => template === 'security_changed',
    )
    expect(told.title).toStartWith('Your endpoint refused twenty messages in a row')
    const stateOf = async (id: string) =>
      (await as(world, operator, 'GET', `messages/${id}`)).body.deliveries.find(
        ({ channel }: { channel: string }) => channel === 'webhook',
      ).state
    expect([await stateOf(taken), await stateOf(last)]).toEqual(['accepted', 'failed'])
    expect((await as(world, operator, 'GET', 'dead?channel=webhook')).body.items).toEqual([])
    await pointTo(person, server)
    expect(await device()).toMatchObject({ pausedAt: null })
    await server.stop()
  })

  test('stays when the password is changed or the factors are reset; browsers and phones have to be added again', async () => {
    const server = endpoint()
    const person = await newcomer()
    await pointTo(person, server)
    const add = () =>
      as(world, person, 'POST', 'devices/phones', { body: { token: `registration-token-${person.id}` } })
    const kinds = async () =>
      (await as(world, person, 'GET', 'devices')).body.items.map(({ kind }: { kind: string }) => kind)

    await add()
    const passwords = { currentPassword: PASSWORD, newPassword: 'another walk to the sea' }
    const changed = await world.call('PUT', '/api/v1/auth/password', { token: person.token, body: passwords })
    expect(changed.status).toBe(204)
    await world.app.settle()
    expect(await kinds()).toEqual(['webhook'])

    await add()
    expect(await kinds()).toEqual(['webhook', 'fcm'])
    const token = await provedToken(world, operator)
    const reset = await world.call('POST', `/api/v1/users/${person.id}/reset-factors`, { token, body: {} })
    expect(reset.status).toBe(200)
    await world.app.settle()
    expect(await kinds()).toEqual(['webhook'])
    await server.stop()
  })

  test('and devices are told of when they are new, and only then', async () => {
    const person = await newcomer()
    const before = await mailsTo(person)
    const add = () => as(world, person, 'POST', 'devices/phones', { body: { token: 'registration-token-of-a-thief' } })
    await add()
    expect(await mailsTo(person)).toEqual([
      'Your messages are pushed to another browser or phone from now on.',
      ...before,
    ])
    await add()
    expect(await mailsTo(person)).toHaveLength(before.length + 1)
    // Whoever adds one again and again must not cost the operator an SMS each time.
    const { phone } = await world.app.identity.known(person.id)
    expect((await shownFor(world, phone as string)).map(({ subject }) => subject)).toEqual([])
  })

  test('and devices are added, listed and removed, each its person’s own', async () => {
    const [person, other] = [await newcomer(), await newcomer()]
    const token = 'registration-token-of-one-phone'
    const added = await as(world, person, 'POST', 'devices/phones', { body: { token, name: 'My phone' } })
    expect(added.status).toBe(201)
    expect(added.body).toMatchObject({ kind: 'fcm', name: 'My phone' })
    const { body } = await as(world, person, 'GET', 'devices')
    expect(body).toEqual({ items: [added.body] })
    expect(JSON.stringify(body)).not.toContain(token)
    // A phone that somebody else signs in on is theirs now.
    await as(world, other, 'POST', 'devices/phones', { body: { token } })
    expect((await as(world, person, 'GET', 'devices')).body).toEqual({ items: [] })
    expectProblem(await as(world, person, 'DELETE', `devices/${added.body.id}`), 404, 'target_not_found')
    const { publicKey } = (await as(world, person, 'GET', 'devices/push-key')).body
    expect(Buffer.from(publicKey, 'base64url')).toHaveLength(65)
  })
})
