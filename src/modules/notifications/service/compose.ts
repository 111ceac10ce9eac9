/** Makes the message of a delivery: facts are looked up, words chosen and filled, secrets opened, at the last moment. */
import { ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Appointments } from '../../appointments'
import type { Identity } from '../../identity'
import type { Attachment, Medium, OutgoingMessage } from '../channels/channel'
import { approvedTemplateOf } from '../templates/approved'
import { builtInWords, isTemplateName } from '../templates/built-in'
import type { RenderOptions, TemplateEngine } from '../templates/engine'
import { filledWords } from '../templates/soundness'
import type { Language, Rendered, Words } from '../templates/template'
import type { Catalogue } from './catalogue'
import type { Facts } from './notice'
import type { DeliveryRow, NotificationRow } from './outbox'
import type { Reached } from './reach'
import type { Targets } from './targets'
import type { Unsubscribing } from './unsubscribe'

export interface Compose {
  message(
    delivery: DeliveryRow,
    notification: NotificationRow,
    whom: Reached,
    to: string,
  ): Promise<Result<OutgoingMessage, 'template_data_missing' | 'template_failed'>>
  /** Several in one mail. */
  digest(
    delivery: DeliveryRow,
    notifications: readonly NotificationRow[],
    whom: Reached,
    to: string,
  ): Promise<Result<OutgoingMessage, 'template_data_missing' | 'template_failed'>>
  /** The words as the person's inbox shows them. */
  words(
    notification: NotificationRow,
    language: Language,
    timeZone: string,
  ): Promise<Pick<Rendered, 'subject' | 'short'>>
}

export interface ComposeParts {
  identity: Identity
  appointments: Pick<Appointments, 'details' | 'invitation'>
  catalogue: Catalogue
  engine: TemplateEngine
  targets: Targets
  unsubscribing: Unsubscribing
  baseUrl: () => string
}

const MINUTE_MS = 60_000

const SOMEBODY: Record<Language, string> = { en: 'somebody', pt: 'alguém', fr: "quelqu'un" }
/** People with whom a sentence begins. */
const AT_FRONT: ReadonlySet<string> = new Set(['from', 'by'])
const UNKNOWN: Record<Language, string> = { en: 'unknown', pt: 'desconhecido', fr: 'inconnu' }

/** Which of the appointment's messages bring an invitation that a calendar understands. */
const INVITATIONS: Readonly<Record<string, 'REQUEST' | 'CANCEL'>> = {
  appointment_confirmation: 'REQUEST',
  appointment_moved: 'REQUEST',
  appointment_cancelled: 'CANCEL',
}

function somebody(member: string, language: Language): string {
  const word = SOMEBODY[language]
  return AT_FRONT.has(member) ? word.slice(0, 1).toUpperCase() + word.slice(1) : word
}

