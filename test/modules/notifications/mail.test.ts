/** Messages by mail, to a real SMTP server: what arrives, and what waits, comes late or not at all while it is down. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { expectCleanBooks } from '../../acceptance/answers'
import type { Mail } from './mail-server'
import { createMailWorld, HOUR, type MailWorld, MINUTE, outcomesOf, PAUSE, subjectOf } from './mail-world'

const DAY = 24 * HOUR

let place: MailWorld

beforeAll(async () => {
  place = await createMailWorld()
})
afterAll(async () => {
  await expectCleanBooks(place.world)
  await place.end()
})
beforeEach(() => place.tidy())

describe('a mail', () => {
  test('goes from the configured sender to the one person whom it is for, as text and as HTML', async () => {
    const { amina, bruno, mailsTo, world } = place
    const id = await place.transfer(1_500)
    await world.app.settle()

    const [hers, his] = [mailsTo(amina), mailsTo(bruno)]
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
    expect(await place.ways({ about: id })).toMatchObject(
      Array(2).fill({ medium: 'email', state: 'accepted', provider: 'smtp' }),
    )
  })

  test('says names as text: nothing in them is markup', async () => {
    await place.transfer(100)
    await place.world.app.settle()

    const [mail] = place.mailsTo(place.amina) as [Mail]
    expect(mail.text).toContain('to Bruno <b>& Filhos</b>.')
    expect(mail.html).toContain('to Bruno &lt;b&gt;&amp; Filhos&lt;/b&gt;.')
    expect(mail.html).not.toContain('<b>')
  })

  test('brings the code of a registration', async () => {
    const email = 'newcomer@example.com'
    await place.register(email)

    const [mail] = place.mailsTo({ email }) as [Mail]
    const code = /^(\d{6}) is your Kumbu code$/.exec(subjectOf(mail) ?? '')?.[1]
    expect(mail.text).toContain(`Your code to open your account is ${code}.`)
    const { status } = await place.world.call('POST', '/api/v1/auth/verify-email', { body: { email, code } })
    expect(status).toBe(200)
  })

  test('carries no header and no recipient that somebody smuggled in', async () => {
    const { email } = place.bruno
    const data = {
      title: 'Closed\r\nBcc: everybody@example.com\r\n\r\nAnother body',
      message: 'Hello\r\n.\r\nMAIL FROM:<evil@example.com>\r\n',
    }
    const { status } = await place.asOperator('POST', 'send', { to: email, template: 'announcement', data })
    expect(status).toBe(202)
    await place.world.app.settle()

    const { mails } = place.server
    expect(mails).toHaveLength(1)
    const [mail] = mails as [Mail]
    expect(mail.to).toEqual([email])
    expect(mail.headers.has('bcc')).toBe(false)
    expect(mail.headers.get('subject')).toHaveLength(1)
    expect(mail.text).toContain('MAIL FROM:<evil@example.com>')
  })
})

describe('a server that is down', () => {
  test('holds no transfer up; the mails are tried again after a pause and arrive once', async () => {
    const { server, wait } = place
    await server.stop()
    const id = await place.transfer(2_000)
    await place.world.app.settle()
    expect(await place.states(id)).toEqual(['waiting', 'waiting'])

    await server.start()
    await wait(PAUSE / 2 - 1)
    expect(server.mails).toEqual([])
    await wait(PAUSE / 2 + 1)
    await wait(HOUR, 10 * MINUTE)

    expect(place.subjects()).toEqual(['You received USD 20.00', 'You sent USD 20.00'])
    for (const each of await place.ways({ about: id })) {
      expect(each).toMatchObject({ state: 'accepted', reason: null })
      expect(outcomesOf(each)).toEqual(['transient', 'accepted'])
    }
  })

  test('is left alone for longer and longer, up to half an hour', async () => {
    const { world, wait } = place
    await place.server.stop()
    await place.announce('far@example.com', 'closing')
    const only = () => place.onlyWay({ about: 'closing' })
    await world.app.settle()

    for (let tries = 1; tries <= 14; tries++) {
      const way = await only()
      expect(way).toMatchObject({ attempts: tries, reason: 'connection refused' })
      const whole = Math.min(PAUSE * 2 ** (tries - 1), 30 * MINUTE)
      expect(way.dueAt - (way.tries.at(-1)?.at ?? 0)).toBeWithin(whole / 2, whole + 1)
      await wait(way.dueAt - 1 - world.clock())
      expect((await only()).attempts).toBe(tries)
      await wait(1)
      // After five failures in a row the server is asked by nobody for a while.
      for (let more = 0; more < 10 && (await only()).attempts === tries; more++) await wait(30_000)
    }
  })

  test('does not make the instance unready: it says that mail is down', async () => {
    const email = async () => {
      const { status, body } = await place.world.call('GET', '/ready')
      expect({ status, ready: body.ready }).toEqual({ status: 200, ready: true })
      return body.dependencies.find(({ name }: { name: string }) => name === 'email')
    }
    await place.server.stop()
    expect(await email()).toEqual({ name: 'email', state: 'down', detail: 'smtp: connection refused' })
    await place.server.start()
    await place.world.wait(60_000)
    expect(await email()).toMatchObject({ state: 'up' })
  })
})

describe('a message that cannot be sent in time', () => {
  const codeTo = (email: string) => place.onlyWay({ email, template: 'code' })

  test('is not sent when the server is back after the end of it, and its secret is gone', async () => {
    await place.server.stop()
    const email = 'patient@example.com'
    await place.register(email)
    const way = await codeTo(email)
    expect(way.state).toBe('waiting')
    expect(await place.keepsSecret(way)).toBe(true)
    place.world.clock.advance(5 * MINUTE)
    await place.server.start()

    await place.wait(HOUR, 10 * MINUTE)

    expect(place.mailsTo({ email })).toEqual([])
    expect(await codeTo(email)).toMatchObject({ state: 'expired', reason: 'too late' })
    expect(await place.keepsSecret(way)).toBe(false)
  })

  test('has expired when its time ends among failures, and nothing sends it afterwards', async () => {
    const { world, server, wait } = place
    const email = 'unlucky@example.com'
    server.answerWith({ at: 'recipient', code: 452, text: '4.2.2 Mailbox full', to: email })
    await place.register(email)
    let way = await codeTo(email)
    for (let i = 0; i < 30 && way.state === 'waiting'; i++) {
      await wait(way.dueAt - world.clock())
      way = await codeTo(email)
    }
    expect(way).toMatchObject({ state: 'expired', reason: 'refused 452 4.2.2 at RCPT TO' })
    // Whoever waits for a code waits for minutes, so the pauses are half a minute at most.
    expect(way.attempts).toBeGreaterThan(10)
    server.answerWith()

    await wait(5 * MINUTE)
    expect((await place.replay(way.notificationId)).status).toBe(409)
    await wait(HOUR, 10 * MINUTE)

    expect(place.mailsTo({ email })).toEqual([])
    expect(await codeTo(email)).toMatchObject({ state: 'expired' })
    expect(await place.keepsSecret(way)).toBe(false)
  })

  test('but has no end is given up after four days, kept as dead, and sent by an operator', async () => {
    const { world, server, operator, wait } = place
    await server.stop()
    await place.announce('island@example.com', 'island')
    const only = () => place.onlyWay({ about: 'island' })
    await wait(4 * DAY, HOUR)
    expect((await only()).state).toBe('waiting')
    expect((await only()).attempts).toBeGreaterThan(8)

    await wait(HOUR, 10 * MINUTE)
    expect(await only()).toMatchObject({ state: 'dead', reason: 'connection refused' })
    await server.start()
    await wait(DAY, HOUR)
    expect(server.mails).toEqual([])

    operator.token = await world.signIn(operator.email)
    const { notificationId: id } = await only()
    expect((await place.replay(id)).body).toMatchObject({ id, status: 'waiting' })
    await world.app.settle()
    expect(server.mails.map(({ to }) => to)).toEqual([['island@example.com']])
    expect(await only()).toMatchObject({ state: 'accepted', reason: null })
  })
})
