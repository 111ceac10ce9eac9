/**
 * WhatsApp by Meta’s Cloud API. A business may write first only with a template that Meta has approved. Facts are from
 * Meta’s documentation: "Messages" and "Authentication templates" (request), "Error codes", "Webhooks: getting
 * started" (subscription, signature), "Webhooks: status messages".
 */
import type { Clock } from '../../../platform/ids'
import type {
  ApprovedTemplate,
  Channel,
  OutgoingMessage,
  Receipt,
  ReceiptAnswer,
  ReceiptRequest,
  ReceiptStatus,
  Sent,
} from './channel'
import { notUnderstood, outcomeOf, receiptsOf } from './faults'
import { call, idFrom, listOf, memberOf, parsed, providerCheck } from './http'
import { hmac, sameSecret } from './signatures'
import { FAULTS, NO_SUCH_PHONE_ID } from './whatsapp-faults'

export interface WhatsAppOptions {
  /** Meta’s id of the number that we send from. */
  phoneNumberId: string
  accessToken: string
  /** Signs what Meta sends us. */
  appSecret: string
  /** Meta shows it once, when the receipts’ address is entered there. */
  verifyToken: string
  /** `v23.0` if nothing is said. */
  apiVersion?: string
  /** `https://graph.facebook.com` if nothing is said. */
  apiBase?: string
  clock: Clock
  deadlineMs?: number
}

const PROVIDER = 'whatsapp'
const CONCURRENCY = 16

const STATUSES: Readonly<Record<string, ReceiptStatus>> = {
  sent: 'accepted',
  delivered: 'delivered',
  read: 'read',
  failed: 'failed',
}

export function createWhatsApp(options: WhatsAppOptions): Channel {
  const { phoneNumberId, accessToken, appSecret, verifyToken, clock, deadlineMs } = options
  const { apiVersion = 'v23.0', apiBase = 'https://graph.facebook.com' } = options
  const phone = `${apiBase}/${apiVersion}/${encodeURIComponent(phoneNumberId)}`
  const authorization = `Bearer ${accessToken}`

  async function send(message: OutgoingMessage): Promise<Sent> {
    const answer = await call({
      provider: PROVIDER,
      url: `${phone}/messages`,
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(bodyOf(message)),
      deadlineMs,
    })
    if ('outcome' in answer) return answer
    const body = parsed(answer.text)
    if (answer.status >= 200 && answer.status < 300) {
      const providerId = idFrom(memberOf(memberOf(memberOf(body, 'messages'), 0), 'id'))
      return providerId === undefined ? notUnderstood(PROVIDER, answer) : { outcome: 'accepted', providerId }
    }
    return outcomeOf({ provider: PROVIDER, answer, code: codeOf(memberOf(body, 'error')), table: FAULTS, clock })
  }

  function receipts(request: ReceiptRequest): ReceiptAnswer {
    if (request.method === 'GET') return subscription(request.url)
    const signature = request.headers.get('x-hub-signature-256') ?? ''
    if (!sameSecret(signature, `sha256=${hmac('sha256', appSecret, request.body, 'hex')}`)) {
      return { verdict: 'forged' }
    }
    const body = parsed(request.body)
    if (request.method !== 'POST' || !Array.isArray(memberOf(body, 'entry'))) return { verdict: 'malformed' }
    return { verdict: 'accepted', receipts: statusesIn(body).flatMap(toldBy) }
  }

  function subscription(url: string): ReceiptAnswer {
    const query = new URL(url).searchParams
    if (!sameSecret(query.get('hub.verify_token') ?? '', verifyToken)) return { verdict: 'forged' }
    const challenge = query.get('hub.challenge') ?? ''
    // The answer is shown as it came, so nothing may be in it that a browser would take for markup.
    const asked = query.get('hub.mode') === 'subscribe' && /^[\w-]{1,200}$/.test(challenge)
    return asked ? { verdict: 'accepted', receipts: [], answer: challenge } : { verdict: 'malformed' }
  }

  const asking = { provider: PROVIDER, url: `${phone}?fields=quality_rating`, headers: { authorization } }
  return {
    provider: PROVIDER,
    medium: 'whatsapp',
    concurrency: CONCURRENCY,
    send,
    receipts,
    check: providerCheck(clock, asking, (body) => {
      const quality = memberOf(body, 'quality_rating')
      const told = typeof quality === 'string' && /^[A-Z]{1,20}$/.test(quality)
      return told ? { state: 'up', detail: `quality ${quality}` } : { state: 'up' }
    }),
    close() {},
  }
}

function bodyOf({ to, approved, deliveryId }: OutgoingMessage) {
  return {
    messaging_product: 'whatsapp',
    recipient_type: 'individual',
    to: to.replace(/^\+/, ''),
    type: 'template',
    template: { name: approved.name, language: { code: approved.language }, components: componentsOf(approved) },
    biz_opaque_callback_data: deliveryId,
  }
}

/** The button of an authentication template counts as one with an address, though it copies the code. */
function componentsOf({ parameters, button }: ApprovedTemplate) {
  const texts = (values: string[]) => values.map((value) => ({ type: 'text', text: cleaned(value) }))
  return [
    ...(parameters.length === 0 ? [] : [{ type: 'body', parameters: texts(parameters) }]),
    ...(button === undefined ? [] : [{ type: 'button', sub_type: 'url', index: '0', parameters: texts([button]) }]),
  ]
}

/** Meta refuses a parameter with a line break, a tab or more than four spaces in a row, and an empty one. */
function cleaned(value: string): string {
  const text = value
    .replaceAll(/[\n\r\t\v\f\u0085\u2028\u2029]+/g, ' ')
    .replaceAll(/ {5,}/g, '    ')
    .trim()
  return text === '' ? '–' : text
}

function codeOf(error: unknown): string | number | undefined {
  const code = memberOf(error, 'code')
  if (typeof code !== 'number' || !Number.isSafeInteger(code)) return undefined
  // An object that is not there is a parameter like any other to Meta, and to us a wrong setting.
  return code === 100 && memberOf(error, 'error_subcode') === 33 ? NO_SUCH_PHONE_ID : code
}

/** Webhooks carry other things too, such as what people write to us; only statuses are for us. */
function statusesIn(body: unknown): unknown[] {
  const values = listOf(memberOf(body, 'entry'))
    .flatMap((entry) => listOf(memberOf(entry, 'changes')))
    .filter((change) => memberOf(change, 'field') === 'messages')
  return values.flatMap((change) => listOf(memberOf(memberOf(change, 'value'), 'statuses')))
}

function toldBy(status: unknown): Receipt[] {
  const providerId = idFrom(memberOf(status, 'id'))
  const word = memberOf(status, 'status')
  if (providerId === undefined || typeof word !== 'string') return []
  const seconds = Number(memberOf(status, 'timestamp'))
  const at = Number.isSafeInteger(seconds) && seconds > 0 ? seconds * 1000 : undefined
  const code = codeOf(memberOf(memberOf(status, 'errors'), 0))
  return receiptsOf(PROVIDER, STATUSES, FAULTS, { providerId, word, at, code: code?.toString() })
}
