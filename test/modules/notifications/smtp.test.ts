/** Mail over SMTP, to a real server: how a mail looks, and what each way of the server to refuse, stall or break off means. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import type { Channel } from '../../../src/modules/notifications/channels/channel'
import { createSmtp } from '../../../src/modules/notifications/channels/smtp'
import { createMailServer, type Mail, type MailFault, type MailServer } from './mail-server'
import { outgoing } from './outgoing'

const NOW = Date.UTC(2026, 10, 25, 12, 0, 0)
let now = NOW
/** Long enough for a server on this machine, and short enough to wait for. */
const DEADLINE_MS = 400

let server: MailServer
let channel: Channel

const channelTo = (url: string, connections = 2) =>
  createSmtp({
    url,
    from: 'Kumbu <no-reply@kumbu.example>',
    connections,
    deadlineMs: DEADLINE_MS,
    clock: () => now,
  })

beforeAll(async () => {
  server = await createMailServer()
})
afterAll(() => server.stop())

beforeEach(() => {
  server.answerWith()
  server.mails.length = 0
  server.connections = 0
  channel = channelTo(server.url)
})
afterEach(() => channel.close())

async function sent(changes: Parameters<typeof outgoing>[0] = {}): Promise<Mail> {
  expect(await channel.send(outgoing(changes))).toEqual({ outcome: 'accepted' })
  return server.mails.at(-1) as Mail
}

const header = ({ headers }: Mail, name: string) => headers.get(name)

describe('a mail', () => {
  test('says from whom, to whom and when, and that no person wrote it', async () => {
    const mail = await sent({ to: 'amina@example.com' })
    expect([mail.from, mail.to]).toEqual(['no-reply@kumbu.example', ['amina@example.com']])
    expect(header(mail, 'from')).toEqual(['Kumbu <no-reply@kumbu.example>'])
    expect(header(mail, 'to')).toEqual(['amina@example.com'])
    expect(header(mail, 'date')).toEqual(['Wed, 25 Nov 2026 12:00:00 +0000'])
    expect(header(mail, 'auto-submitted')).toEqual(['auto-generated'])
    expect([mail.text, mail.html]).toEqual(['You sent USD 15.00 to Bruno.', '<p>You sent USD 15.00 to Bruno.</p>'])
  })

  test('bears the same Message-ID at every try, made of the delivery and our domain', async () => {
    const message = outgoing()
    await channel.send(message)
    await channel.send(message)
    const id = `<${message.deliveryId}@kumbu.example>`
    expect(server.counts.get(id)).toBe(2)
  })

  test('can be unsubscribed from by one click if it says where, and else says nothing of it', async () => {
    const url = 'https://kumbu.example/unsubscribe?token=abc&list=news'
    const news = await sent({ unsubscribeUrl: url })
    expect(header(news, 'list-unsubscribe')).toEqual([`<${url}>`])
    expect(header(news, 'list-unsubscribe-post')).toEqual(['List-Unsubscribe=One-Click'])
    const money = await sent()
    expect(money.headers.has('list-unsubscribe') || money.headers.has('list-unsubscribe-post')).toBe(false)
  })

  test.each([
    ['REQUEST', 'METHOD:REQUEST\r\n'],
    ['CANCEL', 'METHOD:CANCEL\r\n'],
    ['PUBLISH', ''],
  ])('with a calendar that says %s is an invitation, beside the words and as a file', async (method, line) => {
    const content = `BEGIN:VCALENDAR\r\nVERSION:2.0\r\n${line}END:VCALENDAR\r\n`
    const mail = await sent({
      attachments: [{ filename: 'visit.ics', contentType: 'text/calendar; charset=utf-8', content }],
    })
    expect(mail.parts.map(({ contentType }) => contentType)).toEqual([
      'text/plain',
      'text/html',
      'text/calendar',
      'application/ics',
    ])
    const [, , beside, file] = mail.parts
    expect(beside?.headers.get('content-type')?.[0]).toBe(`text/calendar; charset=utf-8; method=${method}`)
    expect(beside?.content.trim()).toBe(content.trim())
    expect(file?.headers.get('content-disposition')?.[0]).toContain('visit.ics')
    expect(file?.content).toBe(content)
  })

  test('carries any other file as it is', async () => {
    const mail = await sent({ attachments: [{ filename: 'até.csv', contentType: 'text/csv', content: 'a;b\né;1\n' }] })
    const [, , file] = mail.parts
    expect(file?.contentType).toBe('text/csv')
    expect(file?.headers.get('content-disposition')?.[0]).toStartWith('attachment')
    expect(file?.content).toBe('a;b\né;1\n')
  })

  test('arrives as it was written, dots at the beginning of lines and letters of every script included', async () => {
    const text = `.\r\n..\r\n.dot\r\nMAIL FROM:<evil@example.com>\r\nOlá, 你好, مرحبا ${'x'.repeat(2_000)}`
    expect((await sent({ text })).text).toBe(text)
  })

  test('has no header and no recipient that somebody smuggled into it', async () => {
    const smuggled = 'x\r\nBcc: evil@example.com\r\n\r\nbody'
    const mail = await sent({
      subject: smuggled,
      unsubscribeUrl: 'https://kumbu.example/u\r\nBcc: evil@example.com',
      attachments: [
        { filename: smuggled, contentType: 'text/csv\r\nBcc: evil@example.com', content: 'a' },
        { filename: smuggled, contentType: 'text/calendar', content: 'METHOD:PUBLISH\r\nBcc: evil@example.com' },
      ],
    })
    expect(mail.to).toEqual(['amina@example.com'])
    const all = [mail.headers, ...mail.parts.map(({ headers }) => headers)]
    expect(all.some((headers) => headers.has('bcc'))).toBe(false)
    expect(header(mail, 'subject')).toHaveLength(1)
  })

  test.each([
    'a@example.com\r\nRCPT TO:<evil@example.com>',
    'a@example.com>\r\nBcc: evil@example.com',
    'a@example.com, evil@example.com',
    'Evil <evil@example.com>',
    '<evil@example.com>',
    'group: evil@example.com;',
    'nobody',
    'a@@example.com',
    '',
    `${'a'.repeat(250)}@example.com`,
  ])('goes nowhere if its address is %p', async (to) => {
    const before = server.offered
    expect(await channel.send(outgoing({ to }))).toEqual({
      outcome: 'permanent',
      reason: 'address malformed',
      invalidRecipient: true,
    })
    expect(server.offered).toBe(before)
  })
})

