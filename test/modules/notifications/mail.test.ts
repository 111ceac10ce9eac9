/** Messages by mail, to a real SMTP server that takes, refuses, puts off, stalls, or is not there. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { createApp } from '../../../src/app'
import { expectCleanBooks, expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type Person, PIN, testConfig, type World } from '../../support/world'
import { createMailServer, createStalledServer, isListening, type Mail, type MailServer } from './mail-server'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** The first pause after a failure is between half of this and the whole of it. */
const PAUSE = 2_000
/** For as long a delivery is one process’s own. */
const LEASE = 90_000

let server: MailServer
let world: World
let operator: Person
/** Sees what an operator sees, and needs no second factor here, so that reading takes no time. */
let support: Person
let amina: Person
let bruno: Person

const flags = (port: number) => ({
  'smtp-url': `smtp://127.0.0.1:${port}`,
  'mail-from': 'Kumbu <no-reply@kumbu.example>',
  mode: 'production',
  'second-factor-roles': 'operator,agent',
})

beforeAll(async () => {
  server = await createMailServer()
  world = await createWorld(flags(server.port))
  operator = await world.person('operator')
  support = await world.person('support')
  amina = await world.customer(100_000)
  bruno = await world.person('customer', 'Bruno <b>& Filhos</b>')
})

afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
  await server.stop()
})

beforeEach(async () => {
  if (!(await isListening(server.port))) await server.start()
  server.answerWith()
  // Whatever a test before has left is sent, and the server is trusted again.
  await wait(HOUR, 10 * MINUTE)
  amina.token = await world.signIn(amina.email)
  operator.token = await world.signIn(operator.email)
  await world.app.settle()
  server.mails.length = 0
  server.offered = 0
})

async function wait(ms: number, stepMs = ms): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    world.clock.advance(stepMs)
    await world.app.settle()
  }
}

/** Answers the transfer’s id. */
async function transfer(amount: number): Promise<string> {
  const { status, body } = await world.call('POST', '/api/v1/wallet/me/transfer', {
    token: amina.token,
    body: { to: bruno.id, amount, pin: PIN },
  })
  expect({ status, amount: body.amount }).toEqual({ status: 201, amount })
  return body.id
}

async function register(email: string): Promise<void> {
  const { status } = await world.call('POST', '/api/v1/auth/register', {
    body: { name: 'Nia', email, password: PASSWORD },
  })
  expect(status).toBe(201)
  await world.app.settle()
}

async function sealedSecrets(): Promise<number> {
  const { store } = world.runtime
  const rows = await store.rows(store.read, sql`select id from notifications where sealed_secret is not null`)
  return rows.length
}

/** One mail to anybody, of which no time makes nothing. */
async function announce(to: string, about: string): Promise<void> {
  const data = { title: 'Closed on Monday', message: 'We are back on Tuesday.' }
  expect((await asOperator('send', { to, template: 'announcement', data, about })).status).toBe(202)
}

const to = ({ email }: { email: string }) => server.mails.filter((mail) => mail.to.includes(email))
const subjectOf = ({ headers }: Mail) => headers.get('subject')?.[0]
const subjects = () => server.mails.map(subjectOf).sort()

const asOperator = (path: string, body: object = {}) =>
  world.call('POST', `/api/v1/notifications/${path}`, { token: operator.token, body })

async function read(path: string) {
  const ask = () => world.call('GET', `/api/v1/notifications/${path}`, { token: support.token })
  if ((await ask()).status === 401) support.token = await world.signIn(support.email)
  const { status, body } = await ask()
  expect(status).toBe(200)
  return body
}

