/** An SMS gateway as small providers have them: JSON or a form in, an id out, receipts signed by Standard Webhooks. */
import { createProviderServer, hmacOf, type ReceiptOptions, type Taken } from './server'

export interface GatewayMessage extends Taken {
  method: string
  path: string
  headers: Headers
  /** The body as it came, and read by its content type; `to` and `text` are its members of that name. */
  raw: string
  body: Record<string, unknown>
}

export interface GatewayAccount {
  user: string
  password: string
  receiptsSecret: string
  clock: () => number
}

export function createGatewayServer({ user, password, receiptsSecret, clock }: GatewayAccount) {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  let receiptsMade = 0

  return createProviderServer<GatewayMessage>({
    newId: (number) => `gw-${number}`,
    receipt,
    async handle(request, take) {
      if (request.headers.get('authorization') !== authorization) return new Response('', { status: 401 })
      const raw = await request.text()
      const body = bodyOf(request.headers.get('content-type'), raw)
      if (body === undefined) return new Response('', { status: 415 })
      const { to = '', text = '' } = body as { to?: string; text?: string }
      const { method, headers } = request
      const { id } = take({ to, text, method, path: new URL(request.url).pathname, headers, raw, body })
      return Response.json({ data: [{ 'message/id': id }] }, { status: 202 })
    },
  })

  function receipt(url: string, id: string, status: string, options: ReceiptOptions): Request {
    const { error: reason, forged = false, at = clock() } = options
    const body = JSON.stringify({ message: { id, status, ...(reason === undefined ? {} : { reason }) } })
    const secret = forged ? Buffer.alloc(24, 'another').toString('base64') : receiptsSecret.replace('whsec_', '')
    receiptsMade += 1
    const webhookId = `rcp_${receiptsMade}`
    const seconds = Math.floor(at / 1000)
    const signature = hmacOf('sha256', Buffer.from(secret, 'base64'), `${webhookId}.${seconds}.${body}`)
    return new Request(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': webhookId,
        'webhook-timestamp': String(seconds),
        'webhook-signature': `v1,${signature.toString('base64')}`,
      },
      body,
    })
  }
}

/** Nothing, for a body of another type or none at all. */
function bodyOf(contentType: string | null, raw: string): Record<string, unknown> | undefined {
  if (contentType === 'application/json') return JSON.parse(raw) as Record<string, unknown>
  if (contentType === 'application/x-www-form-urlencoded') return Object.fromEntries(new URLSearchParams(raw))
  return undefined
}