describe('a server that refuses', () => {
  const cases: Array<[string, MailFault, object]> = [
    [
      'a mailbox that does not exist',
      { at: 'recipient', code: 550, text: '5.1.1 <amina@example.com>: no such user' },
      { outcome: 'permanent', reason: 'refused 550 5.1.1 at RCPT TO', invalidRecipient: true },
    ],
    [
      'a domain that takes no mail (RFC 7505)',
      { at: 'recipient', code: 556, text: '5.1.10 null MX' },
      { outcome: 'permanent', reason: 'refused 556 5.1.10 at RCPT TO', invalidRecipient: true },
    ],
    [
      'a recipient without saying more than 550',
      { at: 'recipient', code: 550 },
      { outcome: 'permanent', reason: 'refused 550 at RCPT TO' },
    ],
    [
      'a recipient that has moved',
      { at: 'recipient', code: 551 },
      { outcome: 'permanent', reason: 'refused 551 at RCPT TO', invalidRecipient: true },
    ],
    [
      'us by its policy, which says nothing of the mailbox',
      { at: 'recipient', code: 550, text: '5.7.1 Blocked' },
      { outcome: 'permanent', reason: 'refused 550 5.7.1 at RCPT TO', notHere: true },
    ],
    [
      'our sender’s domain',
      { at: 'message', code: 554, text: '5.1.8 Bad sender system' },
      { outcome: 'permanent', reason: 'refused 554 5.1.8 at DATA', notHere: true },
    ],
    [
      'all that we send today, because we have sent enough',
      { at: 'message', code: 550, text: '5.4.5 Daily sending quota exceeded' },
      { outcome: 'transient', reason: 'refused 550 5.4.5 at DATA' },
    ],
    [
      'a mailbox that is full for good',
      { at: 'recipient', code: 552, text: '5.2.2 Over quota' },
      { outcome: 'permanent', reason: 'refused 552 5.2.2 at RCPT TO' },
    ],
    [
      'the message for what is in it',
      { at: 'message', code: 554, text: '5.6.0 Spam, amina@example.com' },
      { outcome: 'permanent', reason: 'refused 554 5.6.0 at DATA' },
    ],
    [
      'the message in words about mailboxes',
      { at: 'message', code: 550, text: '5.1.1 Nobody here' },
      { outcome: 'permanent', reason: 'refused 550 5.1.1 at DATA' },
    ],
    [
      'a message by its size, before the recipient is named',
      { at: 'sender', code: 552, text: '5.3.4 Too big' },
      { outcome: 'permanent', reason: 'refused 552 5.3.4 at MAIL FROM' },
    ],
    [
      'us as a sender: nothing is wrong with the message',
      { at: 'sender', code: 553, text: '5.7.1 Sender not yours' },
      { outcome: 'transient', reason: 'refused 553 5.7.1 at MAIL FROM' },
    ],
    [
      'a recipient because we should have signed in',
      { at: 'recipient', code: 530, text: '5.7.0 Authentication required' },
      { outcome: 'transient', reason: 'refused 530 5.7.0 at RCPT TO' },
    ],
    [
      'a full mailbox for now',
      { at: 'recipient', code: 452, text: '4.2.2 Mailbox full' },
      { outcome: 'transient', reason: 'refused 452 4.2.2 at RCPT TO', aboutMessage: true },
    ],
    [
      'a busy mailbox for now',
      { at: 'recipient', code: 450 },
      { outcome: 'transient', reason: 'refused 450 at RCPT TO', aboutMessage: true },
    ],
    [
      'the message for now',
      { at: 'message', code: 451, text: '4.7.1 Later' },
      { outcome: 'transient', reason: 'refused 451 4.7.1 at DATA', aboutMessage: true },
    ],
    [
      'everything, for its own disk is full',
      { at: 'recipient', code: 452, text: '4.3.1 Insufficient storage' },
      { outcome: 'transient', reason: 'refused 452 4.3.1 at RCPT TO' },
    ],
  ]
  test.each(cases)('%s', async (_name, fault, expected) => {
    const single = channelTo(server.url, 1)
    server.answerWith(fault)
    expect(await single.send(outgoing())).toEqual(expected as never)
    // The connection is still good for the next.
    server.answerWith()
    expect(await single.send(outgoing())).toEqual({ outcome: 'accepted' })
    expect(server.connections).toBe(1)
    single.close()
  })

  test('the first try of each recipient (greylisting): the second is taken', async () => {
    server.answerWith({ at: 'recipient', once: 451 })
    const message = outgoing()
    expect(await channel.send(message)).toEqual({
      outcome: 'transient',
      reason: 'refused 451 4.7.1 at RCPT TO',
      aboutMessage: true,
    })
    expect(await channel.send(message)).toEqual({ outcome: 'accepted' })
    expect(server.mails).toHaveLength(1)
  })
})

