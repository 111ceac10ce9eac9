/** Messages that somebody asks for by name: an operator, a script, another program of the house. */
import type { Tx } from '../../../platform/db'
import type { Write } from '../../../platform/http/idempotency'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Identity, Noted } from '../../identity'
import type { Medium } from '../channels/channel'
import { isTemplateName } from '../templates/built-in'
import type { TemplateEngine } from '../templates/engine'
import { asInvalid } from '../templates/soundness'
import type { Language, TemplateFacts } from '../templates/template'
import { fitsMedium, isMailAddress, isPhoneNumber, isServed, plainAddress } from './address'
import type { Catalogue } from './catalogue'
import type { Notice } from './notice'
import type { Arranged, Outbox } from './outbox'
import type { PreferenceStore } from './preferences'
import type { Providers } from './providers'
import type { Routing, Track } from './routing'
import type { NotificationState } from './states'

export interface SendInput {
  /** A user id, or an e-mail address or phone number, of a user or of nobody known here. */
  to: string
  template: string
  data: Record<string, unknown>
  /** To be tried in this order; absent: the template's own ways. */
  channels?: readonly Medium[] | undefined
  language?: Language | undefined
  sendAt?: number | undefined
  expiresAt?: number | undefined
  /** The same person is told the same of the same thing once. */
  about?: string | undefined
}

export interface OtpInput {
  to: string
  code: string
  expiresInSeconds: number
  /** Absent: by SMS to a number, by mail otherwise. */
  channel?: 'email' | 'sms' | undefined
}

export interface Queued {
  id: string
  status: NotificationState
}

export type SendCode =
  | 'template_not_found'
  | 'template_protected'
  | 'template_data_missing'
  | 'template_invalid'
  | 'recipient_unknown'
  | 'channel_off'
  | 'address_unfit'
  | 'send_at_too_far'
  | 'send_at_past'
  | 'expires_too_soon'

export type OtpCode = 'recipient_unknown' | 'channel_off' | 'address_unfit' | 'code_sent_too_often'

export interface Sending {
  send(input: SendInput, write: Write, noted: Noted): Promise<Result<Queued, SendCode>>
  /** A code of another program of the house, sent like our own: sealed on its way, and never late. */
  otp(input: OtpInput, write: Write, noted: Noted): Promise<Result<Queued, OtpCode>>
  /** The welcome of a person who is active; said once. */
  welcome(to: string, write: Write, noted: Noted): Promise<Result<Queued, 'recipient_unknown'>>
}

const LONGEST_WAIT_MS = 366 * 24 * 3_600_000
/** Whoever is a little late wants it now; whoever is further off has mistaken the date or the zone. */
const LATE_AT_MOST_MS = 3_600_000

/** What Kumbu says of money and security is true because nobody else can say it. */
const isOurs = (template: string, { category }: TemplateFacts) =>
  isTemplateName(template) && (category === 'money' || category === 'security')

/** To a number, where the template's own ways know none. */
const TO_A_NUMBER: readonly Track[] = [[{ medium: 'sms' }, { medium: 'whatsapp' }]]

type Recipient = Pick<Notice, 'userId' | 'address'>

