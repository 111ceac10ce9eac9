/**
 * One delivery, from being taken to being noted: whether it goes now, what it says, which provider takes it, and what
 * came of it. A provider that took a message has it, so that this is noted is tried until it succeeds.
 */
import type { Runtime } from '../../../platform/runtime'
import { within } from '../../../platform/within'
import type { Ticket } from '../channels/breaker'
import type { Medium, OutgoingMessage, Sent } from '../channels/channel'
import { heard } from '../channels/health'
import type { Compose } from './compose'
import type { Asked, Outcomes, Try } from './outcomes'
import type { Policy, Verdict } from './policy'
import type { Place, Provider, Providers } from './providers'
import type { Taken, Taking } from './taking'
import type { Tracks } from './tracks'

export interface Delivering {
  /** `held`: what is under way here; what is gathered is among it meanwhile. */
  deliver(taken: Taken, held: Set<string>): Promise<void>
}

export interface DeliveringParts {
  providers: Providers
  policy: Policy
  compose: Compose
  outcomes: Outcomes
  tracks: Tracks
  taking: Taking
}

/** A provider that has not ended a send by then has failed it. */
const SEND_LIMIT_MS = 60_000
/** Until a provider has room again. */
const NO_ROOM_MS = 1_000
/** Between tries to note what came of a message. */
const NOTE_PAUSES_MS = [250, 1_000, 4_000, 15_000, 30_000]

