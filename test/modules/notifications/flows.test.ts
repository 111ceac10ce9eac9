/**
 * The stories that depend on a message, told with every provider as a real server: all well, the first way down, the
 * first two down, and all of them down. Whatever happens to the messages, what caused them succeeds.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { expectCleanBooks } from '../../acceptance/answers'
import { PASSWORD, PIN } from '../../support/world'
import { ALL_DAY, allowed, DAY_MS, placeOf } from '../appointments/place'
import { isListening, type MailServer } from './mail-server'
import { createPlace, type Place, personWithPhone } from './place'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let place: Place
let operator: { id: string; email: string; token: string }

beforeAll(async () => {
  place = await createPlace()
  operator = await place.world.person('operator')
  await place.world.app.settle()
})
afterAll(async () => {
  await expectCleanBooks(place.world)
  await place.end()
})

/** Everything answers again, and nothing is left alone any more. */
async function heal() {
  for (const relay of place.relays) if (!(await isListening(relay.port))) await relay.start()
  for (const server of [place.twilio, place.africasTalking, place.whatsapp]) server.answerWith(undefined)
  // Long enough for every breaker to let a message through again, and for what is late to have gone.
  await place.wait(2 * HOUR, 10 * MINUTE)
}

beforeEach(async () => {
  await heal()
  operator.token = await place.world.signIn(operator.email)
  await place.world.app.settle()
  for (const relay of place.relays) relay.mails.length = 0
  for (const server of [place.twilio, place.africasTalking, place.whatsapp]) server.messages.length = 0
})

const down = {
  relays: async (count: number) => {
    for (const relay of place.relays.slice(0, count)) await relay.stop()
  },
  sms: () => {
    place.twilio.answerWith('broken')
    place.africasTalking.answerWith('broken')
  },
  whatsapp: () => place.whatsapp.answerWith('broken'),
}

const subjectsAt = (relay: MailServer, address: string) =>
  relay.mails.filter(({ to }) => to.includes(address)).map(({ headers }) => headers.get('subject')?.[0])
const codeIn = (text: string | undefined) => /\b\d{6}\b/.exec(text ?? '')?.[0]

async function messagesAbout(query: string) {
  const { body } = await place.world.call('GET', `/api/v1/notifications/messages?${query}`, { token: operator.token })
  const detailed = []
  for (const { id } of body.items) {
    const one = await place.world.call('GET', `/api/v1/notifications/messages/${id}`, { token: operator.token })
    detailed.push(one.body)
  }
  return detailed
}

describe('registration', () => {
  let number = 0

  async function register() {
    number += 1
    const email = `newcomer${number}@example.com`
    const body = { name: 'Nia', email, password: PASSWORD }
    const { status } = await place.world.call('POST', '/api/v1/auth/register', { body })
    expect(status).toBe(201)
    await place.world.app.settle()
    return email
  }
  const codeOf = (email: string) => codeIn(place.mailsTo(email)[0]?.headers.get('subject')?.[0])
  const verify = (email: string, code: string | undefined) =>
    place.world.call('POST', '/api/v1/auth/verify-email', { body: { email, code } })

  test('all well: the first relay brings the code and the welcome', async () => {
    const email = await register()
    expect((await verify(email, codeOf(email))).body.user.status).toBe('active')
    await place.world.app.settle()
    expect(subjectsAt(place.relays[0], email)).toEqual([
      expect.stringMatching(/is your Kumbu code/),
      'Welcome to Kumbu',
    ])
  })

  test.each([1, 2])('with %p relays down the next one brings it, within seconds', async (count) => {
    await down.relays(count)
    const email = await register()
    await place.wait(20_000, 2_000)

    expect(subjectsAt(place.relays[count] as MailServer, email)).toHaveLength(1)
    expect((await verify(email, codeOf(email))).status).toBe(200)
  })

  test('with all relays down registering succeeds; the code is not sent late, and a new one is when they are back', async () => {
    await down.relays(3)
    const email = await register()
    await place.wait(6 * MINUTE)
    for (const relay of place.relays) await relay.start()
    await place.wait(10 * MINUTE)
    expect(place.mailsTo(email)).toEqual([])

    await place.world.call('POST', '/api/v1/auth/resend-verification', { body: { email } })
    await place.wait(10_000, 2_000)

    expect((await verify(email, codeOf(email))).status).toBe(200)
  })

  test('the code of a mail address goes to no phone, whatever is down', async () => {
    await down.relays(3)
    const body = { name: 'Eve', email: 'victim@example.com', phone: '+258841112223', password: PASSWORD }
    await place.world.call('POST', '/api/v1/auth/register', { body })
    await place.wait(5 * MINUTE)
    expect([...place.twilio.messages, ...place.africasTalking.messages, ...place.whatsapp.messages]).toEqual([])
  })
})

