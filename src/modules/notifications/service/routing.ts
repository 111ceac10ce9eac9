/**
 * Which ways a message takes. A route is a list of tracks that are all begun at once; a track is a list of steps, of
 * which the next is begun when the one before has failed, or has not succeeded after a while. A success by a later step
 * is a success.
 */
import { eq } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { type Failure, fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Noted } from '../../identity'
import type { Medium } from '../channels/channel'
import { templateRoutes } from '../schema'
import type { TemplateFacts } from '../templates/template'
import type { Catalogue } from './catalogue'
import type { Providers } from './providers'

/** A secret goes to an address of the person, and to nobody’s server. */
export const SECRET_MEDIA: ReadonlySet<string> = new Set<Medium>(['email', 'sms', 'whatsapp'])

export interface Step {
  medium: Medium
  /** Seconds after which the next step is begun, if this one has not succeeded by then. */
  afterSeconds?: number
  /** What success is: that a provider took it, or that one says it arrived. */
  success?: 'accepted' | 'delivered'
}

export type Track = readonly Step[]

export interface Routing {
  /** The tracks of a template, as the operator or Kumbu has set them. */
  tracksOf(template: string): Promise<readonly Track[]>
  /** `own`: an operator has set them. */
  describe(template: string): Promise<{ tracks: readonly Track[]; own: boolean }>
  set(
    template: string,
    tracks: readonly Track[] | undefined,
    noted: Noted,
  ): Promise<Result<true, 'template_not_found' | RouteFault>>
  /** In the transaction in which the template goes. */
  forget(tx: Tx, template: string): Promise<void>
  /** Once that is kept: what was remembered holds no more. */
  reread(): void
}

export type RouteFault = 'route_invalid' | 'route_unsafe'

const URGENT_AFTER_S = 30
const OTHERWISE_AFTER_S = 300
/** What another copy has set is seen after this. */
const REMEMBERED_MS = 10_000

const step = (medium: Medium): Step => ({ medium })
const track = (...steps: Medium[]): Track => steps.map(step)

const BY_TEMPLATE: Readonly<Record<string, readonly Track[]>> = {
  // The address that the message is for is the point of it: it goes there and nowhere else.
  code: [track('email')],
  registration_repeated: [track('email')],
  password_reset: [track('email')],
  withdrawal_code: [track('sms', 'whatsapp', 'email')],
  receipt: [track('email')],
  welcome: [track('in_app'), track('email')],
  // Whoever holds one channel may have lost another.
  security_changed: [track('in_app'), track('push'), track('email'), track('sms', 'whatsapp')],
  password_changed: [track('in_app'), track('push'), track('email'), track('sms', 'whatsapp')],
  // The customer hears of cash on a channel that the agent does not hold.
  withdrawal_paid: [track('in_app'), track('push'), track('email', 'whatsapp', 'sms')],
  cash_in: [track('in_app'), track('push'), track('email', 'whatsapp', 'sms')],
  low_float: [track('in_app'), track('push'), track('email', 'whatsapp', 'sms')],
  appointment_place_free: [track('in_app'), track('push'), track('email', 'whatsapp', 'sms')],
  review_request: [track('in_app'), track('email')],
}

const OTHERWISE: readonly Track[] = [track('in_app'), track('push'), track('email')]

/** Ways to take when a chosen one fails: a reminder by SMS is better by mail than not at all. */
const BEHIND: Readonly<Partial<Record<Medium, readonly Medium[]>>> = {
  whatsapp: ['sms'],
  sms: ['whatsapp', 'email'],
}

/** One track for each way that was chosen, with others behind it that were not. */
export function tracksFor(chosen: readonly Medium[]): Track[] {
  return chosen.map((medium) => [
    step(medium),
    ...(BEHIND[medium] ?? []).filter((behind) => !chosen.includes(behind)).map(step),
  ])
}

/** When the step after this one begins, if it has not succeeded. */
export function fallbackAfterMs({ afterSeconds }: Step, urgent: boolean): number {
  return (afterSeconds ?? (urgent ? URGENT_AFTER_S : OTHERWISE_AFTER_S)) * 1000
}

export function createRouting(
  { store, clock }: Runtime,
  { catalogue, providers }: { catalogue: Catalogue; providers: Providers },
): Routing {
  let own = new Map<string, readonly Track[]>()
  let readAt = Number.NEGATIVE_INFINITY

  async function current(): Promise<Map<string, readonly Track[]>> {
    if (Math.abs(clock() - readAt) < REMEMBERED_MS) return own
    const rows = await store.read.select().from(templateRoutes)
    own = new Map(rows.map(({ template, tracks }) => [template, tracks as Track[]]))
    readAt = clock()
    return own
  }

  const builtIn = (template: string): readonly Track[] => BY_TEMPLATE[template] ?? OTHERWISE

  /** Who waits for a receipt that nobody sends takes the next way each time. */
  const bringsReceipts = (medium: Medium) =>
    providers.all().some(({ channel }) => channel.medium === medium && channel.receipts !== undefined)

  function faultOf(tracks: readonly Track[], { category, secret }: TemplateFacts): Failure<RouteFault> | undefined {
    const steps = tracks.flat()
    const media = steps.map(({ medium }) => medium)
    if (secret && !media.every((medium) => SECRET_MEDIA.has(medium))) return fail('route_unsafe')
    if (category === 'security' && !media.some((medium) => SECRET_MEDIA.has(medium))) return fail('route_unsafe')
    const twice = media.find((medium, i) => media.indexOf(medium) !== i)
    if (twice) return fail('route_invalid', `"${twice}" is named twice.`)
    const blind = steps.find(({ success, medium }) => success === 'delivered' && !bringsReceipts(medium))
    if (blind) return fail('route_invalid', `Nobody here says whether "${blind.medium}" has been delivered.`)
    return undefined
  }

  return {
    tracksOf: async (template) => (await current()).get(template) ?? builtIn(template),
    async describe(template) {
      const chosen = (await current()).get(template)
      return { tracks: chosen ?? builtIn(template), own: chosen !== undefined }
    },
    async set(template, tracks, noted) {
      const facts = await catalogue.factsOf(template)
      if (!facts) return fail('template_not_found')
      const fault = tracks && faultOf(tracks, facts)
      if (fault) return fault
      await store.write(async (tx) => {
        await noted(tx, 'template.route', template, { tracks: tracks ?? null })
        await tx.delete(templateRoutes).where(eq(templateRoutes.template, template))
        if (tracks) await tx.insert(templateRoutes).values({ template, tracks, updatedAt: clock() })
      })
      readAt = Number.NEGATIVE_INFINITY
      return ok(true)
    },
    async forget(tx, template) {
      await tx.delete(templateRoutes).where(eq(templateRoutes.template, template))
    },
    reread() {
      readAt = Number.NEGATIVE_INFINITY
    },
  }
}
