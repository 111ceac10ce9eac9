/** A server of somebody’s own that takes webhooks by Standard Webhooks: it checks who speaks, and drops repeats. */
import { createHmac } from 'node:crypto'
import { createProvider, type Provider } from './faults'

export interface Hooked {
  id: string
  body: Record<string, unknown>
  headers: Headers
}

export interface WebhookReceiver extends Provider<Hooked> {
  readonly secret: string
  /** Messages that came again, or with a signature that is not ours. */
  readonly repeats: number
  readonly forged: number
}

const TOLERANCE_SECONDS = 300

export function createWebhookReceiver(clock: () => number = Date.now): WebhookReceiver {
  const key = crypto.getRandomValues(new Uint8Array(24))
  let repeats = 0
  let forged = 0

  const provider = createProvider<Hooked>(async (request, messages) => {
    const { headers } = request
    const id = headers.get('webhook-id') ?? ''
    const timestamp = headers.get('webhook-timestamp') ?? ''
    const text = await request.text()
    const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${text}`).digest('base64')
    const isFresh = Math.abs(Number(timestamp) - clock() / 1_000) <= TOLERANCE_SECONDS
    const signatures = (headers.get('webhook-signature') ?? '').split(' ')
    if (request.method !== 'POST' || !isFresh || !signatures.includes(`v1,${expected}`)) {
      forged += 1
      return new Response('', { status: 401 })
    }
    if (messages.some((message) => message.id === id)) repeats += 1
    else messages.push({ id, body: JSON.parse(text) as Record<string, unknown>, headers: new Headers(headers) })
    return new Response('', { status: 204 })
  })

  return {
    url: provider.url,
    messages: provider.messages,
    get asked() {
      return provider.asked
    },
    secret: `whsec_${Buffer.from(key).toString('base64')}`,
    get repeats() {
      return repeats
    },
    get forged() {
      return forged
    },
    answerWith: provider.answerWith,
    stop: provider.stop,
    start: provider.start,
  }
}