export function createDelivering(
  { store, clock, log }: Runtime,
  { providers, policy, compose, outcomes, tracks, taking }: DeliveringParts,
): Delivering {
  /** What becomes of a delivery that is not to be sent now. */
  async function heed(taken: Taken, verdict: Exclude<Verdict, { go: true }>): Promise<void> {
    await store.write((tx) =>
      'end' in verdict
        ? tracks.end(tx, taken, { state: verdict.end, reason: verdict.reason })
        : outcomes.putOff(tx, taken.delivery, { ...verdict, isWished: true }),
    )
  }

  /** Those of what was gathered that are still to be told. */
  async function stillToTell(gathered: readonly Taken[]): Promise<Taken[]> {
    const told: Taken[] = []
    for (const each of gathered) {
      const verdict = await policy.decide(each.delivery, each.notification, { ridesAlong: true })
      if (verdict.go) told.push(each)
      else await heed(each, verdict)
    }
    return told.toSorted((one, other) => (one.delivery.id < other.delivery.id ? -1 : 1))
  }

  async function send(taken: Taken, all: readonly Taken[], { to, whom }: Verdict & { go: true }): Promise<void> {
    const { delivery, notification } = taken
    const message = await composed(() =>
      all.length === 1
        ? compose.message(delivery, notification, whom, to)
        : compose.digest(
            delivery,
            all.map((each) => each.notification),
            whom,
            to,
          ),
    )
    if ('outcome' in message) {
      await settle(all, to, [{ provider: 'kumbu', sent: message, at: clock(), tookMs: 0 }])
      return
    }
    const asked = await askAround(taken, message)
    if (asked.length > 0) return settle(all, to, asked)
    const wait = { until: clock() + NO_ROOM_MS, reason: 'no provider has room', isWished: false }
    await store.write(async (tx) => {
      for (const each of all) await outcomes.putOff(tx, each.delivery, { ...wait, digest: each.delivery.digest })
    })
  }

  async function composed(make: () => ReturnType<Compose['message']>): Promise<OutgoingMessage | Sent> {
    try {
      const made = await make()
      return made.ok ? made.value : { outcome: 'permanent', reason: made.detail ?? made.code }
    } catch (error) {
      log.error({ error }, 'a message could not be made')
      return { outcome: 'transient', reason: 'it could not be made', aboutMessage: true }
    }
  }

  /** One provider after the other, until one takes the message or says something of the message itself. */
  async function askAround({ delivery, notification }: Taken, message: OutgoingMessage): Promise<Asked[]> {
    const medium = delivery.medium as Medium
    const tries = delivery.tries as Try[]
    const failed = tries.map(({ provider }) => provider ?? '')
    const refused = refusedBy(tries)
    const left = providers.of(medium).filter(({ channel }) => !refused.has(channel.provider)).length
    // Once the others were taken away they are asked again: somebody has to have the last word.
    const names = new Set(left > 0 ? refused : [])
    const asked: Asked[] = []
    for (;;) {
      const { expiresAt } = notification
      const isLate = asked.length > 0 && expiresAt !== null && expiresAt <= clock()
      const place = isLate ? undefined : providers.enter(medium, failed, names)
      if (!place) return asNoLastWord(asked, left || providers.of(medium).length)
      const one = await ask(place, message)
      asked.push(one)
      names.add(one.provider)
      if (!mayGoElsewhere(one.sent)) return asked
    }
  }

  async function ask({ provider, ticket }: Place, message: OutgoingMessage): Promise<Asked> {
    const at = clock()
    const startedAt = performance.now()
    try {
      const sent = await sentBy(provider, message)
      judge(provider, ticket, sent)
      return { provider: provider.channel.provider, sent, at, tookMs: Math.round(performance.now() - startedAt) }
    } finally {
      providers.leave(provider)
    }
  }

  /** What the answer says of the provider's health. */
  function judge({ breaker, channel: { provider } }: Provider, ticket: Ticket, sent: Sent): void {
    const before = breaker.state()
    heard(breaker, ticket, sent)
    const after = breaker.state()
    if (after === 'open' && before !== 'open' && sent.outcome === 'transient')
      log.warn({ provider, reason: sent.reason }, 'a provider is down; it is tried again later')
  }

  async function settle(all: readonly Taken[], to: string, asked: readonly Asked[]): Promise<void> {
    for (const pauseMs of [...NOTE_PAUSES_MS, undefined]) {
      try {
        await note(all, to, asked)
        return
      } catch (error) {
        // Without the note it would be sent again.
        if (pauseMs === undefined) throw error
        log.warn({ error }, 'what came of a message could not be noted; it is tried again')
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
    }
  }

  async function note(all: readonly Taken[], to: string, asked: readonly Asked[]): Promise<void> {
    const [first] = all
    const pauseMs = outcomes.pauseAfter(first?.delivery.attempts ?? 1, first?.notification.urgent ?? false)
    await store.write(async (tx) => {
      for (const [i, { delivery, notification, interrupted }] of all.entries()) {
        // The provider’s id of a digest stands beside the first that it holds.
        const own = i === 0 ? asked : asked.map(withoutProviderId)
        await outcomes.record(tx, { delivery, notification, to, asked: own, interrupted, pauseMs })
      }
    })
  }

  return {
    async deliver(taken, held) {
      const { delivery, notification } = taken
      const verdict = await policy.decide(delivery, notification)
      if (!verdict.go) return heed(taken, verdict)
      let gathered: Taken[] = []
      try {
        if (delivery.digest) gathered = await taking.takeGathered(taken, held)
        for (const each of gathered) held.add(each.delivery.id)
        await send(taken, [taken, ...(await stillToTell(gathered))], verdict)
      } finally {
        verdict.done()
        for (const each of gathered) held.delete(each.delivery.id)
      }
    },
  }
}

/** Who will never take it is not asked again, unless somebody has had it sent again since. */
function refusedBy(tries: readonly Try[]): Set<string> {
  const since = tries.slice(tries.findLastIndex(({ outcome }) => outcome === 'replayed') + 1)
  return new Set(since.flatMap(({ provider, outcome }) => (outcome === 'permanent' ? [provider ?? ''] : [])))
}

const mayGoElsewhere = (sent: Sent): boolean =>
  sent.outcome === 'transient' ? sent.aboutMessage !== true : sent.outcome === 'permanent' && sent.notHere === true

/** One that will not take it does not end it while another may: only if all of them have said so is that the last word. */
function asNoLastWord(asked: Asked[], providers: number): Asked[] {
  const last = asked.at(-1)
  const isUnanimous = asked.length === providers && asked.every(({ sent }) => sent.outcome === 'permanent')
  if (last?.sent.outcome !== 'permanent' || isUnanimous) return asked
  return [
    ...asked.slice(0, -1),
    { ...last, sent: { outcome: 'transient', reason: last.sent.reason, aboutMessage: true } },
  ]
}

const withoutProviderId = (asked: Asked): Asked =>
  asked.sent.outcome === 'accepted' ? { ...asked, sent: { outcome: 'accepted' } } : asked

const LATE: Sent = { outcome: 'transient', reason: 'no answer in time' }

async function sentBy({ channel }: Provider, message: OutgoingMessage): Promise<Sent> {
  try {
    return await within(SEND_LIMIT_MS, channel.send(message), LATE)
  } catch (error) {
    // A provider that throws has a fault of its own; the message is not to blame.
    return { outcome: 'transient', reason: error instanceof Error ? error.name : 'unknown fault' }
  }
}
