/** The messages endpoint of Meta’s Cloud API and its webhooks, as its public documentation describes them. */
import { createProviderServer, hmacOf, type ProviderServer, type ReceiptOptions, type Taken } from './server'

export interface WhatsAppMessage extends Taken {
  template: string
  language: string
  /** What fills the body; `text` is the same in one piece. */
  parameters: string[]
  button: string | undefined
  deliveryId: string | undefined
}

export interface WhatsAppAccount {
  phoneNumberId: string
  accessToken: string
  appSecret: string
  verifyToken: string
}

export interface WhatsAppServer extends ProviderServer<WhatsAppMessage> {
  /** What Meta asks when the receipts’ address is entered. */
  subscribe(changes?: Record<string, string>): Request
  /** A signed webhook with any content. */
  webhook(body: unknown): Request
}

interface Component {
  type: string
  sub_type?: string
  index?: string
  parameters: { type: string; text: string }[]
}

interface TemplateMessage {
  messaging_product?: string
  to?: string
  type?: string
  template?: { name?: string; language?: { code?: string }; components?: Component[] }
  biz_opaque_callback_data?: string
}

const STATUS_OF_CODE: Readonly<Record<number, number>> = {
  0: 401,
  190: 401,
  10: 403,
  1: 500,
  2: 503,
  131000: 500,
  131016: 503,
  130429: 429,
  132001: 404,
}

export function createWhatsAppServer(account: WhatsAppAccount): WhatsAppServer {
  const { phoneNumberId, accessToken, appSecret, verifyToken } = account

  const server = createProviderServer<WhatsAppMessage>({
    newId: (number) => `wamid.${Buffer.from(`message ${number}`).toString('base64')}`,
    error,
    receipt,
    async handle(request, take) {
      const { pathname } = new URL(request.url)
      const [version = '', id, resource] = pathname.slice(1).split('/')
      if (request.headers.get('authorization') !== `Bearer ${accessToken}`) return error(190)
      if (!/^v\d+\.\d$/.test(version) || id !== phoneNumberId) return error(100, 33)
      if (request.method === 'GET') return Response.json({ id, quality_rating: 'GREEN' })
      if (resource !== 'messages' || request.headers.get('content-type') !== 'application/json') return error(100)
      const body = (await request.json()) as TemplateMessage
      const code = faultIn(body)
      if (code !== undefined) return error(code)
      const parameters = textsOf(body, 'body')
      const { to = '', template = {}, biz_opaque_callback_data: deliveryId } = body
      const message = take({
        to,
        text: parameters.join(' '),
        template: template.name ?? '',
        language: template.language?.code ?? '',
        parameters,
        button: textsOf(body, 'button')[0],
        deliveryId,
      })
      return Response.json({
        messaging_product: 'whatsapp',
        contacts: [{ input: to, wa_id: to }],
        messages: [{ id: message.id, message_status: 'accepted' }],
      })
    },
  })

  function signed(url: string, body: unknown, forged = false): Request {
    // Meta writes every letter beyond ASCII as an escape, and signs what it wrote.
    const text = JSON.stringify(body).replaceAll(
      /[^\x20-\x7e]/g,
      (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    const signature = hmacOf('sha256', forged ? 'another secret' : appSecret, text).toString('hex')
    return new Request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${signature}` },
      body: text,
    })
  }

  function receipt(url: string, id: string, status: string, options: ReceiptOptions): Request {
    const { error: code, at = Date.UTC(2026, 10, 24, 9, 30), forged } = options
    const told = {
      id,
      status,
      timestamp: String(Math.floor(at / 1000)),
      recipient_id: '258841234567',
      biz_opaque_callback_data: server.messages.find((message) => message.id === id)?.deliveryId,
      ...(code === undefined
        ? {}
        : { errors: [{ code: Number(code), title: 'Words with 258841234567', message: 'Words', error_data: {} }] }),
    }
    return signed(url, wrapped({ statuses: [told] }), forged)
  }

  function subscribe(changes: Record<string, string> = {}): Request {
    const query = {
      'hub.mode': 'subscribe',
      'hub.verify_token': verifyToken,
      'hub.challenge': '1158201444',
      ...changes,
    }
    return new Request(`${server.receiptsUrl}?${new URLSearchParams(query)}`)
  }

  return Object.assign(server, { subscribe, webhook: (body: unknown) => signed(server.receiptsUrl, body) })
}

/** A webhook’s content around what is in its `value`. */
export function wrapped(value: Record<string, unknown>, field = 'messages') {
  const metadata = { display_phone_number: '15550783881', phone_number_id: '106540352242922' }
  return {
    object: 'whatsapp_business_account',
    entry: [
      { id: '102290129340398', changes: [{ field, value: { messaging_product: 'whatsapp', metadata, ...value } }] },
    ],
  }
}

function error(code: number, subcode?: number): Response {
  const details = 'Words with 258841234567 in them.'
  const error = {
    message: `(#${code}) Words`,
    type: 'OAuthException',
    code,
    ...(subcode === undefined ? {} : { error_subcode: subcode }),
    error_data: { messaging_product: 'whatsapp', details },
    fbtrace_id: 'Az8or2yhqkZfEZ-_4Qn_Bam',
  }
  return Response.json({ error }, { status: STATUS_OF_CODE[code] ?? 400 })
}

function faultIn(body: TemplateMessage): number | undefined {
  const { name, language } = body.template ?? {}
  if (body.messaging_product !== 'whatsapp' || body.type !== 'template') return 100
  if (!name || !language?.code) return 131008
  if (!/^[1-9]\d{6,14}$/.test(body.to ?? '')) return 131009
  if ((body.biz_opaque_callback_data ?? '').length > 512) return 100
  const texts = [...textsOf(body, 'body'), ...textsOf(body, 'button')]
  if (texts.includes('')) return 131008
  return texts.some((text) => /[\n\r\t]| {5}/.test(text)) ? 132018 : undefined
}

function textsOf({ template }: TemplateMessage, type: string): string[] {
  const found = template?.components?.filter((component) => component.type === type) ?? []
  const fitting = found.filter(({ sub_type, index }) => type !== 'button' || (sub_type === 'url' && index === '0'))
  return fitting.flatMap(({ parameters }) => parameters.map(({ text }) => text))
}