export function createCompose(
  { clock, keyring, log }: Runtime,
  { identity, appointments, catalogue, engine, targets, unsubscribing, baseUrl }: ComposeParts,
): Compose {
  async function namesOf(people: Record<string, string>, language: Language): Promise<Record<string, string>> {
    const names: Record<string, string> = {}
    for (const [member, userId] of Object.entries(people)) {
      names[member] = (await identity.find(userId))?.name ?? somebody(member, language)
    }
    return names
  }

  async function sessionFacts(sessionId: string, language: Language): Promise<Record<string, unknown>> {
    const session = await identity.sessions.find(sessionId)
    return {
      userAgent: session?.userAgent ?? UNKNOWN[language],
      address: session?.address ?? UNKNOWN[language],
      at: session?.createdAt ?? clock(),
    }
  }

  async function appointmentFacts(appointmentId: string): Promise<Record<string, unknown>> {
    const details = await appointments.details(appointmentId)
    if (!details) return {}
    const link = `${baseUrl()}/appointments/${appointmentId}`
    const depositComesBack = details.deposit > 0 && details.cancelUntil > clock()
    return {
      ...details,
      appointmentId,
      link,
      cancelUntil: depositComesBack ? details.cancelUntil : null,
      // Nobody is told their own.
      reason: details.cancelledBy === 'customer' ? '' : (details.reason ?? ''),
    }
  }

  function secretOf(notification: NotificationRow, member: string | undefined): Record<string, unknown> {
    const { sealedSecret, expiresAt } = notification
    if (sealedSecret === null || member === undefined) return {}
    const secret = keyring.open('code-in-transit', sealedSecret)
    const said = member === 'link' ? { link: `${baseUrl()}/reset-password?token=${secret}` } : { [member]: secret }
    return expiresAt === null ? said : { ...said, minutes: minutesUntil(expiresAt) }
  }

  const minutesUntil = (moment: number) => Math.max(1, Math.round((moment - clock()) / MINUTE_MS))

  async function dataOf(notification: NotificationRow, language: Language): Promise<Record<string, unknown>> {
    const { data, people = {}, secretMember, sessionId, appointmentId } = notification.facts as Facts
    return {
      ...(appointmentId === undefined ? {} : await appointmentFacts(appointmentId)),
      ...data,
      ...(await namesOf(people, language)),
      ...(sessionId === undefined ? {} : await sessionFacts(sessionId, language)),
      ...secretOf(notification, secretMember),
    }
  }

  async function rendered(
    template: string,
    data: Record<string, unknown>,
    asked: Language,
    {
      name,
      timeZone,
      unsubscribeUrl,
    }: { name: string | undefined; timeZone: string; unsubscribeUrl?: string | undefined },
  ): Promise<Result<Rendered & { language: Language }, 'template_data_missing' | 'template_failed'>> {
    const [facts, found] = [await catalogue.factsOf(template), await catalogue.wordsOf(template, asked)]
    if (!facts || !found) return { ok: false, code: 'template_failed', detail: `There is no template "${template}".` }
    const { words, language } = found
    const options = { data, language, timeZone, name, facts, unsubscribeUrl }
    const filled = (await ownSecretWords(template, words, options)) ?? (await engine.render(words, options))
    return filled.ok ? ok({ ...filled.value, language }) : filled
  }

  /**
   * What an operator's words made of a secret is looked at each time: the sample, by which they were accepted, is not the
   * secret. With a fault the built-in words are said; nothing if the words are those already.
   */
  async function ownSecretWords(template: string, words: Words, options: RenderOptions) {
    if (!options.facts.secret || !isTemplateName(template)) return undefined
    const builtIn = builtInWords(template, options.language)
    if (words === builtIn) return undefined
    const filled = await filledWords(engine, words, options)
    if (filled.ok) return filled
    log.error({ template, language: options.language, fault: filled.detail }, 'words of a secret were not used')
    return engine.render(builtIn, options)
  }

  async function attachmentsOf(template: string, { appointmentId }: Facts): Promise<Attachment[]> {
    const method = INVITATIONS[template]
    if (method === undefined || appointmentId === undefined) return []
    const content = await appointments.invitation(appointmentId, method)
    return content === undefined
      ? []
      : [{ filename: 'invitation.ics', contentType: `text/calendar; charset=utf-8; method=${method}`, content }]
  }

  async function outgoing(
    delivery: DeliveryRow,
    template: string,
    data: Record<string, unknown>,
    whom: Reached,
    to: string,
    { category, userId, expiresAt, facts }: NotificationRow,
  ): ReturnType<Compose['message']> {
    const medium = delivery.medium as Medium
    const unsubscribeUrl = unsubscribing.urlFor(userId, category, medium)
    const { timeZone } = whom.preferences
    const said = await rendered(template, data, whom.language, { name: whom.name, timeZone, unsubscribeUrl })
    if (!said.ok) return said
    const { language, ...words } = said.value
    const webhook = medium === 'webhook' && userId !== null ? await targets.webhookOf(userId) : undefined
    return ok({
      ...words,
      deliveryId: delivery.id,
      medium,
      template,
      language,
      to,
      approved: approvedTemplateOf(template, language, words, data),
      push: medium === 'push' && userId !== null ? await targets.pushOf(userId) : [],
      ...(webhook ? { webhook } : {}),
      data: (facts as Facts).data,
      attachments: medium === 'email' ? await attachmentsOf(template, facts as Facts) : [],
      ...(unsubscribeUrl === undefined ? {} : { unsubscribeUrl }),
      ...(expiresAt === null ? {} : { expiresAt }),
    })
  }

  async function words(notification: NotificationRow, language: Language, timeZone: string) {
    const data = await dataOf(notification, language)
    const said = await rendered(notification.template, data, language, { name: undefined, timeZone })
    return said.ok ? said.value : { subject: notification.template, short: notification.template }
  }

  return {
    words,

    message: async (delivery, notification, whom, to) =>
      outgoing(delivery, notification.template, await dataOf(notification, whom.language), whom, to, notification),

    async digest(delivery, gathered, whom, to) {
      const items: Array<{ short: string; at: number }> = []
      for (const each of gathered) {
        const { short } = await words(each, whom.language, whom.preferences.timeZone)
        items.push({ short, at: each.createdAt })
      }
      const [first] = gathered as [NotificationRow, ...NotificationRow[]]
      return outgoing(delivery, 'digest', { count: items.length, items }, whom, to, first)
    },
  }
}
