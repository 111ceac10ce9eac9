/** A server of somebody’s own that takes webhooks by Standard Webhooks: it checks who speaks, and drops repeats. */
import { createHmac } from 'node:crypto'
import { createFaultyServer, type FaultyServer } from './faults'

export interface Hooked {
  id: string
  body: Record<string, unknown>
  headers: Headers
}

export interface WebhookReceiver extends FaultyServer {
  readonly secret: string
  /** What it took, in order. */
  readonly messages: Hooked[]
  /** Messages that came again. */
  repeats: number
  /** Messages with a signature that is not ours, or an old one. */
  forged: number
}

const TOLERANCE_SECONDS = 300

export function createWebhookReceiver(clock: () => number = Date.now): WebhookReceiver {
  const key = crypto.getRandomValues(new Uint8Array(24))
  const self: WebhookReceiver = Object.assign(createFaultyServer({ handle: take }), {
    secret: `whsec_${Buffer.from(key).toString('base64')}`,
    messages: [],
    repeats: 0,
    forged: 0,
  })
  const { messages } = self

  async function take(request: Request): Promise<Response> {
    const { headers } = request
    const id = headers.get('webhook-id') ?? ''
    const timestamp = headers.get('webhook-timestamp') ?? ''
    const text = await request.text()
    const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${text}`).digest('base64')
    const isFresh = Math.abs(Number(timestamp) - clock() / 1_000) <= TOLERANCE_SECONDS
    const signatures = (headers.get('webhook-signature') ?? '').split(' ')
    if (request.method !== 'POST' || !isFresh || !signatures.includes(`v1,${expected}`)) {
      self.forged += 1
      return new Response('', { status: 401 })
    }
    if (messages.some((message) => message.id === id)) self.repeats += 1
    else messages.push({ id, body: JSON.parse(text) as Record<string, unknown>, headers: new Headers(headers) })
    return new Response('', { status: 204 })
  }

  return self
}