describe('signing in with a code by SMS', () => {
  let person: Awaited<ReturnType<typeof personWithPhone>>

  beforeAll(async () => {
    await heal()
    person = await personWithPhone(place)
    // A second code to the same number is not sent within a minute.
    place.world.clock.advance(MINUTE)
    const asked = await place.world.call('POST', '/api/v1/auth/step-up/send', {
      token: person.token,
      body: { method: 'sms' },
    })
    expect(asked.status).toBe(202)
    await place.world.app.settle()
    const code = codeIn(place.twilio.messages.at(-1)?.text)
    const added = await place.world.call('PUT', '/api/v1/auth/2fa/sms', { token: person.token, body: { code } })
    expect(added.status).toBe(204)
    await place.world.app.settle()
  })

  async function askForCode() {
    const { body } = await place.world.call('POST', '/api/v1/auth/login', {
      body: { email: person.email, password: PASSWORD },
    })
    const { challengeId } = body.twoFactor
    const asked = await place.world.call('POST', '/api/v1/auth/login/2fa/send', {
      body: { challengeId, method: 'sms' },
    })
    expect([200, 202, 204]).toContain(asked.status)
    await place.world.app.settle()
    return challengeId
  }
  const finish = (challengeId: string, code: string | undefined) =>
    place.world.call('POST', '/api/v1/auth/login/2fa', { body: { challengeId, method: 'sms', code } })
  const textsTo = (messages: Array<{ to: string; text: string }>) =>
    messages.filter(({ to }) => to.replace('+', '') === person.phone.replace('+', ''))

  test('all well: the first provider brings it', async () => {
    const challengeId = await askForCode()
    const [message] = textsTo(place.twilio.messages)
    expect((await finish(challengeId, codeIn(message?.text))).body.user.id).toBe(person.id)
  })

  test('with the first provider down the second brings it', async () => {
    place.twilio.answerWith('broken')
    const challengeId = await askForCode()
    await place.wait(10_000, 2_000)
    const [message] = textsTo(place.africasTalking.messages)
    expect((await finish(challengeId, codeIn(message?.text))).body.user.id).toBe(person.id)
  })

  test('with both down WhatsApp brings it, to the same number', async () => {
    down.sms()
    const challengeId = await askForCode()
    await place.wait(10_000, 2_000)
    const [message] = textsTo(place.whatsapp.messages)
    expect(message?.text).toMatch(/\d{6}/)
    expect((await finish(challengeId, codeIn(message?.text))).body.user.id).toBe(person.id)
  })

  test('with all down the sign-in still asks for the code, and nothing is sent late', async () => {
    down.sms()
    down.whatsapp()
    const challengeId = await askForCode()
    await place.wait(6 * MINUTE)
    for (const server of [place.twilio, place.africasTalking, place.whatsapp]) server.answerWith(undefined)
    await place.wait(30 * MINUTE, MINUTE)

    expect([place.twilio, place.africasTalking, place.whatsapp].flatMap(({ messages }) => textsTo(messages))).toEqual(
      [],
    )
    expect((await finish(challengeId, '000000')).status).not.toBe(200)
  })
})

describe('password recovery', () => {
  let person: Awaited<ReturnType<typeof personWithPhone>>
  beforeAll(async () => {
    await heal()
    person = await personWithPhone(place)
  })

  async function forget() {
    const { status } = await place.world.call('POST', '/api/v1/auth/forgot-password', { body: { email: person.email } })
    expect(status).toBe(202)
    await place.world.app.settle()
  }
  const tokenIn = (text: string | undefined) => /reset-password\?token=([\w-]+)/.exec(text ?? '')?.[1]
  const linkAt = (relay: MailServer) =>
    tokenIn(relay.mails.filter(({ to }) => to.includes(person.email)).find(({ text }) => tokenIn(text))?.text)
  const reset = (token: string | undefined, password = PASSWORD) =>
    place.world.call('POST', '/api/v1/auth/reset-password', { body: { token, password } })

  test.each([0, 1, 2])('with %p relays down the link arrives by the next one and works', async (count) => {
    await down.relays(count)
    await forget()
    await place.wait(20_000, 2_000)
    const token = linkAt(place.relays[count] as MailServer)
    expect(token).toBeString()
    expect((await reset(token)).status).toBe(204)
  })

  test('with all down the answer is the same, and the link comes when a relay is back within its half hour', async () => {
    await down.relays(3)
    await forget()
    await place.wait(5 * MINUTE)
    await place.relays[1].start()
    await place.wait(15 * MINUTE, 10_000)
    expect((await reset(linkAt(place.relays[1]))).status).toBe(204)
  })
})

