/**
 * The providers that are set up, by medium, in the order in which they are preferred. Each has a breaker, a pace and a
 * number of messages under way; the first one that may take a message takes it, so one that is down is gone around.
 */
import type { Clock } from '../../../platform/ids'
import { type Breaker, type BreakerState, createBreaker, type Ticket } from '../channels/breaker'
import type { Channel, Medium } from '../channels/channel'
import { createPace, type Pace, unlimited } from './pace'

export interface Provider {
  readonly channel: Channel
  readonly breaker: Breaker
  readonly pace: Pace
  underWay: number
}

export interface Place {
  provider: Provider
  ticket: Ticket
}

export interface Providers {
  all(): readonly Provider[]
  of(medium: Medium): readonly Provider[]
  media(): Medium[]
  isOn(medium: Medium): boolean
  get(provider: string): Provider | undefined
  /** Each provider, and those behind one, and how it is. */
  breakers(): Array<readonly [provider: string, state: BreakerState]>
  /** Whether any provider of the medium is in health. */
  isWell(medium: Medium): boolean
  /** How many messages of the medium may be under way now, those that are included. */
  capacity(medium: Medium): number
  /**
   * Takes a place at a provider for one message; nothing if none has one now. It is given back by `leave`. `failed` are
   * those that have failed this very message, the latest last: they are asked again in turn, after all others. `asked`
   * are not asked again this time.
   */
  enter(medium: Medium, failed: readonly string[], asked: ReadonlySet<string>): Place | undefined
  leave(provider: Provider): void
}

const breakersOf = ({ channel, breaker }: Provider) => [
  [channel.provider, breaker.state()] as const,
  ...(channel.parts?.() ?? []),
]

export function createProviders(
  clock: Clock,
  channels: readonly Channel[],
  /** Messages a second, by medium. */
  paces: Readonly<Partial<Record<Medium, number>>>,
): Providers {
  const list = channels.map((channel): Provider => {
    const perSecond = paces[channel.medium]
    return {
      channel,
      breaker: createBreaker(clock),
      pace: perSecond === undefined ? unlimited : createPace(clock, perSecond),
      underWay: 0,
    }
  })
  const byMedium = Map.groupBy(list, ({ channel }) => channel.medium)
  const of = (medium: Medium) => byMedium.get(medium) ?? []

  function roomAt({ channel, breaker, pace, underWay }: Provider): number {
    if (!breaker.allows()) return 0
    if (breaker.state() === 'half_open') return 1
    return Math.max(0, Math.min(channel.concurrency - underWay, pace.allowance()))
  }

  return {
    all: () => list,
    of,
    breakers: () => list.flatMap(breakersOf),
    media: () => [...byMedium.keys()],
    isOn: (medium) => of(medium).length > 0,
    get: (provider) => list.find(({ channel }) => channel.provider === provider),
    isWell: (medium) => of(medium).some(({ breaker }) => breaker.state() === 'closed'),
    capacity: (medium) => of(medium).reduce((sum, provider) => sum + roomAt(provider) + provider.underWay, 0),

    enter(medium, failed, asked) {
      const lastFailure = ({ channel }: Provider) => failed.lastIndexOf(channel.provider)
      const free = of(medium).filter((provider) => roomAt(provider) > 0 && !asked.has(provider.channel.provider))
      const [provider] = free.toSorted((one, other) => lastFailure(one) - lastFailure(other))
      const ticket = provider?.breaker.enter()
      if (!provider || !ticket) return undefined
      provider.pace.spend()
      provider.underWay += 1
      return { provider, ticket }
    },

    leave(provider) {
      provider.underWay -= 1
    },
  }
}
