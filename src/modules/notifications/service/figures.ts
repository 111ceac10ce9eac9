/**
 * How well messages arrive, by channel. Every delivery is in exactly one state, so the states of a channel add up to its
 * deliveries; what was retried or fell back is said beside.
 */
import { gte, sql } from 'drizzle-orm'
import { count, sum } from '../../../platform/db/dialect'
import { firstIdAt } from '../../../platform/ids'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Medium } from '../channels/channel'
import { deliveries, notifications } from '../schema'
import type { Providers } from './providers'
import { type DeliveryState, deliveryStates } from './states'

export interface ProviderFigures {
  provider: string
  breaker: 'closed' | 'open' | 'half_open'
  underWay: number
}

export interface ChannelFigures {
  channel: string
  state: 'on' | 'off'
  deliveries: number
  states: Record<DeliveryState, number>
  /** Deliveries that took more than one try. */
  retried: number
  /** Deliveries that were a later step of their track. */
  byFallback: number
  /** From when it could go, quiet hours and gathering over, to when a provider took it: the middle and the slowest twentieth, rounded up to a step. */
  secondsToAccept: { p50: number | null; p95: number | null }
  providers: ProviderFigures[]
}

export interface Figures {
  /** Of deliveries put in since the moment. */
  since(
    moment: number,
  ): Promise<Result<{ channels: ChannelFigures[]; notifications: Record<string, number> }, 'period_too_long'>>
}

const LONGEST_PERIOD_MS = 7 * 24 * 3_600_000

/** Steps of the wait, in seconds. One pass counts all, where a rank would have to sort every row. */
const WAITS_S = [0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200] as const

/** How many were taken within each step, as columns `within0`, `within1`, … */
const WITHIN = Object.fromEntries(
  WAITS_S.map((seconds, i) => [
    `within${i}`,
    sum(sql`case when ${deliveries.acceptedAt} - ${deliveries.readyAt} <= ${seconds * 1000} then 1 else 0 end`),
  ]),
)

function waitOf(rows: ReadonlyArray<Record<string, unknown>>, accepted: number, share: number): number | null {
  if (accepted === 0) return null
  const within = (i: number) => rows.reduce((all, row) => all + Number(row[`within${i}`] ?? 0), 0)
  return WAITS_S.find((_, i) => within(i) >= accepted * share) ?? WAITS_S.at(-1) ?? null
}

const MEDIA: readonly Medium[] = ['email', 'sms', 'whatsapp', 'push', 'webhook']

export function createFigures({ store, clock }: Runtime, providers: Providers): Figures {
  const ofChannel = (medium: Medium): ProviderFigures[] =>
    providers
      .all()
      .filter(({ channel }) => channel.medium === medium)
      .map(({ channel, breaker, underWay }) => ({ provider: channel.provider, breaker: breaker.state(), underWay }))

  return {
    async since(moment) {
      if (moment < clock() - LONGEST_PERIOD_MS) return fail('period_too_long')
      const from = gte(deliveries.id, firstIdAt('dlv', moment))
      const rows = await store.read
        .select({
          medium: deliveries.medium,
          state: deliveries.state,
          n: count(),
          retried: sum(sql`case when ${deliveries.attempts} > 1 then 1 else 0 end`),
          later: sum(sql`case when ${deliveries.step} > 0 then 1 else 0 end`),
          accepted: sum(sql`case when ${deliveries.acceptedAt} is not null then 1 else 0 end`),
          ...WITHIN,
        })
        .from(deliveries)
        .where(from)
        .groupBy(deliveries.medium, deliveries.state)
      const channels: ChannelFigures[] = []
      for (const medium of MEDIA) {
        const mine = rows.filter((row) => row.medium === medium)
        const total = (of: 'n' | 'retried' | 'later' | 'accepted') => mine.reduce((all, row) => all + row[of], 0)
        const accepted = total('accepted')
        channels.push({
          channel: medium,
          state: providers.isOn(medium) ? 'on' : 'off',
          deliveries: total('n'),
          states: Object.fromEntries(
            deliveryStates.map((state) => [state, mine.find((row) => row.state === state)?.n ?? 0]),
          ) as Record<DeliveryState, number>,
          retried: total('retried'),
          byFallback: total('later'),
          secondsToAccept: {
            p50: waitOf(mine, accepted, 0.5),
            p95: waitOf(mine, accepted, 0.95),
          },
          providers: ofChannel(medium),
        })
      }
      const statuses = await store.read
        .select({ status: notifications.status, n: count() })
        .from(notifications)
        .where(gte(notifications.id, firstIdAt('ntf', moment)))
        .groupBy(notifications.status)
      return ok({ channels, notifications: Object.fromEntries(statuses.map(({ status, n }) => [status, n])) })
    },
  }
}