describe('a withdrawal whose code is sent', () => {
  let person: Awaited<ReturnType<typeof personWithPhone>>
  let agent: { id: string; token: string; email: string }
  beforeAll(async () => {
    await heal()
    person = await personWithPhone(place, 1_000_000)
    agent = await place.world.agent()
  })

  async function ask() {
    person.token = await place.world.signIn(person.email)
    const { status, body } = await place.world.call('POST', '/api/v1/atm/withdrawal-request', {
      token: person.token,
      body: { amount: 5_000, pin: PIN, sendCode: true },
    })
    expect(status).toBe(201)
    await place.world.app.settle()
    return body as { id: string; token: string }
  }
  async function pay(token: string) {
    agent.token = await place.world.signIn(agent.email)
    return place.world.call('POST', '/api/v1/atm/validate-token', { token: agent.token, body: { token } })
  }
  const tokenIn = (text: string | undefined) => /\b\d{10}\b/.exec((text ?? '').replaceAll(/(?<=\d) (?=\d)/g, ''))?.[0]

  test('all well: by SMS', async () => {
    const { token } = await ask()
    expect(tokenIn(place.twilio.messages.find(({ text }) => tokenIn(text))?.text)).toBe(token)
    expect((await pay(token)).body.status).toBe('paid')
    await place.world.app.settle()
    expect(place.mailsTo(person.email).map(({ headers }) => headers.get('subject')?.[0])).toContain(
      'You withdrew USD 50.00',
    )
  })

  test('the first channel down: by WhatsApp', async () => {
    down.sms()
    const { token } = await ask()
    await place.wait(10_000, 2_000)
    expect(place.whatsapp.messages.map(({ text }) => tokenIn(text))).toContain(token)
    expect((await pay(token)).body.status).toBe('paid')
  })

  test('the first two down: by mail', async () => {
    down.sms()
    down.whatsapp()
    const { token } = await ask()
    await place.wait(40_000, 2_000)
    expect(place.mailsTo(person.email).map(({ text }) => tokenIn(text))).toContain(token)
    expect((await pay(token)).body.status).toBe('paid')
  })

  test('all down: the cash is paid all the same, and both hear of it when a channel is back', async () => {
    down.sms()
    down.whatsapp()
    await down.relays(3)
    const { id, token } = await ask()
    expect((await pay(token)).body.status).toBe('paid')
    await place.wait(20 * MINUTE, 30_000)
    expect(place.mails()).toEqual([])

    await place.relays[0].start()
    await place.wait(2 * HOUR, 5 * MINUTE)

    const told = place.mailsTo(person.email).map(({ headers }) => headers.get('subject')?.[0])
    expect(told).toContain('You withdrew USD 50.00')
    // The code is worth nothing any more.
    expect(place.mailsTo(person.email).map(({ text }) => tokenIn(text))).not.toContain(token)
    operator.token = await place.world.signIn(operator.email)
    const messages = await messagesAbout(`about=${id}&limit=100`)
    const code = messages.find(({ template }) => template === 'withdrawal_code')
    expect(code.status).not.toBe('waiting')
    expect(JSON.stringify(messages)).not.toContain(token)
  })

  test('the inbox of the person tells of it in any case', async () => {
    down.sms()
    down.whatsapp()
    await down.relays(3)
    const { id } = await ask()
    const { body } = await place.world.call('GET', '/api/v1/notifications/inbox', { token: person.token })
    expect(body.items[0]).toMatchObject({ template: 'withdrawal_requested', about: id, readAt: null })
    expect(JSON.stringify(body)).not.toMatch(/withdrawal_code/)
  })
})

