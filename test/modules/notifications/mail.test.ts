/** Messages by mail, to a real SMTP server that takes, refuses, puts off, stalls, or is not there. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { createMailChannel } from '../../../src/modules/notifications'
import { expectCleanBooks, expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type Person, PIN, type World } from '../../support/world'
import { createMailServer, createStalledServer, isListening, type Mail, type MailServer } from './mail-server'

const MINUTE = 60_000

let server: MailServer
let world: World
let amina: Person
let bruno: Person

beforeAll(async () => {
  server = await createMailServer()
  world = await createWorld({
    'smtp-url': `smtp://127.0.0.1:${server.port}`,
    'mail-from': 'Kumbu <no-reply@kumbu.example>',
    mode: 'production',
  })
  amina = await world.customer(100_000)
  bruno = await world.person('customer', 'Bruno <b>& Filhos</b>')
  await world.app.settle()
})

afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
  await server.stop()
})

beforeEach(async () => {
  if (!(await isListening(server.port))) await server.start()
  server.reply = undefined
  await clearWork()
  amina.token = await world.signIn(amina.email)
  server.mails.length = 0
  server.offered = 0
})

const transfer = (amount: number) =>
  world.call('POST', '/api/v1/wallet/me/transfer', {
    token: amina.token,
    body: { to: bruno.id, amount, pin: PIN },
  })
const to = ({ email }: { email: string }) => server.mails.filter((mail) => mail.to.includes(email))
const subjectOf = ({ headers }: Mail) => headers.get('subject')?.[0]
const counts = () => world.app.queue.counts()

describe('a mail', () => {
  test('goes from the configured sender to the one person whom it is for, as text and as HTML', async () => {
    expect((await transfer(1_500)).status).toBe(201)
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
    expect(mail.html).toContain('<p>Your balance is USD 985.00.</p>')
    expect(subjectOf((his as [Mail])[0])).toBe('You received USD 15.00')
  })

  test('says names as text: nothing in them is markup', async () => {
    await transfer(100)
    await world.app.settle()

    const [mail] = to(amina) as [Mail]
    expect(mail.text).toContain('You sent USD 1.00 to Bruno <b>& Filhos</b>.')
    expect(mail.html).toContain('to Bruno &lt;b&gt;&amp; Filhos&lt;/b&gt;.')
    expect(mail.html).not.toContain('<b>')
  })

  test('brings the code of a registration', async () => {
    const email = 'newcomer@example.com'
    await world.call('POST', '/api/v1/auth/register', { body: { name: 'Nia', email, password: PASSWORD } })
    await world.app.settle()

    const [mail] = to({ email }) as [Mail]
    const code = /^(\d{6}) is your Kumbu code$/.exec(subjectOf(mail) ?? '')?.[1]
    expect(mail.text).toContain(`Your code to open your account is ${code}.`)
    expect((await world.call('POST', '/api/v1/auth/verify-email', { body: { email, code } })).status).toBe(200)
  })

  test('carries no header and no recipient that somebody smuggled in', async () => {
    const channel = createMailChannel({ url: `smtp://127.0.0.1:${server.port}`, from: 'no-reply@kumbu.example' })
    try {
      await channel.send({
        to: 'amina@example.com',
        subject: 'Hello\r\nBcc: everybody@example.com\r\n\r\nAnother body',
        text: 'Hello\r\n.\r\nMAIL FROM:<evil@example.com>\r\n',
        html: '<p>Hello</p>',
        medium: 'email',
        short: 'Hello',
      })
      const [mail] = server.mails as [Mail]
      expect(server.mails).toHaveLength(1)
      expect(mail.to).toEqual(['amina@example.com'])
      expect(mail.headers.has('bcc')).toBe(false)
      expect(mail.headers.get('subject')).toHaveLength(1)
      expect(mail.text).toContain('MAIL FROM:<evil@example.com>')

      for (const address of [
        'a@example.com\r\nRCPT TO:<evil@example.com>',
        'a@example.com>\r\nBcc: evil@example.com',
      ]) {
        await channel
          .send({ to: address, subject: 's', text: 't', html: 'h', medium: 'email', short: 's' })
          .catch(() => {})
      }
      expect(server.mails.flatMap((each) => each.to)).not.toContain('evil@example.com')
      expect(server.mails.some((each) => each.headers.has('bcc'))).toBe(false)
    } finally {
      channel.close()
    }
  })
})

describe('a server that is down', () => {
  test('holds no transfer up; the mails are tried again later and arrive once', async () => {
    await server.stop()

    const sent = await transfer(2_000)
    await world.app.settle()

    expect(sent.status).toBe(201)
    expect(sent.body.amount).toBe(2_000)
    expect(await counts()).toMatchObject({ waiting: 2, dead: 0 })
    // Nothing is tried before its pause is over.
    await server.start()
    await world.app.settle()
    expect(server.mails).toEqual([])
    world.clock.advance(1_000)
    await world.app.settle()
    world.clock.advance(MINUTE)
    await world.app.settle()
    expect(server.mails.map(subjectOf).sort()).toEqual(['You received USD 20.00', 'You sent USD 20.00'])
    expect(await counts()).toMatchObject({ waiting: 0, dead: 0 })
  })

  test('is left alone for longer and longer, and after eight tries the mail is kept as dead', async () => {
    await server.stop()
    await transfer(10)
    const states: Array<{ waiting: number; dead: number }> = []
    for (let pause = 1_000; pause <= 128_000; pause *= 2) {
      await world.app.settle()
      states.push(await counts())
      // A pause is between half of this and the whole of it.
      world.clock.advance(pause / 2 - 1)
      await world.app.settle()
      world.clock.advance(pause / 2 + 1)
    }

    expect(states).toEqual([...Array(7).fill({ waiting: 2, dead: 0 }), { waiting: 0, dead: 2 }])
    const dead = await world.app.queue.dead(10)
    expect(dead.map(({ attempts }) => attempts)).toEqual([8, 8])
    expect(dead[0]?.lastError).toMatch(/ECONNREFUSED|connect/i)
  })

  test('does not make the instance unready: it says that mail is down', async () => {
    await server.stop()
    const { status, body } = await world.call('GET', '/ready')
    expect(status).toBe(200)
    expect(body.ready).toBe(true)
    expect(body.dependencies[1]).toMatchObject({ name: 'mail', state: 'down' })
    await server.start()
    expect((await world.call('GET', '/ready')).body.dependencies[1]).toMatchObject({ name: 'mail', state: 'up' })
  })

  test('delivers no code after its time', async () => {
    await server.stop()
    const email = 'patient@example.com'
    await world.call('POST', '/api/v1/auth/register', { body: { name: 'Pia', email, password: PASSWORD } })
    await world.app.settle()
    expect((await counts()).waiting).toBe(1)
    world.clock.advance(5 * MINUTE)
    await server.start()

    await world.app.settle()

    expect(to({ email })).toEqual([])
    expect(await counts()).toMatchObject({ waiting: 0, dead: 0 })
  })
})

describe('a server that refuses', () => {
  test('for good (550): the mail is dead at once, and an operator sees and replays it', async () => {
    const operator = await world.person('operator')
    await world.app.settle()
    server.mails.length = 0
    server.offered = 0
    server.reply = 550
    expect((await transfer(30)).status).toBe(201)

    await world.app.settle()
    world.clock.advance(60 * MINUTE)
    await world.app.settle()

    expect(server.offered).toBe(2)
    expect(await counts()).toMatchObject({ waiting: 0, dead: 2 })
    const token = await world.signIn(operator.email)
    const { body } = await world.call('GET', '/api/v1/work/dead', { token })
    expect(body.items).toMatchObject([
      { kind: 'job:notifications.deliver', attempts: 1, lastError: expect.stringContaining('550') },
      { kind: 'job:notifications.deliver', attempts: 1 },
    ])
    server.reply = undefined
    for (const { id } of body.items) {
      expect((await world.call('POST', `/api/v1/work/dead/${id}/replay`, { token, body: {} })).status).toBe(202)
    }
    expectProblem(
      await world.call('POST', `/api/v1/work/dead/${body.items[0].id}/replay`, { token, body: {} }),
      404,
      'work_not_found',
    )
    await world.app.settle()
    expect(server.mails.map(subjectOf).sort()).toEqual(['You received USD 0.30', 'You sent USD 0.30'])
    expect(await counts()).toMatchObject({ waiting: 0, dead: 0 })
  })

  test('for now (451): the mail is tried again, and arrives once', async () => {
    server.reply = 451
    await transfer(40)
    await world.app.settle()
    expect(server.offered).toBe(2)
    expect(await counts()).toMatchObject({ waiting: 2, dead: 0 })

    server.reply = undefined
    world.clock.advance(1_000)
    await world.app.settle()

    expect(server.mails.map(subjectOf).sort()).toEqual(['You received USD 0.40', 'You sent USD 0.40'])
    world.clock.advance(MINUTE)
    await world.app.settle()
    expect(server.mails).toHaveLength(2)
    expect(await counts()).toMatchObject({ waiting: 0, dead: 0 })
  })
})

describe('a server that stalls', () => {
  test('holds up nobody who moves money; the mails arrive once it is well', async () => {
    await server.stop()
    const stalled = await createStalledServer(server.port)
    await transfer(50)
    const stuck = world.app.settle()
    await stalled.caught

    const meanwhile = await transfer(60)

    expect(meanwhile.status).toBe(201)
    await stalled.end()
    await stuck
    await server.start()
    world.clock.advance(1_000)
    await world.app.settle()
    expect(server.mails.map(subjectOf).sort()).toEqual([
      'You received USD 0.50',
      'You received USD 0.60',
      'You sent USD 0.50',
      'You sent USD 0.60',
    ])
  })
})

/** What waits or is dead at the end of one test is no matter of the next. */
async function clearWork(): Promise<void> {
  for (const { id } of await world.app.queue.dead(100)) await world.app.queue.replay(id)
  await world.app.settle()
  world.clock.advance(20 * MINUTE)
  await world.app.settle()
  expect(await counts()).toEqual({ waiting: 0, dead: 0 })
}