/** What fits the query, with every way that was tried. */
async function messages(query: string) {
  const all = []
  for (const { id } of (await read(`messages?${query}`)).items) all.push(await read(`messages/${id}`))
  return all
}
const ways = async (query: string) => (await messages(query)).flatMap(({ deliveries }) => deliveries)
const states = async (query: string) => (await ways(query)).map(({ state }) => state)
const outcomes = ({ attempts }: { attempts: Array<{ outcome: string }> }) => attempts.map(({ outcome }) => outcome)
const smtp = async () => {
  const { items } = (await world.call('GET', '/api/v1/notifications/channels', { token: operator.token })).body
  return items.find(({ channel }: { channel: string }) => channel === 'email').providers[0]
}
/** The dead ones of what is about this. */
async function deadAbout(about: string) {
  const ids = (await messages(`about=${about}`)).map(({ id }) => id)
  const { items } = await read('dead?limit=100')
  return items.filter(({ notificationId }: { notificationId: string }) => ids.includes(notificationId))
}

describe('a mail', () => {
  test('goes from the configured sender to the one person whom it is for, as text and as HTML', async () => {
    const id = await transfer(1_500)
    await world.app.settle()

    const [hers, his] = [to(amina), to(bruno)]
    expect([hers.length, his.length]).toEqual([1, 1])
    const [mail] = hers as [Mail]
    expect(mail.from).toBe('no-reply@kumbu.example')
    expect(mail.to).toEqual([amina.email])
    expect(mail.headers.get('from')).toEqual(['Kumbu <no-reply@kumbu.example>'])
    expect(mail.headers.get('to')).toEqual([amina.email])
    expect(subjectOf(mail)).toBe('You sent USD 15.00')
    expect(mail.text).toContain('Your balance is USD 985.00.')
    expect(mail.html).toMatch(/<p>Your balance is <strong[^>]*>USD.985\.00<\/strong>\.<\/p>/)
    expect(subjectOf((his as [Mail])[0])).toBe('You received USD 15.00')
    expect(await ways(`about=${id}`)).toMatchObject(
      Array(2).fill({ channel: 'email', state: 'accepted', provider: 'smtp' }),
    )
  })

  test('says names as text: nothing in them is markup', async () => {
    await transfer(100)
    await world.app.settle()

    const [mail] = to(amina) as [Mail]
    expect(mail.text).toContain('to Bruno <b>& Filhos</b>.')
    expect(mail.html).toContain('to Bruno &lt;b&gt;&amp; Filhos&lt;/b&gt;.')
    expect(mail.html).not.toContain('<b>')
  })

  test('brings the code of a registration', async () => {
    const email = 'newcomer@example.com'
    await register(email)

    const [mail] = to({ email }) as [Mail]
    const code = /^(\d{6}) is your Kumbu code$/.exec(subjectOf(mail) ?? '')?.[1]
    expect(mail.text).toContain(`Your code to open your account is ${code}.`)
    expect((await world.call('POST', '/api/v1/auth/verify-email', { body: { email, code } })).status).toBe(200)
  })

  test('carries no header and no recipient that somebody smuggled in', async () => {
    const smuggled = 'Closed\r\nBcc: everybody@example.com\r\n\r\nAnother body'
    const { status } = await asOperator('send', {
      to: bruno.email,
      template: 'announcement',
      data: { title: smuggled, message: 'Hello\r\n.\r\nMAIL FROM:<evil@example.com>\r\n' },
    })
    expect(status).toBe(202)
    await world.app.settle()

    const [mail] = server.mails as [Mail]
    expect(server.mails).toHaveLength(1)
    expect(mail.to).toEqual([bruno.email])
    expect(mail.headers.has('bcc')).toBe(false)
    expect(mail.headers.get('subject')).toHaveLength(1)
    expect(mail.text).toContain('MAIL FROM:<evil@example.com>')
  })
})