describe('an appointment', () => {
  let person: Awaited<ReturnType<typeof personWithPhone>>
  let appointments: ReturnType<typeof placeOf>
  let serviceId: string

  beforeAll(async () => {
    await heal()
    person = await personWithPhone(place)
    appointments = placeOf(place.world)
    serviceId = (await appointments.serviceWithStaff({ name: 'Advice', place: 'Room 2', maxDays: 366 }, ALL_DAY))
      .serviceId
  })

  /** Two days ahead, at a full hour. */
  const ahead = () => Math.ceil((place.world.clock() + 2 * DAY_MS) / HOUR) * HOUR

  async function book() {
    const startsAt = ahead()
    const booked = await appointments.booked(person, serviceId, new Date(startsAt).toISOString())
    await place.world.app.settle()
    return { id: booked.id, startsAt }
  }
  /** To the moment, with what comes due on the way. */
  async function until(moment: number) {
    place.world.clock.advance(moment - place.world.clock())
    await place.world.app.appointments.tick()
    await place.world.app.settle()
  }
  const mails = () => place.mailsTo(person.email).map(({ headers }) => headers.get('subject')?.[0] ?? '')
  const texts = (server: { messages: Array<{ to: string; text: string }> }) =>
    server.messages.filter(({ to }) => to.replace('+', '') === person.phone.replace('+', ''))

  test('all well: confirmed at once with an invitation, reminded by mail and WhatsApp, then by SMS, then asked for a review', async () => {
    const { id, startsAt } = await book()
    const [confirmation] = place.mailsTo(person.email)
    expect(confirmation?.raw).toContain('text/calendar')
    expect(mails()).toHaveLength(1)

    await until(startsAt - DAY_MS)
    expect(mails()).toHaveLength(2)
    expect(texts(place.whatsapp)).toHaveLength(1)
    expect(texts(place.twilio)).toHaveLength(0)

    await until(startsAt - HOUR)
    expect(texts(place.twilio)).toHaveLength(1)
    expect(texts(place.twilio)[0]?.text).toContain('Advice')

    await until(startsAt + HOUR)
    allowed(await appointments.complete(id))
    await until(startsAt + 3 * HOUR)
    expect(mails()).toHaveLength(3)
    const ics = await place.world.app.appointments.invitation(id, 'REQUEST')
    expect(ics).toContain(`DTSTART:${new Date(startsAt).toISOString().replaceAll(/[-:]|\.000/g, '')}`)
  })

  test('the first channel down: the reminder by SMS comes by WhatsApp', async () => {
    const { startsAt } = await book()
    down.sms()
    await until(startsAt - HOUR)
    await place.wait(10 * MINUTE, MINUTE)
    expect(texts(place.whatsapp).map(({ text }) => text)).toContainEqual(expect.stringContaining('Advice'))
    expect(texts(place.twilio)).toEqual([])
  })

  test('the first two down: it comes by mail', async () => {
    const { startsAt } = await book()
    await until(startsAt - HOUR - MINUTE)
    const before = mails().length
    down.sms()
    down.whatsapp()
    await until(startsAt - HOUR)
    await place.wait(20 * MINUTE, MINUTE)
    expect(mails().length).toBe(before + 1)
  })

  test('all down: booking succeeds, and no reminder comes when it is too late to be of use', async () => {
    down.sms()
    down.whatsapp()
    await down.relays(3)
    const { startsAt } = await book()
    await until(startsAt - HOUR)
    await place.wait(2 * HOUR, 10 * MINUTE)
    for (const relay of place.relays) await relay.start()
    for (const server of [place.twilio, place.africasTalking, place.whatsapp]) server.answerWith(undefined)
    await place.wait(2 * HOUR, 10 * MINUTE)

    expect([place.twilio, place.africasTalking, place.whatsapp].flatMap(texts)).toEqual([])
    // Neither does the confirmation: what is left is to ask how it was.
    expect(mails().filter((subject) => /appointment/i.test(subject))).toEqual([])
  })

  test('that was cancelled before its confirmation could go out is not confirmed', async () => {
    await down.relays(3)
    const { id } = await book()
    allowed(await appointments.cancel(person, id))
    await place.world.app.settle()
    for (const relay of place.relays) await relay.start()
    await place.wait(2 * HOUR, 10 * MINUTE)

    expect(mails()).toHaveLength(1)
    expect(mails()[0]).toMatch(/cancel/i)
    operator.token = await place.world.signIn(operator.email)
    const [confirmation] = await messagesAbout(`to=${person.id}&template=appointment_confirmation&limit=5`)
    expect(confirmation?.status).toBe('cancelled')
  })

  test('that was moved or cancelled while its reminder waited is not reminded of', async () => {
    const { id, startsAt } = await book()
    down.sms()
    down.whatsapp()
    await down.relays(3)
    await until(startsAt - DAY_MS)
    allowed(await appointments.cancel(person, id))
    await place.world.app.settle()
    for (const relay of place.relays) await relay.start()
    for (const server of [place.twilio, place.africasTalking, place.whatsapp]) server.answerWith(undefined)
    await place.wait(5 * HOUR, 10 * MINUTE)

    expect(texts(place.whatsapp)).toEqual([])
    const told = mails()
    expect(told.filter((subject) => /remind/i.test(subject))).toEqual([])
    expect(told.filter((subject) => /cancel/i.test(subject))).toHaveLength(1)
    operator.token = await place.world.signIn(operator.email)
    const messages = await messagesAbout(`to=${person.id}&template=appointment_reminder&limit=20`)
    expect(messages[0]?.status).toBe('cancelled')
  })
})

