/** What the providers of push messages share: one message goes to all devices of a person, and one answer is given. */
import type { OutgoingMessage, PushTarget, Sent } from './channel'

/** A push that is worth nothing after this long shall wake the device. */
const URGENT_MS = 15 * 60_000
/** For a message that says nothing of its end; nobody wants yesterday’s news of a payment as something new. */
const DEFAULT_TTL_SECONDS = 24 * 60 * 60
/** The most that push services keep a message for. */
const MAX_TTL_SECONDS = 28 * 24 * 60 * 60

const TITLE_LIMIT = 200

const NO_DEVICE: Sent = { outcome: 'permanent', reason: 'no device' }

/** Sends to each target at the same time. */
export async function toEach(
  targets: readonly PushTarget[],
  send: (target: PushTarget) => Promise<Sent>,
): Promise<Sent> {
  if (targets.length === 0) return NO_DEVICE
  return bestOf(await Promise.all(targets.map(send)))
}

/** Taken if anybody took it, worth another try if anybody might, and all that are gone are named either way. */
export function bestOf(answers: readonly Sent[]): Sent {
  const gone = answers.flatMap((answer) => answer.gone ?? [])
  const withGone = gone.length === 0 ? {} : { gone }
  const accepted = answers.find((answer) => answer.outcome === 'accepted')
  if (accepted !== undefined) return { ...accepted, ...withGone }
  const transient = answers.filter((answer) => answer.outcome === 'transient')
  const [first] = transient
  if (first === undefined) {
    const [permanent] = answers
    return permanent === undefined ? NO_DEVICE : { ...permanent, ...withGone }
  }
  const { outcome, reason } = first
  const pauses = transient.flatMap(({ retryAfterMs }) => retryAfterMs ?? [])
  return {
    outcome,
    reason,
    ...(pauses.length === 0 ? {} : { retryAfterMs: Math.max(...pauses) }),
    ...(transient.every(({ aboutMessage }) => aboutMessage === true) ? { aboutMessage: true } : {}),
    ...withGone,
  }
}

/** How long it is to be kept for a device that is off, and whether it is to wake one that sleeps. */
export function timingOf({ expiresAt }: OutgoingMessage, now: number): { ttlSeconds: number; urgent: boolean } {
  if (expiresAt === undefined) return { ttlSeconds: DEFAULT_TTL_SECONDS, urgent: false }
  const left = Math.max(0, expiresAt - now)
  return { ttlSeconds: Math.min(Math.floor(left / 1_000), MAX_TTL_SECONDS), urgent: left <= URGENT_MS }
}

/** What `write` makes of title and body, with as much of the body as fits into the limit. */
export function fitted(
  { subject, short }: OutgoingMessage,
  limitBytes: number,
  write: (title: string, body: string) => string,
): string {
  const title = Array.from(subject).slice(0, TITLE_LIMIT).join('')
  const whole = write(title, short)
  if (Buffer.byteLength(whole) <= limitBytes) return whole
  const letters = Array.from(short.slice(0, limitBytes))
  const cutAt = (length: number) => write(title, `${letters.slice(0, length).join('').trimEnd()}…`)
  let [fits, toomany] = [0, letters.length + 1]
  while (toomany - fits > 1) {
    const middle = (fits + toomany) >> 1
    if (Buffer.byteLength(cutAt(middle)) <= limitBytes) fits = middle
    else toomany = middle
  }
  return cutAt(fits)
}