describe('a server that is down', () => {
  test('holds no transfer up; the mails are tried again after a pause and arrive once', async () => {
    await server.stop()
    const id = await transfer(2_000)
    await world.app.settle()
    expect(await states(`about=${id}`)).toEqual(['waiting', 'waiting'])

    await server.start()
    await wait(PAUSE / 2 - 1)
    expect(server.mails).toEqual([])
    await wait(PAUSE / 2 + 1)
    await wait(HOUR, 10 * MINUTE)

    expect(subjects()).toEqual(['You received USD 20.00', 'You sent USD 20.00'])
    for (const each of await ways(`about=${id}`)) {
      expect(each).toMatchObject({ state: 'accepted', reason: null })
      expect(outcomes(each)).toEqual(['transient', 'accepted'])
    }
  })

  test('is left alone for longer and longer, up to half an hour', async () => {
    await server.stop()
    await announce('far@example.com', 'closing')
    const only = async () => (await ways('about=closing'))[0]
    await world.app.settle()

    for (let tries = 1; tries <= 14; tries++) {
      const { attempts, dueAt, reason } = await only()
      expect({ tries: attempts.length, reason }).toEqual({ tries, reason: 'connection refused' })
      const pause = Date.parse(dueAt) - Date.parse(attempts.at(-1).at)
      const whole = Math.min(PAUSE * 2 ** (tries - 1), 30 * MINUTE)
      expect(pause).toBeWithin(whole / 2, whole + 1)
      await wait(Date.parse(dueAt) - 1 - world.clock())
      expect((await only()).attempts).toHaveLength(tries)
      await wait(1)
      // A breaker in between may keep the server from being asked for some minutes more.
      for (let more = 0; more < 10 && (await only()).attempts.length === tries; more++) await wait(30_000)
    }
  })

  test('does not make the instance unready: it says that mail is down', async () => {
    const email = async () => {
      const { status, body } = await world.call('GET', '/ready')
      expect({ status, ready: body.ready }).toEqual({ status: 200, ready: true })
      return body.dependencies.find(({ name }: { name: string }) => name === 'email')
    }
    await server.stop()
    expect(await email()).toEqual({ name: 'email', state: 'down', detail: 'smtp: connection refused' })
    await server.start()
    expect(await email()).toMatchObject({ state: 'up' })
  })
})

describe('a message that cannot be sent in time', () => {
  const codeTo = (email: string) => ways(`to=${email}&template=code`)

  test('is not sent when the server is back after the end of it, and its secret is gone', async () => {
    await server.stop()
    const email = 'patient@example.com'
    await register(email)
    expect(await codeTo(email)).toMatchObject([{ state: 'waiting' }])
    world.clock.advance(5 * MINUTE)
    await server.start()

    await wait(HOUR, 10 * MINUTE)

    expect(to({ email })).toEqual([])
    expect(await codeTo(email)).toMatchObject([{ state: 'expired', reason: 'too late' }])
    expect(await sealedSecrets()).toBe(0)
  })

  test('is dead when its time ends among failures, and nothing sends it afterwards', async () => {
    const email = 'unlucky@example.com'
    server.answerWith({ at: 'recipient', code: 452, text: '4.2.2 Mailbox full', to: email })
    await register(email)
    const only = async () => (await codeTo(email))[0]
    for (let way = await only(); way.state === 'waiting'; way = await only()) {
      await wait(Date.parse(way.dueAt) - world.clock())
    }
    const way = await only()
    expect(way).toMatchObject({ state: 'dead', reason: 'refused 452 4.2.2 at RCPT TO' })
    // Whoever waits for a code waits for minutes, so the pauses are half a minute at most.
    expect(way.attempts.length).toBeGreaterThan(10)
    server.answerWith()
    const [{ id }] = await messages(`to=${email}&template=code`)
    operator.token = await world.signIn(operator.email)

    expect((await asOperator(`dead/${id}/replay`)).status).toBe(202)
    await wait(HOUR, 10 * MINUTE)

    expect(to({ email })).toEqual([])
    expect(await codeTo(email)).toMatchObject([{ state: 'expired', reason: 'too late' }])
    expect(await sealedSecrets()).toBe(0)
  })

  test('but has no end is given up after four days, kept as dead, and sent by an operator', async () => {
    await server.stop()
    await announce('island@example.com', 'island')
    const only = async () => (await ways('about=island'))[0]
    await wait(4 * DAY, HOUR)
    expect((await only()).state).toBe('waiting')
    expect((await only()).attempts.length).toBeGreaterThan(8)

    await wait(HOUR, 10 * MINUTE)
    expect(await deadAbout('island')).toMatchObject([{ template: 'announcement', reason: 'connection refused' }])
    await server.start()
    await wait(DAY, HOUR)
    expect(server.mails).toEqual([])

    operator.token = await world.signIn(operator.email)
    const [{ id }] = await messages('about=island')
    expect((await asOperator(`dead/${id}/replay`)).body).toMatchObject({ id, status: 'waiting' })
    await world.app.settle()
    expect(server.mails.map((mail) => mail.to)).toEqual([['island@example.com']])
    expect(await deadAbout('island')).toEqual([])
  })
})

