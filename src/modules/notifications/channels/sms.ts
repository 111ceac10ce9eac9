/** SMS through an HTTP gateway: each message is POSTed as `{to, text}`. What the gateway refuses for good is not repeated. */
import { HopelessError } from '../../../platform/queue'
import type { Channel } from './channel'

export interface SmsOptions {
  /** `https://user:password@gateway.example/send`. */
  url: string
}

const TIMEOUT_MS = 15_000
/** Answers that are about the message; any other may be about our own access, or pass. */
const ABOUT_THE_MESSAGE = new Set([400, 413, 422])

export function createSmsChannel({ url }: SmsOptions): Channel {
  const { username, password, origin, pathname, search } = new URL(url)
  const address = `${origin}${pathname}${search}`
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  const authorization = username === '' ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }

  return {
    name: 'sms',
    media: ['sms'],
    async send({ to, short }) {
      const response = await fetch(address, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...authorization },
        body: JSON.stringify({ to, text: short }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        redirect: 'error',
      })
      await response.body?.cancel()
      if (response.ok) return
      const reason = `The SMS gateway answered ${response.status}.`
      if (ABOUT_THE_MESSAGE.has(response.status)) throw new HopelessError(reason)
      throw new Error(reason)
    },
    // A gateway of which nothing is known but where to send cannot be asked how it is.
    check: async () => ({ state: 'up', detail: 'configured' }),
    close() {},
  }
}