describe('a server that is in trouble says nothing about the message', () => {
  test.each([
    ['closes at the greeting', { at: 'greeting', closing: true }, /^server is closing 421/],
    ['closes at the recipient', { at: 'recipient', closing: true }, /^server is closing 421/],
    ['never greets', { at: 'greeting', stall: true }, /^no end in time$/],
    ['never answers a message', { at: 'message', stall: true }, /^no end in time$/],
    ['greets byte by byte', { at: 'greeting', trickle: true }, /^no end in time$/],
    ['answers a message byte by byte', { at: 'message', trickle: true }, /^no end in time$/],
    ['is cut off in the middle of a message', { at: 'message', cut: true }, /^connection (lost|failed)$/],
  ] as Array<[string, MailFault, RegExp]>)('when it %s; the next message finds a way', async (_name, fault, reason) => {
    server.answerWith(fault)
    const began = performance.now()
    const answer = await channel.send(outgoing({ text: 'word '.repeat(20_000) }))
    expect(answer).toEqual({ outcome: 'transient', reason: expect.stringMatching(reason) })
    expect(performance.now() - began).toBeLessThan(DEADLINE_MS + 1_000)
    expect(server.mails).toEqual([])

    server.answerWith()
    expect(await channel.send(outgoing())).toEqual({ outcome: 'accepted' })
  })

  test('when it is not there, and afterwards is', async () => {
    await server.stop()
    expect(await channel.send(outgoing())).toEqual({ outcome: 'transient', reason: 'connection refused' })
    expect(await channel.check()).toEqual({ state: 'down', detail: 'connection refused' })
    await server.start()
    expect(await channel.send(outgoing())).toEqual({ outcome: 'accepted' })
    now += 60_000
    expect(await channel.check()).toEqual({ state: 'up' })
  })

  test('is asked how it is once a minute, however many want to know', async () => {
    const before = server.connections
    now += 60_000
    await Promise.all(Array.from({ length: 20 }, () => channel.check()))
    await channel.check()
    expect(server.connections - before).toBe(1)
  })

  test('when it started anew, the connections of the pool that it cut off cost no message', async () => {
    await Promise.all([channel.send(outgoing()), channel.send(outgoing())])
    expect(server.connections).toBe(2)
    server.cutAll()
    const answers = await Promise.all([1, 2, 3, 4].map(() => channel.send(outgoing())))
    expect(answers.map(({ outcome }) => outcome)).toEqual(Array(4).fill('accepted'))
    expect(server.mails).toHaveLength(6)
  })

  test('when it holds the connections of two messages, a third gets its turn after them', async () => {
    server.answerWith({ at: 'message', stall: true })
    const held = [channel.send(outgoing()), channel.send(outgoing())]
    await Promise.all(held)
    server.answerWith()
    expect(await channel.send(outgoing())).toEqual({ outcome: 'accepted' })
  })
})