describe('a server that refuses', () => {
  test('for good (550): the mail is dead at once, and an operator sees and replays it', async () => {
    server.answerWith({ at: 'recipient', code: 550, text: '5.7.1 Blocked' })
    const about = await transfer(30)
    await wait(HOUR, 10 * MINUTE)

    expect(server.offered).toBe(2)
    const dead = await deadAbout(about)
    for (const each of dead) {
      expect(each).toMatchObject({
        channel: 'email',
        state: 'dead',
        provider: 'smtp',
        reason: 'refused 550 5.7.1 at RCPT TO',
      })
      expect(outcomes(each)).toEqual(['permanent'])
    }
    expect(dead.map(({ template, userId }: { template: string; userId: string }) => [template, userId]).sort()).toEqual(
      [
        ['money_received', bruno.id],
        ['money_sent', amina.id],
      ],
    )
    expect(JSON.stringify(dead)).not.toContain('@example.com')

    server.answerWith()
    operator.token = await world.signIn(operator.email)
    for (const { notificationId } of dead) {
      expect((await asOperator(`dead/${notificationId}/replay`)).status).toBe(202)
    }
    expectProblem(await asOperator(`dead/${dead[0].notificationId}/replay`), 409, 'not_dead')
    expectProblem(await asOperator(`dead/ntf_${'0'.repeat(20)}/replay`), 404, 'notification_not_found')
    await world.app.settle()

    expect(subjects()).toEqual(['You received USD 0.30', 'You sent USD 0.30'])
    expect(await deadAbout(about)).toEqual([])
    for (const each of await ways(`about=${about}`)) expect(outcomes(each)).toEqual(['permanent', 'accepted'])
  })

  test('a mailbox that does not exist: nothing more is sent there until an operator says so', async () => {
    const chico = await world.person('customer')
    await world.app.settle()
    server.offered = 0
    server.mails.length = 0
    const fault = { at: 'recipient', code: 550, text: '5.1.1 No such user', to: chico.email } as const
    server.answerWith(fault)
    await announce(chico.email, 'first')
    await world.app.settle()
    expect(await states('about=first')).toEqual(['dead'])

    server.answerWith()
    await announce(chico.email, 'second')
    await world.app.settle()
    expect(await ways('about=second')).toMatchObject([{ state: 'skipped', reason: 'suppressed: invalid' }])
    expect(server.offered).toBe(1)

    const suppressions = '/api/v1/notifications/suppressions'
    const { body } = await world.call('GET', suppressions, { token: operator.token })
    expect(body.items).toMatchObject([{ channel: 'email', cause: 'invalid', hint: 'cu…@example.com' }])
    const { status } = await world.call('DELETE', `${suppressions}/${body.items[0].id}`, { token: operator.token })
    expect(status).toBe(204)
    const [{ id }] = await messages('about=first')
    await asOperator(`dead/${id}/replay`)
    await world.app.settle()
    expect(to(chico)).toHaveLength(1)
  })

  test('for now (greylisting, 451): the mail is tried again, and arrives once; the server is not thought ill', async () => {
    server.answerWith({ at: 'recipient', once: 451 })
    const about = await transfer(40)
    await world.app.settle()
    expect(server.offered).toBe(2)
    expect(await ways(`about=${about}`)).toMatchObject(
      Array(2).fill({ state: 'waiting', reason: 'refused 451 4.7.1 at RCPT TO' }),
    )
    expect((await smtp()).breaker).toBe('closed')

    await wait(PAUSE)
    await wait(HOUR, 10 * MINUTE)

    expect(subjects()).toEqual(['You received USD 0.40', 'You sent USD 0.40'])
    for (const each of await ways(`about=${about}`)) expect(outcomes(each)).toEqual(['transient', 'accepted'])
  })

  test('one person again and again holds nobody else up, and reaches that person in the end', async () => {
    server.answerWith({ at: 'recipient', code: 452, text: '4.2.2 Mailbox full', to: bruno.email })
    const abouts: string[] = []
    for (let i = 1; i <= 8; i++) {
      abouts.push(await transfer(i))
      await wait(PAUSE)
    }
    expect(to(amina)).toHaveLength(8)
    expect(to(bruno)).toEqual([])

    server.answerWith()
    await wait(HOUR, 10 * MINUTE)
    expect(to(amina)).toHaveLength(8)
    expect(to(bruno).map(subjectOf).sort()).toEqual(abouts.map((_, i) => `You received USD 0.0${i + 1}`))
  })
})

