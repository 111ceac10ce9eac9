/** A world whose messages go to real servers: three mail relays, two SMS providers, WhatsApp. */
import { createWorld } from '../../support/world'
import { createMailServer, type MailServer } from './mail-server'
import { createAfricasTalkingServer } from './providers/africas-talking'
import { createTwilioServer } from './providers/twilio'
import { createWhatsAppServer } from './providers/whatsapp'

export type Place = Awaited<ReturnType<typeof createPlace>>

const RECEIPTS = 'https://kumbu.example/receipts'

export async function createPlace(flags: Record<string, string> = {}) {
  const relays: [MailServer, MailServer, MailServer] = [
    await createMailServer(),
    await createMailServer(),
    await createMailServer(),
  ]
  const twilio = createTwilioServer({ accountSid: 'AC0123456789abcdef0123456789abcdef', authToken: 'twilio-secret' })
  const africasTalking = createAfricasTalkingServer({ username: 'kumbu', apiKey: 'atsk_secret' })
  const whatsapp = createWhatsAppServer({
    phoneNumberId: '106540352242922',
    accessToken: 'EAAG-secret',
    appSecret: 'app-secret',
    verifyToken: 'verify-me',
  })
  const world = await createWorld({
    mode: 'production',
    'public-url': 'https://kumbu.example',
    'smtp-url': relays.map(({ port }) => `smtp://127.0.0.1:${port}`).join(' '),
    'mail-from': 'Kumbu <no-reply@kumbu.example>',
    'twilio-account': 'AC0123456789abcdef0123456789abcdef',
    'twilio-token': 'twilio-secret',
    'twilio-from': '+15005550006',
    'twilio-api': twilio.url,
    'africas-talking-username': 'kumbu',
    'africas-talking-key': 'atsk_secret',
    'africas-talking-api': africasTalking.url,
    'whatsapp-phone-id': '106540352242922',
    'whatsapp-token': 'EAAG-secret',
    'whatsapp-app-secret': 'app-secret',
    'whatsapp-verify-token': 'verify-me',
    'whatsapp-api': whatsapp.url,
    'sms-calling-codes': '258',
    ...flags,
  })

  /** Brings a provider's receipt to the instance, through the same pipeline as on a socket. */
  async function bring(request: Request) {
    const { pathname, search } = new URL(request.url)
    const response = await world.app.pipeline(
      new Request(`http://localhost${pathname}${search}`, {
        method: request.method,
        headers: request.headers,
        ...(request.method === 'POST' ? { body: await request.text() } : {}),
      }),
      () => '203.0.113.7',
    )
    return { status: response.status, text: await response.text() }
  }

  twilio.receiptsUrl = `${RECEIPTS}/twilio`
  whatsapp.receiptsUrl = `${RECEIPTS}/whatsapp`

  return {
    world,
    relays,
    twilio,
    africasTalking,
    whatsapp,
    bring,
    /** Every mail that any relay took, oldest first for each. */
    mails: () => relays.flatMap(({ mails }) => mails),
    mailsTo: (address: string) => relays.flatMap(({ mails }) => mails).filter((mail) => mail.to.includes(address)),
    wait: (ms: number, stepMs = 5_000) => world.wait(ms, stepMs),
    async end() {
      await world.end()
      for (const relay of relays) await relay.stop()
      for (const server of [twilio, africasTalking, whatsapp]) await server.stop()
    },
  }
}

/** A person with money whose number is proved, by the code that was sent to it. */
export async function personWithPhone({ world, twilio, africasTalking }: Place, money = 100_000) {
  const person = await world.customer(money)
  numbers += 1
  const phone = `+25884${String(7_000_000 + numbers)}`
  await world.call('PUT', '/api/v1/auth/phone', { token: person.token, body: { phone } })
  await world.app.settle()
  const message = [...twilio.messages, ...africasTalking.messages].findLast(({ to }) => to === phone)
  const code = /\b\d{6}\b/.exec(message?.text ?? '')?.[0]
  const proved = await world.call('POST', '/api/v1/auth/phone/verify', { token: person.token, body: { code } })
  if (proved.status !== 200) throw new Error(`The number was not proved: ${JSON.stringify(proved.body)}`)
  await world.app.settle()
  return { ...person, phone }
}

let numbers = 0