describe('a server that wants to know who we are', () => {
  const withLogin = (url: string, password: string) => url.replace('://', `://kumbu:${encodeURIComponent(password)}@`)

  test('takes mail with the right password, and without it says nothing about the message', async () => {
    const closed = await createMailServer({ credentials: { user: 'kumbu', password: 's@cret/1' } })
    const [right, wrong, none] = [withLogin(closed.url, 's@cret/1'), withLogin(closed.url, 'other'), closed.url].map(
      (url) => channelTo(url),
    ) as [Channel, Channel, Channel]
    try {
      expect(await right.send(outgoing())).toEqual({ outcome: 'accepted' })
      expect(await wrong.send(outgoing())).toEqual({ outcome: 'transient', reason: 'credentials refused 535 5.7.8' })
      expect(await wrong.check()).toEqual({ state: 'down', detail: 'credentials refused 535 5.7.8' })
      expect(await none.send(outgoing())).toMatchObject({ outcome: 'transient' })
      expect(closed.mails).toHaveLength(1)
    } finally {
      for (const each of [right, wrong, none]) each.close()
      await closed.stop()
    }
  })

  test('but whose certificate nobody vouches for gets neither mail nor password', async () => {
    const stranger = await createMailServer({ tls: true })
    const towards = channelTo(stranger.url)
    try {
      expect(await towards.send(outgoing())).toEqual({ outcome: 'transient', reason: 'TLS failed' })
      expect(stranger.mails).toEqual([])
    } finally {
      towards.close()
      await stranger.stop()
    }
  })
})

test('a connection is used again and again, past the hundredth message', async () => {
  for (let i = 0; i < 120; i++) await channel.send(outgoing())
  expect(server.mails).toHaveLength(120)
  expect(server.connections).toBe(1)
})

test('a sender that is no address is found out at once', () => {
  expect(() => createSmtp({ url: server.url, from: 'Kumbu', clock: () => NOW })).toThrow('is no e-mail address')
})