describe('a server that stalls', () => {
  test('holds up nobody who moves money; the mails arrive once it is well', async () => {
    await server.stop()
    const stalled = await createStalledServer(server.port)
    await transfer(50)
    const stuck = world.app.settle()
    await stalled.caught

    await transfer(60)

    await stalled.end()
    await stuck
    await server.start()
    await wait(HOUR, 10 * MINUTE)
    expect(subjects()).toEqual([
      'You received USD 0.50',
      'You received USD 0.60',
      'You sent USD 0.50',
      'You sent USD 0.60',
    ])
  })
})

describe('an instance that ends while mails wait', () => {
  const another = (port: number) => createApp(testConfig(flags(port)), world.runtime)

  test('sends them when it is back', async () => {
    await server.stop()
    const first = another(server.port)
    const about = await transfer(70)
    await first.settle()
    expect(await states(`about=${about}`)).toEqual(['waiting', 'waiting'])
    await first.stop()
    await server.start()

    const second = another(server.port)
    await second.settle()
    expect(server.mails).toEqual([])
    world.clock.advance(PAUSE)
    await second.settle()
    await second.stop()

    await wait(HOUR, 10 * MINUTE)
    expect(subjects()).toEqual(['You received USD 0.70', 'You sent USD 0.70'])
  })

  test('in the middle of sending sends what it had under way again, under the same Message-ID', async () => {
    const stalled = await createStalledServer()
    const dying = another(stalled.port)
    const about = await transfer(80)
    const lastWork = dying.settle()
    await stalled.caught

    await wait(LEASE - 1)
    expect(server.mails).toEqual([])
    await wait(1)

    expect(subjects()).toEqual(['You received USD 0.80', 'You sent USD 0.80'])
    const sent = await ways(`about=${about}`)
    for (const each of sent) expect(outcomes(each)).toEqual(['interrupted', 'accepted'])
    const ids = server.mails.map(({ headers }) => headers.get('message-id')?.[0]).sort()
    expect(ids).toEqual(sent.map(({ id }) => `<${id}@kumbu.example>`).sort())

    // What it hears of its last try changes nothing any more.
    await stalled.end()
    await lastWork
    await dying.stop()
    await wait(HOUR, 10 * MINUTE)
    expect(server.mails).toHaveLength(2)
    expect(await states(`about=${about}`)).toEqual(['accepted', 'accepted'])
  })

  test('or works beside another sends each mail once', async () => {
    const beside = another(server.port)
    for (let i = 1; i <= 10; i++) await transfer(i)
    await Promise.all([world.app.settle(), beside.settle(), world.app.settle(), beside.settle()])
    await beside.stop()
    expect(server.mails).toHaveLength(20)
    expect(new Set(server.mails.map(({ headers }) => headers.get('message-id')?.[0])).size).toBe(20)
  })
})
