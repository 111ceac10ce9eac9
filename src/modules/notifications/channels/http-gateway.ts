/**
 * SMS through any gateway over HTTP that a description fits (`gateway-description.ts`). With an address alone, each
 * message is POSTed as JSON `{to, text}` with the address’s user and password. Receipts are signed by Standard Webhooks.
 */
import type { Clock } from '../../../platform/ids'
import type { Channel, OutgoingMessage, Receipt, ReceiptAnswer, ReceiptRequest, ReceiptStatus, Sent } from './channel'
import { notUnderstood, outcomeOf } from './faults'
import { type HttpGatewayDescription, PLACEHOLDER } from './gateway-description'
import { type Answer, basic, call, idFrom, memberOf, parsed } from './http'
import { verifyStandardWebhook } from './signatures'

export { type HttpGatewayDescription, parseGatewayDescription } from './gateway-description'

export type HttpGatewayOptions = HttpGatewayDescription & { clock: Clock; deadlineMs?: number }

type ReceiptsDescription = NonNullable<HttpGatewayDescription['receipts']>

type Values = Readonly<Record<string, string>>

const CONCURRENCY = 4
const FORM = 'application/x-www-form-urlencoded'
const USUAL_BODY = { to: '{{to}}', text: '{{text}}' }
const ABOUT_THE_MESSAGE = [400, 413, 422]

export function createHttpGateway(options: HttpGatewayOptions): Channel {
  const { provider, method = 'POST', contentType = 'application/json', body = USUAL_BODY, clock } = options
  const { address, authorization } = takenApart(options.url)
  const permanent = options.permanentStatus ?? ABOUT_THE_MESSAGE

  async function send(message: OutgoingMessage): Promise<Sent> {
    const values = {
      to: message.to,
      digits: message.to.replace(/^\+/, ''),
      text: message.short,
      id: message.deliveryId,
    }
    const filled = fill(body, values) as Record<string, unknown>
    const answer = await call({
      provider,
      url: address,
      method,
      headers: headersFor(values),
      body: contentType === FORM ? formOf(filled) : JSON.stringify(filled),
      deadlineMs: options.deadlineMs,
    })
    if ('outcome' in answer) return answer
    return isSuccess(answer) ? accepted(answer) : refused(answer)
  }

  /** What the description says of a header counts more than what we would say. */
  function headersFor(values: Values): Headers {
    const headers = new Headers({ 'content-type': contentType, ...authorization })
    for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name, String(fill(value, values)))
    return headers
  }

  const isSuccess = ({ status }: Answer) => options.successStatus?.includes(status) ?? (status >= 200 && status < 300)

  /** Gateways that answer 200 to everything show by the id alone that they took a message. */
  function accepted(answer: Answer): Sent {
    if (options.idAt === undefined) return { outcome: 'accepted' }
    const providerId = idFrom(at(parsed(answer.text), options.idAt))
    return providerId === undefined ? notUnderstood(provider, answer) : { outcome: 'accepted', providerId }
  }

  function refused(answer: Answer): Sent {
    if (permanent.includes(answer.status)) {
      return { outcome: 'permanent', reason: `${provider} ${answer.status}: refused` }
    }
    return outcomeOf({ provider, answer, code: undefined, table: {}, clock })
  }

  const { receipts: description, receiptsSecret } = options
  return {
    provider,
    medium: 'sms',
    concurrency: options.concurrency ?? CONCURRENCY,
    send,
    ...(description === undefined || receiptsSecret === undefined
      ? {}
      : { receipts: receiptReader(provider, description, receiptsSecret, clock) }),
    // A gateway of which nothing is known but where to send cannot be asked how it is.
    check: async () => ({ state: 'up', detail: 'configured' }),
    close() {},
  }
}

function receiptReader(provider: string, description: ReceiptsDescription, secret: string, clock: Clock) {
  const meanings = meaningsOf(description)

  return ({ method, headers, body }: ReceiptRequest): ReceiptAnswer => {
    if (!verifyStandardWebhook(secret, headers, body, clock())) return { verdict: 'forged' }
    const isForm = headers.get('content-type')?.startsWith(FORM) ?? false
    const told = isForm ? Object.fromEntries(new URLSearchParams(body)) : parsed(body)
    const providerId = idFrom(at(told, description.idAt))
    const word = at(told, description.statusAt)
    if (method !== 'POST' || providerId === undefined || word === undefined) return { verdict: 'malformed' }
    const meaning = meanings.get(String(word).toLowerCase())
    if (meaning === undefined) return { verdict: 'accepted', receipts: [] }
    const reason = reasonOf(provider, description.reasonAt === undefined ? word : at(told, description.reasonAt))
    const failure = meaning.status === 'failed' ? { reason } : {}
    return { verdict: 'accepted', receipts: [{ providerId, ...meaning, ...failure }] }
  }
}

type ReceiptMeaning = Pick<Receipt, 'invalidRecipient'> & { status: ReceiptStatus }

function meaningsOf(description: ReceiptsDescription): Map<string, ReceiptMeaning> {
  const { accepted = [], delivered, read = [], failed, invalidRecipient = [] } = description
  const all = (words: string[], meaning: ReceiptMeaning) => words.map((word) => [word.toLowerCase(), meaning] as const)
  return new Map([
    ...all(accepted, { status: 'accepted' }),
    ...all(delivered, { status: 'delivered' }),
    ...all(read, { status: 'read' }),
    ...all(failed, { status: 'failed' }),
    ...all(invalidRecipient, { status: 'failed', invalidRecipient: true }),
  ])
}

/** A gateway’s own words are kept if they are short, and hold no run of digits that may be a number. */
function reasonOf(provider: string, words: unknown): string {
  const text = typeof words === 'number' ? String(words) : words
  const plain = typeof text === 'string' && /^[\w .:-]{1,60}$/.test(text) && !/\d{6}/.test(text)
  return plain ? `${provider}: ${text}` : `${provider}: not delivered`
}

function takenApart(url: string): { address: string; authorization: { authorization?: string } } {
  const { username, password, origin, pathname, search } = new URL(url)
  const authorization = basic(decodeURIComponent(username), decodeURIComponent(password))
  return { address: `${origin}${pathname}${search}`, authorization: username === '' ? {} : { authorization } }
}

/**
 * Puts values where placeholders stand. It works on values and not on written JSON or a written form, so whatever a
 * message holds remains one value; and what it holds is not looked at again.
 */
function fill(template: unknown, values: Values): unknown {
  if (typeof template === 'string') return template.replaceAll(PLACEHOLDER, (_, name: string) => values[name] ?? '')
  if (Array.isArray(template)) return template.map((each) => fill(each, values))
  if (typeof template !== 'object' || template === null) return template
  return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, fill(value, values)]))
}

const formOf = (filled: Record<string, unknown>): string =>
  new URLSearchParams(Object.entries(filled).map(([name, value]) => [name, String(value)])).toString()

/** What stands at a JSON pointer (RFC 6901). */
function at(value: unknown, pointer: string): unknown {
  const names = pointer.slice(1).split('/')
  return names
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((found, name) => memberOf(found, name), value)
}