describe('receipts', () => {
  let person: Awaited<ReturnType<typeof personWithPhone>>
  beforeAll(async () => {
    await heal()
    person = await personWithPhone(place, 1_000_000)
  })

  async function withdraw() {
    person.token = await place.world.signIn(person.email)
    const { body } = await place.world.call('POST', '/api/v1/atm/withdrawal-request', {
      token: person.token,
      body: { amount: 1_000, pin: PIN, sendCode: true },
    })
    await place.world.app.settle()
    return body.id as string
  }
  async function codeMessage(id: string) {
    operator.token = await place.world.signIn(operator.email)
    return (await messagesAbout(`about=${id}`)).find(({ template }) => template === 'withdrawal_code')
  }

  test('say that a message arrived; twice, or in a wrong order, changes nothing', async () => {
    const id = await withdraw()
    expect((await codeMessage(id)).status).toBe('accepted')
    const delivered = place.twilio.receipt('delivered')
    expect((await place.bring(delivered.clone())).status).toBe(200)
    expect((await place.bring(delivered)).status).toBe(200)
    expect((await place.bring(place.twilio.receipt('sent'))).status).toBe(200)
    const message = await codeMessage(id)
    expect(message.status).toBe('delivered')
    expect(message.deliveries).toHaveLength(1)
    expect(message.deliveries[0]).toMatchObject({ state: 'delivered', provider: 'twilio' })
  })

  test('that are forged are refused, and change nothing', async () => {
    const id = await withdraw()
    const answer = await place.bring(place.twilio.receipt('delivered', { forged: true }))
    expect(answer.status).toBe(401)
    expect((await codeMessage(id)).status).toBe('accepted')
  })

  test('that say it did not arrive begin the next way', async () => {
    const id = await withdraw()
    expect((await place.bring(place.twilio.receipt('undelivered', { error: '30003' }))).status).toBe(200)
    await place.world.app.settle()
    const { deliveries, status } = await codeMessage(id)
    expect(deliveries.map(({ channel, state }: { channel: string; state: string }) => [channel, state])).toEqual([
      ['sms', 'failed'],
      ['whatsapp', 'accepted'],
    ])
    expect(status).toBe('accepted')
  })

  test('of a number that does not exist suppress it: the next message does not go there', async () => {
    await withdraw()
    expect((await place.bring(place.twilio.receipt('failed', { error: '30005' }))).status).toBe(200)
    await place.world.app.settle()
    const id = await withdraw()
    const { deliveries } = await codeMessage(id)
    expect(deliveries[0]).toMatchObject({ channel: 'sms', state: 'skipped', reason: 'suppressed: invalid' })
    expect(deliveries[1]).toMatchObject({ channel: 'whatsapp', state: 'accepted' })
  })

  test('of WhatsApp are believed by Meta’s signature, and its question is answered', async () => {
    const asked = await place.bring(place.whatsapp.subscribe())
    expect(asked.status).toBe(200)
    expect(asked.text).not.toBe('')
    down.sms()
    await withdraw()
    await place.wait(10_000, 2_000)
    expect((await place.bring(place.whatsapp.receipt('read'))).status).toBe(200)
    expect((await place.bring(place.whatsapp.receipt('read', { forged: true }))).status).toBe(401)
  })
})

test('the figures of every channel add up, whatever was down', async () => {
  const from = new Date(place.world.clock() - 7 * DAY_MS).toISOString()
  const { body } = await place.world.call('GET', `/api/v1/notifications/metrics?from=${from}`, {
    token: operator.token,
  })
  const total = (states: Record<string, number>) => Object.values(states).reduce((sum, n) => sum + n, 0)
  for (const { states, deliveries } of body.channels) expect(total(states)).toBe(deliveries)
  const email = body.channels.find(({ channel }: { channel: string }) => channel === 'email')
  expect(email.states.accepted).toBeGreaterThan(10)
  expect(email.retried).toBeGreaterThan(0)
  const byFallback = body.channels.reduce((sum: number, each: { byFallback: number }) => sum + each.byFallback, 0)
  expect(byFallback).toBeGreaterThan(2)
})
