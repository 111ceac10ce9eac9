/**
 * How providers are spoken to over HTTP: with a deadline, a bounded answer, and no redirects, which would carry our
 * credentials elsewhere. What the network does wrong is a value; its words hold nothing of the request, because
 * operators read them and an address may hold a number or a secret.
 */
import type { Clock } from '../../../platform/ids'
import type { Channel, Sent } from './channel'

export type Transient = Extract<Sent, { outcome: 'transient' }>

export interface Call {
  provider: string
  url: string
  /** `POST` if nothing is said. */
  method?: 'GET' | 'POST' | 'PUT'
  headers: HeadersInit
  body?: string | Uint8Array<ArrayBuffer>
  deadlineMs?: number | undefined
  /** For an address that stands in for a name: whose certificate is asked for and checked. */
  serverName?: string | undefined
}

export interface Answer {
  status: number
  headers: Headers
  /** At most 64 KiB of it. */
  text: string
}

const DEADLINE_MS = 15_000
const ANSWER_LIMIT_BYTES = 64 * 1024
const LONGEST_PAUSE_SECONDS = 60 * 60
const CHECK_DEADLINE_MS = 5_000
const CHECK_KEPT_MS = 60_000

/**
 * A provider that took the message and whose answer is lost is asked again like one that never heard of it: a person
 * may get a message twice, and never none.
 */
export async function call({
  provider,
  url,
  method = 'POST',
  headers,
  body,
  deadlineMs = DEADLINE_MS,
  serverName,
}: Call): Promise<Answer | Transient> {
  const request: BunFetchRequestInit = {
    method,
    headers: new Headers(headers),
    redirect: 'error',
    signal: AbortSignal.timeout(deadlineMs),
    ...(body === undefined ? {} : { body }),
    ...(serverName === undefined ? {} : { tls: { serverName } }),
  }
  try {
    const response = await fetch(url, request)
    return { status: response.status, headers: response.headers, text: await readBounded(response) }
  } catch (error) {
    return { outcome: 'transient', reason: `${provider}: ${wordsFor(error as { name?: string; code?: unknown })}` }
  }
}

async function readBounded({ body }: Response): Promise<string> {
  if (!body) return ''
  const chunks: Uint8Array[] = []
  let left = ANSWER_LIMIT_BYTES
  // Leaving the loop early cancels the rest.
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    chunks.push(chunk.subarray(0, left))
    left -= chunk.byteLength
    if (left <= 0) break
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}

/** The codes are those of Bun’s fetch. */
function wordsFor({ name, code }: { name?: string; code?: unknown }): string {
  if (name === 'TimeoutError') return 'no answer in time'
  if (code === 'UnexpectedRedirect') return 'answered by pointing elsewhere'
  if (code === 'ECONNRESET' || code === 'ConnectionClosed') return 'connection lost'
  if (typeof code === 'string' && /CERT|VERIFY|SSL|TLS/.test(code)) return 'certificate not trusted'
  return 'cannot be reached'
}

/** JSON, or `undefined` for what is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A member of an answer of which nothing is known yet. */
export function memberOf(value: unknown, name: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Record<string | number, unknown>)[name]
}

/** A list of such an answer; a server that is out of order may say anything. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** The id that a provider gave, if it is one. */
export function idFrom(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value
  return typeof text === 'string' && text !== '' && text.length <= 200 ? text : undefined
}

const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), in milliseconds from now. One that cannot be read,
 * or that has passed, says nothing; none is believed beyond an hour.
 */
export function retryAfterMs(headers: Headers, clock: Clock): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? ''
  const seconds = /^\d+$/.test(value)
    ? Number(value)
    : HTTP_DATE.test(value)
      ? (Date.parse(value) - clock()) / 1000
      : Number.NaN
  return seconds > 0 ? Math.ceil(Math.min(seconds, LONGEST_PAUSE_SECONDS) * 1000) : undefined
}

export const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

type State = Awaited<ReturnType<Channel['check']>>

/**
 * Asks a provider how it is, once a minute at most, however often we are asked. `read` makes a state of its answer;
 * an answer that is no success is `down` before it comes there.
 */
export function providerCheck(clock: Clock, asking: Omit<Call, 'method'>, read: (answer: unknown) => State) {
  async function ask(): Promise<State> {
    const answer = await call({ deadlineMs: CHECK_DEADLINE_MS, ...asking, method: 'GET' })
    if ('outcome' in answer) return { state: 'down', detail: answer.reason }
    const refused = answer.status === 401 || answer.status === 403
    if (refused) return { state: 'down', detail: `${asking.provider} ${answer.status}: credentials refused` }
    if (answer.status !== 200) return { state: 'down', detail: `${asking.provider} ${answer.status}` }
    return read(parsed(answer.text))
  }

  return onceAMinute(clock, ask)
}

/** Whoever asks meanwhile gets the same answer: anybody may ask whether we are ready, and a provider counts who signs in. */
export function onceAMinute(clock: Clock, ask: () => Promise<State>): () => Promise<State> {
  let kept: { until: number; state: Promise<State> } | undefined
  return () => {
    if (!kept || kept.until <= clock()) kept = { until: clock() + CHECK_KEPT_MS, state: ask() }
    return kept.state
  }
}