export function createSending(
  { clock, keyring }: Runtime,
  {
    identity,
    catalogue,
    engine,
    outbox,
    providers,
    preferences,
    routing,
    callingCodes,
  }: {
    identity: Identity
    catalogue: Catalogue
    engine: TemplateEngine
    outbox: Outbox
    providers: Providers
    preferences: PreferenceStore
    routing: Routing
    /** Calling codes of the countries that are served; none: all. */
    callingCodes: readonly string[]
  },
): Sending {
  async function recipientOf(to: string): Promise<Recipient | undefined> {
    const user = await identity.find(to)
    if (user) return user.status === 'closed' ? undefined : { userId: user.id }
    const plain = plainAddress(to)
    if (isMailAddress(plain) || isPhoneNumber(plain)) return { userId: undefined, address: plain }
    return undefined
  }

  /** Words that cannot be filled are refused now, not when the message is due. */
  async function fills(
    { template, data, language }: SendInput,
    userId: string | undefined,
  ): Promise<Result<true, SendCode>> {
    const facts = await catalogue.factsOf(template)
    if (!facts) return fail('template_not_found', `There is no template "${template}".`)
    if (facts.secret || isOurs(template, facts)) return fail('template_protected')
    const chosen = await preferences.of(userId ?? null)
    const found = await catalogue.wordsOf(template, language ?? chosen.language)
    if (!found) return fail('template_not_found', `The template "${template}" has no words yet.`)
    const { timeZone } = chosen
    const options = { data, language: found.language, timeZone, name: undefined, facts }
    const filled = asInvalid(await engine.render(found.words, options))
    return filled.ok ? ok(true) : filled
  }

  const goesTo = (medium: Medium, address: string) =>
    fitsMedium(medium, address) && (!isPhoneNumber(address) || isServed(callingCodes, address))

  /** The ways to an address that is nobody's here: those that go there. */
  async function waysTo(address: string, template: string, channels: readonly Medium[] | undefined): Promise<Track[]> {
    const wanted = channels ? [channels.map((medium) => ({ medium }))] : await routing.tracksOf(template)
    const fitting = (tracks: readonly Track[]): Track[] =>
      tracks.map((track) => track.filter(({ medium }) => goesTo(medium, address))).filter((track) => track.length > 0)
    const found = fitting(wanted)
    return found.length > 0 || channels ? found : fitting(TO_A_NUMBER)
  }

  /** Of a user who has an inbox: it is shown there beside whatever else is tried. */
  const waysOf = (channels: readonly Medium[]): Track[] => [
    channels.filter((medium) => medium !== 'in_app').map((medium) => ({ medium })),
    ...(channels.includes('in_app') ? [[{ medium: 'in_app' as const }]] : []),
  ]

  async function put(tx: Tx, arranged: Arranged, noted: Noted): Promise<Result<Queued, never>> {
    const { id, status } = await outbox.put(tx, arranged)
    const { template, userId = null } = arranged.notice
    await noted(tx, 'message.send', id, { template, userId })
    return ok({ id, status })
  }

  /** Where a code would go. */
  async function addressOf({ userId, address }: Recipient, medium: 'email' | 'sms'): Promise<string | undefined> {
    if (address !== undefined) return goesTo(medium, address) ? address : undefined
    const user = userId === undefined ? undefined : await identity.find(userId)
    if (medium === 'email') return user?.email || undefined
    return user?.phone && user.phoneVerifiedAt && goesTo('sms', user.phone) ? user.phone : undefined
  }

  return {
    async send(input, write, noted) {
      const { to, template, data, channels, language, sendAt, expiresAt, about = '' } = input
      const now = clock()
      if (sendAt !== undefined && sendAt > now + LONGEST_WAIT_MS) return fail('send_at_too_far')
      if (sendAt !== undefined && sendAt < now - LATE_AT_MOST_MS) return fail('send_at_past')
      if (expiresAt !== undefined && expiresAt <= Math.max(now, sendAt ?? now)) return fail('expires_too_soon')
      const recipient = await recipientOf(to)
      if (!recipient) return fail('recipient_unknown', 'Name a user, an e-mail address, or a phone number with +.')
      const allowed = await fills(input, recipient.userId)
      if (!allowed.ok) return allowed
      const { address } = recipient
      const tracks = address === undefined ? channels && waysOf(channels) : await waysTo(address, template, channels)
      if (tracks?.length === 0) return fail('address_unfit')
      if (tracks?.flat().every(({ medium }) => medium !== 'in_app' && !providers.isOn(medium)))
        return fail('channel_off')
      const notice: Notice = {
        ...recipient,
        template,
        data,
        about,
        byName: true,
        ...(tracks ? { tracks } : {}),
        language,
        dueAt: sendAt,
        expiresAt,
      }
      const arranged = await outbox.arrange(notice)
      return write((tx) => put(tx, arranged, noted))
    },

    async otp({ to, code, expiresInSeconds, channel: asked }, write, noted) {
      const recipient = await recipientOf(to)
      if (!recipient) return fail('recipient_unknown', 'Name a user, an e-mail address, or a phone number with +.')
      const channel = asked ?? (isPhoneNumber(plainAddress(to)) ? 'sms' : 'email')
      const only: Medium[] = channel === 'email' ? ['email'] : ['sms', 'whatsapp']
      if (!only.some(providers.isOn)) return fail('channel_off')
      const address = await addressOf(recipient, channel)
      if (address === undefined) return fail('address_unfit')
      const arranged = await outbox.arrange({
        ...recipient,
        template: 'code',
        data: { purpose: null },
        secret: { member: 'code', sealed: keyring.seal('code-in-transit', code) },
        about: '',
        only,
        expiresAt: clock() + expiresInSeconds * 1000,
      })
      return write(async (tx): Promise<Result<Queued, OtpCode>> => {
        const counted = await identity.countCodeSend(tx, address)
        return counted.ok ? put(tx, arranged, noted) : counted
      })
    },

    async welcome(to, write, noted) {
      const user = await identity.find(to)
      if (user?.status !== 'active') return fail('recipient_unknown')
      const arranged = await outbox.arrange({ userId: user.id, template: 'welcome', data: {}, about: user.id })
      return write((tx) => put(tx, arranged, noted))
    },
  }
}
