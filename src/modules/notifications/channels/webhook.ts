/** Messages to a server of somebody’s own, signed by Standard Webhooks (https://www.standardwebhooks.com). */
import type { Clock } from '../../../platform/ids'
import { iso } from '../../../platform/moment'
import type { Channel, Sent } from './channel'
import { retryAfterMs } from './http'
import { createPeers } from './peers'
import { postOutside, type Resolve } from './public-address'
import { signStandardWebhook } from './signatures'

export interface WebhookOptions {
  /** Allows http and addresses within our own network. */
  allowPrivate: boolean
  clock: Clock
  resolve?: Resolve
  deadlineMs?: number
}

const CONCURRENCY = 32
const AT_ONE_SERVER = 8
/** Short, because one that hangs takes a place from everybody’s. */
const DEADLINE_MS = 5_000
/** Refusals that may pass: of access, of a conflict, of haste. */
const MAY_PASS = new Set([401, 403, 408, 409, 425, 429])

export function createWebhook({ allowPrivate, clock, resolve, deadlineMs = DEADLINE_MS }: WebhookOptions): Channel {
  const guard = { allowPrivate, ...(resolve === undefined ? {} : { resolve }) }
  const servers = createPeers(clock, { atOnce: AT_ONE_SERVER })

  return {
    provider: 'webhook',
    medium: 'webhook',
    concurrency: CONCURRENCY,
    async send({ deliveryId, template, subject, text, data, webhook }): Promise<Sent> {
      if (webhook === undefined) return { outcome: 'permanent', reason: 'no endpoint' }
      const now = clock()
      const createdAt = iso(now)
      const body = JSON.stringify({ id: deliveryId, type: template, createdAt, subject, text, data })
      const timestamp = Math.floor(now / 1_000)
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'Kumbu',
        // The same at every try: a receiver that has seen it drops the repeat.
        'webhook-id': deliveryId,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signStandardWebhook(webhook.secret, deliveryId, timestamp, body),
      }
      return servers.ask(new URL(webhook.url).origin, async () => {
        const answer = await postOutside({ provider: 'webhook', url: webhook.url, headers, body, deadlineMs }, guard)
        if ('outcome' in answer) return answer
        return sentOf(webhook.id, answer.status, retryAfterMs(answer.headers, clock))
      })
    },
    check: async () => ({ state: 'up', detail: 'configured' }),
    close() {},
  }
}

function sentOf(endpointId: string, status: number, asked: number | undefined): Sent {
  if (status >= 200 && status < 300) return { outcome: 'accepted' }
  // As Standard Webhooks has it: the endpoint is gone, and is to be called no more.
  if (status === 410) return { outcome: 'permanent', reason: 'gone 410', gone: [endpointId] }
  if (status < 500 && status >= 400 && !MAY_PASS.has(status)) {
    return { outcome: 'permanent', reason: `refused ${status}`, refusedBy: endpointId }
  }
  return {
    outcome: 'transient',
    reason: `put off ${status}`,
    ...(asked === undefined ? {} : { retryAfterMs: asked }),
  }
}
